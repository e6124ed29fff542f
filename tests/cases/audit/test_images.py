"""What a look at the images of a case names, and that it is silent about what is as it should be."""

import numpy as np
import pytest
from heads import phantom
from scipy import ndimage

from brats_lib.cases.audit.alignment import best_move
from brats_lib.cases.audit.images import look
from brats_lib.cases.audit.masks import mask_move
from brats_lib.cases.audit.sampling import take_sample
from brats_lib.labels import ED, ET, NCR

MM = (1.0, 1.0, 1.0)
PREDICTED = ("flair", "t1ce")


@pytest.fixture(scope="module")
def head():
    return phantom(0).volumes, phantom(0).mask


def seen(volumes, labels=None, spacing=MM):
    return {(remark.problem, remark.about): remark.found for remark in look(volumes, spacing, labels)}


def test_patient_as_simulated_passes_without_a_word(head):
    volumes, mask = head
    assert seen(volumes, mask) == {}
    assert seen({modality: volumes[modality] for modality in PREDICTED}) == {}


@pytest.mark.parametrize("steps", [(2, 2, 2), (1, 1, 5)])
def test_other_resolutions_pass(head, steps):
    volumes, mask = head
    strided = tuple(slice(None, None, step) for step in steps)
    coarse = {modality: ndimage.uniform_filter(volume.astype(np.float32), steps)[strided] * (volume[strided] != 0)
              for modality, volume in volumes.items()}  # fmt: skip
    assert seen(coarse, mask[strided], tuple(map(float, steps))) == {}


def test_turned_and_shifted_images_are_named_with_what_puts_them_right(head):
    volumes, _ = head
    mirrored = seen({**volumes, "t1": volumes["t1"][::-1]})
    assert list(mirrored) == [("outline", "t1")]
    assert "1.00 once mirrored left to right" in mirrored["outline", "t1"]
    assert "once turned upside down" in seen({**volumes, "t2": volumes["t2"][..., ::-1]})["outline", "t2"]
    shifted = seen({**volumes, "flair": np.roll(volumes["flair"], 8, axis=1)})
    assert "1.00 once shifted by (+0, -8, +0) mm" in shifted["outline", "flair"]
    # Aligned wrongly and cut out with the mask of the brain afterwards.
    within = np.roll(volumes["t1ce"], 12, axis=1) * (volumes["t1ce"] != 0)
    assert any(
        about == "t1ce" and "shifted" in found for (_, about), found in seen({**volumes, "t1ce": within}).items()
    )


@pytest.mark.parametrize(("one", "other"), [("flair", "t2"), ("t1", "t1ce"), ("flair", "t1ce"), ("t1", "t2")])
def test_exchanged_names_are_named_once(head, one, other):
    volumes, mask = head
    found = seen({**volumes, one: volumes[other], other: volumes[one]}, mask)
    assert list(found) == [("contrast", one)]
    assert "changed names" in found["contrast", one]


def test_two_images_are_enough_to_see_what_a_prediction_would_suffer_from(head):
    flair, t1ce = (head[0][modality] for modality in PREDICTED)
    assert list(seen({"flair": t1ce, "t1ce": flair})) == [("contrast", "flair")]
    assert list(seen({"flair": head[0]["t2"], "t1ce": t1ce})) == [("contrast", "flair")]
    assert {problem for problem, _ in seen({"flair": flair, "t1ce": t1ce[::-1]})} == {"outline"}
    assert {problem for problem, _ in seen({"flair": flair, "t1ce": phantom(1).volumes["t1ce"]})} == {"outline"}


def test_values_that_were_lost_are_named(head):
    volumes, mask = head
    brain = volumes["t1"] != 0
    bright = volumes["t1"].astype(np.int64) * 1500 // int(volumes["t1"].max())
    noise = np.random.default_rng(0).normal(500, 100, brain.shape).astype(np.float32)
    faults = {
        ("constant", "error"): np.where(brain, 100, 0),
        ("cut-off", "warning"): np.minimum(bright, 700),
        ("wrapped", "warning"): bright.astype(np.uint8),
        ("noise", "warning"): np.where(brain, noise, 0),
        ("contrast", "warning"): np.where(brain, volumes["t1"].max() + 1 - volumes["t1"], 0),
    }
    for expected, volume in faults.items():
        remarks = look({**volumes, "t1": volume}, MM, mask)
        assert [(remark.problem, remark.severity) for remark in remarks] == [expected]
        assert remarks[0].about == "t1"


def test_copy_is_named_with_its_factor_and_offset(head):
    volumes, _ = head
    twice = seen({**volumes, "t1": np.where(volumes["t2"] != 0, volumes["t2"] * 2.0 + 7, 0)})
    assert twice["copied-image", "t1"] == "T1 is T2 times 2.00 +7"


def test_missing_slices_are_counted(head):
    volumes, mask = head
    gap = {
        modality: np.where(np.isin(np.arange(155), range(70, 76)), 0, volume) for modality, volume in volumes.items()
    }
    assert seen({**volumes, "t2": gap["t2"]}) == {
        ("missing-slices", "t2"): "T2: 6 axial slices within the brain are empty, 70 to 75"
    }
    assert list(seen(gap, mask)) == [("missing-slices", "flair")]


