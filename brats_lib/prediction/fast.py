"""The network of the native recipe on OpenVINO: the same numbers as Keras gives, in a fraction of the time.

The graph is written down here once more instead of being converted from Keras's: a person who only predicts is then
spared the seconds that Keras and its backend take to load, and three things can be chosen for a processor.

* One slice at a time for each core, so that what a layer writes is still in the cache when the next one reads it.
* Group normalisation as two means and one multiplication with addition, which keep the layout that convolutions like;
  OpenVINO's own operation brings every activation into another layout and back.
* A slice and its neighbours are read where they lie in the volume, without a copy for every slice.

`tests/prediction/test_fast.py` holds it against Keras's network.
"""

import functools
import itertools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np

from brats_lib.errors import BratsError
from brats_lib.labels import LABELS, REGIONS
from brats_lib.recipes import NativeRecipe

# OpenVINO reports each import to its maker through this module. Where that cannot be imported, it uses a stand-in that
# does nothing; in this process it cannot, and what other programs were allowed to send is left alone.
loaded: dict[str, Any] = sys.modules
loaded.setdefault("openvino_telemetry", None)

# Slices computed at the same time, each with memory of its own; beyond that, several threads share one.
STREAMS = 16
GROUPS, EPSILON = 8, 1e-3  # as in Keras's layers.GroupNormalization, which `models.native_unet` uses


@functools.cache
def problem() -> str | None:
    """What keeps OpenVINO from being used here, as a clause; None where it can be used."""
    try:
        import openvino

        openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    except ImportError as error:
        return f"OpenVINO cannot be imported ({error})"
    except RuntimeError as error:
        return f"OpenVINO finds no processor that it can use ({str(error).strip().splitlines()[0]})"
    return None


class FastNetwork:
    """A trained network of the native recipe; refuses arrays that are missing, of another shape or left over.

    Weights come by Keras's names. It computes in "float32" or "bfloat16"; input and output are float32 in any case.
    """

    def __init__(self, arrays: dict[str, np.ndarray], recipe: NativeRecipe, precision: str = "float32"):
        self.recipe, self._weights, self._precision = recipe, arrays, precision
        self._cores = joblib.cpu_count()
        self._streams = min(self._cores, STREAMS)
        self._compiled: dict[tuple[int, int], Any] = {}
        self._lock = threading.Lock()
        smallest = 2 ** (len(recipe.widths) - 1)
        _graph(arrays, recipe, (smallest, smallest))  # which refuses arrays of another network

    def predict_plane(self, images: np.ndarray, add: Callable[[slice, np.ndarray], None]) -> None:
        """Compute the probabilities of all slices of a plane.

        The standardised `images` (slices + 2 * neighbours, h, w, modalities) are in order, with the recipe's neighbours
        before the first and after the last; both sides are multiples of ``2 ** (len(widths) - 1)``. `add` is given each
        slice's index and probabilities, float32 (1, h, w, outputs), as soon as they are there, in any order and from
        several threads. The array is only lent.
        """
        import openvino

        span = 2 * self.recipe.neighbours + 1
        images = np.ascontiguousarray(images, np.float32)
        compiled, remaining = self._compile(images.shape[1:3]), itertools.count()

        def work(_):
            # Threads of our own: OpenVINO's callbacks may still hold on to Python when the network is let go of.
            request = compiled.create_infer_request()
            while (index := next(remaining)) <= len(images) - span:
                # A view: the slice and its neighbours lie next to each other.
                request.set_input_tensor(openvino.Tensor(images[index : index + span], shared_memory=True))
                request.start_async()
                request.wait()
                add(slice(index, index + 1), request.get_output_tensor().data)

        with ThreadPoolExecutor(self._streams) as threads:
            list(threads.map(work, range(self._streams)))

    def _compile(self, size):
        """The network for slices of one size: kernels for a known size are faster, and volumes need three at most."""
        import openvino

        with self._lock:
            if size not in self._compiled:
                # Named, since on some processors OpenVINO would choose half precision by itself.
                settings = {
                    "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[self._precision],
                    "NUM_STREAMS": self._streams,
                    "INFERENCE_NUM_THREADS": self._cores,
                }
                graph = _graph(self._weights, self.recipe, size)
                self._compiled[size] = openvino.Core().compile_model(graph, "CPU", settings)
            return self._compiled[size]


