"""The tables of the results: paper, this run and the trivial predictor side by side.

`published` is the first table of `evaluation.evaluate`; `challenge` and `background` are the `scores.csv` of the
network and of the trivial predictor.
"""

from collections.abc import Mapping

import pandas as pd

from brats_lib.errors import BratsError
from brats_lib.labels import LONG_NAMES, REGIONS, SCORED
from brats_lib.paper import values
from brats_lib.scores.evaluation import BACKGROUND_PREDICTOR, NETWORK
from brats_lib.scores.summary import bootstrap_interval

# Rows of Table 1: what a score is called there.
TABLE_1 = {
    "dice": "Dice (DSC)", "iou": "IoU (Jaccard)", "sensitivity": "Sensitivity", "specificity": "Specificity",
    "precision": "Precision",
}  # fmt: skip
NO_BREAK = "\N{NO-BREAK SPACE}"
# What the paper's experiment was tested on: the column `data` of `results/paper_metrics.csv`.
ON_PHANTOMS, IN_FOLDS, BY_PHANTOMS = "phantoms", "patients, five folds", "patients, by the phantoms' network"
RECORDED = {
    ON_PHANTOMS: "recorded on phantoms (background everywhere)",
    IN_FOLDS: "recorded on patients (background everywhere)",
}


def published_means(published: pd.DataFrame) -> pd.DataFrame:
    """Mean of every published score per subset, beside the trivial predictor's and the paper's.

    Columns subset, metric, value, background and paper (NaN where the paper prints none).
    """
    long = published.melt(["predictor", "subset", "case"], var_name="metric", value_name="score")
    means = long.groupby(["subset", "metric", "predictor"], sort=False)["score"].mean().unstack().reset_index()
    means = means.rename(columns={NETWORK: "value", BACKGROUND_PREDICTOR: "background"})
    means["paper"] = [_printed(subset, metric) for subset, metric in zip(means["subset"], means["metric"], strict=True)]
    return means[["subset", "metric", "value", "background", "paper"]]


def against_paper(
    published: pd.DataFrame, challenge: pd.DataFrame, background: pd.DataFrame, recorded: pd.DataFrame
) -> pd.DataFrame:
    """The paper's Table 1: as printed, as published on this run's test subset, and for the whole tumour.

    Two rows per metric, cells as text "mean ± standard deviation" over the patients; the mean alone of one patient.
    `recorded` as in `with_recorded`.
    """
    ours, trivial = (published[published["predictor"] == name] for name in (NETWORK, BACKGROUND_PREDICTOR))
    whole, nothing = (scores[scores["region"] == "WT"] for scores in (challenge, background))
    rows = {}
    for metric, name in TABLE_1.items():
        printed = values().loc[f"table1_{metric}", "printed"]
        rows[metric] = f"{name}, as published", printed, _mean_sd(ours[metric]), _mean_sd(trivial[metric])
    for metric, name in TABLE_1.items():
        rows[f"WT {metric}"] = f"{name}, whole tumour", "", _mean_sd(whole[metric]), _mean_sd(nothing[metric])
    columns = ["metric", "paper, a placeholder", "this run", "background everywhere"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return with_recorded(table, recorded).reset_index(drop=True)


def with_recorded(table: pd.DataFrame, recorded: pd.DataFrame) -> pd.DataFrame:
    """Put what the paper's experiment gave, and in parentheses finding nothing on its cases, before the last column.

    The index of the table are metrics of `recorded`, which is `results/paper_metrics.csv`. A column is left out where
    there is nothing for it, a cell is empty.
    """
    table = table.copy()
    for data, name in RECORDED.items():
        means = recorded.loc[recorded["data"] == data].set_index("metric")[["value", "background"]]
        if len(means):
            texts = {metric: f"{value:.4f} ({nothing:.4f})" for metric, value, nothing in means.itertuples()}
            cells = [texts.get(metric, "") for metric in table.index]
            table.insert(len(table.columns) - 1, name, cells)
    return table


def region_table(challenge: pd.DataFrame, background: pd.DataFrame) -> pd.DataFrame:
    """Dice and HD95 (mm) of each region and label with 95 % bootstrap intervals over the patients."""
    rows = []
    for region in SCORED:
        scores, nothing = (table[table["region"] == region] for table in (challenge, background))
        row = {"region": f"{region}, {LONG_NAMES[region]}", "patients": len(scores)}
        for column, name, digits in (("dice", "Dice", 3), ("hd95_mm", "HD95 (mm)", 1)):
            row[f"{name} [95{NO_BREAK}%{NO_BREAK}interval]"] = _mean_interval(scores[column], digits)
            row[f"{name}, background everywhere"] = f"{nothing[column].mean():.{digits}f}"
        rows.append(row | {"sensitivity": f"{scores['sensitivity'].mean():.3f}"})
    return pd.DataFrame(rows)


def predictor_table(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Dice of several predictors side by side, from the `scores.csv` of each on the same patients.

    One row per predictor: mean and 95 % bootstrap interval over the patients for WT, TC and ET, and the worst WT. A
    patient who was scored with several seeds counts with their mean.
    """
    if len({frozenset(table["case"]) for table in scores.values()}) > 1:
        raise BratsError("predictors", "their patients differ", "the same patients", "Score them again")
    rows = []
    for name, table in scores.items():
        means = table.groupby(["region", "case"], sort=False)["dice"].mean()
        dice = {region: means[region] for region in REGIONS}
        row = {"predictor": name} | {region: _mean_interval(values, 3) for region, values in dice.items()}
        rows.append(row | {"worst WT": f"{dice['WT'].min():.3f}", "patients": len(dice["WT"])})
    return pd.DataFrame(rows)


def case_metrics(published: pd.DataFrame, challenge: pd.DataFrame) -> pd.DataFrame:
    """Every score of every test patient in long form, for the figure of their distributions.

    Columns case, metric and value; region scores are named "Dice WT" and so on.
    """
    ours = published[(published["predictor"] == NETWORK) & (published["subset"] == "test")]
    paper_way = ours.drop(columns=["predictor", "subset"]).melt("case", var_name="metric", value_name="value")
    regions = challenge.assign(metric="Dice " + challenge["region"])[["case", "metric", "dice"]]
    return pd.concat([paper_way, regions.rename(columns={"dice": "value"})], ignore_index=True)


def _mean_sd(values):
    spread = f"{NO_BREAK}±{NO_BREAK}{values.std(ddof=1):.4f}" if len(values) > 1 else ""
    return f"{values.mean():.4f}{spread}"


def _mean_interval(values, digits):
    mean, low, high = bootstrap_interval(values.to_numpy())
    return f"{mean:.{digits}f} [{low:.{digits}f},{NO_BREAK}{high:.{digits}f}]"


def _printed(subset, metric):
    """What the paper measured; NaN where it prints none, or a placeholder."""
    paper = values().query("split == @subset and measure == @metric and kind == 'result' and not placeholder")
    return paper["value"].iloc[0] if len(paper) else float("nan")
