"""How much a network computes: multiply-adds of one forward pass."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from brats_lib.errors import BratsError

__all__ = ["multiply_adds"]

_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
# Those whose kernel is laid at each place of the output.
_PLACED = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Dense)


def multiply_adds(model: keras.Model, shape: Sequence[int]) -> int:
    """Count the multiply-adds of convolutions, transposed convolutions and dense layers, for one sample.

    One for each weight of the kernel and each place where the kernel is laid: places of the output for a convolution,
    of the input for a transposed one. So zeros of the padding count as other voxels do, and so does what a transposed
    convolution computes beyond the border. Biases, normalisation, activations and pooling are left out.

    Parameters
    ----------
    model
        Functional or sequential, as it is or with such models inside; channels last.
    shape
        Spatial shape of one sample, the same for all inputs.

    Raises
    ------
    BratsError
        If an input is not of this shape, or a layer has a kernel of another kind.
    """
    shape = tuple(shape)
    for tensor in model.inputs:
        sides = tuple(tensor.shape[1:-1])
        if len(sides) != len(shape) or any(side not in (None, given) for side, given in zip(sides, shape, strict=True)):
            raise BratsError(
                f"spatial shape {shape}", f"the network {model.name} has an input of shape {tuple(tensor.shape)}",
                "a shape that fits all inputs", "Give one side for each spatial dimension",
            )  # fmt: skip
    tally = []
    _walk(model, [(1, *shape, tensor.shape[-1]) for tensor in model.inputs], tally.append)
    return sum(tally)


def _walk(model, shapes, note):
    """The outputs of a network for inputs of these shapes; `note` gets the multiply-adds of each call of a layer."""
    inputs = [
        keras.Input(batch_shape=shape, dtype=tensor.dtype) for shape, tensor in zip(shapes, model.inputs, strict=True)
    ]
    # A model of its own over the same graph: cloning would try to compile one that is compiled.
    graph = keras.Model(model.inputs, model.outputs)

    def shadow(layer):
        if not isinstance(layer, layers.Layer):
            # An operation of keras.ops, which has nothing to hide.
            return layer
        # Not where it is called: Keras turns errors from there into errors of its own.
        if not isinstance(layer, (*_TRANSPOSED, *_PLACED)) and (
            hasattr(layer, "kernel") or hasattr(layer, "depthwise_kernel")
        ):
            raise BratsError(
                f"layer {layer.name}", f"it is a {type(layer).__name__}",
                "convolutions, transposed convolutions and dense layers", "Count this kind of layer too",
            )  # fmt: skip
        return _Shadow(lambda *args, **kwargs: _answer(layer, note, args, kwargs))

    return keras.models.clone_model(graph, inputs, clone_function=shadow).outputs


class _Shadow(layers.Layer):
    """Stands for a layer where only shapes matter, so that nothing is computed and the layer itself stays as it is."""

    def __init__(self, answer):
        super().__init__()
        self.built = True
        self._answer = answer

    def compute_output_spec(self, *args, **kwargs):
        return self._answer(*args, **kwargs)


def _answer(layer, note, args, kwargs):
    """What a layer's output will be like."""
    if isinstance(layer, keras.Model):
        outputs = _walk(layer, [tensor.shape for tensor in keras.tree.flatten(args)], note)
        outputs = [keras.KerasTensor(tensor.shape, tensor.dtype) for tensor in outputs]
        return outputs[0] if len(outputs) == 1 else outputs
    output = layer.compute_output_spec(*args, **kwargs)
    note(_of_layer(layer, args, output))
    return output


def _of_layer(layer, args, output):
    """Multiply-adds of one call of a layer."""
    if not isinstance(layer, (*_TRANSPOSED, *_PLACED)):
        return 0
    places = args[0].shape[1:-1] if isinstance(layer, _TRANSPOSED) else output.shape[1:-1]
    return math.prod(places) * math.prod(layer.kernel.shape)
