"""The systems of the paper's section 2, as far as they differ: what each reads, what it answers, how it is trained."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from brats_lib.cases import MODALITIES
from brats_lib.labels import LABELS
from brats_lib.studies.related import deepmedic, havaei, pereira, unet3d
from brats_lib.training.devices import choose_precision

__all__ = ["SYSTEMS", "System"]

_CHANNELS, _CLASSES = len(MODALITIES), len(LABELS)


def _unchanged(model):
    return model


@dataclass(frozen=True)
class System:
    """One system.

    Attributes
    ----------
    name, title : str
        In files, and in tables and figures.
    reference : str
        Key of its paper in the bibliography.
    build : callable
        Precision and seed in, an untrained network out; of a system that is built on another, that one's network first.
    side, answer : tuple of int
        Sides in voxels of a block that is read in training, and of its middle that is labelled; two for axial slices.
    batch : int
        Blocks per step.
    steps : int
        Steps of the recorded study: about as many as one core computes in the time that every system is given.
    shares : tuple of float
        Share of the blocks that are centred on background, NCR, ED and ET.
    block : tuple of int
        Sides in voxels of what is answered at once in prediction.
    margin : int
        Voxels that are read around it.
    stride : int
        Voxels between two answers in prediction.
    learning_rate : float
        The first one.
    dense : callable
        From the trained network to the one that predicts.
    natural_end : float
        Share of the steps, at the end, in which the last layer alone learns from blocks centred anywhere in the brain:
        how rare tumour is (Havaei et al. 2017, section 4.1).
    matched : bool
        Whether intensities are matched to those of the training cases, see `related.histograms`.
    labelled_every : int
        Of so many axial slices one has labels.
    built_on : str
        Name of the system whose trained network this one reads; empty for none.
    """

    name: str
    title: str
    reference: str
    build: Callable
    side: tuple[int, ...]
    answer: tuple[int, ...]
    batch: int
    steps: int
    shares: tuple[float, ...]
    block: tuple[int, ...]
    margin: int
    stride: int = 1
    learning_rate: float = 1e-3
    dense: Callable = _unchanged
    natural_end: float = 0.0
    matched: bool = False
    labelled_every: int = 1
    built_on: str = ""


def _pereira(precision, seed):
    return pereira.build_pereira(_CHANNELS, _CLASSES, precision=precision, seed=seed)


def _dense_pereira(model):
    """Fully convolutional, so that neighbouring patches share their arithmetic."""
    network = pereira.build_pereira(_CHANNELS, _CLASSES, dense=True, precision=choose_precision())
    network.set_weights(model.get_weights())
    return network


def _two_path(precision, seed):
    return havaei.build_two_path(_CHANNELS, _CLASSES, precision=precision, seed=seed)


def _cascade(first, precision, seed):
    return havaei.build_cascade(first, _CHANNELS, _CLASSES, precision=precision, seed=seed)


def _deepmedic(precision, seed):
    return deepmedic.build_deepmedic(_CHANNELS, _CLASSES, precision=precision, seed=seed)


def _unet3d(precision, seed):
    return unet3d.build_unet3d(_CHANNELS, _CLASSES, width=16, precision=precision, seed=seed)


# Without any normalisation the network diverges at the others' rate.
_SLOW = 2e-4
_ALIKE = (0.25,) * _CLASSES
# Half of the blocks on tumour, its parts alike (Kamnitsas et al. 2017, section 3.2).
_HALF = (0.5, 1 / 6, 1 / 6, 1 / 6)
_UNET3D = System(
    "unet3d", "3D U-Net", "cicek2016", _unet3d, side=(48, 48, 48), answer=(48, 48, 48), batch=1, steps=460,
    shares=_HALF, block=(32, 32, 32), margin=unet3d.MARGIN,
)  # fmt: skip

SYSTEMS = {
    system.name: system
    for system in (
        System(
            "pereira", "Pereira", "pereira2016", _pereira, side=(33, 33), answer=(1, 1), batch=128, steps=580,
            shares=(0.4, 0.2, 0.2, 0.2), block=(148, 184), margin=pereira.MARGIN, stride=pereira.DENSE_STRIDE,
            dense=_dense_pereira, matched=True,
        ),
        System(
            "two_path", "Havaei, two paths", "havaei2017", _two_path, side=(33, 33), answer=(1, 1), batch=128,
            steps=430, shares=_ALIKE, block=(74, 92), margin=havaei.MARGIN, natural_end=0.2,
            learning_rate=_SLOW,
        ),
        System(
            "cascade", "Havaei, cascade", "havaei2017", _cascade, side=(65, 65), answer=(1, 1), batch=32,
            steps=310, shares=_ALIKE, block=(148, 184), margin=havaei.CASCADE_MARGIN, natural_end=0.2,
            learning_rate=_SLOW, built_on="two_path",
        ),
        System(
            "deepmedic", "DeepMedic", "kamnitsas2017", _deepmedic, side=(57, 57, 57), answer=(9, 9, 9), batch=10,
            steps=460, shares=_HALF, block=(18, 18, 18), margin=deepmedic.MARGIN,
        ),
        _UNET3D,
        replace(_UNET3D, name="unet3d_sparse", title="3D U-Net, sparse", labelled_every=8),
    )
}  # fmt: skip
