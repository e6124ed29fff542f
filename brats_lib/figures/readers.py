"""What readers said of masks, and how far they agree."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.patches import Patch

from brats_lib.figures.plots import foot_key, need, plot_sheet
from brats_lib.figures.style import Figure, styled
from brats_lib.scores.readers import COLUMNS, LIKERT, SIDES, agreement

# Worst to best, readable with every kind of colour vision and in grey print.
GRADE_COLOURS = dict(zip(LIKERT, colormaps["cividis"](np.linspace(0.05, 0.95, len(LIKERT))), strict=True))


@styled
def reader_ratings(ratings: pd.DataFrame, source: str, title: str) -> Figure:
    """Plot the share of each score by reader and side, and the quadratic weighted kappa of every pair of readers.

    `ratings` has the columns `scores.readers.COLUMNS`. Where one is simulated, both panels say so across their width.
    """
    need(ratings, COLUMNS)
    readers = sorted(ratings["reader"].unique())
    height = 1.2 + 0.32 * len(SIDES) * len(readers)
    fig, axes = plot_sheet(height, 1, 2, source=source, title=title, key=True, width_ratios=(1.7, 1))
    _shares(axes[0], ratings, readers)
    _kappas(axes[1], ratings, readers)
    if ratings["simulated"].any():
        for ax in axes:
            ax.text(0.5, 0.5, "SIMULATED", transform=ax.transAxes, ha="center", va="center", rotation=18, fontsize=24,
                    fontweight="bold", color="#B00020", alpha=0.33, zorder=9, gid="stamp")  # fmt: skip
    foot_key(fig, {f"{grade} {name.split(',')[0]}": Patch(facecolor=GRADE_COLOURS[grade])
                   for grade, name in LIKERT.items()})  # fmt: skip
    return fig


def _shares(ax, ratings, readers):
    rows = [(reader, side) for reader in readers for side in SIDES]
    for place, (reader, side) in enumerate(rows):
        scores = ratings.loc[(ratings["reader"] == reader) & (ratings["side"] == side), "score"]
        shares = np.array([(scores == grade).mean() if len(scores) else 0.0 for grade in LIKERT])
        ax.barh([place] * len(shares), shares, 0.78, left=shares.cumsum() - shares, color=list(GRADE_COLOURS.values()))
        ax.text(1.02, place, f"n = {len(scores)}", va="center", fontsize=9)
    ax.set_yticks(range(len(rows)), [f"{reader}, {side}" for reader, side in rows])
    ax.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    ax.set(xlim=(0, 1.16), xlabel="share of the masks", ylim=(len(rows) - 0.4, -0.6))
    ax.set_title("Scores of truth and prediction")


def _kappas(ax, ratings, readers):
    kappas = np.full((len(readers), len(readers)), np.nan)
    for row in agreement(ratings).itertuples():
        x, y = readers.index(row.first), readers.index(row.second)
        kappas[y, x] = row.kappa
        text = "undefined" if np.isnan(row.kappa) else f"{row.kappa:.2f}"
        ax.text(x, y, f"{text}\nn = {row.masks}", ha="center", va="center",
                color="white" if row.kappa > 0.6 else "#111111", gid="kappa")  # fmt: skip
    ax.imshow(kappas, cmap="Blues", vmin=0, vmax=1)
    # The upper half would repeat the lower one.
    ax.set_xticks(range(len(readers) - 1), readers[:-1], rotation=20, ha="right")
    ax.set_yticks(range(1, len(readers)), readers[1:])
    ax.set(xlim=(-0.5, max(0.5, len(readers) - 1.5)), ylim=(max(1.5, len(readers) - 0.5), 0.5))
    ax.set_title("Weighted kappa")
