"""What readers said of masks, and how far they agree."""

import numpy as np
from matplotlib import colormaps
from matplotlib.patches import Patch

from brats_lib.figures.plots import foot_key, need, plot_sheet
from brats_lib.figures.style import styled
from brats_lib.scores.readers import COLUMNS, LIKERT, SIDES, agreement

__all__ = ["reader_ratings"]

# Worst to best, readable with every kind of colour vision and in grey print.
GRADE_COLOURS = dict(zip(LIKERT, colormaps["cividis"](np.linspace(0.05, 0.95, len(LIKERT))), strict=True))
_STAMP = "SIMULATED"


@styled
def reader_ratings(ratings, source, title=None):
    """Plot the share of each score by reader and side, and the quadratic weighted kappa of every pair of readers.

    Where a rating is simulated, both panels say so across their whole width.

    Parameters
    ----------
    ratings : DataFrame
        With the columns of `readers.COLUMNS`.
    source : str
        Where the data come from; printed at the foot.
    title : str, optional

    Returns
    -------
    Figure

    Raises
    ------
    BratsError
        If a column is missing or there are no rows.
    """
    need(ratings, COLUMNS)
    readers = sorted(ratings["reader"].unique())
    height = 1.2 + 0.32 * len(SIDES) * len(readers)
    fig, (left, right) = plot_sheet(
        height, 1, 2, source=source, title=title, key=True, gridspec_kw={"width_ratios": [1.7, 1]}
    )
    _shares(left, ratings, readers)
    _kappas(right, ratings, readers)
    if ratings["simulated"].any():
        for ax in (left, right):
            ax.text(0.5, 0.5, _STAMP, transform=ax.transAxes, ha="center", va="center", rotation=18, fontsize=24,
                    fontweight="bold", color="#B00020", alpha=0.33, zorder=9, gid="stamp")  # fmt: skip
    foot_key(fig, [Patch(facecolor=colour) for colour in GRADE_COLOURS.values()],
             [f"{grade} {name.split(',')[0]}" for grade, name in LIKERT.items()])  # fmt: skip
    return fig


def _shares(ax, ratings, readers):
    rows = [(reader, side) for reader in readers for side in SIDES]
    for place, (reader, side) in enumerate(rows):
        scores = ratings.loc[(ratings["reader"] == reader) & (ratings["side"] == side), "score"]
        shares = [float((scores == grade).mean()) if len(scores) else 0.0 for grade in LIKERT]
        starts = np.concatenate([[0], np.cumsum(shares)[:-1]])
        ax.barh([place] * len(shares), shares, 0.78, left=starts, color=list(GRADE_COLOURS.values()))
        ax.text(1.02, place, f"n = {len(scores)}", va="center", fontsize=9)
    ax.set_yticks(range(len(rows)), [f"{reader}, {side}" for reader, side in rows])
    ax.set(xlim=(0, 1.16), xlabel="share of the masks", ylim=(len(rows) - 0.4, -0.6))
    ax.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    ax.set_title("Scores of truth and prediction")


def _kappas(ax, ratings, readers):
    pairs = agreement(ratings)
    places = {reader: place for place, reader in enumerate(readers)}
    kappas = np.full((len(readers), len(readers)), np.nan)
    for row in pairs.itertuples():
        kappas[places[row.second], places[row.first]] = row.kappa
    ax.imshow(kappas, cmap="Blues", vmin=0, vmax=1)
    for row in pairs.itertuples():
        text = "undefined" if np.isnan(row.kappa) else f"{row.kappa:.2f}"
        dark = not np.isnan(row.kappa) and row.kappa > 0.6
        ax.text(places[row.first], places[row.second], f"{text}\nn = {row.masks}", ha="center", va="center",
                color="white" if dark else "#111111", gid="kappa")  # fmt: skip
    # The upper half would repeat the lower one.
    ax.set_xticks(range(len(readers) - 1), readers[:-1], rotation=20, ha="right")
    ax.set_yticks(range(1, len(readers)), readers[1:])
    ax.set(xlim=(-0.5, max(0.5, len(readers) - 1.5)), ylim=(max(1.5, len(readers) - 0.5), 0.5))
    ax.set_title("Weighted kappa")
