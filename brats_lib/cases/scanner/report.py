"""One HTML page of a preparation, to be looked at before its case is used."""

import base64
import html
import io
from collections.abc import Mapping

import numpy as np
from matplotlib.image import imsave
from scipy import ndimage

# Side of a field of a checkerboard, mm, and columns of the brain's outline.
FIELD_MM, OUTLINES = 24, 10
COLOUR = (255, 200, 0)
NAMES = {"flair": "FLAIR", "t1": "T1", "t1ce": "T1ce", "t2": "T2"}
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse}th,td{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ccc}
img{display:block;max-width:100%;background:#000}figure{margin:1rem 0}figcaption{color:#444}
.remark{border-left:4px solid #c60;padding-left:.8rem}
"""


def page(about: dict, heads: Mapping[str, np.ndarray], brain: np.ndarray) -> str:
    """The page, self-contained; `about` is what `preparation.json` holds, volumes lie on the grid of BraTS, LPS."""
    text = html.escape
    grey = {modality: _grey(head, brain) for modality, head in heads.items()}
    rows = []
    for modality, scan in about["scans"].items():
        cells = [
            NAMES[modality], scan["source"], scan["recognised"], " × ".join(map(str, scan["shape"])), scan["voxel_mm"],
            "reference" if modality == about["original"] else f"{scan['moved_mm']} mm, {scan['turned_degrees']}°",
        ]  # fmt: skip
        rows.append("<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in cells) + "</tr>")
    remarks = "".join(f'<p class="remark">{text(remark)}.</p>' for remark in about["remarks"])
    centre = [int(round(value)) for value in ndimage.center_of_mass(brain)]
    before = [
        np.hstack([_planes(grey[modality], centre), _planes(grey[modality] * brain, centre)]) for modality in grey
    ]
    first = about["original"]
    boards = [
        (f"{NAMES[first]} and {NAMES[modality]}", _planes(_checkerboard(grey[first], grey[modality]), centre))
        for modality in grey
        if modality != first
    ]
    figures = [
        _figure(picture, f"{NAMES[modality]}: with its skull (left) and as it was written (right)")
        for modality, picture in zip(grey, before, strict=True)
    ]
    checks = [_figure(picture, f"{names} by turns: edges must go on from field to field") for names, picture in boards]
    outlines = [
        _figure(_outlines(grey[modality], brain), f"{NAMES[modality]}, from below upwards")
        for modality in (first, "flair")
        if modality in grey
    ]
    assumed = "".join(f"<li>{text(sentence)}</li>" for sentence in about["assumed"])
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Preparation of {text(about["case"])}</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<h1>Preparation of {text(about["case"])}</h1>
<p>For research and teaching only. The patient's right side is on the left of every picture, front is up in axial
pictures and on the left in sagittal ones.</p>
{remarks}
<h2>What was taken for what</h2>
<table><tr><th>Modality</th><th>Taken from</th><th>Recognised by</th><th>Voxels</th><th>Size, mm</th>
<th>Moved to fit {NAMES[first]}</th></tr>{"".join(rows)}</table>
<p>The wrong one? Name another: <code>--t1ce "series 7"</code>, or a file. The application has a list.</p>
<h2>The brain's outline</h2>
<p>The line must follow the surface of the brain: scalp or eyes inside it, or tumour outside it, spoil the mask.
Volume inside: {about["brain"]["ml"]:.0f} mL.</p>
{"".join(outlines)}
<h2>Alignment</h2>
{"".join(checks)}
<h2>Before and after</h2>
{"".join(figures)}
<h2>What was assumed</h2>
<ul>{assumed}</ul>
</body></html>
"""


def _grey(head: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Intensities as grey levels 0-255, the brain's range in the middle."""
    low, high = np.percentile(head[brain], [0.5, 99.5])
    return np.clip(255 * (head - min(low, 0)) / (1.15 * (high - min(low, 0)) or 1), 0, 255).astype(np.uint8)


def _planes(volume: np.ndarray, centre: list[int]) -> np.ndarray:
    """Axial, coronal and sagittal plane through a voxel, side by side."""
    x, y, z = centre
    planes = volume[:, :, z].T, volume[:, y, ::-1].T, volume[x, :, ::-1].T
    tallest = max(plane.shape[0] for plane in planes)
    return np.hstack([np.pad(plane, ((0, tallest - plane.shape[0]), (0, 0))) for plane in planes])


def _checkerboard(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    fields = sum(np.ogrid[tuple(slice(n) for n in one.shape)][axis] // FIELD_MM for axis in range(3))
    return np.where(fields % 2 == 0, one, other)


def _outlines(grey: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Axial slices with the brain's edge in colour, in two rows."""
    heights = np.flatnonzero(brain.any(axis=(0, 1)))
    chosen = np.linspace(heights[0] + 8, heights[-1] - 4, OUTLINES).round().astype(int)
    tiles = []
    for z in chosen:
        tile = np.repeat(grey[:, :, z].T[..., None], 3, axis=2)
        inside = brain[:, :, z].T
        tile[ndimage.binary_dilation(inside) & ~inside] = COLOUR
        tiles.append(tile[16:232, 24:216])
    half = OUTLINES // 2
    return np.vstack([np.hstack(tiles[:half]), np.hstack(tiles[half:])])


def _figure(picture: np.ndarray, caption: str) -> str:
    colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    stream = io.BytesIO()
    imsave(stream, colour, format="png")
    data = base64.b64encode(stream.getvalue()).decode()
    words = html.escape(caption)
    image = f'<img alt="{words}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{words}.</figcaption></figure>"
