"""Standardised stacks: what is cut out, what the numbers are, and that the disk keeps them."""

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import write_case

from brats_lib.cases import MODALITIES, Cohort
from brats_lib.cases.case import voxel_hash
from brats_lib.errors import BratsError
from brats_lib.phantom import MIXED
from brats_lib.slices import stacks
from brats_lib.slices.stacks import build_stacks, make_stack, simulate_stacks, stack_case, with_neighbours

ALONE = {"workers": 1}


def test_stack_is_the_brains_box_in_standard_deviations():
    volume = np.zeros((5, 4, 3), np.float32)
    volume[1:3, 2, 1] = 10, 30  # mean 20, standard deviation 10
    stack = make_stack("case", [volume, 2 * volume], mask=(volume == 30) * np.uint8(4))
    assert stack.box == (slice(1, 3), slice(2, 3), slice(1, 2))
    assert stack.shape == (5, 4, 3)
    assert stack.images[:, 0, 0].tolist() == [[-1, -1], [1, 1]]
    assert stack.labels.ravel().tolist() == [0, 4]


@pytest.mark.parametrize(("value", "found"), [(np.nan, "NaN"), (0, "every voxel is zero")])
def test_volume_that_cannot_be_standardised_is_named(value, found):
    with pytest.raises(BratsError, match=f"case_7.*{found}"):
        make_stack("case_7", [np.full((3, 3, 3), value, np.float32)])


def test_slices_bring_their_neighbours_in_order():
    padded = np.arange(4.0)[:, None, None, None] + [0, 0.5]
    found = with_neighbours(padded, 1)[:, 0, 0]
    assert found.tolist() == [[0, 0.5, 1, 1.5, 2, 2.5], [1, 1.5, 2, 2.5, 3, 3.5]]


def test_case_on_disk_and_the_cache_give_the_same_stack(tmp_path):
    write_case(tmp_path / "cases", "BraTS20_Training_001")
    cohort, folder = Cohort.find(tmp_path / "cases"), tmp_path / "stacks"
    fresh, kept = stack_case(cohort[0]), build_stacks(cohort, folder, **ALONE)[0]
    np.testing.assert_array_equal(kept.images, fresh.images)
    np.testing.assert_array_equal(kept.labels, fresh.labels)
    assert (kept.name, kept.box, kept.shape) == (cohort[0].name, fresh.box, cohort[0].shape)
    assert kept.flair_hash == voxel_hash(cohort[0].volume("flair"))
    written = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    build_stacks(cohort, folder, **ALONE)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == written
    damaged = next(folder.glob("*.images.npy"))
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.raises(BratsError, match=damaged.name):
        build_stacks(cohort, folder, **ALONE)


def test_varieties_take_turns_and_no_two_cases_share_a_head(monkeypatch, tmp_path):
    drawn, head = [], np.arange(8, dtype=np.uint8).reshape(2, 2, 2)

    def simulate(*who):
        drawn.append(who)
        return SimpleNamespace(volumes=dict.fromkeys(MODALITIES, head), mask=head // 6)

    monkeypatch.setattr(stacks, "simulate", simulate)
    found = simulate_stacks(5, 4, tmp_path, MIXED, stream="tests", **ALONE)
    assert drawn == [(5, case, MIXED[case % 3], "tests") for case in range(4)]
    assert [stack.name for stack in found[::3]] == ["patients-tests-5-0000", "patients-tests-5-0003"]
    assert found[0].labels.sum() == 2
    simulate_stacks(5, 3, tmp_path, MIXED, stream="tests", **ALONE)
    assert len(drawn) == 4
    (other,) = simulate_stacks(5, 1, tmp_path, MIXED, stream="training", **ALONE)
    assert other.name == "patients-training-5-0000"
