"""What the pages say and give away, which needs no Streamlit to be checked: texts, numbers, and files."""

import html
import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from brats_lib.app.drawing import write_lines
from brats_lib.app.panels import Panel
from brats_lib.cases import Case
from brats_lib.figures.style import TUMOUR, Plane, long_name, modality_name
from brats_lib.labels import COLOURS
from brats_lib.prediction.predict import volumes_ml
from brats_lib.scores.challenge import score_mask

__all__ = [
    "DISCLAIMER", "NO_DISTANCE", "compare_note", "files_line", "legend", "mask_file", "millilitres", "ml_text",
    "picture_file", "place", "plain", "volume_table", "where",
]  # fmt: skip

NO_DISTANCE = "–"
DISCLAIMER = "Research and teaching only. Not a medical device: no decision about a patient may rest on it."
# Pixels between panels.
_GAP = 12


def plain(text: object) -> str:
    """Text that Streamlit shows as it is: what Markdown would turn into formatting, links or images is escaped."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])", r"\\\1", str(text)).replace("\n", " ")


def place(plane: Plane, index: int, shape: Sequence[int], spacing: Sequence[float]) -> str:
    """Where a slice is, as a person reads it: ``"axial slice z = 78 of 0–154 (1 mm)"``."""
    last, thick = shape[plane.axis] - 1, spacing[plane.axis]
    return f"{plane.name} slice {'xyz'[plane.axis]} = {index} of 0–{last} ({thick:.3g} mm)"


def files_line(names: Mapping[str, str]) -> str:
    """Which files are in use, by modality: ``"FLAIR x_t2f.nii.gz · T1ce x_t1c.nii.gz"``; what one file holds, once."""
    roles = {}
    for role, name in names.items():
        roles.setdefault(name, []).append(modality_name(role))
    return " · ".join(f"{', '.join(titles)} {name}" for name, titles in roles.items())


def where(plane: Plane | None = None) -> str:
    """Which way the patient is displayed, in one plane or in all three."""
    facing, profile = "the patient's right (R) is on the left of the picture", "the patient faces left"
    if plane is None:
        return f"Radiological view: {facing}; sagittal: {profile}."
    return f"Radiological view: {facing if plane.letters.startswith('R') else profile}."


def compare_note(chosen: int, waiting: Sequence[str]) -> str:
    """Why fewer networks are compared than there could be: one is chosen, or some were not run; else nothing."""
    if waiting:
        return f"Not run on this scan yet: {', '.join(waiting)}. Press Segment in the side bar."
    return "One network is chosen. Add others under Networks in the side bar." if chosen == 1 else ""


def legend(labels: Sequence[int] = TUMOUR, truth: bool = False) -> str:
    """The colours of the labels as a line of HTML, with the white border of the truth where that is drawn."""
    marks = [(COLOURS[label], long_name(label)) for label in labels]
    swatches = [f'<span><i style="background:{colour}"></i>{html.escape(text)}</span>' for colour, text in marks]
    if truth:
        swatches.append('<span><i style="border:2px solid #fff"></i>true WT, TC and ET</span>')
    return f'<div class="legend">{"".join(swatches)}</div>'


def millilitres(mask: np.ndarray, spacing: Sequence[float]) -> dict[str, float]:
    """Volume in mL of WT, TC, ET, NCR and ED: voxels on the grid of the scan times their size (paper section 5)."""
    volumes = volumes_ml(mask, float(np.prod(spacing)) / 1000)
    return {**volumes["regions"], **volumes["labels"]}


def volume_table(mask: np.ndarray, spacing: Sequence[float], truth: np.ndarray | None = None) -> pd.DataFrame:
    """Volumes of WT, TC, ET, NCR and ED as text: "0" mL only where there is no voxel.

    With a true mask also its volumes, Dice, and HD95 in mm, which is a dash where one of the two lacks the region.
    """
    volumes = millilitres(mask, spacing)
    rows = {name: {"mL": ml_text(ml)} for name, ml in volumes.items()}
    if truth is not None:
        true_ml = millilitres(truth, spacing)
        for score in score_mask(mask, truth, spacing):
            name = score["region"]
            hd95 = f"{score['hd95_mm']:.1f}" if volumes[name] and true_ml[name] else NO_DISTANCE
            rows[name] |= {"true": ml_text(true_ml[name]), "Dice": f"{score['dice']:.3f}", "HD95": hd95}
    return pd.DataFrame.from_dict(rows, orient="index")


def ml_text(ml: float) -> str:
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
        rows, width = panel.picture.shape[:2]
        column = np.zeros((height + 48, width + _GAP, 3), np.uint8)
        column[48 : 48 + rows, :width] = panel.picture
        write_lines(column, [panel.heading], 8, 22)
        columns.append(column)
    sheet = np.concatenate(columns, axis=1)
    foot = np.zeros((28 * (len(lines) + 1) + 16, sheet.shape[1], 3), np.uint8)
    write_lines(foot, [*lines, DISCLAIMER], 10, 16)
    content = io.BytesIO()
    Image.fromarray(np.concatenate([sheet, foot])).save(content, "PNG", optimize=True)
    return content.getvalue()
