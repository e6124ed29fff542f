"""Numbers and files to take away: volumes in mL, scores against a mask, the mask as NIfTI, the picture as PNG."""

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from brats_lib.app.drawing import write_lines
from brats_lib.prediction.predict import volumes_ml
from brats_lib.scores.challenge import score_mask

__all__ = [
    "DISCLAIMER", "NO_DISTANCE", "hd95_text", "mask_file", "millilitres", "ml_text", "picture_file", "volume_rows",
]  # fmt: skip

NO_DISTANCE = "–"
DISCLAIMER = "Research and teaching only. Not a medical device: no decision about a patient may rest on it."


def millilitres(mask, spacing):
    """Volume of every region and label: its voxels times the size of a voxel (paper section 5).

    Parameters
    ----------
    mask : array of int, shape (x, y, z)
        Labels 0, 1, 2, 4 on the grid of the scan, not on the network's.
    spacing : tuple of float
        Voxel size in mm, from the header.

    Returns
    -------
    dict of str to float
        mL of WT, TC, ET, NCR and ED. 1 mL is 1000 cubic millimetres.
    """
    volumes = volumes_ml(mask, float(np.prod(spacing)) / 1000)
    return {**volumes["regions"], **volumes["labels"]}


def volume_rows(mask, spacing, truth=None):
    """One row for each region and label, with the true volume and the scores where the truth is known.

    Parameters
    ----------
    mask : array of int, shape (x, y, z)
        Labels that were predicted.
    spacing : tuple of float
        Voxel size in mm.
    truth : array of int, shape (x, y, z), optional
        Labels.

    Returns
    -------
    list of dict
        `region`, `ml` and, with a truth, `true_ml`, `dice` and `hd95_mm`, in the order WT, TC, ET, NCR, ED.
    """
    rows = [{"region": name, "ml": ml} for name, ml in millilitres(mask, spacing).items()]
    if truth is not None:
        true_ml = millilitres(truth, spacing)
        scores = {score["region"]: score for score in score_mask(mask, truth, spacing)}
        for row in rows:
            score = scores[row["region"]]
            row |= {"true_ml": true_ml[row["region"]], "dice": score["dice"], "hd95_mm": score["hd95_mm"]}
    return rows


def ml_text(ml):
    """Millilitres as a table shows them: ``"12.3"``, and ``"0"`` only where there is no voxel."""
    return "0" if ml == 0 else "<0.1" if ml < 0.05 else f"{ml:.1f}"


def hd95_text(row):
    """HD95 of one of `volume_rows`; a dash where it is none, as without the region in a mask there is no distance."""
    return f"{row['hd95_mm']:.1f}" if row["ml"] and row["true_ml"] else NO_DISTANCE


def mask_file(case, mask):
    """A mask as the bytes of a `.nii.gz` on the case's own grid: its orientation, affine and header geometry.

    Parameters
    ----------
    case : brats_lib.cases.Case
    mask : array of int, shape `case.shape`
        Labels 0, 1, 2, 4 in LPS.

    Returns
    -------
    bytes
    """
    with tempfile.TemporaryDirectory(prefix="mask-") as folder:
        return case.save_mask(mask, Path(folder) / "mask.nii.gz").read_bytes()


def picture_file(panels, lines, gap=12):
    """Panels side by side with lines of text below them, as the bytes of a PNG.

    Parameters
    ----------
    panels : sequence of (str, array of uint8 (rows, columns, 3))
        Heading and picture.
    lines : sequence of str
        Written below; the disclaimer is added, as pictures travel without the page they were on.
    gap : int
        Pixels between panels.

    Returns
    -------
    bytes
    """
    height = max(picture.shape[0] for _, picture in panels)
    columns = []
    for heading, picture in panels:
        column = np.zeros((height + 48, picture.shape[1] + gap, 3), np.uint8)
        column[48 : 48 + picture.shape[0], : picture.shape[1]] = picture
        write_lines(column, [heading], 8, 22)
        columns.append(column)
    sheet = np.concatenate(columns, axis=1)
    foot = np.zeros((28 * (len(lines) + 1) + 16, sheet.shape[1], 3), np.uint8)
    write_lines(foot, [*lines, DISCLAIMER], 10, 16)
    content = io.BytesIO()
    Image.fromarray(np.concatenate([sheet, foot])).save(content, "PNG", optimize=True)
    return content.getvalue()
