"""The tables of chapter 8: what each system takes, what it scores, and what its paper printed."""

import numpy as np
import pandas as pd

from brats_lib.labels import REGIONS, to_labels
from brats_lib.studies.related.systems import SYSTEMS

# Of everything that is compared, in the order of the paper's section 2; ours come last.
TITLES = {
    "nothing": "predicts nothing",
    **{name: system.title for name, system in SYSTEMS.items() if name not in ("unet3d", "unet3d_sparse")},
    "deepmedic_crf": "DeepMedic, CRF",
    **{name: SYSTEMS[name].title for name in ("unet3d", "unet3d_sparse")},
    "nnunet": "nnU-Net",
    "published": "paper's recipe",
    "native": "our recipe",
    "phantom": "ours, as it ships",
}
# Dice of WT, TC and ET, and on what: other patients, other training, other computers.
PRINTED = {
    "pereira": ("BRATS 2013 challenge", 0.88, 0.83, 0.77),
    "cascade": ("BRATS 2013 test", 0.88, 0.79, 0.73),
    "deepmedic_crf": ("BRATS 2015 test", 0.849, 0.667, 0.634),
    "nnunet": ("BraTS 2020 test, ensemble", 0.8895, 0.8506, 0.8203),
}


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
    case_seconds (of one core).
    """
    facts = in_order(facts.assign(thousands=facts["multiply_adds"] / 1000))
    columns = {
        "parameters": ("parameters", "{:,.0f}"),
        "thousand multiply-adds per voxel": ("thousands", "{:,.0f}"),
        "training (core-minutes)": ("minutes", "{:.1f}"),
        "steps": ("steps", "{:,.0f}"),
        "a case (core-seconds)": ("case_seconds", "{:.0f}"),
    }
    texts = {name: facts[column].map(text.format) for name, (column, text) in columns.items()}
    return pd.DataFrame({"system": facts["title"], **texts})


def read_masks(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Labels of a slice by system, from the record's columns system, row and classes, a text of class numbers."""
    masks = {}
    for name, rows in table.groupby("system", sort=False):
        lines = rows.sort_values("row")["classes"]
        masks[name] = to_labels(np.array([[int(digit) for digit in line] for line in lines]))
    return masks
