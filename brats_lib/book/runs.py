"""A run: one profile on one cohort, the folder it writes to, and the record of how it was made."""

import hashlib
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from brats_lib import installed_versions
from brats_lib.cases import Case, Cohort, Split, split_cohort
from brats_lib.cases.discover import holds_images
from brats_lib.errors import BratsError
from brats_lib.files import home_path, read_json, read_text, write_whole
from brats_lib.phantom import make_cohort

DEFAULTS = {"data": "", "max_cases": None, "phantom_cases": 24, "seed": 0}
PACKAGES = ("brats-lib", "keras", "tensorflow", "jax", "numpy", "scipy", "nibabel", "nilearn", "pandas", "matplotlib")

# What the terms of the data ask figures made from it to cite; keys of book/references.bib.
CITED = {"msd": ["antonelli2022"]}
CITED_FOR_BRATS = ["menze2015", "bakas2017", "bakas2018", "baid2021"]


def find_root() -> Path:
    """The checkout: the nearest folder upwards with `workflow/params`, else the current folder."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "workflow" / "params").is_dir()), here)


def results_folder() -> Path:
    """Folder of the recorded results: `results/` of the checkout that this code lies in, or their copy in its wheel."""
    package = Path(__file__).parents[1]
    for folder in (package / "results", package.parent / "results"):
        if folder.is_dir():
            return folder
    advice = "Install the package from a checkout or its wheel, or copy the folder results/ of the repository there"
    raise BratsError(package / "results", "it is not there", "the recorded results", advice)


def recorded_metrics() -> pd.DataFrame:
    """What the paper's experiment gave at its size: columns data, metric, value, background; empty if not recorded."""
    path = results_folder() / "paper_metrics.csv"
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["data", "metric", "value", "background"])


def run_folder(profile: str) -> Path:
    """Folder of a profile's run, `runs/<profile>`; a name that could lead elsewhere is refused."""
    if not re.fullmatch(r"\w[\w.-]*", str(profile)):
        expected, advice = "a name of letters, digits, '_', '-' and '.'", "Choose another name, such as workshop"
        raise BratsError(f"profile '{profile}'", "it is no plain name", expected, advice)
    return find_root() / "runs" / str(profile)


def read_profile(name: str, needed: Collection[str] = ()) -> dict[str, Any]:
    """The parameters of `workflow/params/<name>.yaml`, which have to include those that are `needed`."""
    run_folder(name)
    folder = find_root() / "workflow" / "params"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in names:
        found, expected = f"there is no {name}.yaml in {folder}", f"one of {', '.join(names)}"
        advice = "Choose one of those, for example `make book PROFILE=smoke`"
        if not names:
            expected, advice = "the folder of the repository, which has them", "Go to that folder first"
        raise BratsError(f"profile '{name}'", found, expected, advice)
    path, advice = folder / f"{name}.yaml", "Mend that file, by the example of smoke.yaml"
    text = read_text(path, "parameters in YAML", advice)
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        values = " ".join(str(error).split())
    if not isinstance(values, dict):
        raise BratsError(path, f"it cannot be used ({str(values)[:200]})", "lines like `epochs: 25`", advice)
    for key, value in values.items():
        if wanted := _expected(key, value):
            raise BratsError(path, f"its {key} is {str(value)[:60]!r}", wanted, advice)
    values = DEFAULTS | values
    if missing := [key for key in needed if key not in values]:
        raise BratsError(path, f"it has no {missing[0]}", "the parameters of smoke.yaml", advice)
    return values


# What the parameters of a profile are: texts, lists of names, and whole numbers, some of which may be left open.
_TEXTS = {"profile", "data", "recipe", "precision", "inception"}
_LISTS = {"related_systems", "tune_factors"}
_OPEN = {"max_cases", "slices_per_epoch", "tune_size", "tune_width", "tune_epochs", "tune_slices"}
_NUMBERS = _OPEN | {
    "phantom_cases", "epochs", "batch_slices", "native_phantoms", "native_epochs", "native_slices", "generative_epochs",
    "generative_slices", "related_steps", "tune_trials", "seed", "devices",
}  # fmt: skip


