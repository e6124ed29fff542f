"""Result tables put the paper, the run and the trivial predictor side by side without changing a number."""

import numpy as np
import pandas as pd
import pytest

from brats_lib.errors import BratsError
from brats_lib.scores.evaluation import BACKGROUND_PREDICTOR, NETWORK
from brats_lib.scores.tables import NO_BREAK as NB
from brats_lib.scores.tables import (
    against_paper,
    case_metrics,
    predictor_table,
    published_means,
    region_table,
    with_recorded,
)

NOTHING_RECORDED = pd.DataFrame(columns=["data", "metric", "value", "background"])


@pytest.fixture
def published():
    """The network's scores of the two cases, and half of them for the trivial predictor."""
    scores = {"case": ["a", "b"], "accuracy": (0.99, 0.97), "dice": (0.5, 0.7), "iou": (0.4, 0.6),
              "sensitivity": (0.9, 1.0), "specificity": (1.0, 1.0), "precision": (0.8, 0.9)}  # fmt: skip
    network = pd.concat([pd.DataFrame(scores).assign(subset=subset) for subset in ("train", "test")])
    trivial = network.assign(**network.select_dtypes("number") / 2)
    return pd.concat([network.assign(predictor=NETWORK), trivial.assign(predictor=BACKGROUND_PREDICTOR)])


def challenge(dice):
    columns = ("dice", "iou", "sensitivity", "specificity", "precision")
    return pd.DataFrame([
        {"case": case, "region": region, **dict.fromkeys(columns, value), "hd95_mm": 10 * value}
        for case, value in zip("ab", dice, strict=True) for region in ("WT", "TC", "ET", "NCR", "ED")
    ])  # fmt: skip


def test_means_stand_beside_the_papers_measured_values(published):
    means = published_means(published).set_index(["subset", "metric"])
    assert means.loc[("test", "accuracy")].tolist() == pytest.approx([0.98, 0.49, 0.9918])
    assert means.loc[("train", "dice"), "paper"] == 0.6557
    # Placeholders of the paper are no measured values.
    assert np.isnan(means.loc[("test", "dice"), "paper"])


def test_table_one_prints_mean_and_sample_deviation_and_the_papers_placeholder(published):
    test, scores = published[published["subset"] == "test"], challenge((0.6, 0.8))
    table = against_paper(test, scores, challenge((0, 0)), NOTHING_RECORDED).set_index("metric")
    assert table.columns.tolist() == ["paper, a placeholder", "this run", "background everywhere"]
    row = table.loc["Dice (DSC), as published"]
    # 0.5 and 0.7: sd = 0.2 / sqrt(2).
    assert row.tolist() == ["[e.g., 0.88] [e.g., 0.05]", f"0.6000{NB}±{NB}0.1414", f"0.3000{NB}±{NB}0.0707"]
    whole = table.loc["Dice (DSC), whole tumour"]
    assert whole.tolist() == ["", f"0.7000{NB}±{NB}0.1414", f"0.0000{NB}±{NB}0.0000"]
    # One patient has no deviation.
    one = against_paper(*(table[table["case"] == "a"] for table in (test, scores, scores)), NOTHING_RECORDED)
    assert one["this run"].iloc[0] == "0.5000"


def test_recorded_experiment_stands_before_finding_nothing_as_far_as_there_is_one(published):
    test, scores = published[published["subset"] == "test"], challenge((0.6, 0.8))
    rows = [("phantoms", "dice", 0.61234), ("phantoms", "WT dice", 0.7), ("elsewhere", "dice", 0.1)]
    recorded = pd.DataFrame(rows, columns=["data", "metric", "value"]).assign(background=0.2)
    table = against_paper(test, scores, scores, recorded).set_index("metric")
    assert table.columns[-2:].tolist() == ["recorded on phantoms (background everywhere)", "background everywhere"]
    column = table["recorded on phantoms (background everywhere)"]
    assert column["Dice (DSC), as published"] == "0.6123 (0.2000)"
    assert column["Dice (DSC), whole tumour"] == "0.7000 (0.2000)"
    assert column["IoU (Jaccard), as published"] == ""
    folds = recorded[:1].assign(data="patients, five folds", value=0.5)
    both = with_recorded(pd.DataFrame({"paper": [1], "last": [2]}, index=["dice"]), pd.concat([recorded, folds]))
    assert both.loc["dice"].tolist() == [1, "0.6123 (0.2000)", "0.5000 (0.2000)", 2]


def test_region_and_predictor_tables_have_means_over_all_patients_with_their_intervals():
    ours, nothing = challenge((0.6, 0.8)), challenge((0, 0))
    table = region_table(ours, nothing)
    assert len(table) == 5 and (table["patients"] == 2).all()
    # Two patients: resampled means are 0.6, 0.7 or 0.8, with probability 1/4, 1/2 and 1/4.
    assert table[f"Dice [95{NB}%{NB}interval]"].tolist() == [f"0.700 [0.600,{NB}0.800]"] * 5
    assert table[f"HD95 (mm) [95{NB}%{NB}interval]"].tolist() == [f"7.0 [6.0,{NB}8.0]"] * 5
    table = predictor_table({"nothing": nothing, "ours": ours}).set_index("predictor")
    assert table["ET"].tolist() == [f"0.000 [0.000,{NB}0.000]", f"0.700 [0.600,{NB}0.800]"]
    assert (table.loc["ours", "worst WT"], table.loc["ours", "patients"]) == ("0.600", 2)
    # Trained from two seeds: a patient's mean of both, and still two patients.
    (row,) = predictor_table({"seeds": pd.concat([ours, challenge((0.8, 1.0))])}).to_dict("records")
    assert (row["WT"], row["worst WT"], row["patients"]) == (f"0.800 [0.700,{NB}0.900]", "0.700", 2)
    with pytest.raises(BratsError, match="their patients differ"):
        predictor_table({"a": ours, "b": ours[ours["case"] == "a"]})


def test_case_metrics_are_the_networks_on_the_test_subset_only(published):
    long = case_metrics(published, challenge((0.6, 0.8))).set_index("case")
    assert long.loc[long["metric"] == "dice", "value"].to_dict() == {"a": 0.5, "b": 0.7}
    assert long.loc[long["metric"] == "Dice WT", "value"].to_dict() == {"a": 0.6, "b": 0.8}
