"""What holds for the networks of all related systems: the precision of their answers, and what a seed decides."""

import functools

import keras
import numpy as np
import pytest

from brats_lib.studies.related.deepmedic import build_deepmedic
from brats_lib.studies.related.fitting import _single_layers
from brats_lib.studies.related.havaei import build_cascade, build_two_path
from brats_lib.studies.related.pereira import build_pereira
from brats_lib.studies.related.unet3d import build_unet3d


def cascade(channels, classes, seed=None, **options):
    first = build_two_path(channels, classes, seed=seed + 10, **options)
    return build_cascade(first, channels, classes, seed=seed, **options)


NETWORKS = {
    "pereira": (functools.partial(build_pereira, dense=True), (33, 35)),
    "cascade": (cascade, (65, 65)),
    "deepmedic": (build_deepmedic, (51, 51, 51)),
    "unet3d": (functools.partial(build_unet3d, width=2), (16, 8, 8)),
}


@pytest.mark.parametrize(("build", "sides"), NETWORKS.values(), ids=list(NETWORKS))
def test_precision_is_of_the_inner_layers_and_the_seed_of_all_weights(build, sides):
    model = build(1, 4, precision="mixed_bfloat16", seed=3)
    output = model(np.random.default_rng(0).normal(size=(1, *sides, 1)).astype(np.float32))
    assert keras.backend.standardize_dtype(output.dtype) == "float32"
    np.testing.assert_allclose(np.asarray(output).sum(-1), 1, atol=1e-6)
    inner = [layer for layer in _single_layers(model) if not isinstance(layer, keras.layers.InputLayer)]
    assert {layer.compute_dtype for layer in inner if layer.name != "probabilities"} == {"bfloat16"}
    assert {weight.dtype for weight in model.weights if "seed" not in weight.path} == {"float32"}
    # The same seed gives the same weights, and no two layers are alike.
    again, other = (build(1, 4, seed=seed).get_weights() for seed in (3, 4))
    assert all((a == b).all() for a, b in zip(model.get_weights(), again, strict=True))
    kernels = [kernel for kernel in (*again, *other) if kernel.ndim >= 4 and np.ptp(kernel) > 0]
    assert len({kernel.tobytes() for kernel in kernels}) == len(kernels) > 10