def _expected(key: str, value: Any) -> str | None:
    """What a parameter of a profile has to be, where it is something else; None where it is right."""
    if key in _TEXTS:
        fits, wanted = isinstance(value, str), "a text"
    elif key in _LISTS:
        fits, wanted = isinstance(value, list) and all(isinstance(one, str) for one in value), "a list of names"
    elif key in _NUMBERS:
        least = 0 if key == "seed" else 1
        fits, wanted = type(value) is int and least <= value < 2**31, f"a whole number of at least {least}"
        fits |= (key in _OPEN and value is None) or (key, value) == ("devices", "all")
    else:
        fits, wanted = False, f"one of the parameters {', '.join(sorted(_TEXTS | _LISTS | _NUMBERS))}"
    return None if fits else wanted


def find_data(data: str | Path = "") -> Path | None:
    """The folder of cases to use; None where that is the phantom cohort.

    It is the one that was asked for, else `$BRATS_DATA`, else `data/` of the checkout if it holds any NIfTI file.
    """
    if not isinstance(data, str | os.PathLike):
        advice = "Give it as text: `papermill -r data 2020_01`, where -p would make a number of it"
        raise BratsError(f"data {data!r}", f"it is {type(data).__name__}", "the path of a folder", advice)
    root = find_root()
    for asked, how in ((data, "the data folder that was asked for"), (os.environ.get("BRATS_DATA"), "$BRATS_DATA")):
        if asked:
            folder = (root / home_path(asked)).resolve()
            if not folder.is_dir():
                found = "it is a file" if folder.exists() else "it is not there"
                advice = "Check the spelling, or leave it out to run on the phantom cohort"
                raise BratsError(folder, found, f"a folder of BraTS cases ({how})", advice)
            if (name := os.fsencode(folder).decode("utf-8", "replace")) != str(folder):
                advice = "Rename it, or name a link to it"
                raise BratsError(name, "its name is not UTF-8", "a name that notebooks can hold", advice)
            return folder
    folder = root / "data"
    return folder if holds_images(folder) else None


def phantom_folder(seed: int = 0) -> Path:
    """Where the phantom cohort of a seed is kept; every profile shares it."""
    return find_root() / "runs" / f"phantoms-seed{seed}"


def find_cohort(data: str | Path = "", seed: int = 0, phantoms: int = 24, max_cases: int | None = None) -> Cohort:
    """The cases of `find_data`, else phantoms, which are made where they are missing; the first `max_cases` only."""
    root = find_data(data)
    if root is None:
        return make_cohort(phantom_folder(seed), cases=min(phantoms, max_cases or phantoms), seed=seed)
    return Cohort.find(root, max_cases=max_cases)


