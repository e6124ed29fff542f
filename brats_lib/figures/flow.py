"""The whole process as a diagram."""

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch

from brats_lib.figures.plots import foot_key, plot_sheet
from brats_lib.figures.style import ACCENTS, modality_name, styled
from brats_lib.recipes import PUBLISHED

__all__ = ["flow_diagram"]


def _steps():
    """The boxes of the flow diagram: heading, two lines below, colour of the part of the work."""
    recipe, part = PUBLISHED, ACCENTS
    channels = " and ".join(modality_name(name) for name in recipe.modalities)
    deepest = recipe.width * 16
    return [
        ("BraTS cases", "FLAIR, T1, T1ce, T2\nand expert mask", part["blue"]),
        ("Slices", f"axial {recipe.first_slice} to {recipe.stop_slice - 1},\n{recipe.slices} a patient", part["green"]),
        ("Resize", f"{recipe.size} × {recipe.size} pixels,\nbilinear", part["green"]),
        ("Normalise", "outliers clipped,\n0 to 1 per scan", part["green"]),
        ("Two channels", f"{channels},\nstacked", part["green"]),
        ("Generator", "shuffled batches,\none-hot masks", part["orange"]),
        ("2D U-Net", f"{recipe.width} to {deepest} filters,\nsoftmax, 4 classes", part["orange"]),
        ("Callbacks", "lower learning rate,\nkeep best weights", part["orange"]),
        ("Scores", "as published, and\nper tumour region", part["purple"]),
        ("App", "overlay, probabilities,\nvolumes in mL", part["purple"]),
    ]  # fmt: skip


@styled
def flow_diagram(source="", title=None):
    """Draw the whole process from data to app (paper figure 2).

    Parameters
    ----------
    source : str
    title : str, optional

    Returns
    -------
    Figure
    """
    fig, ax = plot_sheet(3.8, source=source, title=title, key=True)
    ax.set(xlim=(0, 10), ylim=(0.3, 3.75), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    steps = _steps()
    width, height, centres = 1.72, 1.3, []
    for i, (heading, text, colour) in enumerate(steps):
        x, y = 1.0 + 2.0 * (i % 5), 3.0 - 1.95 * (i // 5)
        centres.append((x, y))
        ax.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, facecolor=colour, edgecolor="none",
                                    alpha=0.13, boxstyle="round,pad=0,rounding_size=0.09"))  # fmt: skip
        ax.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, facecolor="none", edgecolor=colour,
                                    lw=1.6, boxstyle="round,pad=0,rounding_size=0.09"))  # fmt: skip
        ax.text(x, y + 0.3, f"{i + 1}. {heading}", ha="center", va="center", fontsize=12, fontweight="bold")
        ax.text(x, y - 0.2, text, ha="center", va="center", fontsize=9.6, color="#2A2A2A", linespacing=1.35)
    arrow = {"arrowstyle": "-|>", "mutation_scale": 15, "color": "#444444", "lw": 1.6, "shrinkA": 0, "shrinkB": 0}
    for (x, y), (next_x, next_y) in zip(centres, centres[1:], strict=False):
        if y == next_y:
            ax.add_patch(FancyArrowPatch((x + width / 2 + 0.02, y), (next_x - width / 2 - 0.02, y), **arrow))
        else:
            middle = (y + next_y) / 2
            ax.plot([x, x, next_x], [y - height / 2 - 0.02, middle, middle], color="#444444", lw=1.6)
            ax.add_patch(FancyArrowPatch((next_x, middle), (next_x, next_y + height / 2 + 0.02), **arrow))
    parts = {"data": "blue", "preprocessing": "green", "training": "orange", "results": "purple"}
    foot_key(fig, [Patch(facecolor=ACCENTS[colour], alpha=0.6) for colour in parts.values()], list(parts))
    return fig
