"""What each hyper-parameter of the published recipe is worth: one factor at a time, and all of them in a search.

Section 6 of the paper discusses each factor by itself. `sweep` trains the recipe with one of them changed. `search`
lets Optuna (Akiba et al. 2019) change all of them: several processes may work on one study, and a killed one goes on.

Every training is scored by `monitors.RegionDice` on the slices of the validation cases, with the weights that the
recipe keeps. The number of epochs is no factor to train again for: nothing in the recipe looks ahead to the last
epoch, so a training of fewer epochs is the beginning of a longer one, and its curve answers.
"""

import dataclasses
import hashlib
import json
import re
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import keras
import pandas as pd

from brats_lib.errors import BratsError, install_extra
from brats_lib.files import home_path, make_folder, open_regular, write_whole
from brats_lib.labels import LABELS
from brats_lib.recipes import LOSSES, OPTIMIZERS, PUBLISHED, Recipe
from brats_lib.slices.batches import SliceBatches
from brats_lib.slices.cache import build_cache
from brats_lib.training.callbacks import Diverged
from brats_lib.training.devices import choose_precision
from brats_lib.training.fitting import train
from brats_lib.training.monitors import RegionDice

__all__ = [
    "BASELINE", "FACTORS", "SCORE", "SIZES", "Cases", "Plan", "importance", "one_factor", "open_study", "plan_of",
    "prepare", "search", "sweep", "train_plan", "trials_table",
]  # fmt: skip

SCORE = "val_region_dice"
BASELINE = "baseline"
# Parameters of a profile that make its plan, see `plan_of`.
SIZES = ("tune_size", "tune_width", "tune_epochs", "tune_slices", "batch_slices")
# Values per factor; those of batch and width are multiples of the plan's.
FACTORS = {
    "learning_rate": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "batch_slices": (0.5, 1, 2, 4),
    "dropout": (0.0, 0.1, 0.2, 0.5),
    "optimizer": OPTIMIZERS,
    "betas": ((0.5, 0.999), (0.9, 0.999), (0.9, 0.99), (0.99, 0.999)),
    "width": (0.5, 1, 2),
    "loss": LOSSES,
}
_MULTIPLES = ("batch_slices", "width")


@dataclass(frozen=True)
class Plan:
    """One training: a recipe and its size. The defaults are those of a laptop, not the paper's.

    Parameters
    ----------
    recipe : Recipe
        A published recipe.
    batch_slices, slices_per_epoch, epochs : int
        Size of the training. An epoch has the same slices whatever the batch, hence fewer steps with a larger one.
    val_slices : int
        Slices of the validation cases that are scored after each epoch, evenly spaced.
    """

    recipe: Recipe = field(default_factory=lambda: dataclasses.replace(PUBLISHED, size=64, width=16))
    batch_slices: int = 10
    slices_per_epoch: int = 300
    epochs: int = 6
    val_slices: int = 200

    def value(self, factor):
        """The plan's value of a factor."""
        return getattr(self if hasattr(self, factor) else self.recipe, factor)

    def change(self, **factors):
        """The same plan with other values of some factors."""
        own = {name: value for name, value in factors.items() if hasattr(self, name)}
        others = {name: value for name, value in factors.items() if name not in own}
        return dataclasses.replace(self, recipe=dataclasses.replace(self.recipe, **others), **own)


@dataclass(frozen=True)
class Cases:
    """What the trainings of a study learn from and are scored on.

    Parameters
    ----------
    cache : brats_lib.slices.cache.SliceCache
        Made with the slice settings of the plan's recipe.
    train, val : sequence of str
        Names of the cases.
    """

    cache: object
    train: tuple
    val: tuple


def plan_of(tune_size, tune_width, tune_epochs, tune_slices, batch_slices):
    """The plan of a profile, whose parameters of these names are given; None is the paper's.

    Returns
    -------
    Plan
    """
    recipe = dataclasses.replace(PUBLISHED, size=tune_size or PUBLISHED.size, width=tune_width or PUBLISHED.width)
    batch = batch_slices or recipe.volumes_per_batch * recipe.slices
    return Plan(recipe, batch, tune_slices, tune_epochs or recipe.epochs, val_slices=tune_slices)