@dataclass
class Run:
    """One profile on one cohort; what it writes goes to `folder`, and everything random depends on `seed`."""

    profile: str
    folder: Path
    cohort: Cohort
    split: Split
    seed: int
    started: float = field(default_factory=time.perf_counter)

    def path(self, *parts: str) -> Path:
        """Path of something this run writes; the folder above it is made."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def source(self) -> str:
        """One sentence on where the images come from; goes under every figure and table."""
        return self.cohort.source

    @property
    def fingerprint(self) -> str:
        """Hash of the cases and of who trains and validates: what a trained network depends on."""
        parts = (self.cohort.labelled().fingerprint(), self.split.train, self.split.val)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def need(self, name: str, notebook: str) -> Path:
        """Path of something that an earlier notebook of this run wrote."""
        path = self.folder / name
        if not path.exists():
            raise BratsError(
                path, "it is not there", f"what notebook {notebook} writes", f"Run notebook {notebook} first"
            )
        return path

    def caption(self, case: Case | str) -> str:
        """The source and the case, for the foot of a figure of one patient."""
        return f"{self.source} · case {getattr(case, 'name', case)}"

    def save_figure(self, figure: Any, name: str) -> Any:
        """Save a matplotlib figure for the prose pages as `figures/<name>.png` and hand it back."""
        figure.savefig(self.path("figures", f"{name}.png"), facecolor=figure.get_facecolor())
        return figure

    def save_table(self, text: str, name: str, source: str | None = None) -> None:
        """Save a table for the prose pages as `tables/<name>.md`; `source` where it is not the run's."""
        foot = f"\n\n*{source or f'Data: {self.source}'}.*\n"
        write_whole(self.path("tables", f"{name}.md"), text.rstrip() + foot)

    def record(self, step: str, claims: Mapping[str, str] | None = None, **facts: Any) -> None:
        """Record what a notebook (`step`) did in `run.json`, and its findings by figure of the paper in `claims.json`.

        Each step has a file of its own and the two files are gathered from those, so that notebooks running
        side by side lose nothing of each other's. A claim is one sentence with this run's numbers.
        """
        facts |= {"seconds": round(time.perf_counter() - self.started, 1), "claims": claims or {}}
        write_whole(self.path("steps", f"{step}.json"), json.dumps(facts, indent=1))
        advice = "Delete it; its notebook writes it again"
        paths = sorted(self.folder.glob("steps/*.json"))
        steps = {path.stem: read_json(path, "what a notebook recorded", advice, ("claims",)) for path in paths}
        gathered = {key: text for facts in steps.values() for key, text in facts.pop("claims").items()}
        write_whole(self.path("run.json"), json.dumps(self._describe() | {"steps": steps}, indent=1))
        write_whole(self.path("claims.json"), json.dumps(gathered, indent=1))

    def _describe(self):
        """Everything needed to judge whether two runs are comparable."""
        cohort, split = self.cohort, self.split
        return {
            "profile": self.profile,
            "source": self.source,
            "phantom": cohort.is_phantom,
            "cite": [] if cohort.is_phantom else CITED.get(cohort[0].layout, CITED_FOR_BRATS),
            "data_fingerprint": cohort.fingerprint(),
            "cases": {"train": len(split.train), "val": len(split.val), "test": len(split.test)},
            "seed": self.seed,
            "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
            "commit": commit(),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "versions": versions(),
        }


def versions() -> dict[str, str]:
    """Versions of the packages that results depend on, of those that are installed."""
    return installed_versions(*PACKAGES)


def commit() -> str:
    """Commit of the checkout; where there is no git or no repository, as in a copy, `$BRATS_COMMIT`, else "unknown"."""
    told = os.environ.get("BRATS_COMMIT") or "unknown"
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=find_root(), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return told
    return done.stdout.strip() or told


def open_run(
    profile: str = "workshop",
    data: str | Path = "",
    max_cases: int | None = None,
    phantom_cases: int = 24,
    seed: int = 0,
) -> Run:
    """Open the run of a profile: find its cohort (or make the phantom one), its split and its folder.

    It uses the first `max_cases` cases only, phantoms included; the seed is that of the split and of the phantoms.
    """
    folder = run_folder(profile)
    cohort = find_cohort(data, seed, phantom_cases, max_cases)
    split = open_split(cohort, folder / "split.json", seed)
    return Run(str(profile), folder, cohort, split, seed)


def open_split(cohort: Cohort, path: Path, seed: int) -> Split:
    """Find or draw the split of a run's cases with masks, and write it to `path`, the run's `split.json`.

    One that is there is obeyed as long as it was made for the same cases and seed, or by a person for the same cases
    (without a seed); otherwise it is replaced. A `split.json` beside the cases wins over both.
    """
    labelled = cohort.labelled()
    given = Path(cohort.root) / "split.json"
    kept = Split.read(path) if path.is_file() else None
    if given.is_file():
        split = Split.load(given, labelled)
    elif kept and kept.seed in (seed, None) and sorted(kept.names) == sorted(labelled.names):
        split = kept
    else:
        split = split_cohort(labelled, seed=seed)
    split.save(path)
    return split
