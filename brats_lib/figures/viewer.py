"""A case to look through in a page: panels of axial slices under one slider, in HTML that needs no server."""

import base64
import html
import io
from collections.abc import Mapping

import numpy as np
from matplotlib.image import imsave

from brats_lib.figures.style import AXIAL, TUMOUR, brain_box, label_image, tumour_slice, window
from brats_lib.labels import COLOURS, LABEL_NAMES

# Every how many-th slice is kept and how many lie beyond the tumour, so that a page stays below 1 MB.
_STEP, _BEYOND = 2, 8
_OPACITY = 0.6
_STYLE = """<style>
.case-viewer { margin: 1rem 0; }
.case-viewer .panels { display: grid; gap: 0.4rem; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.case-viewer .picture { aspect-ratio: var(--shape); background-color: black;
  background-image: var(--labels, none), var(--grey);
  background-position: 0 calc(var(--slice) * 100% / (var(--slices) - 1));
  background-size: 100% calc(var(--slices) * 100%); }
.case-viewer label { display: flex; gap: 0.6rem; align-items: center; margin: 0.5rem 0; }
.case-viewer input { flex: 1; }
.case-viewer .key { margin-right: 1rem; white-space: nowrap; }
.case-viewer .key i { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.3em; }
</style>"""


def case_viewer(volume: np.ndarray, masks: Mapping[str, np.ndarray], source: str) -> str:
    """Lay masks over the slices of a volume, a panel each beside the volume's own, as one piece of HTML.

    It begins, and without JavaScript stays, at the slice with most tumour of the first mask. All pictures are in the
    text. Radiological orientation.

    Parameters
    ----------
    volume
        (x, y, z), LPS.
    masks
        Labels by what the panel is called, (x, y, z).
    source
        What was scanned; the line below.
    """
    box = brain_box(volume)
    tumour = np.flatnonzero(np.any([np.any(mask, axis=(0, 1)) for mask in masks.values()], axis=0))
    first = next(iter(masks.values()))
    middle = tumour_slice(first)
    low, high = (tumour[0], tumour[-1]) if tumour.size else (middle, middle)
    low, high = max(low - _BEYOND, 0), min(high + _BEYOND, volume.shape[2] - 1)
    shown = [z for z in range(low, high + 1) if (z - middle) % _STEP == 0]
    black, white = window(volume)
    grey = np.clip((_strip(volume, shown, box) - black) / (white - black), 0, 1)
    strips = {name: label_image(_strip(mask, shown, box), _OPACITY, background=False) for name, mask in masks.items()}
    panels = [_panel("FLAIR"), *(_panel(name, _url(strip, "png")) for name, strip in strips.items())]
    columns, rows = (stop - start for start, stop in box[:2])
    slices, begin = len(shown), shown.index(middle)
    values = f"--slices: {slices}; --slice: {begin}; --shape: {columns} / {rows}; --grey: {_url(grey, 'jpeg')}"
    turn = "this.closest('.case-viewer').style.setProperty('--slice', this.value)"
    slider = f'type="range" min="0" max="{slices - 1}" value="{begin}" aria-label="Axial slice" oninput="{turn}"'
    keys = [f'<span class="key"><i style="background: {COLOURS[n]}"></i>{LABEL_NAMES[n]}</span>' for n in TUMOUR]
    return "\n".join([
        _STYLE, f'<div class="case-viewer" style="{values}">', '<div class="panels">', *panels, "</div>",
        f"<label>feet <input {slider}> head</label>", f"<div>{''.join(keys)}</div>",
        f"<small>{html.escape(source)}</small>", "</div>",
    ])  # fmt: skip


def _panel(name, labels=""):
    """One panel: the slices of the volume, and of a mask above them where there is one."""
    name, above = html.escape(name), f' style="--labels: {labels}"' if labels else ""
    return f'<div><div class="picture" role="img" aria-label="Axial slice: {name}"{above}></div>{name}</div>'


def _strip(volume, shown, box):
    """Slices below each other, rows and columns as a panel shows them."""
    (left, right), (front, back) = box[:2]
    return np.concatenate([AXIAL.cut(volume, z)[front:back, left:right] for z in shown])


def _url(image, kind):
    buffer = io.BytesIO()
    imsave(buffer, image, format=kind, cmap="gray", vmin=0, vmax=1)
    return f"url(data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()})"
