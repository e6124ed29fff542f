"""The network, drawn from what was built so that the drawing cannot disagree with it, and how its training went."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from brats_lib.figures import plots
from brats_lib.figures.style import ACCENTS, Figure, Style, styled

PARTS = {"encoder": ACCENTS["blue"], "bottleneck": ACCENTS["grey"], "decoder": ACCENTS["orange"]}
SKIP: Style = {"color": "#8A8A8A", "ls": (0, (4, 3))}
TITLES = {"loss": "Loss", "accuracy": "Accuracy", "dice": "Dice (soft, background included)", "iou": "IoU"}
_SPACE = 0.05  # between two slabs of a stage


@dataclass
class Stage:
    """Consecutive layers whose output has one size, the side of the feature maps in pixels.

    `channels` are the feature maps after each convolution, and of the input before them in the first stage; `joins`
    says whether a skip connection ends here.
    """

    size: int
    channels: list[int] = field(default_factory=list)
    joins: bool = False
    dropout: float = 0


def stages(model: Any) -> list[Stage]:
    """Read a U-Net's shape off the layers of a keras.Model, from input to output."""
    found: list[Stage] = []
    for layer in model.layers:
        kind, shape = type(layer).__name__, layer.output.shape
        if not found or shape[1] != found[-1].size:
            found.append(Stage(size=shape[1]))
        stage = found[-1]
        stage.joins |= kind == "Concatenate"
        if kind in ("InputLayer", "Conv2D", "Conv2DTranspose"):
            stage.channels.append(shape[-1])
        elif "Dropout" in kind:
            stage.dropout = layer.rate
    return found


@styled
def unet_diagram(model: Any, source: str) -> Figure:
    """Draw the U: size and filters of every stage, skip connections, and the number of parameters (paper figure 5)."""
    parts = stages(model)
    sizes = sorted({stage.size for stage in parts}, reverse=True)
    bottom = min(range(len(parts)), key=lambda i: parts[i].size)
    fig, ax = plots.sheet(5.4, source=source, key=True)
    ax.set(xlim=(0, 10), ylim=(0, 5.4), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    boxes: list[Rectangle] = []
    for i, stage in enumerate(parts):
        x, y = 1.85 + 6.3 * i / (len(parts) - 1), 4.55 - 3.9 * sizes.index(stage.size) / (len(sizes) - 1)
        side = "encoder" if i < bottom else "decoder" if i > bottom else "bottleneck"
        boxes.append(_draw_stage(ax, stage, x, y, max(0.2, 0.95 * (stage.size / sizes[0]) ** 0.55), side))
        if i:
            _connect(ax, boxes[-2], boxes[-1], down=i <= bottom)
        if stage.joins:
            partner = max(j for j in range(i) if parts[j].size == stage.size)
            right = boxes[partner].get_x() + boxes[partner].get_width()
            _arrow(ax, (right, y), (boxes[i].get_x(), y), gid="skip", **SKIP)
    total = f"{model.count_params():,} parameters"
    ax.text(5.0, 5.35, total, ha="center", va="top", fontsize=14, fontweight="bold")
    key = {part: Patch(facecolor=colour, edgecolor="#222222") for part, colour in PARTS.items()}
    plots.foot_key(fig, key | {"skip connection": plots.mark(**SKIP)})
    return fig


def _draw_stage(ax, stage, x, y, height, side):
    """Draw a stage's feature maps as slabs with their number outside the U, and return the box around them."""
    widths = [0.045 + 0.0011 * channels for channels in stage.channels]
    whole = sum(widths) + _SPACE * (len(widths) - 1)
    at = x - whole / 2
    for width in widths:
        slab = {"facecolor": PARTS[side], "edgecolor": "#222222", "lw": 0.8, "gid": "feature maps"}
        ax.add_patch(Rectangle((at, y - height / 2), width, height, **slab))
        at += width + _SPACE
    filters = " · ".join(map(str, stage.channels))
    size = f"{stage.size} × {stage.size}" + (f", dropout {stage.dropout:g}" if stage.dropout else "")
    places = {
        "encoder": (x - whole / 2 - 0.12, y + 0.02, "right"),
        "bottleneck": (x, y - height / 2 - 0.05, "center"),
        "decoder": (x + whole / 2 + 0.12, y + 0.02, "left"),
    }
    text_x, text_y, align = places[side]
    ax.text(text_x, text_y, filters, ha=align, va="top", fontsize=11, fontweight="bold")
    ax.text(text_x, text_y - 0.21, size, ha=align, va="top", fontsize=10, color="#444444")
    return Rectangle((x - whole / 2, y - height / 2), whole, height)


def _connect(ax, here, there, down):
    """Draw pooling or up-sampling from one stage's box to the next."""
    # Above the middle of a box, for there are the names and the skip connections.
    if down:
        start, end = (here.get_center()[0], here.get_y()), (there.get_x(), there.get_y() + 0.9 * there.get_height())
        bend = "angle3,angleA=-90,angleB=180"
    else:
        start = here.get_x() + here.get_width(), here.get_y() + 0.9 * here.get_height()
        end, bend = (there.get_center()[0], there.get_y()), "angle3,angleA=0,angleB=90"
    _arrow(ax, start, end, color="#444444", connectionstyle=bend)


def _arrow(ax, start, end, **style):
    arrow = {"arrowstyle": "-|>", "mutation_scale": 13, "lw": 1.6, "shrinkA": 2, "shrinkB": 2}
    ax.add_patch(FancyArrowPatch(start, end, **arrow, **style))


@styled
def training_curves(history: pd.DataFrame, source: str, background_accuracy: float) -> Figure:
    """Plot loss, accuracy, Dice and IoU over the epochs (paper figure 6).

    `history` has a row per epoch: epoch, loss, accuracy, dice, iou, the same with ``val_`` before, and learning_rate.
    `background_accuracy` is that of predicting background everywhere.
    """
    fig, axes = plots.sheet(6.6, 2, 2, source=source, key=True, grid="y", sharex=True)
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
        lowest: Style = {"ms": 13, "mfc": "none", "mec": "#111111", "mew": 1.6, "gid": "best epoch"}
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
    plots.foot_key(fig, key)
    return fig
