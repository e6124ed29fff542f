"""What the pages say and give away, which needs no Streamlit to be checked: texts, numbers, and files."""

import html
import io
import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from brats_lib.app.drawing import Panel, write_lines
from brats_lib.cases import Case
from brats_lib.figures.style import TUMOUR, Plane, label_colours, modality_name
from brats_lib.prediction.predict import volumes_ml
from brats_lib.scores.challenge import score_mask

NO_DISTANCE = "–"
DISCLAIMER = "Research and teaching only. Not a medical device: no decision about a patient may rest on it."
# Pixels of a downloaded picture: above the panels, and between them.
_HEAD, _GAP = 48, 12


def plain(text: object) -> str:
    """Text that Streamlit shows as it is: what Markdown would turn into formatting, links or images is escaped."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])", r"\\\1", str(text)).replace("\n", " ")


def place(case: Case, plane: Plane, index: int) -> str:
    """Where a slice is, as a person reads it: ``"axial slice z = 78 of 0–154 (1 mm)"``."""
    last, thick = case.shape[plane.axis] - 1, case.spacing[plane.axis]
    return f"{plane.name} slice {'xyz'[plane.axis]} = {index} of 0–{last} ({thick:.3g} mm)"


def files_line(names: Mapping[str, str]) -> str:
    """Which files are in use, by modality: ``"FLAIR x_t2f.nii.gz · T1ce x_t1c.nii.gz"``; what one file holds, once."""
    roles = defaultdict(list)
    for role, name in names.items():
        roles[name].append(modality_name(role))
    return " · ".join(f"{', '.join(titles)} {name}" for name, titles in roles.items())


def where(plane: Plane | None = None) -> str:
    """Which way the patient is displayed, in one plane or in all three."""
    facing, profile = "the patient's right (R) is on the left of the picture", "the patient faces left"
    if plane is None:
        return f"Radiological view: {facing}; sagittal: {profile}."
    return f"Radiological view: {facing if plane.letters.startswith('R') else profile}."


def legend(labels: Sequence[int] = TUMOUR, truth: bool = False) -> str:
    """The colours of the labels as a line of HTML, with the white border of the truth where that is drawn."""
    marks = [(f"background:{colour}", text) for colour, text in label_colours(labels)]
    if truth:
        marks.append(("border:2px solid #fff", "true WT, TC and ET"))
    swatches = [f'<span><i style="{style}"></i>{html.escape(text)}</span>' for style, text in marks]
    return f'<div class="legend">{"".join(swatches)}</div>'


def volume_table(mask: np.ndarray, spacing: Sequence[float], truth: np.ndarray | None = None) -> pd.DataFrame:
    """Volumes of WT, TC, ET, NCR and ED as text: "0" mL only where there is no voxel.

    With a true mask also its volumes, Dice, and HD95 in mm, which is a dash where one of the two lacks the region.
    """
    volumes = _millilitres(mask, spacing)
    table = pd.DataFrame({"mL": volumes.map(_ml_text)})
    if truth is not None:
        true = _millilitres(truth, spacing)
        scores = pd.DataFrame(score_mask(mask, truth, spacing)).set_index("region")
        table["true"] = true.map(_ml_text)
        table["Dice"] = scores["dice"].map("{:.3f}".format)
        table["HD95"] = scores["hd95_mm"].map("{:.1f}".format).where((volumes > 0) & (true > 0), NO_DISTANCE)
    return table


def _millilitres(mask, spacing):
    """Volume in mL of WT, TC, ET, NCR and ED: voxels on the grid of the scan times their size (paper section 5)."""
    volumes = volumes_ml(mask, float(np.prod(spacing)) / 1000)
    return pd.Series({**volumes["regions"], **volumes["labels"]})


def _ml_text(ml):
    """Millilitres with one decimal, or what there is of less."""
    return "0" if ml == 0 else "<0.1" if ml < 0.05 else f"{ml:.1f}"


def mask_file(case: Case, mask: np.ndarray) -> bytes:
    """Labels in LPS as a `.nii.gz` on the case's own grid: its orientation, affine and header geometry."""
    with tempfile.TemporaryDirectory(prefix="mask-") as folder:
        return case.save_mask(mask, Path(folder) / "mask.nii.gz").read_bytes()


def picture_file(panels: Sequence[Panel], lines: Sequence[str]) -> bytes:
    """Panels side by side as a PNG, with lines of text below them and the disclaimer: pictures travel alone."""
    height = max(panel.picture.shape[0] for panel in panels)
    columns = []
    for panel in panels:
        below = height - panel.picture.shape[0]
        column = np.pad(panel.picture, ((_HEAD, below), (0, _GAP), (0, 0)))
        columns.append(write_lines(column, [panel.heading], 8, 22))
    sheet = np.concatenate(columns, axis=1)
    foot = np.zeros((28 * (len(lines) + 1) + 16, sheet.shape[1], 3), np.uint8)
    content = io.BytesIO()
    sheet = np.concatenate([sheet, write_lines(foot, [*lines, DISCLAIMER], 10, 16)])
    Image.fromarray(sheet).save(content, "PNG", optimize=True)
    return content.getvalue()
