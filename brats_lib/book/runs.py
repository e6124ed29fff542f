"""A run: one profile on one cohort, the folder it writes to, and the record of how it was made."""

import hashlib
import json
import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from brats_lib.cases import Case, Cohort, Split, split_cohort
from brats_lib.cases.discover import holds_images
from brats_lib.errors import BratsError
from brats_lib.files import home_path, read_json, read_text, write_whole
from brats_lib.phantom import make_cohort
from brats_lib.training import devices

__all__ = [
    "Run", "commit", "find_data", "find_root", "open_run", "open_split", "phantom_folder", "read_profile",
    "results_folder", "run_folder", "versions",
]  # fmt: skip

DEFAULTS = {"data": "", "max_cases": None, "phantom_cases": 24, "seed": 0}
PACKAGES = ("brats-lib", "keras", "tensorflow", "jax", "numpy", "scipy", "nibabel", "nilearn", "pandas", "matplotlib")

# What the terms of the data ask figures made from it to cite; keys of book/references.bib.
CITED = {"msd": ["antonelli2022"]}
CITED_FOR_BRATS = ["menze2015", "bakas2017", "bakas2018", "baid2021"]


def find_root():
    """Find the checkout: the nearest folder upwards with `workflow/params`, else the current folder."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "workflow" / "params").is_dir()), here)


def results_folder():
    """Folder of the recorded results: `results/` of the checkout that this code lies in, or their copy in its wheel.

    Raises
    ------
    BratsError
        If there is none.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "results", package.parent / "results"):
        if folder.is_dir():
            return folder
    advice = "Install the package from a checkout or its wheel, or copy the folder results/ of the repository there"
    raise BratsError(package / "results", "it is not there", "the recorded results", advice)


def run_folder(profile):
    """Folder of a profile's run, `runs/<profile>`.

    Raises
    ------
    BratsError
        If the name has more than letters, digits, "_", "-" and ".", so that it could lead elsewhere.
    """
    if not re.fullmatch(r"\w[\w.-]*", str(profile)):
        expected = "a name of letters, digits, '_', '-' and '.'"
        raise BratsError(
            f"profile '{profile}'", "it is no plain name", expected, "Choose another name, such as workshop"
        )
    return find_root() / "runs" / str(profile)


def read_profile(name, needed=()):
    """Read the parameters of a profile from `workflow/params/<name>.yaml`.

    Parameters
    ----------
    name : str
        Profile name.
    needed : collection of str
        Parameters that it must have.

    Returns
    -------
    dict
        Parameter names and values, as papermill hands them to the notebooks.

    Raises
    ------
    BratsError
        If its name is no plain one, there is no such profile, or its file does not hold parameters and values.
    """
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
        if expected := _expected(key, value):
            raise BratsError(path, f"its {key} is {str(value)[:60]!r}", expected, advice)
    if missing := [key for key in needed if key not in {**DEFAULTS, **values}]:
        raise BratsError(path, f"it has no {missing[0]}", "the parameters of smoke.yaml", advice)
    return {**DEFAULTS, **values}


_TEXTS = {"profile", "data", "recipe", "precision", "inception"}
_LISTS = {"related_systems", "tune_factors"}
_COUNTS = {
    "phantom_cases", "seed", "epochs", "batch_slices", "devices", "native_phantoms", "native_epochs", "native_slices",
    "generative_epochs", "generative_slices", "related_steps", "tune_trials",
}  # fmt: skip
_OPTIONAL_COUNTS = {"max_cases", "slices_per_epoch", "tune_size", "tune_width", "tune_epochs", "tune_slices"}


def _expected(key, value):
    """What a parameter of a profile has to be, where it is something else; None where it is right."""
    if key in _TEXTS:
        return None if isinstance(value, str) else "a text"
    if key in _LISTS:
        fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return None if fits else "a list of names"
    if key not in _COUNTS | _OPTIONAL_COUNTS:
        return f"one of the parameters {', '.join(sorted(_TEXTS | _LISTS | _COUNTS | _OPTIONAL_COUNTS))}"
    if (value is None and key in _OPTIONAL_COUNTS) or (key == "devices" and value == "all"):
        return None
    least = int(key != "seed")
    return None if type(value) is int and least <= value < 2**31 else f"a whole number of at least {least}"


def find_data(data=""):
    """Decide which folder of cases to use.

    Parameters
    ----------
    data : str or Path
        What the user asked for. Empty: `$BRATS_DATA`, then `data/` of the checkout if it holds any NIfTI file.

    Returns
    -------
    Path or None
        The folder, or None where the phantom cohort is to be used.

    Raises
    ------
    BratsError
        If a folder was asked for that is not there, or that no text file could name.
    """
    if not isinstance(data, str | os.PathLike):
        advice = "Give it as text: `papermill -r data 2020_01`, where -p would make a number of it"
        raise BratsError(f"data {data!r}", f"it is {type(data).__name__}", "the path of a folder", advice)
    root = find_root()
    for asked, how in ((data, "the data folder that was asked for"), (os.environ.get("BRATS_DATA"), "$BRATS_DATA")):
        if asked:
            folder = (root / home_path(asked)).resolve()
            if not folder.is_dir():
                raise BratsError(
                    folder,
                    "it is not there" if not folder.exists() else "it is a file",
                    f"a folder of BraTS cases ({how})",
                    "Check the spelling, or leave it out to run on the phantom cohort",
                )
            if (name := os.fsencode(folder).decode("utf-8", "replace")) != str(folder):
                advice = "Rename it, or name a link to it"
                raise BratsError(name, "its name is not UTF-8", "a name that notebooks can hold", advice)
            return folder
    folder = root / "data"
    return folder if holds_images(folder) else None