def _graph(weights, recipe, size):
    """`models.native_unet.build_native_unet` as OpenVINO's graph, for slices of one size.

    Axes are (1, channels, h, w) inside; in come (2 * neighbours + 1, h, w, modalities), out (1, h, w, outputs).
    """
    import openvino
    from openvino import opset13 as op

    weights = dict(weights)

    def take(name, shape):
        """An array of this shape, as Keras has it."""
        array = weights.pop(name, None)
        if array is None or array.shape != shape:
            found = "it is missing" if array is None else f"its shape is {array.shape}"
            advice = "Use the version of brats_lib that the weights were saved with"
            raise BratsError(f"array '{name}' of the weights", found, f"shape {shape}", advice)
        return array.astype(np.float32)

    def kernel(name, *shape):
        return np.ascontiguousarray(take(f"{name}/kernel", shape).transpose(3, 2, 0, 1))

    def per_channel(name, width):
        return take(name, (width,)).reshape(1, width, 1, 1)

    def convolve(x, name, channels_in, channels_out, side):
        edge = [side // 2] * 2
        return op.convolution(x, kernel(name, side, side, channels_in, channels_out), [1, 1], edge, edge, [1, 1])

    def block(x, name, channels_in, level):
        width = recipe.widths[level]
        for number in range(1, 2 if level == 0 else 3):
            x = convolve(x, f"{name}_conv_{number}", channels_in, width, 3)
            gamma, beta = (per_channel(f"{name}_norm_{number}/{part}", width) for part in ("gamma", "beta"))
            x = op.relu(_normalise(x, width, gamma, beta))
            channels_in = width
        return x

    span, modalities = 2 * recipe.neighbours + 1, len(recipe.modalities)
    slices = op.parameter([span, *size, modalities], np.float32, name="slices")
    x = op.reshape(op.transpose(slices, [0, 3, 1, 2]), [1, span * modalities, *size], False)
    widths, skips, channels = recipe.widths, [], recipe.channels
    for level, width in enumerate(widths[:-1]):
        x = block(x, f"encoder_{level + 1}", channels, level)
        skips.append(x)
        x = op.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2], "floor").output(0)
        channels = width
    x = block(x, "bottleneck", channels, len(widths) - 1)
    for level in reversed(range(len(widths) - 1)):
        name, width = f"decoder_{level + 1}", widths[level]
        up = kernel(f"{name}_up", 2, 2, width, widths[level + 1])
        x = op.convolution_backprop_data(x, up, [2, 2], None, [0, 0], [0, 0], [1, 1])
        x = op.add(x, per_channel(f"{name}_up/bias", width))
        x = block(op.concat([x, skips[level]], 1), name, 2 * width, level)
    outputs = len(REGIONS if recipe.regions else LABELS)
    x = op.add(convolve(x, "probabilities", widths[0], outputs, 1), per_channel("probabilities/bias", outputs))
    x = op.transpose(op.sigmoid(x) if recipe.regions else op.softmax(x, 1), [0, 2, 3, 1])
    if weights:
        found = f"{', '.join(sorted(weights)[:3])} are no part of the network"
        raise BratsError("arrays of the weights", found, "those of the recipe's network", "Use Keras's own path")
    return openvino.Model([x], [slices], "native_unet")


def _normalise(x, width, gamma, beta):
    """Group normalisation (Wu and He 2018) of (1, width, h, w): mean 0 and variance 1 over each group of channels."""
    from openvino import opset13 as op

    share = width // GROUPS
    # Groups are means over neighbouring channels, which a convolution of one pixel takes and hands to all of them.
    mean_of_group = np.kron(np.eye(GROUPS), np.full((share, share), 1 / share)).astype(np.float32)

    def average(values):
        means = op.reduce_mean(values, [2, 3], True)
        return op.convolution(means, mean_of_group.reshape(width, width, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1])

    centred = op.subtract(x, average(x))
    variance = average(op.multiply(centred, centred))
    scale = op.divide(gamma, op.sqrt(op.add(variance, np.float32(EPSILON))))
    return op.add(op.multiply(centred, scale), beta)
