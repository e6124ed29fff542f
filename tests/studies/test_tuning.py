"""One factor changes at a time, a search goes on where it was stopped, and several processes share it."""

import contextlib
import dataclasses
import itertools
import sqlite3

import numpy as np
import optuna
import pandas as pd
import pytest
from conftest import write_case
from training.test_training import build_small

from brats_lib import labels, models
from brats_lib.cases import Cohort
from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.recipes import PUBLISHED
from brats_lib.slices.cache import build_cache
from brats_lib.studies import tuning
from brats_lib.studies.tuning import (
    Cases,
    Plan,
    best_plan,
    mean_scores,
    one_factor,
    open_study,
    score_cases,
    search,
    sweep,
    train_plan,
    trials_table,
)
from brats_lib.training.callbacks import Diverged

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
    cache = build_cache(cohort, TINY.recipe, root / "cache", workers=1)
    return Cases(cache, *(tuple(cohort.names[i : i + 2]) for i in (0, 2, 4)))


@pytest.fixture
def storage(tmp_path):
    return tmp_path / "study.db"


def test_each_row_differs_from_the_plan_in_its_factor_alone():
    plan = Plan()
    assert one_factor(plan, "baseline") == [("", plan)]
    rows = {factor: one_factor(plan, factor) for factor in tuning.FACTORS}
    for factor, changes in rows.items():
        for value, changed in changes:
            assert changed != plan and changed.value(factor) == value
            assert changed.change(**{factor: plan.value(factor)}) == plan
    # Of 3 rates, batches, dropouts and optimizers and of 2 widths all but the plan's own.
    assert [len(changes) for changes in rows.values()] == [2, 2, 2, 2, 1]
    # Width and batch are multiples of the plan's.
    paper = Plan(PUBLISHED, batch_slices=200)
    assert [value for value, _ in one_factor(paper, "width")] == [16]
    assert [value for value, _ in one_factor(paper, "batch_slices")] == [100, 800]
    with pytest.raises(BratsError, match="one of baseline, learning_rate"):
        one_factor(plan, "depth")


