"""The tables of the results: paper, this run and the trivial predictor side by side."""

import pandas as pd

from brats_lib.errors import BratsError
from brats_lib.labels import LONG_NAMES, REGIONS, SCORED
from brats_lib.paper import value, values
from brats_lib.scores.evaluation import BACKGROUND_PREDICTOR, NETWORK
from brats_lib.scores.summary import bootstrap_interval

__all__ = ["against_paper", "case_metrics", "predictor_table", "published_means", "region_table"]

# Rows of Table 1: its name there, the published score and the challenge score that answer to it.
TABLE_1 = {
    "Dice (DSC)": "dice",
    "IoU (Jaccard)": "iou",
    "Sensitivity": "sensitivity",
    "Specificity": "specificity",
    "Precision": "precision",
}
NO_BREAK = "\N{NO-BREAK SPACE}"


def _mean_sd(values):
    spread = f"{NO_BREAK}±{NO_BREAK}{values.std(ddof=1):.4f}" if len(values) > 1 else ""
    return f"{values.mean():.4f}{spread}"


def _printed(subset, metric):
    measured = [entry.value for entry in values(subset, metric, "result") if not entry.placeholder]
    return measured[0] if measured else float("nan")


def published_means(published):
    """Mean of every published score per subset, beside the trivial predictor's and the paper's.

    Parameters
    ----------
    published : pandas.DataFrame
        As `evaluation.evaluate` returns it.

    Returns
    -------
    pandas.DataFrame
        Columns subset, metric, value, background and paper (NaN where the paper prints none).
    """
    long = published.melt(["predictor", "subset", "case"], var_name="metric", value_name="score")
    means = long.groupby(["subset", "metric", "predictor"], sort=False)["score"].mean().unstack().reset_index()
    means = means.rename(columns={NETWORK: "value", BACKGROUND_PREDICTOR: "background"})
    means["paper"] = [_printed(subset, metric) for subset, metric in zip(means["subset"], means["metric"], strict=True)]
    return means[["subset", "metric", "value", "background", "paper"]]


def against_paper(published, challenge, background):
    """The paper's Table 1: as printed, as published on this run's test subset, and for the whole tumour.

    Parameters
    ----------
    published : pandas.DataFrame
        Published scores of the test subset, both predictors.
    challenge, background : pandas.DataFrame
        `scores.csv` of the network and of the trivial predictor.

    Returns
    -------
    pandas.DataFrame
        One row per metric, cells as text "mean ± standard deviation" over the patients; the mean alone where
        there is one patient.
    """
    ours = published[published["predictor"] == NETWORK]
    trivial = published[published["predictor"] == BACKGROUND_PREDICTOR]
    whole, nothing = (scores[scores["region"] == "WT"] for scores in (challenge, background))
    rows = []
    for name, metric in TABLE_1.items():
        rows.append(
            {
                "metric": name,
                "paper, a placeholder": value(f"table1_{metric}").printed,
                "this run, as published": _mean_sd(ours[metric]),
                "background everywhere, as published": _mean_sd(trivial[metric]),
                "this run, whole tumour": _mean_sd(whole[metric]),
                "background everywhere, whole tumour": _mean_sd(nothing[metric]),
            }
        )
    return pd.DataFrame(rows)


def region_table(challenge, background):
    """Dice and HD95 per region with 95 % bootstrap intervals over the patients.

    Parameters
    ----------
    challenge, background : pandas.DataFrame
        `scores.csv` of the network and of the trivial predictor.

    Returns
    -------
    pandas.DataFrame
        One row per region and label; distances in mm.
    """
    rows = []
    for region in SCORED:
        scores = challenge[challenge["region"] == region]
        nothing = background[background["region"] == region]
        row = {"region": f"{region}, {LONG_NAMES[region]}", "patients": len(scores)}
        for column, name, digits in (("dice", "Dice", 3), ("hd95_mm", "HD95 (mm)", 1)):
            mean, low, high = bootstrap_interval(scores[column].to_numpy())
            interval = f"[{low:.{digits}f},{NO_BREAK}{high:.{digits}f}]"
            row[f"{name} [95{NO_BREAK}%{NO_BREAK}interval]"] = f"{mean:.{digits}f} {interval}"
            row[f"{name}, background everywhere"] = f"{nothing[column].mean():.{digits}f}"
        rows.append(row | {"sensitivity": f"{scores['sensitivity'].mean():.3f}"})
    return pd.DataFrame(rows)


def predictor_table(scores, score="dice", digits=3):
    """Several predictors side by side, on the same patients.

    Parameters
    ----------
    scores : dict of str to pandas.DataFrame
        Name of the predictor, and its `scores.csv`.
    score : str
        Column of `scores.csv`.
    digits : int
        Decimals.

    Returns
    -------
    pandas.DataFrame
        One row per predictor: mean and 95 % bootstrap interval over the patients for WT, TC and ET, and the worst WT.

    Raises
    ------
    BratsError
        If two predictors were scored on different patients.
    """
    patients = {name: tuple(sorted(set(table["case"]))) for name, table in scores.items()}
    if len(set(patients.values())) > 1:
        found = ", ".join(f"{name}: {len(cases)}" for name, cases in patients.items())
        raise BratsError("predictors", f"their patients differ ({found})", "the same patients", "Score them again")
    rows = []
    for name, table in scores.items():
        row = {"predictor": name}
        for region in REGIONS:
            values = table.loc[table["region"] == region, score].to_numpy()
            mean, low, high = bootstrap_interval(values)
            row[region] = f"{mean:.{digits}f} [{low:.{digits}f},{NO_BREAK}{high:.{digits}f}]"
        whole = table.loc[table["region"] == next(iter(REGIONS)), score]
        worst = whole.min() if score != "hd95_mm" else whole.max()
        rows.append(row | {"worst WT": f"{worst:.{digits}f}", "patients": len(whole)})
    return pd.DataFrame(rows)


def case_metrics(published, challenge):
    """Every score of every test patient in long form, for the figure of their distributions.

    Parameters
    ----------
    published : pandas.DataFrame
        As `evaluation.evaluate` returns it.
    challenge : pandas.DataFrame
        `scores.csv` of the network.

    Returns
    -------
    pandas.DataFrame
        Columns case, metric and value; region scores are named "Dice WT" and so on.
    """
    ours = published[(published["predictor"] == NETWORK) & (published["subset"] == "test")]
    paper_way = ours.drop(columns=["predictor", "subset"]).melt("case", var_name="metric", value_name="value")
    regions = challenge.assign(metric="Dice " + challenge["region"])[["case", "metric", "dice"]]
    return pd.concat([paper_way, regions.rename(columns={"dice": "value"})], ignore_index=True)