def prepare(cohort, split, plan, folder):
    """The cases of a study, with their slices made where they are missing.

    Parameters
    ----------
    cohort : brats_lib.cases.Cohort
    split : brats_lib.cases.Split
    plan : Plan
    folder : Path
        Gets the cache.

    Returns
    -------
    Cases
    """
    return Cases(build_cache(cohort.labelled(), plan.recipe, Path(folder) / "cache"), split.train, split.val)


def one_factor(plan, factors=None):
    """The plan itself, and the plan with one factor changed at a time.

    Parameters
    ----------
    plan : Plan
    factors : sequence of str, optional
        Of `FACTORS`; all where omitted. `BASELINE` is the plan itself.

    Returns
    -------
    list of (str, object, Plan)
        Factor, its value, and the plan to train. The plan's own value is no change and has no row.

    Raises
    ------
    BratsError
        If there is no such factor.
    """
    rows = []
    for factor in (BASELINE, *FACTORS) if factors is None else factors:
        if factor == BASELINE:
            rows.append((BASELINE, "", plan))
            continue
        if factor not in FACTORS:
            known = ", ".join((BASELINE, *FACTORS))
            raise BratsError(f"factor '{factor}'", "there is no such factor", f"one of {known}", "Choose one of those")
        own = plan.value(factor)
        values = [max(1, int(own * value)) if factor in _MULTIPLES else value for value in FACTORS[factor]]
        rows += [(factor, value, plan.change(**{factor: value})) for value in values if value != own]
    return rows


def train_plan(plan, cases, folder, seed=0, precision="auto", callbacks=()):
    """Train a plan, or go on with it, in a folder of its own.

    Parameters
    ----------
    plan : Plan
    cases : Cases
    folder : str or Path
        The training lies in a folder below it, named by a hash of all that decides its result.
    seed : int
    precision : str
        See `training.train`.
    callbacks : sequence of keras.callbacks.Callback

    Returns
    -------
    DataFrame
        A row per epoch: the columns of `log.csv`, among them `SCORE`, and ``kept``, which marks the one whose weights
        are kept. A training that diverges has one row, epoch 0 with score 0: it leaves no network.

    Raises
    ------
    BratsError
        See `training.train`.
    """
    learning = SliceBatches(cases.cache, cases.train, plan.batch_slices, True, seed, plan.slices_per_epoch)
    # Of one size in all plans: a factor must not change what it is scored on.
    scored = _even_batches(cases, plan.val_slices)
    facts = [dataclasses.asdict(plan), cases.cache.fingerprint, list(cases.train), list(cases.val), seed, precision]
    name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    try:
        result = train(
            plan.recipe, learning, scored, Path(folder) / name, epochs=plan.epochs, seed=seed, precision=precision,
            data_fingerprint=cases.cache.fingerprint, verbose=0, monitors=[RegionDice(len(LABELS))],
            callbacks=callbacks,
        )  # fmt: skip
    except Diverged:
        return pd.DataFrame([{"epoch": 0, SCORE: 0.0, "kept": True}])
    return result.history.assign(kept=result.history["epoch"] == result.best_epoch)


def _even_batches(cases, slices, most=20):
    """Slices to score in batches of one size, of which a network is compiled once: a smaller last batch would need it
    again, for every one of many networks that are asked for few batches."""
    every = SliceBatches(cases.cache, cases.val, most, False, slices_per_epoch=slices)
    size = max(size for size in range(1, most + 1) if every.slices_per_epoch % size == 0)
    return SliceBatches(cases.cache, cases.val, size, False, slices_per_epoch=slices)


def sweep(plan, cases, folder, factors=None, seeds=(0,), precision="auto"):
    """Train every row of `one_factor` with every seed, as far as that has not been done.

    Parameters
    ----------
    plan, cases, factors, precision
        See `one_factor` and `train_plan`.
    folder : str or Path
        Gets ``<factor>-seed<seed>.csv``, each written when it is complete, and the trainings in `trainings/`.
        Processes with different factors or seeds may share it.
    seeds : sequence of int

    Returns
    -------
    DataFrame
        A row per training and epoch: factor, value, seed, and the columns of `train_plan`.
    """
    folder, tables, precision = home_path(folder), [], choose_precision(precision)
    about = _about(plan, cases, precision)
    for seed in seeds:
        for factor in (BASELINE, *FACTORS) if factors is None else factors:
            rows = one_factor(plan, [factor])
            path = folder / f"{factor}-seed{seed}.csv"
            wanted = [str(value) for _, value, _ in rows]
            done = _read_sweep(path)
            if done is None or set(done["study"]) != {about} or set(done["value"]) != set(wanted):
                histories = [
                    train_plan(changed, cases, folder / "trainings", seed, precision).assign(
                        factor=factor, value=str(value), seed=seed, study=about
                    )
                    for _, value, changed in rows
                ]
                write_whole(path, pd.concat(histories).to_csv(index=False))
                done = _read_sweep(path)
            tables.append(done.drop(columns="study"))
    table = pd.concat(tables, ignore_index=True)
    front = ["factor", "value", "seed"]
    return table[front + [name for name in table if name not in front]]


