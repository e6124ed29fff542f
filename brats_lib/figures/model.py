"""A U-Net drawn from the network that was built, so that the drawing cannot disagree with it."""

from dataclasses import dataclass, field
from typing import Any

from matplotlib.patches import FancyArrowPatch, Patch, Rectangle

from brats_lib.figures.plots import foot_key, mark, plot_sheet
from brats_lib.figures.style import ACCENTS, Figure, styled

PARTS = {"encoder": ACCENTS["blue"], "bottleneck": ACCENTS["grey"], "decoder": ACCENTS["orange"]}
SKIP = {"color": "#8A8A8A", "ls": (0, (4, 3))}
_SPACE = 0.05  # between two slabs of a stage


@dataclass
class Stage:
    """Consecutive layers whose output has one size.

    Attributes
    ----------
    size
        Side of the feature maps in pixels.
    channels
        Feature maps after each convolution; of the input for the first stage, before them.
    joins
        Whether a skip connection ends here.
    """

    size: int
    channels: list[int] = field(default_factory=list)
    parameters: int = 0
    joins: bool = False
    dropout: float | None = None


def stages(model: Any) -> list[Stage]:
    """Read a U-Net's shape off its layers, from input to output.

    Parameters
    ----------
    model
        A keras.Model or anything like it: has ``layers`` in order; each has ``output.shape`` (n, height, width,
        channels) and ``count_params()``. Layers are recognised by the name of their class.
    """
    found = []
    for layer in model.layers:
        kind, shape = type(layer).__name__, tuple(layer.output.shape)
        if not found or shape[1] != found[-1].size:
            found.append(Stage(size=shape[1]))
        stage = found[-1]
        stage.parameters += layer.count_params()
        stage.joins |= kind == "Concatenate"
        if kind in ("InputLayer", "Conv2D", "Conv2DTranspose"):
            stage.channels.append(shape[-1])
        elif "Dropout" in kind and getattr(layer, "rate", 0):
            stage.dropout = layer.rate
    return found


@styled
def unet_diagram(model: Any, source: str) -> Figure:
    """Draw the U: size and filters of every stage, skip connections, and the number of parameters (paper figure 5)."""
    parts = stages(model)
    sizes = sorted({stage.size for stage in parts}, reverse=True)
    levels = [sizes.index(stage.size) for stage in parts]
    fig, ax = plot_sheet(5.4, source=source, key=True)
    ax.set(xlim=(0, 10), ylim=(0, 5.4), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    xs = [1.85 + 6.3 * i / max(len(parts) - 1, 1) for i in range(len(parts))]
    ys = [4.55 - 3.9 * level / max(len(sizes) - 1, 1) for level in levels]
    heights = [max(0.2, 0.95 * (stage.size / sizes[0]) ** 0.55) for stage in parts]
    bottom = levels.index(max(levels))
    edges = []
    for i, stage in enumerate(parts):
        side = "encoder" if i < bottom else "decoder" if i > bottom else "bottleneck"
        edges.append(_draw_stage(ax, stage, xs[i], ys[i], heights[i], PARTS[side]))
        _name_stage(ax, stage, side, edges[i], ys[i], heights[i])
    _connect(ax, parts, levels, edges, ys, heights)
    ax.text(5.0, 5.35, f"{sum(stage.parameters for stage in parts):,} parameters", ha="center", va="top", fontsize=14,
            fontweight="bold")  # fmt: skip
    key = {part: Patch(facecolor=colour, edgecolor="#222222") for part, colour in PARTS.items()}
    foot_key(fig, key | {"skip connection": mark(**SKIP)})
    return fig


def _draw_stage(ax, stage, x, y, height, colour):
    """Draw a stage's feature maps as slabs, centred on `x`, and return its left and right edge."""
    widths = [0.045 + 0.0011 * channels for channels in stage.channels]
    left = at = x - (sum(widths) + _SPACE * (len(widths) - 1)) / 2
    for width in widths:
        ax.add_patch(Rectangle((at, y - height / 2), width, height, facecolor=colour, edgecolor="#222222", lw=0.8,
                               gid="feature maps"))  # fmt: skip
        at += width + _SPACE
    return left, at - _SPACE


def _name_stage(ax, stage, side, edges, y, height):
    """Write filters and size outside the U: left of the encoder, right of the decoder, below the bottleneck."""
    filters = " · ".join(str(channels) for channels in stage.channels)
    size = f"{stage.size} × {stage.size}" + (f", dropout {stage.dropout:g}" if stage.dropout else "")
    x, align = {"encoder": (edges[0] - 0.12, "right"), "decoder": (edges[1] + 0.12, "left"),
                "bottleneck": (sum(edges) / 2, "center")}[side]  # fmt: skip
    y = y - height / 2 - 0.05 if side == "bottleneck" else y + 0.02
    ax.text(x, y, filters, ha=align, va="top", fontsize=11, fontweight="bold")
    ax.text(x, y - 0.21, size, ha=align, va="top", fontsize=10, color="#444444")


def _connect(ax, parts, levels, edges, ys, heights):
    """Draw pooling and up-sampling between neighbours, and a skip from each joining stage back to its encoder."""
    arrow = {"arrowstyle": "-|>", "mutation_scale": 13, "lw": 1.6, "shrinkA": 2, "shrinkB": 2}
    for i in range(len(parts) - 1):
        here, there = sum(edges[i]) / 2, sum(edges[i + 1]) / 2
        if levels[i + 1] > levels[i]:
            start, end = (here, ys[i] - heights[i] / 2), (edges[i + 1][0], ys[i + 1] + heights[i + 1] * 0.4)
            bend = "angle3,angleA=-90,angleB=180"
        else:
            start, end = (edges[i][1], ys[i] + heights[i] * 0.4), (there, ys[i + 1] - heights[i + 1] / 2)
            bend = "angle3,angleA=0,angleB=90"
        ax.add_patch(FancyArrowPatch(start, end, color="#444444", connectionstyle=bend, **arrow))
        if parts[i + 1].joins:
            partner = max(j for j in range(i + 1) if levels[j] == levels[i + 1])
            start, end = (edges[partner][1], ys[partner]), (edges[i + 1][0], ys[i + 1])
            ax.add_patch(FancyArrowPatch(start, end, gid="skip", **SKIP, **arrow))
