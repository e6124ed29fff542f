"""How a training went."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from brats_lib.figures.plots import foot_key, plot_sheet
from brats_lib.figures.style import ACCENTS, styled

__all__ = ["training_curves"]

TITLES = {"loss": "Loss", "accuracy": "Accuracy", "dice": "Dice (soft, background included)", "iou": "IoU"}


@styled
def training_curves(history, source, title=None, background_accuracy=None):
    """Plot loss, accuracy, Dice and IoU over the epochs (paper figure 6).

    Parameters
    ----------
    history : DataFrame
        One row per epoch with the columns epoch, loss, accuracy, dice, iou, the same with ``val_`` before, and
        learning_rate.
    source : str
        Where the data come from; printed at the foot.
    title : str, optional
    background_accuracy : float, optional
        Accuracy of predicting background everywhere; drawn as a dashed line.

    Returns
    -------
    Figure
    """
    fig, axes = plot_sheet(6.6, 2, 2, source=source, title=title, key=True, sharex=True)
    epochs = history["epoch"].to_numpy()
    best = int(history["val_loss"].to_numpy().argmin()) if len(history) else None
    drops = epochs[1:][np.diff(history["learning_rate"].to_numpy()) < 0]
    for ax, (measure, heading) in zip(axes.flat, TITLES.items(), strict=True):
        for epoch in drops:
            ax.axvline(epoch, color="#9A9A9A", lw=1, ls=(0, (2, 2)), gid="learning-rate drop", zorder=1)
        for column, colour, marker, name in ((measure, ACCENTS["blue"], "o", "training"),
                                             (f"val_{measure}", ACCENTS["orange"], "s", "validation")):  # fmt: skip
            ax.plot(epochs, history[column], color=colour, marker=marker, markersize=4, label=name)
        if best is not None:
            ax.plot(epochs[best], history[f"val_{measure}"].iloc[best], "o", ms=13, mfc="none", mec="#111111", mew=1.6,
                    gid="best epoch", label=f"kept: epoch {epochs[best]}, lowest validation loss")  # fmt: skip
        if measure == "accuracy" and background_accuracy is not None:
            ax.axhline(background_accuracy, color="#111111", lw=1.3, ls=(0, (6, 4)), gid="background")
            ax.annotate(f"background everywhere: {background_accuracy:.4f}", (1, background_accuracy), va="bottom",
                        xycoords=("axes fraction", "data"), ha="right", fontsize=9.5, xytext=(0, 3),
                        textcoords="offset points")  # fmt: skip
        ax.set_title(heading)
        ax.grid(axis="y")
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    for ax in axes[1]:
        ax.set_xlabel("epoch")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if drops.size:
        handles.append(axes[0, 0].lines[0])
        labels.append("learning rate lowered")
    foot_key(fig, handles, labels)
    return fig
