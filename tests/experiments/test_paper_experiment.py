"""The paper's experiment in miniature: who learns, chooses and is tested, and what the tables say."""

import json

import pandas as pd
import pytest
from tiny_runs import TINY_PUBLISHED

from brats_lib.cases import Cohort
from brats_lib.errors import BratsError
from experiments import paper, record

CASES = [f"BraTS20_Training_{number:03d}" for number in range(1, 11)]
FOLDS = [CASES[0:2], CASES[2:4], CASES[4:6], CASES[6:8], CASES[8:10]]


@pytest.fixture
def patients(monkeypatch, tmp_path, tiny_root, eager):
    """Ten tiny patients in five folds, one of low grade; they stand for the phantoms too, whose grades are known."""
    (tiny_root / "folds.json").write_text(json.dumps({f"fold_{number}": fold for number, fold in enumerate(FOLDS)}))
    rows = [f"{name},{'LGG' if name == CASES[3] else ''}" for name in CASES]
    (tiny_root / "patients.csv").write_text("case,grade\n" + "\n".join(rows) + "\n")
    for name, value in {"PUBLISHED": TINY_PUBLISHED, "BATCH": 56, "STEPS": 1, "RUNS": str(tmp_path / "runs")}.items():
        monkeypatch.setattr(paper, name, value)
    monkeypatch.setattr(paper, "make_cohort", lambda *_: Cohort.find(tiny_root))
    for name, value in {"FOLDER": tmp_path / "results", "COMMIT": "0123456", "CHANGED": [], "DATA": {}}.items():
        monkeypatch.setattr(record, name, value)
    return tiny_root


def read(name):
    return pd.read_csv(record.FOLDER / f"{name}.csv"), json.loads((record.FOLDER / f"{name}.json").read_text())


def learnt(name):
    """Cases that a training learnt from and chose its epoch on."""
    settings = json.loads((record.FOLDER.parent / "runs" / f"paper-{name}" / "training.json").read_text())["settings"]
    return settings["train"]["names"], settings["val"]["names"]


def test_patients_are_tested_by_a_network_that_learnt_from_three_folds_and_chose_its_epoch_on_another(patients):
    paper.learn_from_patients(patients)
    table, about = read("paper_folds")
    assert table.columns.tolist() == ["seed", "fold", "case", "grade", "region", "dice", "hd95_mm"]
    # Each patient once, with three regions and two labels.
    assert len(table) == 50 and not table.duplicated(["case", "region"]).any()
    assert set(table.loc[table["grade"] == "low", "case"]) == {CASES[3]}
    for number, fold in enumerate(FOLDS):
        assert set(table.loc[table["fold"] == number, "case"]) == set(fold)
        train, val = learnt(f"fold-{number}")
        assert val == FOLDS[(number + 1) % 5] and sorted([*train, *val, *fold]) == CASES
    assert [facts["cases"] for facts in about["trainings"]] == [{"train": 6, "val": 2}] * 5
    assert all(facts["epochs"] == 1 and facts["slices_per_second"] > 0 for facts in about["trainings"])
    # Called again it trains nothing, and says the same.
    paper.learn_from_patients(patients)
    assert read("paper_folds")[0].equals(table)


def test_networks_of_phantoms_are_tested_on_phantoms_apart_and_on_all_patients_and_means_are_kept(patients):
    paper.learn_from_patients(patients)
    folds, _ = read("paper_metrics")
    paper.learn_from_phantoms(patients)
    table, about = read("paper_phantoms")
    tested = table.groupby("tested_on")["case"].unique()
    # 70/15/15 of ten cases by largest remainders: seven, two and one.
    assert len(tested["phantoms"]) == 1 and set(tested["patients"]) == set(CASES)
    train, val = learnt("phantoms")
    assert (len(train), len(val)) == (7, 2) and not {*train, *val} & set(tested["phantoms"])
    assert len(about["trainings"]) == 1
    metrics, _ = read("paper_metrics")
    kinds = ["patients, five folds", "phantoms", "patients, by the phantoms' network"]
    assert metrics["data"].unique().tolist() == kinds
    assert metrics[metrics["data"] == kinds[0]].equals(folds)
    by_kind = metrics.set_index(["data", "metric"])
    for kind, cases in (("phantoms", "phantoms"), (kinds[2], "patients")):
        dice = table.query("tested_on == @cases and region == 'WT'")["dice"].mean()
        assert by_kind.loc[(kind, "WT dice"), "value"] == pytest.approx(dice, abs=1e-4)
    # Finding nothing: no overlap with any tumour, and the diagonal of the volume as its distance.
    assert by_kind.xs("WT dice", level="metric")["background"].tolist() == [0, 0, 0]
    assert by_kind.xs("WT hd95_mm", level="metric")["background"].unique().tolist() == [373.1287]
    # Of each volume's pixels it is right about those without tumour.
    truth = [case.mask()[:, :, 4:32] == 0 for case in Cohort.find(patients)]
    share = sum(mask.mean() for mask in truth) / len(truth)
    assert by_kind.loc[(kinds[2], "accuracy"), "background"] == pytest.approx(share, abs=0.02)
    assert 0 < by_kind.loc[("phantoms", "validation accuracy"), "value"] <= 1


def test_patients_have_to_be_named_before_anything_is_simulated(patients):
    with pytest.raises(BratsError, match="--data: it is not given"):
        paper.learn_from_phantoms("")
