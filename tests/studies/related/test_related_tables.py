"""Tables of chapter 10, by hand."""

import numpy as np
import pandas as pd
import pytest

from brats_lib.studies.related.tables import (
    CLAIMS,
    COSTS,
    cost_ratios,
    costs_table,
    in_order,
    judge_claims,
    scores_table,
)


def test_means_stand_beside_what_was_printed_in_the_order_of_the_paper():
    rows = [("nnunet", "phantoms", case, "ET", dice) for case, dice in (("a", 0.8), ("b", 1.0))]
    rows += [("pereira", "phantoms", "a", "WT", 0.5), ("pereira", "real patients", "c", "WT", 0.25)]
    scores = pd.DataFrame([*rows, ("stranger", "phantoms", "a", "WT", 1)])
    scores.columns = ["system", "data", "case", "region", "dice"]
    assert in_order(scores)["title"].unique().tolist() == ["Pereira", "nnU-Net"]
    table = scores_table(scores)
    assert table.loc["nnU-Net", ("phantoms", "ET")] == pytest.approx(0.9)
    assert table.loc["Pereira", ("real patients", "WT")] == 0.25
    assert np.isnan(table.loc["nnU-Net", ("real patients", "WT")])
    printed = table["printed in its paper", "WT / TC / ET"]
    assert printed["Pereira"] == "0.88 / 0.83 / 0.77, BRATS 2013 challenge"
    assert list(table.columns.get_level_values(0).unique()) == ["phantoms", "real patients", "printed in its paper"]


def test_claims_are_judged_by_the_mean_of_the_three_regions_of_each_case():
    systems = {name for claim in CLAIMS for name in claim[1:]}
    rows = [
        (system, seed, case, region, dice + 0.001 * seed * case + (system == "unet3d") * 0.3)
        for system in systems
        for seed in range(1 if system == "nnunet" else 3)
        for case in range(4)
        for region, dice in (("WT", 0.6), ("TC", 0.5), ("ET", 0.1), ("ED", 0.9))
    ]
    scores = pd.DataFrame(rows, columns=["system", "seed", "case", "region", "dice"])
    scores.loc[(scores["system"] == "unet3d") & (scores["region"] == "ET"), "dice"] += 0.3
    table = judge_claims(scores).set_index("claim")
    claim = table.loc['3D U-Net: "would likely outperform our current 2D model"']
    assert (claim["first"], claim["second"], claim["verdict"]) == ("3D U-Net", "paper's recipe", "better")
    assert claim["difference"] == pytest.approx((0.3 + 0.3 + 0.6) / 3) and (table["cases"] == 4).all()
    assert table.loc["What that costs, against labels in every slice", "verdict"] == "worse"
    cascade = table.loc['Havaei: a cascade is "better than single-step methods"']
    assert (cascade["difference"], cascade["verdict"]) == (0, "undecided")
    assert table.loc['nnU-Net: "the benchmark to beat"', ["seeds", "verdict"]].tolist() == [1, "undecided"]


def test_costs_are_means_over_seeds_and_ratios_of_them():
    names = {name for _, *pair in COSTS for name in pair}
    facts = pd.DataFrame({"system": sorted(names), "seed": 0, "minutes": 4.0, "steps": 10})
    facts = facts.assign(parameters=100, multiply_adds=2000.0, case_seconds=6.0)
    heavy = facts["system"] == "pereira"
    facts.loc[heavy, ["multiply_adds", "case_seconds", "parameters"]] = [9000.0, 12.0, 50]
    facts = pd.concat([facts, facts[heavy].assign(seed=1, case_seconds=24.0)])
    ratios = cost_ratios(facts).set_index("compared").loc["Pereira / paper's recipe"]
    assert ratios.tolist()[1:] == [4.5, 3, 0.5]
    costs = costs_table(facts)
    assert len(costs) == len(names) and costs.set_index("system").loc["Pereira", "a case (core-seconds)"] == "18"