def _about(plan, cases, precision):
    """A hash of all that trainings of a study have in common: where it differs, their scores do not compare."""
    facts = (plan, cases.cache.fingerprint, cases.train, cases.val, precision, keras.backend.backend())
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def _read_sweep(path):
    """A table of `sweep`; None where there is none that can be used."""
    try:
        with open_regular(path) as stream:
            table = pd.read_csv(stream, dtype={"value": str}, keep_default_na=False)
    except (OSError, ValueError):
        return None
    return table if {"study", "value", "epoch", SCORE} <= set(table) else None


def open_study(storage, name="search", spared=2):
    """Open a study of Optuna's, or begin it with the published values as its first trial.

    Parameters
    ----------
    storage : str or Path
        File of an SQLite database, or a URL such as ``postgresql://user@host/base``.
    name : str
        Of the study; a storage may hold several.
    spared : int
        Epochs after which a trial may be stopped first. Where networks find nothing for some epochs, stopping any
        sooner leaves those that begin early, not those that end well.

    Returns
    -------
    optuna.Study
        Maximises `SCORE`. Trials are drawn by the tree-structured Parzen estimator (Bergstra et al. 2011) and stopped
        by the median rule: where the score is below the median of the earlier trials at that epoch. A trial whose
        process has been silent for two minutes is tried again.

    Raises
    ------
    BratsError
        If Optuna or the database's driver is not installed, or the storage cannot be opened.
    """
    optuna = _optuna()
    where, options = str(storage), {}
    if "://" not in where:
        where = home_path(where).absolute()
        make_folder(where.parent)
        # Many processes on one machine wait for each other rather than fail.
        where, options = f"sqlite:///{where}", {"connect_args": {"timeout": 60}}
    engine = _open_storage(optuna, storage, where, options)
    options = {
        "sampler": optuna.samplers.TPESampler(multivariate=True, constant_liar=True, n_startup_trials=8),
        "pruner": optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=spared),
    }
    try:
        # Only the process that begins the study puts the first trial into it.
        study = optuna.create_study(storage=engine, study_name=name, direction="maximize", **options)
    except optuna.exceptions.DuplicatedStudyError:
        return optuna.load_study(storage=engine, study_name=name, **options)
    study.enqueue_trial(_as_published())
    return study


def _open_storage(optuna, storage, where, options):
    """Optuna's storage; waits where another process is making the tables at this moment."""
    tell = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=3, inherit_intermediate_values=True)
    for remaining in reversed(range(20)):
        try:
            return optuna.storages.RDBStorage(
                where, options, heartbeat_interval=30, grace_period=120, heartbeat_stale_trial_callback=tell
            )
        except Exception as error:  # SQLAlchemy's and each driver's own, and ImportError
            if remaining and re.search("already exists|UNIQUE constraint|duplicate key", str(error)):
                time.sleep(0.5)
                continue
            raise BratsError(
                storage,
                f"it cannot be opened ({str(error).strip().splitlines()[0]})",
                "a file in a folder with write access, or a database's URL",
                "Check the name; PostgreSQL wants its driver too: pip install psycopg2-binary",
            ) from error


