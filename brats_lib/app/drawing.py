"""Slices as pictures, in milliseconds, so that a slider can be dragged; and the panels of a view that they make.

A picture is an array of uint8, shape (rows, columns, 3), displayed the radiological way (`figures.style`). Volumes and
masks are in LPS, shape (x, y, z); masks hold labels 0, 1, 2, 4.
"""

import functools
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from brats_lib.app.scans import PIXELS, PLANES, Cut, Scan
from brats_lib.figures.style import PROBABILITY, TUMOUR, Box, Plane, modality_name, rgba
from brats_lib.labels import COLOURS, LABELS, LONG_NAMES, REGIONS, region
from brats_lib.prediction.inference import Prediction

WHITE, CROSS = (255, 255, 255), "#4FD8FF"
# Pixels of the picture that the border of a prediction and that of the truth are wide.
_EDGE, _TRUE_EDGE = 3, 2


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


def _edge(area, width):
    return area & ~ndimage.binary_erosion(area, iterations=width)


def lay_over(
    picture: np.ndarray, mask: np.ndarray, cut: Cut, opacity: float = 0.5, labels: Sequence[int] = TUMOUR
) -> np.ndarray:
    """Lay some labels of a slice over a picture of it, each in its colour with a firm border; the background stays.

    At an opacity of 0 nothing is drawn, border included.
    """
    if opacity <= 0:
        return picture
    large, painted = _large_labels(mask, cut), picture.astype(np.float32)
    for label in labels:
        area, colour = large == label, rgba(COLOURS[label])[:3].astype(np.float32)
        painted[area] += opacity * (colour - painted[area])
        painted[_edge(area, _EDGE)] = colour
    return np.round(painted).astype(np.uint8)


def outline_truth(picture: np.ndarray, truth: np.ndarray, cut: Cut) -> np.ndarray:
    """Draw the borders of the true regions WT, TC and ET in white, thinner than a prediction's."""
    labels, painted = _large_labels(truth, cut), picture.copy()
    for name in REGIONS:
        painted[_edge(region(labels, name), _TRUE_EDGE)] = WHITE
    return painted


def probability(chances: np.ndarray, brain: np.ndarray, cut: Cut) -> np.ndarray:
    """Draw a probability from black (0) over red to pale yellow (1), within the border of what is not 0 in `brain`.

    A bar in the lower left corner says which colour is which, where there is room for it.
    """
    large = _enlarge(cut.of(chances), cut.size, Image.Resampling.BILINEAR)
    picture = PROBABILITY(np.clip(large, 0, 1), bytes=True)[..., :3].copy()
    rim = _edge(ndimage.binary_fill_holes(_enlarge(cut.of(brain) != 0, cut.size) > 0.5), _TRUE_EDGE)
    picture[rim] = np.maximum(picture[rim], 96)
    rows, columns = picture.shape[:2]
    width, height = int(0.28 * columns), max(4, rows // 60)
    if width < 20 or rows < 60:
        return picture
    top, left = rows - 2 * height - 4, 8
    picture[top : top + height, left : left + width] = PROBABILITY(np.linspace(0, 1, width), bytes=True)[:, :3]
    return _write(picture, [((left, top - 4), "0", "ls"), ((left + width, top - 4), "1", "rs")])


@functools.cache
def _font(size):
    # matplotlib ships this font, so pictures are the same on every machine.
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def _write(picture, texts, size=PIXELS // 22):
    """Write texts on a copy of a picture, white with a black halo; each is ((x, y), text, anchor)."""
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    for place, text, anchor in texts:
        draw.text(place, text, WHITE, _font(size), anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))
    return np.array(canvas)


def write_lines(picture: np.ndarray, lines: Iterable[str], top: int, size: int) -> np.ndarray:
    """Write lines of text on a copy of a picture from its left edge; `top` and the font's `size` are in pixels."""
    return _write(picture, [((8, top + round(1.6 * size * row)), line, "la") for row, line in enumerate(lines)], size)


def _directions(picture, plane):
    """Write at the edges of a picture where the patient's right, left, front, back, top and bottom are."""
    rows, columns = picture.shape[:2]
    places = ((6, rows // 2), (columns - 6, rows // 2), (columns // 2, 4), (columns // 2, rows - 6))
    return _write(picture, zip(places, plane.letters, ("lm", "rm", "ma", "ms"), strict=True))


def cross_hairs(picture: np.ndarray, plane: Plane, point: Sequence[int], box: Box) -> np.ndarray:
    """Draw on a copy the lines in which the two other planes cut this one, with a gap around the voxel `point`."""
    rows, columns = picture.shape[:2]
    across, down = ((point[axis] + 0.5 - box[axis][0]) / (box[axis][1] - box[axis][0]) for axis in plane.in_plane)
    down = 1 - down if plane.origin == "lower" else down
    x, y = (min(max(int(share * length), 0), length - 1) for share, length in ((across, columns), (down, rows)))
    gap, marked, colour = max(6, rows // 25), picture.copy(), rgba(CROSS)[:3]
    marked[np.abs(np.arange(rows) - y) >= gap, x] = colour
    marked[y, np.abs(np.arange(columns) - x) >= gap] = colour
    return marked


def png(picture: np.ndarray) -> bytes:
    """A picture as a PNG, packed loosely: it goes no further than to a browser on the same machine."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", compress_level=1)
    return content.getvalue()


@dataclass(frozen=True)
class Panel:
    """One picture on the page; `alt` is what is seen, for those who do not see it."""

    heading: str
    picture: np.ndarray
    alt: str


@dataclass(frozen=True)
class Look:
    """How labels are displayed: which, how opaque (0-1), on which modality, and whether with the true borders."""

    opacity: float = 0.45
    labels: tuple[int, ...] = TUMOUR
    truth: bool = False
    modality: str = "flair"


def original(scan: Scan, modality: str, plane: Plane, index: int) -> Panel:
    """A slice of a modality as it was acquired."""
    name = modality_name(modality)
    picture = grey(scan.volumes[modality], scan.cut(plane, index), scan.levels[modality])
    return Panel(name, _directions(picture, plane), f"{plane.name} {name} slice {index} of {scan.case.name}")


def overlay(scan: Scan, mask: np.ndarray, plane: Plane, index: int, look: Look, heading: str = "Segmentation") -> Panel:
    """A slice with the labels of a mask laid over it."""
    name = modality_name(look.modality)
    alt = f"{plane.name} {name} slice {index} with tumour labels in colour: {heading}"
    return Panel(f"{heading} on {name}", _painted(scan, mask, plane, index, look), alt)


def _painted(scan, mask, plane, index, look):
    cut = scan.cut(plane, index)
    picture = grey(scan.volumes[look.modality], cut, scan.levels[look.modality])
    if mask is not None:
        picture = lay_over(picture, mask, cut, look.opacity, look.labels)
    if look.truth:
        picture = outline_truth(picture, scan.truth, cut)
    return _directions(picture, plane)


def _slab(volume, plane, index):
    """A slice of a volume as a volume that is one slice thick; a view."""
    return volume[(slice(None),) * plane.axis + (slice(index, index + 1),)]


def probability_panel(scan: Scan, prediction: Prediction, name: str, plane: Plane, index: int) -> Panel:
    """The probability map of a region: WT, TC or ET."""
    # The region of the whole volume would be a sum over 9 million voxels for every move of a slider.
    part = replace(prediction, probabilities=_slab(prediction.probabilities, plane, index))
    brain = _slab(scan.volumes["flair"], plane, index)
    picture = probability(part.region(name), brain, scan.cut(plane, 0))
    alt = f"probability of {LONG_NAMES[name]} in {plane.name} slice {index}, from black (0) to pale yellow (1)"
    return Panel(f"P({name}), {LONG_NAMES[name]}", _directions(picture, plane), alt)


def three_planes(scan: Scan, mask: np.ndarray | None, point: Sequence[int], look: Look) -> list[Panel]:
    """The axial, coronal and sagittal slice through one voxel, with cross hairs where the others cut."""
    panels = []
    for name, plane in PLANES.items():
        index = point[plane.axis]
        picture = cross_hairs(_painted(scan, mask, plane, index, look), plane, point, scan.box)
        alt = f"{name} slice {index} with cross hairs at voxel {tuple(point)}"
        panels.append(Panel(name.capitalize(), picture, alt))
    return panels
