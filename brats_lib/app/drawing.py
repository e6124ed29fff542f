"""Slices as pictures: arrays in, RGB images out, in milliseconds, so that a slider can be dragged.

Panels are shown the radiological way (`figures.style`) and are scaled to millimetres, so that thick slices look as
thick as they are.
"""

import functools
import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from brats_lib.figures.style import label_image, rgba
from brats_lib.labels import BACKGROUND, COLOURS, ED, ET, LABELS, NCR, REGIONS, region

__all__ = [
    "PIXELS",
    "cross_hairs",
    "directions",
    "grey",
    "icon",
    "lay_over",
    "outline_truth",
    "png",
    "probability",
    "write_lines",
]

# Of the longest side of a box: sharp at the size of a panel, on screens of high density too.
PIXELS = 540
WHITE = (255, 255, 255)
PROBABILITY = mpl.colormaps["magma"]
# The edge of a region is drawn this wide, in pixels of the picture.
_EDGE = 3


def _cut(volume, plane, index, box):
    """A slice of a box of a volume, row 0 at the top of the picture."""
    columns, rows = plane.in_plane
    cut = plane.cut(volume, index)[slice(*box[rows]), slice(*box[columns])]
    return cut[::-1] if plane.origin == "lower" else cut


def _size(plane, box, spacing):
    """Width and height in pixels of a slice's picture: one scale for all planes of a box."""
    lengths = [(stop - start) * size for (start, stop), size in zip(box, spacing, strict=True)]
    return tuple(max(1, round(lengths[axis] * PIXELS / max(lengths))) for axis in plane.in_plane)


def _enlarge(cut, size, method=Image.Resampling.BICUBIC):
    return np.asarray(Image.fromarray(np.ascontiguousarray(cut, np.float32)).resize(size, method))


def grey(volume, plane, index, box, levels, spacing=(1, 1, 1)):
    """Draw a slice in grey.

    Parameters
    ----------
    volume : array of float, shape (x, y, z)
    plane : brats_lib.figures.style.Plane
    index : int
        Along the plane's axis.
    box : tuple of (int, int)
        Start and stop along x, y, z.
    levels : (float, float)
        What is shown black and white; where they are the same, what is above is white.
    spacing : tuple of float
        Voxel size in mm.

    Returns
    -------
    array of uint8, shape (rows, columns, 3)
    """
    cut = _cut(volume, plane, index, box)
    low, high = levels
    shades = np.clip((_enlarge(cut, _size(plane, box, spacing)) - low) / max(high - low, 1e-9), 0, 1)
    return np.repeat(np.round(255 * shades).astype(np.uint8)[..., None], 3, axis=2)


def _large_labels(mask, plane, index, box, spacing):
    """Labels of a slice at the size of its picture, their borders smooth instead of stairs of voxels."""
    cut = _cut(mask, plane, index, box)
    size = _size(plane, box, spacing)
    shares = np.stack([_enlarge(cut == label, size, Image.Resampling.BILINEAR) for label in LABELS])
    return np.array(LABELS, np.uint8)[shares.argmax(0)]


def _edge(area, width=_EDGE):
    return area & ~ndimage.binary_erosion(area, iterations=width)


def lay_over(picture, mask, plane, index, box, spacing=(1, 1, 1), opacity=0.5, labels=LABELS):
    """Lay a slice of labels over a picture, each in its colour with a firm border; the background stays clear.

    Parameters
    ----------
    picture : array of uint8, shape (rows, columns, 3)
        What `grey` drew of the same slice.
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.
    plane, index, box, spacing
        As in `grey`.
    opacity : float
        Of the colour inside the border, 0-1. At 0 nothing is drawn, border included.
    labels : sequence of int
        Which labels are drawn.

    Returns
    -------
    array of uint8, shape (rows, columns, 3)
    """
    if opacity <= 0:
        return picture
    found = _large_labels(mask, plane, index, box, spacing)
    painted = picture.astype(np.float32)
    for label in labels:
        area = found == label
        if label == BACKGROUND or not area.any():
            continue
        colour = rgba(COLOURS[label])[:3].astype(np.float32)
        painted[area] += opacity * (colour - painted[area])
        painted[_edge(area)] = colour
    return np.round(painted).astype(np.uint8)


