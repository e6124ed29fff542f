"""One factor changes at a time, a search goes on where it was stopped, and several processes share it."""

import contextlib
import dataclasses
import multiprocessing
import sqlite3
import time

import numpy as np
import pandas as pd
import pytest
from conftest import write_case
from training.test_training import build_small

from brats_lib import models
from brats_lib.cases import Cohort
from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.recipes import PUBLISHED
from brats_lib.slices.cache import build_cache
from brats_lib.studies import tuning
from brats_lib.studies.tuning import (
    FACTORS,
    Cases,
    Plan,
    one_factor,
    open_study,
    search,
    sweep,
    train_plan,
    trials_table,
)

TINY = Plan(
    dataclasses.replace(PUBLISHED, size=16, width=2, first_slice=8, stop_slice=24, learning_rate=1e-2),
    batch_slices=4, slices_per_epoch=8, epochs=2, val_slices=8,
)  # fmt: skip


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    monkeypatch.setattr(models, "build", build_small)
    monkeypatch.setattr(tuning, "choose_precision", lambda: "float32")


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    root = tmp_path_factory.mktemp("tuning")
    for i in range(6):
        write_case(root / "cases", f"Case_{i}", seed=i)
    cohort = Cohort.find(root / "cases")
    cache = build_cache(cohort, TINY.recipe, root / "cache", workers=1, progress=False)
    return Cases(cache, tuple(cohort.names[:2]), tuple(cohort.names[2:]))


@pytest.mark.parametrize(("slices", "size"), [(40, 20), (32, 16), (7, 7), (None, 16)])
def test_scored_batches_are_all_of_one_size(cases, slices, size):
    # Four cases of 16 slices.
    batches = tuning._even_batches(cases, slices)
    found = [len(batches[number][0]) for number in range(len(batches))]
    assert set(found) == {size} and sum(found) == (slices or 64)


def test_each_row_differs_from_the_plan_in_its_factor_alone():
    plan = Plan()
    assert one_factor(plan, "baseline") == [("", plan)]
    rows = {factor: one_factor(plan, factor) for factor in FACTORS}
    for factor, changes in rows.items():
        for value, changed in changes:
            assert changed != plan and changed.value(factor) == value
            assert changed.change(**{factor: plan.value(factor)}) == plan
    # 5 rates, 4 batches, 4 dropouts, 3 optimizers, 4 pairs of betas, 3 widths, 3 losses, each less the plan's own.
    assert [len(changes) for changes in rows.values()] == [4, 3, 3, 2, 3, 2, 2]
    # Width and batch are multiples of the plan's.
    paper = Plan(PUBLISHED, batch_slices=200)
    assert [value for value, _ in one_factor(paper, "width")] == [16, 64]
    assert [value for value, _ in one_factor(paper, "batch_slices")] == [100, 400, 800]
    with pytest.raises(BratsError, match="one of baseline, learning_rate"):
        one_factor(plan, "depth")


def test_finished_part_of_a_sweep_is_read_and_a_changed_one_is_made_again(cases, tmp_path, capsys):
    first = sweep(TINY, cases, tmp_path, ["baseline", "optimizer"])
    assert first.groupby(["factor", "value"], sort=False).size().to_dict() == {
        ("baseline", ""): 2, ("optimizer", "sgd"): 2, ("optimizer", "rmsprop"): 2,
    }  # fmt: skip
    assert first.groupby("value")["kept"].sum().tolist() == [1] * 3
    capsys.readouterr()
    again = sweep(TINY, cases, tmp_path, ["baseline", "optimizer"])
    pd.testing.assert_frame_equal(first, again)
    assert capsys.readouterr().out.count("is finished") == 3
    assert len(pd.read_csv(tmp_path / "optimizer-seed0.csv")) == 4
    # Another arithmetic makes other scores.
    train_plan(TINY, cases, tmp_path / "trainings", precision="mixed_bfloat16")
    assert "is finished" not in capsys.readouterr().out


def test_training_that_diverges_scores_nothing(cases, tmp_path):
    wild = TINY.change(optimizer="sgd", learning_rate=float("inf"))
    (row,) = train_plan(wild, cases, tmp_path).to_dict("records")
    assert (row["val_region_dice"], row["kept"], row["epoch"]) == (0.0, True, 0)


def test_search_begins_with_the_published_values_and_keeps_its_trials(cases, tmp_path):
    storage, reported = tmp_path / "study.db", []
    search(open_study(storage), TINY, cases, tmp_path / "t", 2, report=reported.append)
    table = trials_table(open_study(storage))
    assert table["number"].tolist() == [0, 1] and len(reported) == 2
    first = table.iloc[0]
    assert (first["learning_rate"], first["dropout"], first["optimizer"], first["loss"]) == (
        PUBLISHED.learning_rate, PUBLISHED.dropout, "adam", "cross-entropy",
    )  # fmt: skip
    assert table["score"].between(0, 1).all() and table["epochs"].tolist() == [2, 2]
    # A trial whose training was done before, in this folder, knows its epochs.
    search(open_study(tmp_path / "other.db"), TINY, cases, tmp_path / "t", 1)
    ours, theirs = (open_study(path).trials[0].intermediate_values for path in (storage, tmp_path / "other.db"))
    assert list(theirs) == [1, 2] and theirs == pytest.approx(ours)


