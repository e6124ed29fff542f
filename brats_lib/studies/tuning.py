"""What each hyper-parameter of the published recipe is worth: one factor at a time, and all of them in a search.

Section 6 of the paper discusses each factor by itself. `sweep` trains the recipe with one of them changed. `search`
lets Optuna (Akiba et al. 2019) change all of them: several processes may work on one study, and a killed one goes on.

Both choose by the validation cases: a training the epoch whose weights it keeps, and a search the next trial. What is
said of a setting rests on the test cases, each a score for each training: see `score_cases`.
"""

import dataclasses
import hashlib
import json
import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import pandas as pd

from brats_lib.cases import Cohort, Split
from brats_lib.errors import BratsError, install_extra
from brats_lib.files import home_path, make_folder, write_whole
from brats_lib.labels import LABELS
from brats_lib.recipes import LOSSES, OPTIMIZERS, PUBLISHED, Recipe
from brats_lib.slices.batches import SliceBatches
from brats_lib.slices.cache import SliceCache, build_cache
from brats_lib.studies.verdicts import BASELINE, SCORE
from brats_lib.training.callbacks import Diverged
from brats_lib.training.devices import choose_precision
from brats_lib.training.fitting import train
from brats_lib.training.monitors import RegionDice

if TYPE_CHECKING:
    import optuna

# Parameters of a profile that make its plan, see `plan_of`.
SIZES = ("tune_size", "tune_width", "tune_epochs", "tune_slices", "batch_slices")
# Values per factor; those of batch and width are multiples of the plan's.
FACTORS: dict[str, tuple[Any, ...]] = {
    "learning_rate": (1e-4, 1e-3, 1e-2),
    "batch_slices": (0.5, 1, 4),
    "dropout": (0.0, 0.2, 0.5),
    "optimizer": OPTIMIZERS,
    "width": (0.5, 1),
}
_MULTIPLES = ("batch_slices", "width")
# Where a search begins; batch and width are multiples of the plan's.
_AS_PUBLISHED = {
    "learning_rate": PUBLISHED.learning_rate, "batch": 1.0, "dropout": PUBLISHED.dropout,
    "optimizer": PUBLISHED.optimizer, "momentum": PUBLISHED.betas[0], "width": 1.0, "loss": PUBLISHED.loss,
}  # fmt: skip
# Slices at most that are scored in a batch.
_SCORED_AT_ONCE = 20


@dataclass(frozen=True)
class Plan:
    """One training: a published recipe and its size. The defaults are those of a laptop, not the paper's.

    An epoch has the same slices whatever the batch, hence fewer steps with a larger one. After each epoch `val_slices`
    of the validation cases, evenly spaced, are scored.
    """

    recipe: Recipe = field(default_factory=lambda: dataclasses.replace(PUBLISHED, size=64, width=16))
    batch_slices: int = 10
    slices_per_epoch: int | None = 300
    epochs: int = 6
    val_slices: int | None = 200

    def value(self, factor: str) -> Any:
        """The plan's value of a factor."""
        return getattr(self if hasattr(self, factor) else self.recipe, factor)

    def change(self, **factors) -> "Plan":
        """The same plan with other values of some factors."""
        own = {name: value for name, value in factors.items() if hasattr(self, name)}
        others = {name: value for name, value in factors.items() if name not in own}
        return dataclasses.replace(self, recipe=dataclasses.replace(self.recipe, **others), **own)


@dataclass(frozen=True)
class Cases:
    """The cases that trainings of a study learn from, choose by and are scored on, and the cache of their slices."""

    cache: SliceCache
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]


def plan_of(
    tune_size: int | None, tune_width: int | None, tune_epochs: int | None, tune_slices: int | None,
    batch_slices: int | None,
) -> Plan:  # fmt: skip
    """The plan of a profile, whose parameters of these names are given; None is the paper's."""
    recipe = dataclasses.replace(PUBLISHED, size=tune_size or PUBLISHED.size, width=tune_width or PUBLISHED.width)
    batch = batch_slices or recipe.volumes_per_batch * recipe.slices
    return Plan(recipe, batch, tune_slices, tune_epochs or recipe.epochs, val_slices=tune_slices)