def test_finished_part_of_a_sweep_is_read_and_a_changed_one_is_made_again(cases, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(tuning.FACTORS, "optimizer", ("adam", "sgd"))
    scores, curves = sweep(TINY, cases, tmp_path, ["baseline", "optimizer"])
    assert curves[["value", "epoch"]].values.tolist() == [["", 1], ["", 2], ["sgd", 1], ["sgd", 2]]
    assert curves.groupby("value")["kept"].sum().tolist() == [1, 1]
    assert list(zip(scores["value"], scores["case"], strict=True)) == list(itertools.product(["", "sgd"], cases.test))
    capsys.readouterr()
    for first, again in zip((scores, curves), sweep(TINY, cases, tmp_path, ["baseline", "optimizer"]), strict=True):
        pd.testing.assert_frame_equal(first, again)
    assert capsys.readouterr().out.count("is finished") == 2
    table = pd.read_csv(tmp_path / "optimizer-seed0.csv")
    assert table["dice"].tolist() == pytest.approx(scores["dice"].tolist()[2:])
    assert mean_scores(scores)["dice"].tolist() == pytest.approx([scores["dice"][:2].mean(), table["dice"].mean()])

    def note(recipe, learning, scored, folder, **options):
        folders.append(folder)
        raise Diverged(folder, "", "", "")

    # Another arithmetic makes other scores.
    folders = []
    monkeypatch.setattr(tuning, "train", note)
    for precision in ("float32", "mixed_bfloat16"):
        train_plan(TINY, cases, tmp_path / "trainings", precision=precision)
    assert [folder.is_dir() for folder in folders] == [True, False]


def test_training_that_diverges_scores_nothing(cases, tmp_path):
    wild = TINY.change(optimizer="sgd", learning_rate=float("inf"))
    history, model = train_plan(wild, cases, tmp_path)
    (row,) = history.to_dict("records")
    assert (row["val_region_dice"], row["kept"], row["epoch"]) == (0.0, True, 0)
    assert score_cases(model, cases)[["dice", "accuracy"]].values.tolist() == [[0, 0], [0, 0]]


def test_each_test_case_has_the_mean_dice_of_its_regions_and_the_accuracy_of_its_pixels(cases):
    class Edema:
        """Finds edema everywhere: neither core nor enhancing tumour."""

        def predict_on_batch(self, images):
            return np.eye(4, dtype=np.float32)[np.full(images.shape[:3], labels.LABELS.index(2))]

    scores = score_cases(Edema(), cases)
    assert scores["case"].tolist() == list(cases.test)
    for name, dice, accuracy in scores.itertuples(index=False):
        _, truth = cases.cache.read(name, range(TINY.recipe.slices))
        tumour, core = (truth > 0).mean(), np.isin(truth, [labels.LABELS.index(label) for label in (1, 4)]).any()
        enhancing = (truth == labels.LABELS.index(4)).any()
        expected = (2 * tumour / (1 + tumour) + (not core) + (not enhancing)) / 3
        assert (dice, accuracy) == pytest.approx((expected, (truth == labels.LABELS.index(2)).mean()), abs=1e-6)


def test_search_begins_with_the_published_values_and_its_trials_last(cases, storage, tmp_path):
    search(open_study(storage), TINY, cases, tmp_path / "t", 1)
    table = trials_table(open_study(storage))
    assert table.loc[0, ["learning_rate", "dropout", "optimizer", "loss"]].tolist() == [
        PUBLISHED.learning_rate, PUBLISHED.dropout, "adam", "cross-entropy",
    ]  # fmt: skip
    assert table["score"].between(0, 1).all() and table["epochs"].tolist() == [2]
    # A trial whose training was done before, in this folder, knows its epochs.
    search(open_study(tmp_path / "other.db"), TINY, cases, tmp_path / "t", 1)
    assert best_plan(open_study(storage), TINY).recipe.dropout == PUBLISHED.dropout
    ours, theirs = (open_study(path).trials[0].intermediate_values for path in (storage, tmp_path / "other.db"))
    assert list(theirs) == [1, 2] and theirs == pytest.approx(ours)


def test_search_takes_no_study_of_another_plan_or_precision(cases, storage, tmp_path, monkeypatch):
    search(open_study(storage), TINY, cases, tmp_path / "t", 0)
    for plan, precision in ((dataclasses.replace(TINY, epochs=9), "float32"), (TINY, "mixed_bfloat16")):
        monkeypatch.setattr(tuning, "choose_precision", lambda precision=precision: precision)
        with pytest.raises(BratsError, match="another plan, other cases, another precision"):
            search(open_study(storage), plan, cases, tmp_path / "t", 1)


def test_trial_below_the_median_is_stopped_but_not_before_its_time(cases, storage, tmp_path, monkeypatch):
    scores = iter([0.9] * 16 + [0.1] * 4)

    def train_plan(plan, cases, folder, callbacks, **options):
        rows = [{"epoch": epoch + 1, tuning.SCORE: next(scores), "kept": epoch == 3} for epoch in range(4)]
        for epoch, row in enumerate(rows):
            callbacks[0].on_epoch_end(epoch, row)
        return pd.DataFrame(rows), None

    monkeypatch.setattr(tuning, "train_plan", train_plan)
    study = open_study(storage, spared=3)
    search(study, dataclasses.replace(TINY, epochs=4), cases, tmp_path / "t", 5)
    table = trials_table(study)
    assert table["state"].tolist() == ["complete"] * 4 + ["pruned"]
    assert table["epochs"].tolist() == [4, 4, 4, 4, 3]
    assert table["score"].tolist() == [0.9] * 4 + [0.1]


def test_importance_wants_four_trials_and_is_nothing_where_all_score_alike(storage):
    study = open_study(storage)
    for complete in range(4):
        with pytest.raises(BratsError, match=f"{complete} trials are complete"):
            tuning.importance(study)
        study.add_trial(optuna.trial.create_trial(value=0.5))
    assert set(tuning.importance(study).values()) == {0}


@pytest.mark.parametrize("storage", ["postgresql://nobody@localhost:1/none", "nonsense://"])
def test_storage_that_cannot_be_opened_is_explained_before_data_are_looked_at(storage, capsys):
    assert main(["tune", storage, "--trials", "1", "--profile", "smoke"]) == 2
    assert "it cannot be opened" in capsys.readouterr().err


def test_one_process_at_a_time_looks_for_a_trial_and_one_alone_puts_in_the_first(storage):
    studies = [open_study(storage) for _ in range(2)]
    engine = studies[0]._storage._backend.engine
    with contextlib.closing(sqlite3.connect(storage, timeout=0)) as another, engine.begin():
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            another.execute("BEGIN IMMEDIATE")
    rates = [tuning._draw(study.ask(), TINY).recipe.learning_rate for study in studies]
    assert rates[0] == PUBLISHED.learning_rate != rates[1]


def test_trial_of_a_killed_process_is_tried_again(cases, storage, tmp_path):
    study = open_study(storage)
    killed = study.ask()
    tuning._draw(killed, TINY)
    killed.report(0.5, 1)
    study._storage.record_heartbeat(killed._trial_id)
    with contextlib.closing(sqlite3.connect(storage, isolation_level=None)) as database:
        database.execute("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-3 minutes')")
    search(open_study(storage), TINY, cases, tmp_path / "t", 1)
    lost, again = study.trials
    assert lost.state.name == "FAIL"
    assert (again.state.name, again.params) == ("COMPLETE", lost.params)
    assert again.intermediate_values[1] == 0.5, "what was scored before is not forgotten"