def test_search_takes_no_study_of_another_plan_or_precision(cases, tmp_path, monkeypatch):
    search(open_study(tmp_path / "trials.sqlite"), TINY, cases, tmp_path / "t", 0)
    for plan, precision in ((dataclasses.replace(TINY, epochs=9), "float32"), (TINY, "mixed_bfloat16")):
        monkeypatch.setattr(tuning, "choose_precision", lambda precision=precision: precision)
        with pytest.raises(BratsError, match="another plan, other cases, another precision"):
            search(open_study(tmp_path / "trials.sqlite"), plan, cases, tmp_path / "t", 1)


@pytest.mark.parametrize("spared", [2, 3])
def test_trial_below_the_median_is_stopped_but_not_before_its_time(spared, cases, tmp_path, monkeypatch):
    scores = iter([0.9] * 16 + [0.1] * 4)

    def train(*arguments, callbacks, epochs, **options):
        rows = []
        for epoch in range(epochs):
            rows.append({"epoch": epoch + 1, tuning.SCORE: next(scores)})
            callbacks[0].on_epoch_end(epoch, rows[-1])
        return type("Result", (), {"history": pd.DataFrame(rows), "best_epoch": epochs})

    monkeypatch.setattr(tuning, "train", train)
    study = open_study(tmp_path / "study.db", spared=spared)
    search(study, dataclasses.replace(TINY, epochs=4), cases, tmp_path / "t", 5)
    table = trials_table(study)
    assert table["state"].tolist() == ["complete"] * 4 + ["pruned"]
    assert table["epochs"].tolist() == [4, 4, 4, 4, spared]
    assert table["score"].tolist() == [0.9] * 4 + [0.1]


def test_importance_names_the_factor_that_decides(tmp_path):
    import optuna

    study = open_study(tmp_path / "study.db")
    with pytest.raises(BratsError, match="0 trials are complete"):
        tuning.importance(study)
    rng = np.random.default_rng(0)
    bounds = {"dropout": (0, 0.5), "momentum": (0.5, 0.99)}
    distributions = {name: optuna.distributions.FloatDistribution(*ends) for name, ends in bounds.items()}
    for _ in range(40):
        values = {name: rng.uniform(*ends) for name, ends in bounds.items()}
        study.add_trial(
            optuna.trial.create_trial(params=values, distributions=distributions, value=2 * values["dropout"])
        )
    shares = tuning.importance(study)
    assert list(shares) == ["dropout", "momentum"]
    assert shares["dropout"] > 0.9 and sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("storage", ["postgresql://nobody@localhost:1/none", "nonsense://"])
def test_storage_that_cannot_be_opened_is_explained_before_data_are_looked_at(storage, capsys):
    assert main(["tune", storage, "--trials", "1", "--profile", "smoke"]) == 2
    assert "it cannot be opened" in capsys.readouterr().err


def test_one_process_at_a_time_looks_for_a_trial(tmp_path):
    engine = open_study(tmp_path / "study.db")._storage._backend.engine
    with contextlib.closing(sqlite3.connect(tmp_path / "study.db", timeout=0)) as another, engine.begin():
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            another.execute("BEGIN IMMEDIATE")


def work(storage, seconds):
    """One trial, which scores its first epoch and takes so long after it."""

    def objective(trial):
        tuning._draw(trial, TINY)
        trial.report(0.5, 1)
        time.sleep(seconds)
        return 0.5

    open_study(storage).optimize(objective, n_trials=1)


# Its own import of TensorFlow would take longer than all that a process does here.
start = multiprocessing.get_context("fork").Process
forked = pytest.mark.filterwarnings("ignore:.*fork")


@forked
def test_two_processes_share_a_study(tmp_path):
    workers = [start(target=work, args=(tmp_path / "study.db", 0)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    table = trials_table(open_study(tmp_path / "study.db"))
    assert table["number"].tolist() == [0, 1]
    # The published values were put in once.
    assert (table["learning_rate"] == PUBLISHED.learning_rate).sum() == 1


@forked
def test_trial_of_a_killed_process_is_tried_again(cases, tmp_path, monkeypatch):
    study = open_study(tmp_path / "study.db")
    worker = start(target=work, args=(tmp_path / "study.db", 600))
    worker.start()
    while not study.trials[0].intermediate_values:
        assert worker.is_alive()
        time.sleep(0.1)
    worker.kill()
    worker.join()
    monkeypatch.setattr(study._storage._backend, "grace_period", 1)
    # Until its last sign of life, which the database keeps to the second, is older than that.
    time.sleep(2.1)
    search(study, TINY, cases, tmp_path / "t", 2)
    lost, *others = study.trials
    assert lost.state.name == "FAIL"
    (again,) = (trial for trial in others if trial.system_attrs.get("failed_trial") == 0)
    assert (again.state.name, again.params) == ("COMPLETE", lost.params)
    assert again.intermediate_values[1] == 0.5, "what was scored before is not forgotten"