def prepare(cohort: Cohort, split: Split, plan: Plan, folder: str | Path) -> Cases:
    """The cases of a study, their slices made where the folder lacks them."""
    cache = build_cache(cohort.labelled(), plan.recipe, Path(folder) / "cache")
    return Cases(cache, split.train, split.val, split.test)


def one_factor(plan: Plan, factor: str) -> list[tuple[Any, Plan]]:
    """Values and plans to train: the plan with one of `FACTORS` changed; its own value is no change and is left out.

    `BASELINE` is the plan itself, with an empty value.
    """
    if factor == BASELINE:
        return [("", plan)]
    if factor not in FACTORS:
        known = ", ".join((BASELINE, *FACTORS))
        raise BratsError(f"factor '{factor}'", "there is no such factor", f"one of {known}", "Choose one of those")
    own = plan.value(factor)
    values = [max(1, int(own * value)) if factor in _MULTIPLES else value for value in FACTORS[factor]]
    return [(value, plan.change(**{factor: value})) for value in values if value != own]


def train_plan(
    plan: Plan, cases: Cases, folder: str | Path, seed: int = 0, precision: str = "auto",
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[pd.DataFrame, keras.Model | None]:  # fmt: skip
    """Train a plan, or go on with it, in a folder below this one, named by a hash of all that decides its result.

    The table has a row per epoch: the columns of `log.csv`, among them `SCORE`, and ``kept``, which marks the one whose
    weights the network has. A training that diverges has one row, epoch 0 with score 0, and leaves no network.
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
        return pd.DataFrame([{"epoch": 0, SCORE: 0.0, "kept": True}]), None
    return result.history.assign(kept=result.history["epoch"] == result.best_epoch), result.model


def score_cases(model: keras.Model | None, cases: Cases) -> pd.DataFrame:
    """Score a network of `train_plan` on each test case; none, of a training that diverged, scores 0.

    Columns case, `dice`, the mean over WT, TC and ET, each over all slices of the case and 1 where it is empty in mask
    and prediction, and `accuracy`, the share of pixels with the right class; both in 0-1, at the size of the slices.
    """
    if model is None:
        return pd.DataFrame({"case": cases.test, "dice": 0.0, "accuracy": 0.0})
    rows = []
    for name in cases.test:
        dice, accuracy = RegionDice(len(LABELS)), keras.metrics.CategoricalAccuracy()
        batches = SliceBatches(cases.cache, [name], _SCORED_AT_ONCE, False)
        for number in range(len(batches)):
            images, classes = batches[number]
            found = model.predict_on_batch(images)
            dice.update_state(classes, found)
            accuracy.update_state(classes, found)
        rows.append((name, float(dice.result()), float(accuracy.result())))
    return pd.DataFrame(rows, columns=["case", "dice", "accuracy"])


def _even_batches(cases, slices):
    """Slices to score in batches of one size: for a smaller last one, each network would be compiled again."""
    every = SliceBatches(cases.cache, cases.val, _SCORED_AT_ONCE, False, slices_per_epoch=slices)
    size = max(size for size in range(1, _SCORED_AT_ONCE + 1) if every.slices_per_epoch % size == 0)
    return SliceBatches(cases.cache, cases.val, size, False, slices_per_epoch=slices)


def sweep(
    plan: Plan, cases: Cases, folder: str | Path, factors: Sequence[str] = (BASELINE, *FACTORS),
    seeds: Sequence[int] = (0,),
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Train and score every plan of `one_factor` with every seed, as far as that has not been done.

    The folder gets the scores as ``<factor>-seed<seed>.csv``, each written when it is complete, and the trainings in
    `trainings/`. Processes with different factors or seeds may share it.

    Two tables, both with columns factor, value and seed: the scores, a row per training and case with the columns of
    `score_cases`, and the curves, a row per training and epoch with those of `train_plan`.
    """
    folder, precision, scores, curves = Path(folder), choose_precision(), [], []
    for seed in seeds:
        for factor in factors:
            parts = []
            for value, changed in one_factor(plan, factor):
                row = {"factor": factor, "value": str(value), "seed": seed}
                history, model = train_plan(changed, cases, folder / "trainings", seed, precision)
                parts.append(_after(row, score_cases(model, cases)))
                curves.append(_after(row, history))
            scores.append(pd.concat(parts, ignore_index=True))
            write_whole(folder / f"{factor}-seed{seed}.csv", scores[-1].to_csv(index=False))
    return pd.concat(scores, ignore_index=True), pd.concat(curves, ignore_index=True)


def _after(row, table):
    """A table with the entries of a row as its first columns."""
    return table.assign(**row)[[*row, *table.columns]]


def mean_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores of a `sweep` as means over its cases, a row per training."""
    training = ["factor", "value", "seed"]
    return scores.groupby(training, sort=False, as_index=False)[["dice", "accuracy"]].mean()


def open_study(storage: str | Path, spared: int = 2) -> "optuna.Study":
    """Open a study of Optuna's, or begin it with the published values as its first trial.

    The storage is the file of an SQLite database or a URL such as ``postgresql://user@host/base``. The study maximises
    `SCORE`. Trials are drawn by the tree-structured Parzen estimator (Bergstra et al. 2011) and stopped by the median
    rule: where the score is below the median of the earlier trials at that epoch, once `spared` epochs are over. Where
    networks find nothing for some epochs, stopping any sooner leaves those that begin early, not those that end well.
    A trial whose process has been silent for two minutes is tried again.
    """
    optuna = _import_optuna()
    options = {
        "storage": _open_storage(optuna, str(storage)), "study_name": "search",
        "sampler": optuna.samplers.TPESampler(multivariate=True, constant_liar=True, n_startup_trials=8),
        "pruner": optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=spared),
    }  # fmt: skip
    try:
        study = optuna.create_study(direction="maximize", **options)
    except optuna.exceptions.DuplicatedStudyError:
        return optuna.load_study(**options)
    # Only the process that began the study puts the first trial into it.
    study.enqueue_trial(_AS_PUBLISHED)
    return study


def _open_storage(optuna, storage):
    """Optuna's storage; waits where another process is making the tables at this moment."""
    where, options = storage, {}
    if "://" not in storage:
        path = home_path(storage).absolute()
        make_folder(path.parent)
        # Many processes on one machine wait for each other rather than fail.
        where, options = f"sqlite:///{path}", {"connect_args": {"timeout": 60}}
    retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=3, inherit_intermediate_values=True)
    for remaining in reversed(range(20)):
        try:
            opened = optuna.storages.RDBStorage(
                where, options, heartbeat_interval=30, grace_period=120, heartbeat_stale_trial_callback=retry
            )
            _lock_before_reading(opened.engine)
            return opened
        except Exception as error:  # SQLAlchemy's and each driver's own, and ImportError
            if not (remaining and re.search("already exists|UNIQUE constraint|duplicate key", str(error))):
                found = f"it cannot be opened ({str(error).strip().splitlines()[0]})"
                advice = "Check the name; PostgreSQL wants its driver too: pip install psycopg2-binary"
                expected = "a file in a folder with write access, or a database's URL"
                raise BratsError(storage, found, expected, advice) from error
            time.sleep(0.5)


