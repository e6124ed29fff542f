"""The files in the package are complete, whole and described."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from conftest import ROOT, write_case

from brats_lib.cases import Cohort
from brats_lib.cases.case import voxel_hash
from brats_lib.labels import REGIONS
from brats_lib.phantom import VERSION
from brats_lib.prediction import weights
from brats_lib.prediction.inference import segment_case
from brats_lib.prediction.networks import learnt_from_warning, open_network
from brats_lib.scores.challenge import score_mask


def test_a_rule_that_is_written_anew_is_read_anew(tmp_path):
    for path in (ROOT / "brats_lib" / "prediction" / "weights").glob("phantom.*"):
        shutil.copy2(path, tmp_path)
    card = tmp_path / "phantom.json"
    before = open_network(card).rule.wt_above
    card.write_text(card.read_text().replace(f'"wt_above": {before}', '"wt_above": 0.61'))
    assert open_network(card).rule.wt_above == 0.61


def test_every_case_that_a_shipped_network_learnt_from_is_on_its_card():
    phantoms, both = (weights.read_card(name).learnt_from for name in ("phantom", "phantom+real"))
    data = weights.read_card("phantom").data
    assert len(set(phantoms)) == len(phantoms) == data["phantoms"] and data["patients"] == 0
    assert both[: len(phantoms)] == phantoms
    assert len(set(both)) == len(phantoms) + weights.read_card("phantom+real").data["patients"]


def test_real_case_that_a_shipped_network_learnt_from_is_warned_of_whatever_it_is_called(real_root):
    for case in Cohort.find(real_root):
        renamed = replace(case, name="anonymous")
        found = [
            learnt_from_warning(weights.read_card(name), renamed, voxel_hash(case.volume("flair")))
            for name in ("phantom", "phantom+real")
        ]
        assert found[0] is None and "learnt from this very image" in found[1]


def test_phantom_drawn_as_those_that_a_shipped_network_learnt_from_is_warned_of(tmp_path):
    case = Cohort.find(write_case(tmp_path, "Phantom_002"))[0]
    for mark, met in (
        ({"seed": 0, "version": VERSION}, True),
        ({"seed": 0, "version": VERSION, "stream": "training"}, True),
        ({"seed": 0, "version": VERSION, "stream": "cohort"}, False),
        ({"seed": 1, "version": VERSION}, False),
        ({"seed": 0, "version": VERSION - 1}, False),
    ):
        (tmp_path / "phantom.json").write_text(json.dumps(mark))
        for name in weights.available():
            assert bool(learnt_from_warning(weights.read_card(name), case, "0" * 16)) == met


@pytest.mark.parametrize(("name", "table"), [("phantom", "phantom_on_real"), ("phantom+real", "folds")])
def test_card_says_what_the_recorded_results_say_of_patients(name, table):
    recorded = pd.read_csv(ROOT / "results" / f"{table}.csv").query("seed == 0")
    rows = [row for row in weights.read_card(name).scores if "phantoms" not in row["data"]]
    assert len(rows) == 2 * 2 * len(REGIONS)
    for row in rows:
        group = recorded.query("grade == 'low'") if "low grade" in row["data"] else recorded
        values = group.loc[group["region"] == row["region"], row["score"]]
        assert (row["mean"], row["cases"]) == (pytest.approx(values.mean(), abs=1e-4), len(values))


def test_real_case_scores_as_recorded(real_root):
    name = "BraTS2021_00000"
    # The training that ships, looked at after its last epoch.
    looks = pd.read_csv(ROOT / "results" / "transfer.csv").query("seed == 0")
    recorded = looks[looks["epochs"] == looks["epochs"].max()].set_index(["case", "region"])["dice"]
    case = Cohort.find(real_root)[name]
    found = score_mask(segment_case(case, "phantom").mask, case.mask(), case.spacing)
    for row in found[: len(REGIONS)]:
        assert row["dice"] == pytest.approx(recorded[name, row["region"]], abs=0.005)
