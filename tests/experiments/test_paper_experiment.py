"""The paper's experiment in miniature: who learns, chooses and is tested, and what the tables say."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest
from tiny_runs import TINY_PUBLISHED

from brats_lib.cases import Cohort
from brats_lib.errors import BratsError
from brats_lib.models import build
from experiments import paper, record

CASES = [f"BraTS20_Training_{number:03d}" for number in range(1, 11)]
PATIENTS = CASES[:5]


@pytest.fixture
def trainings():
    """Names of the cases that each training learns from and chooses its epoch on."""
    return []


@pytest.fixture
def patients(monkeypatch, tmp_path, tiny_root, trainings):
    """Five tiny patients in a fold each, one of low grade; they and five more stand for the phantoms, too."""
    (tiny_root / "folds.json").write_text(json.dumps({f"fold_{place}": [name] for place, name in enumerate(PATIENTS)}))
    rows = [f"{name},{'LGG' if name == CASES[3] else ''}" for name in PATIENTS]
    (tiny_root / "patients.csv").write_text("case,grade\n" + "\n".join(rows) + "\n")
    model, cohort = build(TINY_PUBLISHED, "float32", 0), Cohort.find(tiny_root)
    history = pd.DataFrame({"epoch": [1, 2], "accuracy": [0.7, 0.8], "val_accuracy": [0.9, 0.6]})

    def untrained(recipe, train, val, folder, **options):
        trainings.append((train.names, val.names))
        return SimpleNamespace(model=model, history=history, best_epoch=1, seconds=56.0)

    small = {"PUBLISHED": TINY_PUBLISHED, "BATCH": 56, "RUNS": str(tmp_path / "runs"), "train": untrained}
    small |= {"time_step": lambda *_: 100.0, "make_cohort": lambda *_: cohort}
    small |= {"_find_patients": lambda _: cohort.subset(PATIENTS)}
    for name, value in small.items():
        monkeypatch.setattr(paper, name, value)
    for name, value in {"FOLDER": tmp_path / "results", "COMMIT": "0123456", "CHANGED": [], "DATA": {}}.items():
        monkeypatch.setattr(record, name, value)
    return tiny_root


def read(name):
    return pd.read_csv(record.FOLDER / f"{name}.csv"), json.loads((record.FOLDER / f"{name}.json").read_text())


def test_each_patient_is_tested_by_a_network_that_three_folds_trained_and_the_next_one_chose(patients, trainings):
    paper.learn_from_patients(patients)
    table, about = read("paper_folds")
    assert table.columns.tolist() == ["seed", "fold", "case", "grade", "region", "dice", "hd95_mm"]
    # Three regions and two labels.
    assert table.drop_duplicates(["fold", "case"])["case"].tolist() == PATIENTS and len(table) == 25
    assert set(table.loc[table["grade"] == "low", "case"]) == {CASES[3]}
    assert trainings[0] == ((CASES[2], CASES[3], CASES[4]), (CASES[1],))
    assert trainings[4] == ((CASES[1], CASES[2], CASES[3]), (CASES[0],))
    # Two epochs of three cases with 28 slices in 56 s.
    assert [facts["name"] for facts in about["trainings"]] == [f"fold-{number}" for number in range(5)]
    facts = about["trainings"][0]
    assert (facts["cases"], facts["epochs"], facts["slices_per_second"]) == ({"train": 3, "val": 1}, 2, 3.0)
    assert facts["limited_by"] == "steps" and 0 < facts["batch_ms"] < facts["step_ms"]


def test_network_of_phantoms_is_tested_on_other_phantoms_and_on_patients_beside_finding_nothing(patients, trainings):
    paper.learn_from_patients(patients)
    folds, _ = read("paper_metrics")
    paper.learn_from_phantoms(patients)
    table, about = read("paper_phantoms")
    tested = table.groupby("tested_on")["case"].unique()
    assert set(tested["patients"]) == set(PATIENTS) and len(about["trainings"]) == 1
    # 70/15/15 of ten by largest remainders.
    train, val = trainings[-1]
    assert (len(train), len(val)) == (7, 2) and sorted([*train, *val, *tested["phantoms"]]) == CASES
    metrics, _ = read("paper_metrics")
    kinds = ["patients, five folds", "phantoms", "patients, by the phantoms' network"]
    assert metrics["data"].unique().tolist() == kinds
    assert metrics[metrics["data"] == kinds[0]].equals(folds)
    by_kind = metrics.set_index(["data", "metric"])
    dice = table.query("tested_on == 'patients' and region == 'WT'")["dice"].mean()
    assert by_kind.loc[(kinds[2], "WT dice"), "value"] == pytest.approx(dice, abs=1e-4)
    # Finding nothing has no overlap with any tumour, and the diagonal of BraTS volumes for its distance.
    assert by_kind.xs("WT dice", level="metric")["background"].tolist() == [0, 0, 0]
    assert by_kind.xs("WT hd95_mm", level="metric")["background"].unique() == pytest.approx([373.13], abs=0.01)
    # Of the first epoch, whose weights are kept; finding nothing is right about every voxel without tumour.
    share = sum((case.mask()[:, :, 4:32] == 0).mean() for case in Cohort.find(patients).subset(val)) / 2
    assert by_kind.loc[("phantoms", "validation accuracy")].tolist() == pytest.approx([0.9, share], abs=1e-4)


def test_patients_have_to_be_named_before_anything_is_simulated():
    with pytest.raises(BratsError, match="--data: it is not given"):
        paper.learn_from_phantoms("")