def outline_truth(picture, truth, plane, index, box, spacing=(1, 1, 1)):
    """Draw the borders of the true regions WT, TC and ET in white, twice as thin as a prediction's.

    Parameters
    ----------
    picture, plane, index, box, spacing
        As in `lay_over`.
    truth : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4.

    Returns
    -------
    array of uint8, shape (rows, columns, 3)
    """
    found = _large_labels(truth, plane, index, box, spacing)
    painted = picture.copy()
    for name in REGIONS:
        painted[_edge(region(found, name), 2)] = WHITE
    return painted


def probability(chances, brain, plane, index, box, spacing=(1, 1, 1)):
    """Draw the probability of a region from black (0) over red to pale yellow (1), within the border of the brain.

    Parameters
    ----------
    chances : array of float, shape (x, y, z)
        In 0-1. Only the slice is read.
    brain : array, shape (x, y, z)
        Not 0 inside the brain.
    plane, index, box, spacing
        As in `grey`.

    Returns
    -------
    array of uint8, shape (rows, columns, 3)
    """
    cut = _cut(chances, plane, index, box).astype(np.float32)
    size = _size(plane, box, spacing)
    picture = PROBABILITY(np.clip(_enlarge(cut, size, Image.Resampling.BILINEAR), 0, 1), bytes=True)[..., :3].copy()
    inside = ndimage.binary_fill_holes(_enlarge(_cut(brain, plane, index, box) != 0, size) > 0.5)
    rim = _edge(inside, 2)
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


def write_lines(picture, lines, top, size):
    """Write lines of text into a picture from its left edge, in place.

    Parameters
    ----------
    picture : array of uint8, shape (rows, columns, 3)
    lines : sequence of str
    top : int
        Pixels above the first line.
    size : int
        Of the font, in pixels.
    """
    _write(picture, [((8, top + round(1.6 * size * row)), line, "la") for row, line in enumerate(lines)], size)


def directions(picture, plane):
    """Write at the picture's edges where the patient's right, left, front, back, top and bottom are.

    Parameters
    ----------
    picture : array of uint8, shape (rows, columns, 3)
    plane : brats_lib.figures.style.Plane

    Returns
    -------
    array of uint8, shape (rows, columns, 3)
        A new one.
    """
    rows, columns = picture.shape[:2]
    places = (((6, rows // 2), "lm"), ((columns - 6, rows // 2), "rm"), ((columns // 2, 4), "ma"),
              ((columns // 2, rows - 6), "ms"))  # fmt: skip
    marked = picture.copy()
    letters = zip(places, plane.letters, strict=True)
    _write(marked, [(place, letter, anchor) for (place, anchor), letter in letters])
    return marked


def cross_hairs(picture, plane, point, box, colour="#4FD8FF"):
    """Draw the lines in which the two other planes cut this one, with a gap around the point itself.

    Parameters
    ----------
    picture : array of uint8, shape (rows, columns, 3)
    plane : brats_lib.figures.style.Plane
    point : tuple of int
        Voxel (x, y, z).
    box : tuple of (int, int)
        What the picture shows of the volume, as start and stop along x, y, z.
    colour : str

    Returns
    -------
    array of uint8, shape (rows, columns, 3)
        A new one.
    """
    rows, columns = picture.shape[:2]
    across, down = ((point[axis] + 0.5 - box[axis][0]) / (box[axis][1] - box[axis][0]) for axis in plane.in_plane)
    down = 1 - down if plane.origin == "lower" else down
    x, y = (min(max(int(share * length), 0), length - 1) for share, length in ((across, columns), (down, rows)))
    gap, marked = max(6, rows // 25), picture.copy()
    ink = rgba(colour)[:3]
    for spot in (slice(0, max(0, y - gap)), slice(y + gap, rows)):
        marked[spot, x] = ink
    for spot in (slice(0, max(0, x - gap)), slice(x + gap, columns)):
        marked[y, spot] = ink
    return marked


def png(picture):
    """A picture as the bytes of a PNG, packed loosely: it goes no further than to a browser on the same machine.

    Parameters
    ----------
    picture : array of uint8, shape (rows, columns, 3)

    Returns
    -------
    bytes
    """
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", compress_level=1)
    return content.getvalue()


def icon(size=64):
    """A tumour in the label colours, for the browser's tab.

    Returns
    -------
    PIL.Image.Image
        Square.
    """
    y, x = np.mgrid[:size, :size] / (size - 1) * 2 - 1
    labels = np.select([np.hypot(x, y) < radius for radius in (0.3, 0.55, 0.9)], (NCR, ET, ED), BACKGROUND)
    return Image.fromarray(label_image(labels))
