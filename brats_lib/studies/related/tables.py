"""The tables of chapter 10: what each system takes, what it scores, and what its paper printed."""

import numpy as np
import pandas as pd

from brats_lib.labels import REGIONS, to_labels
from brats_lib.scores.comparison import Claim, verdicts
from brats_lib.studies.related.systems import SYSTEMS

# Of everything that is compared, in the order of the paper's section 2; ours come last.
TITLES = {
    "nothing": "background everywhere",
    **{name: system.title for name, system in SYSTEMS.items() if name not in ("unet3d", "unet3d_sparse")},
    "deepmedic_crf": "DeepMedic, CRF",
    **{name: SYSTEMS[name].title for name in ("unet3d", "unet3d_sparse")},
    "nnunet": "nnU-Net",
    "published": "paper's recipe",
    "native": "our recipe",
    "phantom": "ours, as supplied",
}
# Dice of WT, TC and ET, and on what: other patients, other training, other computers.
PRINTED = {
    "pereira": ("BRATS 2013 challenge", 0.88, 0.83, 0.77),
    "cascade": ("BRATS 2013 test", 0.88, 0.79, 0.73),
    "deepmedic_crf": ("BRATS 2015 test", 0.849, 0.667, 0.634),
    "nnunet": ("BraTS 2020 test, ensemble", 0.8895, 0.8506, 0.8203),
}
# What section 2 says of systems, as comparisons of their Dice.
CLAIMS = (
    Claim('Havaei: a cascade is "better than single-step methods"', "cascade", "two_path"),
    Claim('DeepMedic: the random field makes segmentations "more natural and precise"', "deepmedic_crf", "deepmedic"),
    Claim('3D U-Net: "would likely outperform our current 2D model"', "unet3d", "published"),
    Claim("The same, against our recipe, in 2D", "unet3d", "native"),
    Claim('3D U-Net: "Doesn\'t need every voxel labeled"', "unet3d_sparse", "nothing"),
    Claim("What that costs, against labels in every slice", "unet3d_sparse", "unet3d"),
    Claim('nnU-Net: "the benchmark to beat"', "nnunet", "native"),
)
# And of costs: what would take more, and what less.
COSTS = (
    ('Pereira: "Heavy on Compute"', "pereira", "published"),
    ('Havaei: "GPU Hungry"', "cascade", "published"),
    ('"Our 2D U-Net is lighter and faster than their more complex approach"', "deepmedic_crf", "published"),
)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of known systems with a column ``title``, in the order of `TITLES`."""
    names = list(TITLES)
    table = table[table["system"].isin(names)]
    table = table.assign(title=table["system"].map(TITLES))
    return table.sort_values("system", key=lambda column: column.map(names.index), kind="stable", ignore_index=True)


def scores_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean Dice of each system on each kind of data, beside what its paper printed; NaN where nothing was measured.

    From columns system, data, case, region and dice. A row per system; columns are pairs of where the Dice comes from
    and the region, the last one a text.
    """
    scores = in_order(scores[scores["region"].isin(REGIONS)])
    means = scores.groupby(["title", "data", "region"], sort=False)["dice"].mean().unstack(["data", "region"])
    kinds = list(dict.fromkeys(scores["data"]))
    means = means.reindex(columns=pd.MultiIndex.from_product([kinds, REGIONS]))
    printed = {TITLES[name]: f"{' / '.join(map(str, dice))}, {where}" for name, (where, *dice) in PRINTED.items()}
    means["printed in its paper", "WT / TC / ET"] = means.index.map(printed).fillna("")
    return means.rename_axis(index=None)


def costs_table(facts: pd.DataFrame) -> pd.DataFrame:
    """What each system takes, in words that fit a table.

    From columns system, parameters, multiply_adds (of each voxel that is answered), minutes (of training), steps and
    case_seconds (of one core); means where there is a row per seed.
    """
    facts = in_order(_means(facts).assign(thousands=lambda means: means["multiply_adds"] / 1000))
    columns = {
        "parameters": ("parameters", "{:,.0f}"),
        "thousand multiply-adds per voxel": ("thousands", "{:,.0f}"),
        "training (core-minutes)": ("minutes", "{:.1f}"),
        "steps": ("steps", "{:,.0f}"),
        "a case (core-seconds)": ("case_seconds", "{:.0f}"),
    }
    texts = {name: facts[column].map(text.format) for name, (column, text) in columns.items()}
    return pd.DataFrame({"system": facts["title"], **texts})


def _means(facts):
    """One row per system: the mean over its trainings."""
    return facts.drop(columns="seed", errors="ignore").groupby("system", as_index=False).mean()


def cost_ratios(facts: pd.DataFrame) -> pd.DataFrame:
    """How many times the costs of one system another takes, a row for each of `COSTS`; the columns of `costs_table`."""
    facts = _means(facts).set_index("system")
    columns = {
        "multiply-adds per voxel": "multiply_adds", "a case (core-seconds)": "case_seconds", "parameters": "parameters",
    }  # fmt: skip
    rows = [
        {"section 2": text, "compared": f"{TITLES[first]} / {TITLES[second]}"}
        | {name: facts.loc[first, column] / facts.loc[second, column] for name, column in columns.items()}
        for text, first, second in COSTS
    ]
    return pd.DataFrame(rows)


def judge_claims(scores: pd.DataFrame) -> pd.DataFrame:
    """Verdicts on `CLAIMS`, of the mean Dice of WT, TC and ET of each case; the columns of `comparison.verdicts`.

    From columns system, seed, case, region and dice, of one kind of data.
    """
    scores = scores[scores["region"].isin(REGIONS)]
    judged = verdicts(scores.groupby(["system", "seed", "case"], as_index=False)["dice"].mean(), CLAIMS)
    return judged.replace({"first": TITLES, "second": TITLES})


def read_masks(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Labels of a slice by system, from the record's columns system, row and classes, a text of class numbers."""
    masks = {}
    for name, rows in table.groupby("system", sort=False):
        lines = rows.sort_values("row")["classes"]
        masks[name] = to_labels(np.array([[int(digit) for digit in line] for line in lines]))
    return masks