def _lock_before_reading(engine):
    """Let one process at a time look for a trial and take it: SQLite would let two of them take the same."""
    if engine.dialect.name == "sqlite":
        from sqlalchemy import event

        # As SQLAlchemy's documentation of SQLite has it: sqlite3 itself would begin a transaction at the first write.
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        engine.dispose()  # what was connected before


def search(
    study: "optuna.Study", plan: Plan, cases: Cases, folder: str | Path, trials: int,
    report: Callable[["optuna.trial.FrozenTrial"], None] = lambda trial: None,
) -> None:  # fmt: skip
    """Work on a study: draw, train and score so many trials; others may do the same at the same time.

    The folder gets the trainings of the trials, which change the plan, and `report` each finished trial. A trial that
    is tried again goes on with the epoch it was in. What is drawn next depends on which trials have ended, so the
    search has no seed, and every training has the same. A study whose trials are of another plan, other cases, another
    precision or backend is a `BratsError`.
    """
    optuna = _import_optuna()
    precision = choose_precision()
    facts = (plan, cases.cache.fingerprint, cases.train, cases.val, precision, keras.backend.backend())
    about = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
    if study.user_attrs.get("about", about) != about:
        found = "its trials are of another plan, other cases, another precision or another backend"
        raise BratsError(f"study '{study.study_name}'", found, "trials that compare", "Begin a study of another name")
    study.set_user_attr("about", about)

    def objective(trial):
        def report_epoch(epoch, logs):
            trial.report(logs[SCORE], epoch + 1)
            if epoch + 1 < plan.epochs and trial.should_prune():
                raise optuna.TrialPruned

        reporter = keras.callbacks.LambdaCallback(on_epoch_end=report_epoch)
        history, _ = train_plan(_draw(trial, plan), cases, folder, precision=precision, callbacks=[reporter])
        reported = study.get_trials(deepcopy=False)[trial.number].intermediate_values
        # Epochs that an earlier process trained are loaded; nobody reported them here.
        for epoch, score in zip(history["epoch"], history[SCORE], strict=True):
            if epoch not in reported:
                trial.report(float(score), int(epoch))
        return float(history.loc[history["kept"], SCORE].iloc[0])

    study.optimize(objective, n_trials=trials, callbacks=[lambda study, trial: report(trial)])


