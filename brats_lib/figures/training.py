"""How a training went."""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from brats_lib.figures.plots import foot_key, plot_sheet
from brats_lib.figures.style import ACCENTS, Figure, styled

TITLES = {"loss": "Loss", "accuracy": "Accuracy", "dice": "Dice (soft, background included)", "iou": "IoU"}


@styled
def training_curves(history: pd.DataFrame, source: str, background_accuracy: float) -> Figure:
    """Plot loss, accuracy, Dice and IoU over the epochs (paper figure 6).

    Parameters
    ----------
    history
        A row per epoch: epoch, loss, accuracy, dice, iou, the same with ``val_`` before, and learning_rate.
    background_accuracy
        Accuracy of predicting background everywhere; drawn as a dashed line.
    """
    fig, axes = plot_sheet(6.6, 2, 2, source=source, key=True, grid="y", sharex=True)
    epochs = history["epoch"].to_numpy()
    best = int(history["val_loss"].to_numpy().argmin())
    drops = epochs[1:][np.diff(history["learning_rate"].to_numpy()) < 0]
    key = {}
    for ax, (measure, heading) in zip(axes.flat, TITLES.items(), strict=True):
        for epoch in drops:
            drop = ax.axvline(epoch, color="#9A9A9A", lw=1, ls=(0, (2, 2)), gid="learning-rate drop", zorder=1)
        lines = ("training", measure, "blue", "o"), ("validation", f"val_{measure}", "orange", "s")
        for name, column, colour, marker in lines:
            (key[name],) = ax.plot(epochs, history[column], color=ACCENTS[colour], marker=marker, markersize=4)
        lowest = {"ms": 13, "mfc": "none", "mec": "#111111", "mew": 1.6, "gid": "best epoch"}
        (ring,) = ax.plot(epochs[best], history[f"val_{measure}"].iloc[best], "o", **lowest)
        key[f"kept: epoch {epochs[best]}, lowest validation loss"] = ring
        ax.set(title=heading, xlabel="epoch" if ax in axes[1] else "")
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    if drops.size:
        key["learning rate lowered"] = drop
    accuracy = axes[0, 1]
    accuracy.axhline(background_accuracy, color="#111111", lw=1.3, ls=(0, (6, 4)), gid="background")
    words = f"background everywhere: {background_accuracy:.4f}"
    accuracy.text(epochs[-1], background_accuracy, words, va="bottom", ha="right", fontsize=9.5)
    foot_key(fig, key)
    return fig
