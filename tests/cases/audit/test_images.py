"""What a look at the images of a case names, and that it is silent about what is as it should be."""

import numpy as np
import pytest
from heads import phantom
from planted import relabelled
from scipy import ndimage

from brats_lib.cases.audit.alignment import best_move
from brats_lib.cases.audit.images import look
from brats_lib.cases.audit.masks import mask_move
from brats_lib.cases.audit.sampling import take_sample
from brats_lib.labels import ED, ET, NCR

MM = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def volumes():
    return phantom(0).volumes


@pytest.fixture(scope="module")
def mask():
    return phantom(0).mask


def seen(volumes, labels=None, spacing=MM):
    return {(remark.problem, remark.about): remark.found for remark in look(volumes, spacing, labels)}


@pytest.mark.parametrize("steps", [(1, 1, 1), (2, 2, 2), (1, 1, 5)])
def test_patient_as_simulated_passes_at_every_resolution_without_a_word(volumes, mask, steps):
    strided = tuple(slice(None, None, step) for step in steps)
    coarse = {modality: ndimage.uniform_filter(volume.astype(np.float32), steps)[strided] * (volume[strided] != 0)
              for modality, volume in volumes.items()}  # fmt: skip
    assert seen(coarse, mask[strided], tuple(map(float, steps))) == {}


MISSING = np.isin(np.arange(155), range(70, 76))


@pytest.mark.parametrize(
    ("modality", "change", "problem", "words"),
    [
        ("t1", lambda v: v["t1"][::-1], "outline", "1.00 once mirrored left to right"),
        ("t2", lambda v: v["t2"][..., ::-1], "outline", "once turned upside down"),
        ("flair", lambda v: np.roll(v["flair"], 8, axis=1), "outline", "1.00 once shifted by (+0, -8, +0) mm"),
        # Aligned wrongly and cut out with the mask of the brain afterwards.
        ("t1ce", lambda v: np.roll(v["t1ce"], 12, axis=1) * (v["t1ce"] != 0), "outline", "shifted"),
        ("t1", lambda v: np.where(v["t2"] != 0, v["t2"] * 2.0 + 7, 0), "copied-image", "T1 is T2 times 2.00 +7"),
        ("t2", lambda v: np.where(MISSING, 0, v["t2"]), "missing-slices", "T2: 6 axial slices within the brain are"),
    ],
    ids=["mirrored", "upside down", "shifted", "within", "copy", "gap"],
)
def test_an_image_that_is_wrong_is_named_with_what_puts_it_right(volumes, modality, change, problem, words):
    found = seen({**volumes, modality: change(volumes)})
    assert list(found) == [(problem, modality)] and words in found[problem, modality]


def test_slices_that_all_images_lack_are_said_once(volumes, mask):
    gap = {modality: np.where(MISSING, 0, volume) for modality, volume in volumes.items()}
    assert list(seen(gap, mask)) == [("missing-slices", "flair")]


def test_two_images_are_enough_to_see_what_a_prediction_would_suffer_from(volumes):
    flair, t1ce = volumes["flair"], volumes["t1ce"]
    assert list(seen({"flair": t1ce, "t1ce": flair})) == [("contrast", "flair")]
    assert list(seen({"flair": volumes["t2"], "t1ce": t1ce})) == [("contrast", "flair")]
    assert {problem for problem, _ in seen({"flair": flair, "t1ce": t1ce[::-1]})} == {"outline"}
    assert {problem for problem, _ in seen({"flair": flair, "t1ce": phantom(1).volumes["t1ce"]})} == {"outline"}


def test_mask_elsewhere_is_named_with_where_it_belongs(volumes, mask):
    for wrong, words in (
        (mask[::-1], "mirrored left to right"),
        (mask[..., ::-1], "turned upside down"),
        (np.roll(mask, 6, axis=0), "shifted by (-"),
        (phantom(1).mask, ""),
    ):
        (remark,) = look(volumes, MM, wrong)
        assert remark.problem in ("mask-place", "mask-outside")
        assert words in remark.found


@pytest.mark.parametrize(
    ("images", "codes", "says"),
    [
        ("flair t1ce", {NCR: ET, ET: NCR}, "NCR and ET look exchanged (brightness on T1ce: "),
        ("flair t2", {ED: ET, ET: NCR}, "ET and ED look exchanged (shares on the tumour's surface: 0."),
    ],
)
def test_labels_that_look_exchanged_are_named_with_the_sign_that_says_so(volumes, mask, images, codes, says):
    (found,) = seen({modality: volumes[modality] for modality in images.split()}, relabelled(codes)(mask)).values()
    assert found.startswith(says)


def test_best_move_is_the_one_that_was_made():
    rng = np.random.default_rng(0)
    reference = ndimage.gaussian_filter(rng.normal(size=(40, 44, 36)), 1.5)
    reference /= np.linalg.norm(reference)
    moved = np.roll(reference[::-1], (2, -3, 1), axis=(0, 1, 2))
    move = best_move(moved, reference, np.array([4.0, 4.0, 4.0]))
    assert move.flips == (0,)
    # Turning back turns the first shift too.
    assert np.allclose(move.shift_mm, (8, 12, -4), atol=0.5)
    assert move.before < 0.2 < 0.8 < move.after


def test_what_a_mask_explains_is_the_correlation_ratio(volumes, mask):
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


@pytest.mark.parametrize("part", [np.s_[30, 30, 30], np.s_[::2]], ids=["one voxel", "every second plane"])
def test_an_image_with_hardly_any_signal_is_named_and_ends_nothing(part):
    rng = np.random.default_rng(0)
    brain = np.zeros((60, 60, 60), np.float32)
    brain[5:55, 5:55, 5:55] = 100 + ndimage.gaussian_filter(rng.normal(size=(50, 50, 50)), 2) * 50
    other = np.zeros_like(brain)
    other[part] = brain[part]
    remarks = look({"flair": brain, "t1ce": other}, (2.5, 2.5, 2.5))
    assert any("T1ce" in remark.sentence for remark in remarks)