def _draw(trial, plan):
    """Ask the study for values; batch and width are multiples of the plan's."""
    momentum = trial.suggest_float("momentum", 0.5, 0.99)
    return plan.change(
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        batch_slices=max(1, int(plan.batch_slices * trial.suggest_categorical("batch", [0.5, 1.0, 2.0]))),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        optimizer=trial.suggest_categorical("optimizer", list(OPTIMIZERS)),
        betas=(momentum, PUBLISHED.betas[1]),
        width=max(1, int(plan.recipe.width * trial.suggest_categorical("width", [0.5, 1.0]))),
        loss=trial.suggest_categorical("loss", list(LOSSES)),
    )


def best_plan(study: "optuna.Study", plan: Plan) -> Plan:
    """The plan with the values of the complete trial that scored best."""
    return _draw(_import_optuna().trial.FixedTrial(study.best_params), plan)


def trials_table(study: "optuna.Study") -> pd.DataFrame:
    """The trials of a study that have ended, one a row.

    Columns number, score (of a pruned one that of its last epoch), state ("complete" or "pruned"), epochs, and one per
    factor.
    """
    rows = [
        {"number": trial.number, "score": trial.value, "state": trial.state.name.lower(), "epochs": trial.last_step}
        | trial.params
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name in ("COMPLETE", "PRUNED")
    ]
    return pd.DataFrame(rows, columns=["number", "score", "state", "epochs", *_AS_PUBLISHED])


def importance(study: "optuna.Study") -> dict[str, float]:
    """Share of the score's variance over the complete trials that each factor explains (fANOVA, Hutter et al. 2014).

    The largest first; they add up to 1. All are 0 where all scores are equal; fewer than four trials are refused.
    """
    optuna = _import_optuna()
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < 4:
        found = f"{len(complete)} trials are complete"
        raise BratsError(f"study '{study.study_name}'", found, "at least 4", "Run more trials")
    if len({trial.value for trial in complete}) == 1:
        return dict.fromkeys(_AS_PUBLISHED, 0.0)
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(study, evaluator=evaluator)


def _import_optuna():
    # Optuna wants a progress bar of Jupyter's widgets, and none is shown.
    warnings.filterwarnings("ignore", message="IProgress not found")
    try:
        import optuna
    except ImportError as error:
        found = f"Optuna cannot be imported ({error})"
        raise BratsError("the search", found, "Optuna", install_extra("tune")) from error
    # `report` says what a trial came to; a line of Optuna's log beside it would say it twice.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # The heartbeat and the estimator's options are called experimental, and have been since 2021.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna
