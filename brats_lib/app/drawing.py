"""Slices as pictures: arrays in, RGB images out, in milliseconds, so that a slider can be dragged.

A picture is an array of uint8, shape (rows, columns, 3), displayed the radiological way (`figures.style`). Volumes and
masks are in LPS, shape (x, y, z); masks hold labels 0, 1, 2, 4.
"""

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from brats_lib.figures.style import Plane, label_image, rgba
from brats_lib.labels import BACKGROUND, COLOURS, ED, ET, LABELS, NCR, REGIONS, region

__all__ = [
    "PIXELS", "Box", "Cut", "cross_hairs", "directions", "grey", "icon", "lay_over", "outline_truth", "png",
    "probability", "write_lines",
]  # fmt: skip

# Of the longest side of a box: sharp at the size of a panel, on screens of high density too.
PIXELS = 540
WHITE, CROSS = (255, 255, 255), "#4FD8FF"
PROBABILITY = mpl.colormaps["magma"]
# The edge of a region is drawn this wide, in pixels of the picture.
_EDGE = 3

# Start and stop along x, y, z of the part of a volume that is displayed.
Box = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Cut:
    """A slice, and the part of it that is displayed; voxels of `spacing` mm, so that thick slices look thick."""

    plane: Plane
    index: int
    box: Box
    spacing: Sequence[float] = (1, 1, 1)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels: one scale for all planes of a box."""
        lengths = [(stop - start) * size for (start, stop), size in zip(self.box, self.spacing, strict=True)]
        return tuple(max(1, round(lengths[axis] * PIXELS / max(lengths))) for axis in self.plane.in_plane)

    def of(self, volume: np.ndarray) -> np.ndarray:
        """The slice of a volume as rows and columns, row 0 at the top of the picture."""
        columns, rows = self.plane.in_plane
        cut = self.plane.cut(volume, self.index)[slice(*self.box[rows]), slice(*self.box[columns])]
        return cut[::-1] if self.plane.origin == "lower" else cut


def _enlarge(rows, size, method=Image.Resampling.BICUBIC):
    return np.asarray(Image.fromarray(np.ascontiguousarray(rows, np.float32)).resize(size, method))


def grey(volume: np.ndarray, cut: Cut, levels: tuple[float, float]) -> np.ndarray:
    """Draw a slice in grey between two levels; where they are the same, what is above is white."""
    low, high = levels
    shades = (_enlarge(cut.of(volume), cut.size) - low) / max(high - low, 1e-9)
    return np.repeat(np.round(255 * np.clip(shades, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def _large_labels(mask, cut):
    """Labels of a slice at the size of its picture, their borders smooth instead of stairs of voxels."""
    rows = cut.of(mask)
    shares = np.stack([_enlarge(rows == label, cut.size, Image.Resampling.BILINEAR) for label in LABELS])
    return np.array(LABELS, np.uint8)[shares.argmax(0)]


def _edge(area, width=_EDGE):
    return area & ~ndimage.binary_erosion(area, iterations=width)


def lay_over(
    picture: np.ndarray, mask: np.ndarray, cut: Cut, opacity: float = 0.5, labels: Sequence[int] = LABELS
) -> np.ndarray:
    """Lay some labels of a slice over a picture of it, each in its colour with a firm border; the background stays.

    At an opacity of 0 nothing is drawn, border included.
    """
    if opacity <= 0:
        return picture
    found = _large_labels(mask, cut)
    painted = picture.astype(np.float32)
    for label in labels:
        area = found == label
        if label == BACKGROUND or not area.any():
            continue
        colour = rgba(COLOURS[label])[:3].astype(np.float32)
        painted[area] += opacity * (colour - painted[area])
        painted[_edge(area)] = colour
    return np.round(painted).astype(np.uint8)


def outline_truth(picture: np.ndarray, truth: np.ndarray, cut: Cut) -> np.ndarray:
    """Draw the borders of the true regions WT, TC and ET in white, twice as thin as a prediction's."""
    labels, painted = _large_labels(truth, cut), picture.copy()
    for name in REGIONS:
        painted[_edge(region(labels, name), 2)] = WHITE
    return painted


def probability(chances: np.ndarray, brain: np.ndarray, cut: Cut) -> np.ndarray:
    """Draw a probability from black (0) over red to pale yellow (1), within the border of what is not 0 in `brain`."""
    large = _enlarge(cut.of(chances), cut.size, Image.Resampling.BILINEAR)
    picture = PROBABILITY(np.clip(large, 0, 1), bytes=True)[..., :3].copy()
    rim = _edge(ndimage.binary_fill_holes(_enlarge(cut.of(brain) != 0, cut.size) > 0.5), 2)
    picture[rim] = np.maximum(picture[rim], 96)
    _scale(picture)
    return picture


def _scale(picture):
    """A bar from 0 to 1 in the lower left corner."""
    rows, columns = picture.shape[:2]
    width, height = int(0.28 * columns), max(4, rows // 60)
    if width < 20 or rows < 60:
        return
    top, left = rows - 2 * height - 4, 8
    picture[top : top + height, left : left + width] = PROBABILITY(np.linspace(0, 1, width), bytes=True)[None, :, :3]
    _write(picture, [((left, top - 4), "0", "ls"), ((left + width, top - 4), "1", "rs")])


@functools.cache
def _font(size):
    # matplotlib ships this font, so pictures are the same on every machine.
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def _write(picture, texts, size=None):
    """Write texts into a picture, white with a black halo; each is ((x, y), text, anchor)."""
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    font = _font(size or max(12, PIXELS // 22))
    for place, text, anchor in texts:
        draw.text(place, text, WHITE, font, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))
    picture[:] = np.asarray(canvas)


def write_lines(picture: np.ndarray, lines: Sequence[str], top: int, size: int) -> None:
    """Write lines of text into a picture from its left edge, in place; `top` and the font's `size` are in pixels."""
    _write(picture, [((8, top + round(1.6 * size * row)), line, "la") for row, line in enumerate(lines)], size)


def directions(picture: np.ndarray, plane: Plane) -> np.ndarray:
    """Write at the edges of a copy where the patient's right, left, front, back, top and bottom are."""
    rows, columns = picture.shape[:2]
    places = (((6, rows // 2), "lm"), ((columns - 6, rows // 2), "rm"), ((columns // 2, 4), "ma"),
              ((columns // 2, rows - 6), "ms"))  # fmt: skip
    marked = picture.copy()
    letters = zip(places, plane.letters, strict=True)
    _write(marked, [(place, letter, anchor) for (place, anchor), letter in letters])
    return marked


def cross_hairs(picture: np.ndarray, plane: Plane, point: Sequence[int], box: Box) -> np.ndarray:
    """Draw on a copy the lines in which the two other planes cut this one, with a gap around the voxel `point`."""
    rows, columns = picture.shape[:2]
    across, down = ((point[axis] + 0.5 - box[axis][0]) / (box[axis][1] - box[axis][0]) for axis in plane.in_plane)
    down = 1 - down if plane.origin == "lower" else down
    x, y = (min(max(int(share * length), 0), length - 1) for share, length in ((across, columns), (down, rows)))
    gap, marked, ink = max(6, rows // 25), picture.copy(), rgba(CROSS)[:3]
    for spot in (slice(0, max(0, y - gap)), slice(y + gap, rows)):
        marked[spot, x] = ink
    for spot in (slice(0, max(0, x - gap)), slice(x + gap, columns)):
        marked[y, spot] = ink
    return marked


def png(picture: np.ndarray) -> bytes:
    """A picture as a PNG, packed loosely: it goes no further than to a browser on the same machine."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", compress_level=1)
    return content.getvalue()


def icon() -> Image.Image:
    """A tumour in the label colours, for the browser's tab."""
    y, x = np.mgrid[:64, :64] / 63 * 2 - 1
    labels = np.select([np.hypot(x, y) < radius for radius in (0.3, 0.55, 0.9)], (NCR, ET, ED), BACKGROUND)
    return Image.fromarray(label_image(labels))
