"""The systems of the paper's section 2, as far as they differ: what each reads, what it answers, how it is trained."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import keras

from brats_lib.cases import MODALITIES
from brats_lib.labels import LABELS
from brats_lib.studies.related import deepmedic, havaei, pereira, unet3d
from brats_lib.training.devices import choose_precision


@dataclass(frozen=True)
class System:
    """One system; sides and margins are in voxels, two sides mean axial slices."""

    # In files, and in tables and figures.
    name: str
    title: str
    # Makes an untrained network, of channels and classes, see `network`.
    build: Callable[..., keras.Model]
    # Sides of a block that is read in training, and of its middle that is labelled.
    side: tuple[int, ...]
    answer: tuple[int, ...]
    # Blocks per step, and steps of the recorded study: about as many as one core computes in the time that every
    # system is given.
    batch: int
    steps: int
    # Share of the blocks that are centred on background, NCR, ED and ET.
    shares: tuple[float, ...]
    # Sides of what is answered at once in prediction, what is read around it, and voxels between two answers.
    block: tuple[int, ...]
    margin: int
    stride: int = 1
    # The first one.
    learning_rate: float = 1e-3
    # From the trained network to the one that predicts.
    dense: Callable[[keras.Model], keras.Model] = lambda model: model
    # Share of the steps, at the end, in which the last layer alone learns from blocks centred anywhere in the brain:
    # how rare tumour is (Havaei et al. 2017, section 4.1).
    natural_end: float = 0.0
    # Whether intensities are matched to those of the training cases, see `histograms`.
    matched: bool = False
    # Of so many axial slices one has labels.
    labelled_every: int = 1
    # Name of the system whose trained network this one reads; empty for none.
    built_on: str = ""

    def network(self, precision: str, seed: int, first: keras.Model | None = None) -> keras.Model:
        """An untrained network, which reads the trained one of the system that this one is built on."""
        given = [first] if self.built_on else []
        return self.build(*given, len(MODALITIES), len(LABELS), precision=precision, seed=seed)


def _dense_pereira(model):
    """Fully convolutional, so that neighbouring patches share their arithmetic."""
    network = pereira.build_pereira(len(MODALITIES), len(LABELS), dense=True, precision=choose_precision())
    network.set_weights(model.get_weights())
    return network


# Without any normalisation the network diverges at the others' rate.
_SLOW = 2e-4
_ALIKE = (0.25,) * len(LABELS)
# Half of the blocks on tumour, its parts alike (Kamnitsas et al. 2017, section 3.2).
_HALF = (0.5, 1 / 6, 1 / 6, 1 / 6)
_UNET3D = System(
    "unet3d", "3D U-Net", partial(unet3d.build_unet3d, width=16), side=(48, 48, 48),
    answer=(48, 48, 48), batch=1, steps=460, shares=_HALF, block=(32, 32, 32), margin=unet3d.MARGIN,
)  # fmt: skip

SYSTEMS = {
    system.name: system
    for system in (
        System(
            "pereira", "Pereira", pereira.build_pereira, side=(33, 33), answer=(1, 1), batch=128,
            steps=580, shares=(0.4, 0.2, 0.2, 0.2), block=(148, 184), margin=pereira.MARGIN,
            stride=pereira.DENSE_STRIDE, dense=_dense_pereira, matched=True,
        ),
        System(
            "two_path", "Havaei, two paths", havaei.build_two_path, side=(33, 33), answer=(1, 1),
            batch=128, steps=430, shares=_ALIKE, block=(74, 92), margin=havaei.MARGIN, natural_end=0.2,
            learning_rate=_SLOW,
        ),
        System(
            "cascade", "Havaei, cascade", havaei.build_cascade, side=(65, 65), answer=(1, 1), batch=32,
            steps=310, shares=_ALIKE, block=(148, 184), margin=havaei.CASCADE_MARGIN, natural_end=0.2,
            learning_rate=_SLOW, built_on="two_path",
        ),
        System(
            "deepmedic", "DeepMedic", deepmedic.build_deepmedic, side=(57, 57, 57), answer=(9, 9, 9),
            batch=10, steps=460, shares=_HALF, block=(18, 18, 18), margin=deepmedic.MARGIN,
        ),
        _UNET3D,
        replace(_UNET3D, name="unet3d_sparse", title="3D U-Net, sparse", labelled_every=8),
    )
}  # fmt: skip
