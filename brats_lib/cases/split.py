"""Which patients a network learns from, is tuned on and is tested on."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from brats_lib.cases.cohort import Cohort
from brats_lib.cases.discover import natural
from brats_lib.errors import BratsError, some
from brats_lib.files import read_json, write_whole

SUBSETS, FRACTIONS = ("train", "val", "test"), (0.7, 0.15, 0.15)


@dataclass(frozen=True)
class Split:
    """Case names of the three subsets, in natural order; no patient is in two."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    seed: int | None = None  # what they were drawn with; None where a person chose them
    stratified_by: str | None = None  # "grade" where every subset has the cohort's mix of HGG and LGG

    def save(self, path: str | Path) -> Path:
        """Write the split as JSON that a person can read and edit."""
        path = Path(path)
        write_whole(path, json.dumps(asdict(self), indent=2) + "\n")
        return path

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all cases, subset by subset."""
        return self.train + self.val + self.test

    @classmethod
    def read(cls, path: str | Path) -> "Split":
        """Read a split without asking which cases are there."""
        content = read_json(path, "a split in JSON", "Mend it, or move it away to have one drawn")
        subsets = {}
        for subset in SUBSETS:
            names = content.get(subset)
            if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
                expected = 'lists "train", "val" and "test" of at least one case name each'
                raise BratsError(path, "it is no split", expected, "Start from the split.json of another run")
            subsets[subset] = tuple(sorted(names, key=natural))
        split = cls(**subsets, seed=content.get("seed"), stratified_by=content.get("stratified_by"))
        if twice := [name for name, count in Counter(split.names).items() if count > 1]:
            found = f"it names {some(twice)} more than once"
            raise BratsError(path, found, "every case in one subset", "Remove the repeated names")
        return split

    @classmethod
    def load(cls, path: str | Path, cohort: Cohort) -> "Split":
        """Read a split and refuse one that names cases which `cohort` has not."""
        split = cls.read(path)
        absent = sorted(set(split.names) - set(cohort.names), key=natural)
        if absent:
            found = f"it names {some(absent)}, not among the {len(cohort)} cases with masks that are used"
            advice = "Give the data that the split was drawn from and no smaller max_cases, or another split"
            raise BratsError(path, found, f"names of cases in {cohort.root}", advice)
        return split


def split_cohort(cohort: Cohort, seed: int = 0) -> Split:
    """Draw train, validation and test patients of a cohort of three or more (paper, section 3.1: 70/15/15).

    Within a grade, patients are ordered by a hash of the seed and their name, so the draw depends on nothing else.
    The grades are then interleaved evenly and the sequence is cut in three, which keeps every subset's number of
    HGG and of LGG within one case of the cohort's mix.
    """
    if len(cohort) < len(SUBSETS):
        found = f"{len(cohort)} of its cases can be used"
        raise BratsError(cohort.root, found, "3 or more, one per subset", "Add cases, or use `brats phantom`")
    for table in cohort.tables:
        if table.problem:
            found = f"it cannot be read, and grades may be in it: {table.problem}"
            raise BratsError(table.path, found, "the cases' grades", "Mend it, or move it away")
    strata: dict[str, list[str]] = {}
    for case in cohort:
        strata.setdefault(case.grade or "unknown", []).append(case.name)
    ranked = []
    for grade, names in strata.items():
        drawn = sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
        ranked += [((rank + 0.5) / len(drawn), grade, name) for rank, name in enumerate(drawn)]
    sequence = iter([name for _, _, name in sorted(ranked)])
    train, val, test = (tuple(sorted(islice(sequence, size), key=natural)) for size in _sizes(len(cohort)))
    return Split(train, val, test, seed, "grade" if len(strata) > 1 else None)


def _sizes(count: int) -> np.ndarray:
    """Share `count` by largest remainders, at least one each."""
    ideal = count * np.array(FRACTIONS)
    sizes = np.floor(ideal + 1e-9).astype(int)
    # A stable sort: of equal remainders, validation is served before test.
    sizes[np.argsort(sizes - ideal, kind="stable")[: count - sizes.sum()]] += 1
    while sizes.min() < 1:
        sizes[sizes.argmax()] -= 1
        sizes[sizes.argmin()] += 1
    return sizes
