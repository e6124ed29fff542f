"""Which images are taken for the same head, and what is said of cases and subsets that share one."""

from pathlib import Path

import numpy as np
import pytest
from heads import phantom

from brats_lib.cases import Case, Cohort, Split
from brats_lib.cases.audit.cohorts import duplicates, splits
from brats_lib.cases.audit.findings import Report
from brats_lib.cases.audit.likeness import ALIKE, alike, copies, signature

MM = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def heads():
    """T1 images of two phantoms, whose heads differ."""
    return [phantom(index).volumes["t1"].astype(np.float32) for index in (0, 1)]


@pytest.fixture(scope="module")
def first(heads):
    return signature(heads[0], MM).astype(np.float32)


def likeness(first, other, spacing=MM):
    return float(np.vdot(first, signature(other, spacing).astype(np.float32)))


def test_other_heads_are_far_from_the_line(heads, first):
    assert likeness(first, heads[1]) < ALIKE - 0.2
    assert likeness(first, heads[1][::-1]) < ALIKE - 0.2
    assert likeness(first, heads[0][::-1]) < ALIKE - 0.1, "no head is its own mirror image"


@pytest.mark.parametrize(
    ("change", "spacing"),
    [
        (lambda v: v + 300, MM),
        (lambda v: np.round(v * (255 / v.max())), MM),
        (lambda v: np.where(v != 0, (v - v[v != 0].mean()) / v[v != 0].std(), 0), MM),
        (lambda v: v[::2, ::2, ::2], (2.0, 2.0, 2.0)),
        (lambda v: v[20:-20, 10:-10, :150], MM),
    ],
    ids=["offset", "8 bits", "standardised", "2 mm", "cropped"],
)
def test_the_same_head_is_known_again(heads, first, change, spacing):
    assert likeness(first, change(heads[0]).astype(np.float32), spacing) > ALIKE


def test_what_is_no_brain_has_no_signature():
    assert signature(np.zeros((40, 40, 40), np.float32), MM) is None
    assert signature(np.pad(np.ones((30, 30, 30), np.float32), 20), MM) is None, "27 mL"
    assert signature(np.ones((4, 4, 3), np.float32), MM) is None


def test_twins_are_named_with_their_likeness_and_the_subsets_they_are_in(heads):
    images = {"A": heads[0], "B": heads[1], "C": heads[0] * 1.5, "D": heads[0][::-1]}
    reports = [Report(name, signatures={"t1": signature(image, MM)}) for name, image in images.items()]
    pairs = alike(reports)
    assert [(pair.case, pair.other, pair.mirrored) for pair in pairs] == [("C", "A", False), ("D", "A", True)]
    assert pairs[0].likeness["t1"] == pytest.approx(1, abs=0.002)
    near = list(duplicates(reports, pairs))
    assert [(f.case, f.severity, f.problem) for f in near] == [(case, "warning", "near-duplicate") for case in "CD"]
    assert near[0].message.startswith("case C: its images correlate (t1 1.00) with those of A; expected another")
    assert "with the mirror images of A" in near[1].message
    cohort = Cohort(Path("here"), tuple(Case(name, {}, Path("mask")) for name in images))
    leaks = list(splits(cohort, Split(("A", "B"), ("D",), ("C",)), pairs))
    assert [(f.case, f.severity, f.problem) for f in leaks] == [(case, "error", "leakage") for case in "CD"]
    assert "C is in test and A in train, but its images correlate (t1 1.00) with those" in leaks[0].message
    assert list(splits(cohort, Split(("A", "C", "D"), ("B",), ()), pairs)) == []


def test_one_content_for_two_modalities_is_seen_whatever_its_scale(heads):
    other = np.where(heads[0] > 0, np.random.default_rng(0).normal(500, 60, heads[0].shape), 0)
    hot = heads[0].max() - heads[0]
    hot[100, 100, 70] = 1e9
    volumes = {"t1": heads[0], "t2": 2 * heads[0] + 7, "flair": other, "t1ce": hot}
    assert list(copies(volumes)) == [("t1", "t2"), ("t1", "t1ce"), ("t2", "t1ce")]