def test_mask_elsewhere_is_named_with_where_it_belongs(head):
    volumes, mask = head
    for wrong, words in (
        (mask[::-1], "mirrored left to right"),
        (mask[..., ::-1], "turned upside down"),
        (np.roll(mask, 6, axis=0), "shifted by (-"),
        (np.roll(mask, -20, axis=2), "shifted by ("),
    ):
        (remark,) = look(volumes, MM, wrong)
        assert remark.problem in ("mask-place", "mask-outside")
        assert words in remark.found
    (remark,) = look(volumes, MM, phantom(1).mask)
    assert remark.problem in ("mask-place", "mask-outside")


def test_mask_beside_the_brain_is_an_error_and_one_voxel_a_warning(head):
    volumes, mask = head
    beside = np.zeros_like(mask)
    beside[2:30, 2:30, 2:30] = ED
    assert [(r.problem, r.severity) for r in look(volumes, MM, beside)] == [("mask-outside", "error")]
    one = np.zeros_like(mask)
    one[120, 120, 80] = ED
    assert seen(volumes, one)["tiny-mask", "mask"] == "the tumour has 1 voxel, 0.001 mL"


@pytest.mark.parametrize(("one", "other"), [(NCR, ED), (ED, ET), (NCR, ET)])
def test_exchanged_labels_are_named(head, one, other):
    volumes, mask = head
    names = {NCR: "NCR", ED: "ED", ET: "ET"}
    wrong = np.where(mask == one, other, np.where(mask == other, one, mask)).astype(np.uint8)
    (found,) = seen(volumes, wrong).values()
    assert found.startswith(f"{names[one]} and {names[other]} look exchanged")


def test_labels_that_look_exchanged_are_named_with_the_sign_that_says_so(head):
    volumes, mask = head
    no_edema = np.where(mask == ED, ET, np.where(mask == ET, NCR, mask)).astype(np.uint8)
    (found,) = seen({modality: volumes[modality] for modality in ("flair", "t2")}, no_edema).values()
    assert found.startswith("ET and ED look exchanged (shares on the tumour's surface: 0.")
    exchanged = np.where(mask == NCR, ET, np.where(mask == ET, NCR, mask)).astype(np.uint8)
    (found,) = seen({modality: volumes[modality] for modality in PREDICTED}, exchanged).values()
    assert found.startswith("NCR and ET look exchanged (brightness on T1ce: ")


def test_best_move_is_the_one_that_was_made():
    rng = np.random.default_rng(0)
    reference = ndimage.gaussian_filter(rng.normal(size=(40, 44, 36)), 1.5)
    reference /= np.linalg.norm(reference)
    moved = np.roll(reference[::-1], (2, -3, 1), axis=(0, 1, 2))
    move = best_move(moved, reference, np.array([4.0, 4.0, 4.0]))
    assert move.flips == (True, False, False)
    # Turning back turns the first shift too.
    assert np.allclose(move.shift_mm, (8, 12, -4), atol=0.5)
    assert move.before < 0.2 < 0.8 < move.after


def test_what_a_mask_explains_is_the_correlation_ratio(head):
    volumes, mask = head
    # Voxels of 4 mm and no striding: one part of the sums is then one voxel, and the ratio can be worked out by hand.
    coarse = {modality: volume[::4, ::4, ::4].astype(np.float32) for modality, volume in volumes.items()}
    labels = mask[::4, ::4, ::4]
    sample = take_sample(coarse, (4.0, 4.0, 4.0))
    part = sample.take(labels)
    ring = ndimage.binary_dilation(part != 0, np.ones((5, 5, 5))) & (part == 0)
    groups = np.where(ring, 9, part)
    ratios = []
    for image in sample.scaled.values():
        inside = (groups != 0) & sample.brain
        values, group = image[inside].astype(float), groups[inside]
        between = sum((group == g).sum() * (values[group == g].mean() - values.mean()) ** 2 for g in np.unique(group))
        ratios.append(between / ((values - values.mean()) ** 2).sum())
    assert mask_move(sample, labels).before == pytest.approx(np.mean(ratios), rel=1e-3)


@pytest.mark.parametrize("damage", ["one voxel", "a blob", "every second plane"])
def test_an_image_with_hardly_any_signal_is_named_and_ends_nothing(damage):
    rng = np.random.default_rng(0)
    brain = np.zeros((60, 60, 60), np.float32)
    brain[5:55, 5:55, 5:55] = 100 + ndimage.gaussian_filter(rng.normal(size=(50, 50, 50)), 2) * 50
    other = np.zeros_like(brain)
    parts = {"one voxel": np.s_[30, 30, 30], "a blob": np.s_[30:33, 30:33, 30:33], "every second plane": np.s_[::2]}
    part = parts[damage]
    other[part] = brain[part]
    remarks = look({"flair": brain, "t1ce": other}, (2.5, 2.5, 2.5))
    assert any("T1ce" in remark.sentence for remark in remarks)