def search(study, plan, cases, folder, trials, seed=0, precision="auto", report=None):
    """Work on a study: draw, train and score so many trials; others may do the same at the same time.

    Parameters
    ----------
    study : optuna.Study
        See `open_study`.
    plan : Plan
        What the trials change.
    cases : Cases
    folder : str or Path
        Gets the trainings. A trial that is tried again goes on with the epoch it was in.
    trials : int
        How many this process takes on.
    seed : int
        Of every training. What is drawn next depends on which trials have ended, so the search itself has no seed.
    precision : str
    report : callable, optional
        Is given each finished trial.

    Raises
    ------
    BratsError
        If the trials of the study so far are of another plan, other cases, another precision or backend.
    """
    optuna = _optuna()
    precision = choose_precision(precision)
    about = _about(plan, cases, precision)
    if study.user_attrs.get("about", about) != about:
        found = "its trials are of another plan, other cases, another precision or another backend"
        raise BratsError(f"study '{study.study_name}'", found, "trials that compare", "Begin a study of another name")
    study.set_user_attr("about", about)

    class Report(keras.callbacks.Callback):
        def __init__(self, trial):
            super().__init__()
            self.trial = trial

        def on_epoch_end(self, epoch, logs=None):
            self.trial.report(logs[SCORE], epoch + 1)
            if epoch + 1 < plan.epochs and self.trial.should_prune():
                raise optuna.TrialPruned

    def objective(trial):
        history = train_plan(_draw(trial, plan), cases, folder, seed, precision, [Report(trial)])
        told = study.get_trials(deepcopy=False)[trial.number].intermediate_values
        # Epochs that an earlier process trained are loaded; nobody reported them here.
        for epoch, score in zip(history["epoch"], history[SCORE], strict=True):
            if epoch not in told:
                trial.report(float(score), int(epoch))
        return float(history.loc[history["kept"], SCORE].iloc[0])

    tell = [] if report is None else [lambda study, trial: report(trial)]
    study.optimize(objective, n_trials=trials, callbacks=tell)


def trials_table(study):
    """The trials of a study as a table.

    Returns
    -------
    DataFrame
        A row per trial that has ended: number, score, state ("complete" or "pruned"), epochs, and a column per
        factor. The score of a pruned one is that of its last epoch.
    """
    rows = [
        {"number": trial.number, "score": _last(trial), "state": trial.state.name.lower(),
         "epochs": max(trial.intermediate_values, default=0), **trial.params}
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name in ("COMPLETE", "PRUNED")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["number", "score", "state", "epochs", *_as_published()])


def importance(study, seed=0):
    """Share of the score's variance over the complete trials that each factor explains (fANOVA, Hutter et al. 2014).

    Returns
    -------
    dict of str to float
        The largest first; they add up to 1. All are 0 where all scores are equal.

    Raises
    ------
    BratsError
        If fewer than four trials are complete.
    """
    optuna = _optuna()
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < 4:
        raise BratsError(
            f"study '{study.study_name}'", f"{len(complete)} trials are complete", "at least 4", "Run more trials"
        )
    if len({trial.value for trial in complete}) == 1:
        return dict.fromkeys(_as_published(), 0.0)
    return optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=seed)
    )


def _as_published():
    return {
        "learning_rate": PUBLISHED.learning_rate, "batch": 1.0, "dropout": PUBLISHED.dropout,
        "optimizer": PUBLISHED.optimizer, "momentum": PUBLISHED.betas[0], "width": 1.0, "loss": PUBLISHED.loss,
    }  # fmt: skip


def _draw(trial, plan):
    """Ask the study for values; batch and width are multiples of the plan's."""
    momentum = trial.suggest_float("momentum", 0.5, 0.99)
    return plan.change(
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        batch_slices=max(1, int(plan.batch_slices * trial.suggest_categorical("batch", [0.5, 1.0, 2.0]))),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        optimizer=trial.suggest_categorical("optimizer", list(OPTIMIZERS)),
        betas=(momentum, PUBLISHED.betas[1]),
        width=max(1, int(plan.recipe.width * trial.suggest_categorical("width", [0.5, 1.0, 2.0]))),
        loss=trial.suggest_categorical("loss", list(LOSSES)),
    )


def _last(trial):
    values = trial.intermediate_values
    return trial.value if trial.state.name == "COMPLETE" else values[max(values)] if values else 0.0


def _optuna():
    # Optuna wants a progress bar of Jupyter's widgets, and none is shown.
    warnings.filterwarnings("ignore", message="IProgress not found")
    try:
        import optuna
    except ImportError as error:
        found = f"Optuna cannot be imported ({error})"
        raise BratsError("the search", found, "Optuna", install_extra("tune")) from error
    # A trial's result is told by `report`; a line of Optuna's log beside it would say it twice.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # The heartbeat and the estimator's options are called experimental, and have been since 2021.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna
