"""The paper's experiment at its size: 25 epochs of every slice, on phantoms and on patients in folds.

Whatever stops a training, it goes on after its last finished epoch.
"""

import time
from pathlib import Path

import pandas as pd

from brats_lib.book.runs import phantom_folder
from brats_lib.cases import Cohort, Split, split_cohort
from brats_lib.cases.explore import background_share
from brats_lib.errors import BratsError
from brats_lib.files import read_json
from brats_lib.labels import REGIONS
from brats_lib.paper import value
from brats_lib.phantom import make_cohort
from brats_lib.prediction.networks import Network
from brats_lib.recipes import PUBLISHED
from brats_lib.scores.evaluation import evaluate
from brats_lib.scores.tables import BY_PHANTOMS, IN_FOLDS, ON_PHANTOMS, published_means
from brats_lib.slices.batches import SliceBatches
from brats_lib.slices.cache import build_cache
from brats_lib.training.fitting import train
from experiments import record
from experiments.record import save
from experiments.speed import time_step

__all__ = ["learn_from_patients", "learn_from_phantoms", "read_folds", "read_grades"]

RUNS = "runs/experiments"
SEED, PHANTOMS = 0, int(value("cases"))
BATCH = PUBLISHED.volumes_per_batch * PUBLISHED.slices
# What is timed to tell what limits a training.
STEPS = 3


def read_folds(data):
    """Names of the cases of each fold, from `folds.json` in the folder of patients."""
    advice = "Write it as JSON: a list of case names for each fold, by its name"
    return list(read_json(Path(data) / "folds.json", "the folds of the patients", advice).values())


def read_grades(data):
    """The grade of each case, "low" or "high", from `patients.csv`, where what is not said is high."""
    table = pd.read_csv(Path(data) / "patients.csv", dtype=str).set_index("case")
    return {name: _grade(grade) for name, grade in table["grade"].items()}


def learn_from_phantoms(data):
    """Train on the book's phantoms, test on others of them and on all patients: `results/paper_phantoms.csv`.

    Parameters
    ----------
    data : str
        Folder of labelled patients with `folds.json` and `patients.csv`.
    """
    patients, grades = _find_patients(data), read_grades(data)
    phantoms = make_cohort(phantom_folder(SEED), PHANTOMS, SEED)
    split = split_cohort(phantoms, SEED)
    trained, learnt, facts = _train(phantoms, split.train, split.val, "phantoms")
    grades |= {case.name: _grade(case.grade) for case in phantoms}
    tables, metrics = [], {ON_PHANTOMS: [learnt]}
    tests = {"phantoms": (ON_PHANTOMS, phantoms.subset(split.test)), "patients": (BY_PHANTOMS, patients)}
    for tested_on, (kind, cases) in tests.items():
        scores = _test(trained, cases, f"phantoms-on-{tested_on}")
        metrics.setdefault(kind, []).append(_means(*scores))
        tables.append(_by_case(scores[1], grades).assign(tested_on=tested_on))
    _save_metrics(metrics)
    columns = ["seed", "tested_on", "case", "grade", "region", "dice", "hd95_mm"]
    save("paper_phantoms", pd.concat(tables)[columns], trainings=[facts])


def learn_from_patients(data):
    """Train on three folds of the patients, choose the epoch on one and test on one: `results/paper_folds.csv`.

    Parameters
    ----------
    data : str
        Folder of labelled patients with `folds.json` and `patients.csv`. The fold that chooses is the one after that
        which tests, the first after the last.
    """
    patients, grades, folds = _find_patients(data), read_grades(data), read_folds(data)
    tables, learnt, scores, trainings = [], [], [], []
    for number, tested in enumerate(folds):
        chosen = folds[(number + 1) % len(folds)]
        others = [name for fold in folds if fold not in (tested, chosen) for name in fold]
        trained, accuracies, facts = _train(patients, others, chosen, f"fold-{number}")
        scores.append(_test(trained, patients.subset(tested), f"fold-{number}"))
        tables.append(_by_case(scores[-1][1], grades).assign(fold=number))
        learnt.append(accuracies)
        trainings.append(facts)
    learnt = pd.concat(learnt).groupby("metric", sort=False).mean().reset_index()
    _save_metrics({IN_FOLDS: [learnt, _means(*map(pd.concat, zip(*scores, strict=True)))]})
    columns = ["seed", "fold", "case", "grade", "region", "dice", "hd95_mm"]
    save("paper_folds", pd.concat(tables)[columns], trainings=trainings)


def _find_patients(data):
    if not data:
        raise BratsError("--data", "it is not given", "a folder of patients with folds.json", "Give --data=DIR")
    return Cohort.find(data).labelled()


def _grade(grade):
    return "low" if grade == "LGG" else "high"


def _train(cohort, train_names, val_names, name):
    """A training, its accuracies as rows of `paper_metrics.csv`, and what it took."""
    cache = build_cache(cohort, PUBLISHED, f"{RUNS}/slices")
    learning = SliceBatches(cache, train_names, BATCH, seed=SEED)
    choosing = SliceBatches(cache, val_names, BATCH, shuffle=False)
    folder = f"{RUNS}/paper-{name}"
    trained = train(PUBLISHED, learning, choosing, folder, seed=SEED, data_fingerprint=cache.fingerprint)
    best = trained.history.set_index("epoch").loc[trained.best_epoch]
    learnt = pd.DataFrame({
        "metric": ["training accuracy", "validation accuracy"],
        "value": [best["accuracy"], best["val_accuracy"]],
        "background": [background_share(cohort.subset(names), PUBLISHED) for names in (train_names, val_names)],
    })  # fmt: skip
    return trained, learnt, {"name": name, **_describe(trained, learning, choosing)}


def _describe(trained, learning, choosing):
    """How long a training took, validation included, and whether steps or the making of their batches limit it."""
    epochs, slices = len(trained.history), learning.slices_per_epoch
    step = time_step(PUBLISHED, *learning[0], STEPS)
    began = time.perf_counter()
    for number in range(STEPS):
        learning[number % len(learning)]
    making = (time.perf_counter() - began) / STEPS
    return {
        "cases": {"train": len(learning.names), "val": len(choosing.names)},
        "epochs": epochs,
        "best_epoch": trained.best_epoch,
        "minutes": round(trained.seconds / 60, 1),
        "slices_per_second": round(epochs * slices / trained.seconds, 1),
        "step_ms": round(1000 * step, 1),
        "batch_ms": round(1000 * making, 1),
        "limited_by": "steps" if step > making else "batches",
    }


def _test(trained, cases, name):
    """The three tables of `evaluation.evaluate`, of all cases."""
    split = Split((), (), cases.names)
    return evaluate(Network(trained.model, PUBLISHED), cases, split, f"{RUNS}/paper-predictions/{name}")


def _means(published, challenge, background):
    """Rows of `paper_metrics.csv`: the paper's scores by their names, the challenge's as "WT dice"."""
    means = [published_means(published)]
    for region in REGIONS:
        ours, nothing = (table[table["region"] == region].mean(numeric_only=True) for table in (challenge, background))
        means.append(pd.DataFrame({"metric": f"{region} " + ours.index, "value": ours, "background": nothing}))
    return pd.concat(means)[["metric", "value", "background"]]


def _by_case(challenge, grades):
    return challenge.assign(seed=SEED, grade=challenge["case"].map(grades))


def _save_metrics(metrics):
    """Put means of all scores, by what was learnt from and tested on, into `results/paper_metrics.csv`."""
    tables = [part.assign(data=data) for data, parts in metrics.items() for part in parts]
    if record.is_current("paper_metrics"):
        there = pd.read_csv(record.FOLDER / "paper_metrics.csv")
        tables.insert(0, there[~there["data"].isin(list(metrics))])
    save("paper_metrics", pd.concat(tables)[["data", "metric", "value", "background"]], seed=SEED)