def phantom_folder(seed=0):
    """Where the phantom cohort of a seed is kept; every profile shares it."""
    return find_root() / "runs" / f"phantoms-seed{seed}"


@dataclass
class Run:
    """One profile on one cohort.

    Attributes
    ----------
    profile : str
        How big the run is.
    folder : Path
        Where the run writes: `runs/<profile>`.
    cohort : Cohort
        The cases.
    split : Split
        Which cases train, validate and test.
    seed : int
        Seed of everything random.
    """

    profile: str
    folder: Path
    cohort: Cohort
    split: Split
    seed: int
    started: float = field(default_factory=time.perf_counter)

    def path(self, *parts):
        """Path of something this run writes; the folder above it is made."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def source(self):
        """One sentence on where the images come from; goes under every figure and table."""
        return self.cohort.source

    @property
    def fingerprint(self):
        """Hash of the cases and of who trains and validates: what a trained network depends on."""
        parts = (self.cohort.labelled().fingerprint(), self.split.train, self.split.val)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def need(self, name, notebook):
        """Path of something that an earlier notebook of this run wrote.

        Raises
        ------
        BratsError
            If it is not there.
        """
        path = self.folder / name
        if not path.exists():
            raise BratsError(path, "it is not there", f"what notebook {notebook} writes", f"Run {notebook} first")
        return path

    def caption(self, case: Case | str):
        """The source and the case, for the foot of a figure of one patient."""
        return f"{self.source} · case {getattr(case, 'name', case)}"

    def save_figure(self, figure, name):
        """Save a figure for the prose pages as `figures/<name>.png` and hand it back."""
        figure.savefig(self.path("figures", f"{name}.png"), facecolor=figure.get_facecolor())
        return figure

    def save_table(self, text, name, source=None):
        """Save a table for the prose pages as `tables/<name>.md`; `source` where it is not the run's."""
        foot = f"\n\n*{source or f'Data: {self.source}'}.*\n"
        write_whole(self.path("tables", f"{name}.md"), text.rstrip() + foot)

    def record(self, step, claims=None, **facts):
        """Record what a notebook did in `run.json`, and its findings per figure of the paper in `claims.json`.

        Each step has a file of its own and the two files are gathered from those, so that notebooks running
        side by side lose nothing of each other's.

        Parameters
        ----------
        step : str
            Name of the notebook.
        claims : dict of str, optional
            Figure id to one sentence with this run's numbers.
        **facts
            Anything else JSON can hold.
        """
        facts |= {"seconds": round(time.perf_counter() - self.started, 1), "claims": claims or {}}
        write_whole(self.path("steps", f"{step}.json"), json.dumps(facts, indent=1))
        advice = "Delete it; its notebook writes it again"
        paths = sorted(self.folder.glob("steps/*.json"))
        steps = {path.stem: read_json(path, "what a notebook recorded", advice, ("claims",)) for path in paths}
        gathered = {key: text for facts in steps.values() for key, text in facts.pop("claims").items()}
        about = describe_run(self)
        write_whole(self.path("run.json"), json.dumps(about | {"steps": steps}, indent=1))
        write_whole(self.path("claims.json"), json.dumps(gathered, indent=1))


def describe_run(run):
    """Everything needed to judge whether two runs are comparable."""
    return {
        "profile": run.profile,
        "source": run.source,
        "phantom": run.cohort.is_phantom,
        "cite": [] if run.cohort.is_phantom else CITED.get(run.cohort[0].layout, CITED_FOR_BRATS),
        "data_fingerprint": run.cohort.fingerprint(),
        "cases": {"train": len(run.split.train), "val": len(run.split.val), "test": len(run.split.test)},
        "seed": run.seed,
        "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "commit": commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
    }


def versions():
    """Versions of the packages that results depend on, of those that are installed."""
    return devices.versions(PACKAGES)


def commit():
    """Commit of the checkout, "unknown" where there is no git or no repository."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=find_root(), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def open_run(profile="workshop", data="", max_cases=None, phantom_cases=24, seed=0):
    """Open the run of a profile: find its cohort (or make the phantom one), its split and its folder.

    Parameters
    ----------
    profile : str
        Name of the profile; the run writes to `runs/<profile>`.
    data : str
        Folder of cases; empty as in `find_data`.
    max_cases : int, optional
        Use the first so many cases only, phantoms included.
    phantom_cases : int
        Size of the phantom cohort, where that is used.
    seed : int
        Seed of the split and of the phantom cohort.

    Returns
    -------
    Run

    Raises
    ------
    BratsError
        If the data cannot be used.

    """
    folder = run_folder(profile)
    root = find_data(data)
    if root is None:
        cases = min(phantom_cases, max_cases or phantom_cases)
        cohort = make_cohort(phantom_folder(seed), cases=cases, seed=seed)
    else:
        cohort = Cohort.find(root, max_cases=max_cases)
    split = open_split(cohort, folder / "split.json", seed)
    return Run(str(profile), folder, cohort, split, seed)


def open_split(cohort, path, seed):
    """Find or draw the split of a run, and write it.

    Parameters
    ----------
    cohort : Cohort
        The cases; those without a mask are left out.
    path : Path
        The run's `split.json`. It is obeyed as long as it was made for the same cases and seed, or by a person for
        the same cases (without a seed); otherwise it is replaced. A `split.json` beside the cases wins over both.
    seed : int
        Seed of the draw.

    Returns
    -------
    Split

    Raises
    ------
    BratsError
        If a split that was found cannot be used, or there are fewer than three cases with masks.
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
