"""Systems trained briefly: names, order, matched intensities, and the registry of the real ones."""

import dataclasses

import numpy as np
import pytest
from studies.related.stand_ins import FLAT, cases

from brats_lib.errors import BratsError
from brats_lib.studies.related import lesson
from brats_lib.studies.related.blocks import Samples
from brats_lib.studies.related.systems import SYSTEMS


def test_each_system_is_trained_and_segments_the_case(monkeypatch):
    built_upon = []

    def upon(first, precision, seed):
        built_upon.append(first)
        return FLAT.build(precision, seed)

    systems = {
        "flat": dataclasses.replace(FLAT, matched=True),
        "upon": dataclasses.replace(FLAT, title="Upon", built_on="flat", build=upon),
    }
    monkeypatch.setattr(lesson, "SYSTEMS", systems)
    *stacks, tested = cases(3)
    table, masks = lesson.train_briefly(["flat", "upon"], stacks, tested, steps=3)
    assert list(table["system"]) == list(masks) == ["Flat", "Upon"]
    # 3 x 3 x 4 x 8 + 8 and 3 x 3 x 8 x 4 + 4.
    assert list(table["parameters"]) == [296 + 292] * 2
    assert [first.count_params() for first in built_upon] == [296 + 292]
    assert table[["Dice WT", "Dice TC", "Dice ET"]].to_numpy().min() >= 0
    assert masks["Flat"].shape == tested.labels.shape
    assert set(np.unique(masks["Upon"])) <= {0, 1, 2, 4}
    for name, message in (("unknown", "there is none of that name"), ("upon", "flat does not come before it")):
        with pytest.raises(BratsError, match=message):
            lesson.train_briefly([name], stacks, tested, steps=1)


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=list(SYSTEMS))
def test_every_system_says_what_fits_together(system):
    assert sum(system.shares) == pytest.approx(1)
    assert not system.built_on or list(SYSTEMS).index(system.built_on) < list(SYSTEMS).index(system.name)
    # What is read in training is what an answer needs, or, where all of it is answered, what is read in prediction:
    # such a network normalises over it.
    reach = {(side - answer) // 2 for side, answer in zip(system.side, system.answer, strict=True)}
    read = tuple(side + 2 * system.margin for side in system.block)
    assert reach == {system.margin} or (reach == {0} and read == system.side)


@pytest.mark.parametrize("name", ["pereira", "two_path"])
def test_a_patch_is_answered_by_one_voxel(name):
    images, targets = Samples(cases(1), dataclasses.replace(SYSTEMS[name], batch=2), 1)[0]
    assert SYSTEMS[name].network("float32", 0)(images).shape == targets.shape == (2, 1, 1, 4)
