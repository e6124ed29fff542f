"""Patients are drawn evenly, repeatably and once."""

import json
from collections import Counter
from pathlib import Path

import pytest

from brats_lib.cases import Case, Cohort, Split, split_cohort
from brats_lib.errors import BratsError


def cohort_of(**grades):
    """A cohort without files: `cohort_of(HGG=6, none=2)`."""
    cases = []
    for grade, count in grades.items():
        for i in range(count):
            cases.append(Case(f"{grade}_{i:03d}", {}, grade=None if grade == "none" else grade))
    return Cohort(Path("cohort"), tuple(cases))


def sizes(split):
    return len(split.train), len(split.val), len(split.test)


@pytest.mark.parametrize(("count", "expected"), [(369, (258, 56, 55)), (10, (7, 2, 1)), (3, (1, 1, 1))])
def test_subset_sizes(count, expected):
    split = split_cohort(cohort_of(none=count))
    assert sizes(split) == expected
    assert len({*split.train, *split.val, *split.test}) == count
    assert split.stratified_by is None


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("grades", [{"HGG": 293, "LGG": 76}, {"HGG": 18, "LGG": 6}, {"HGG": 2, "LGG": 2}])
def test_every_subset_has_the_mix_within_one_case(grades, seed):
    """293 and 76 are the grades of BraTS 2020."""
    split = split_cohort(cohort_of(**grades), seed=seed)
    assert split.stratified_by == "grade"
    for names in (split.train, split.val, split.test):
        found = Counter(name[:3] for name in names)
        for grade, count in grades.items():
            assert abs(found[grade] - len(names) * count / sum(grades.values())) <= 1


def test_same_seed_same_split_whatever_the_order():
    cohort = cohort_of(HGG=30, LGG=10)
    backwards = Cohort(Path("elsewhere"), cohort.cases[::-1])
    assert split_cohort(cohort, seed=1) == split_cohort(backwards, seed=1)
    assert split_cohort(cohort, seed=1).test != split_cohort(cohort, seed=2).test


def test_every_patient_is_tested_on_about_as_often():
    """Two of 15 HGG and one of 5 LGG: in 400 draws 53 and 80 times each, give or take 4 deviations of 7 and 8."""
    cohort = cohort_of(HGG=15, LGG=5)
    tested = Counter(name for seed in range(400) for name in split_cohort(cohort, seed=seed).test)
    limits = {"HGG": (26, 80), "LGG": (48, 112)}
    assert all(limits[case.grade][0] <= tested[case.name] <= limits[case.grade][1] for case in cohort)


def test_too_few_cases():
    with pytest.raises(BratsError, match="2 of its cases can be used; expected 3 or more"):
        split_cohort(cohort_of(HGG=2))


def test_saved_split_is_readable_and_is_obeyed(tmp_path):
    cohort = cohort_of(HGG=6, LGG=4)
    split = split_cohort(cohort, seed=5)
    path = split.save(tmp_path / "run" / "split.json")
    content = json.loads(path.read_text())
    assert content["train"] == list(split.train) and content["seed"] == 5
    assert Split.load(path, cohort) == split
    path.write_text(json.dumps({"train": ["HGG_001"], "val": ["LGG_000"], "test": ["HGG_000"]}))
    assert Split.load(path, cohort) == Split(("HGG_001",), ("LGG_000",), ("HGG_000",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"train": ["HGG_000", "HGG_001"], "val": ["HGG_001"], "test": ["HGG_002"]}', "names HGG_001 more than once"),
        ('{"train": ["HGG_000"], "val": ["P_1"], "test": ["HGG_002"]}', "names P_1, not among the 3 cases"),
        ('{"train": ["HGG_000"], "val": [], "test": ["HGG_002"]}', "it is no split"),
    ],
)
def test_wrong_splits_are_refused(tmp_path, content, message):
    path = tmp_path / "split.json"
    path.write_text(content)
    with pytest.raises(BratsError, match=f"split.json: .*{message}"):
        Split.load(path, cohort_of(HGG=3))
