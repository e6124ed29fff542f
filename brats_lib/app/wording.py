"""What the pages say: texts that need no Streamlit to be checked."""

import html
import re

from brats_lib.figures.style import TUMOUR, long_name, modality_name
from brats_lib.labels import COLOURS

__all__ = ["STYLE", "axis_name", "compare_note", "files_line", "legend", "place", "plain", "where"]

# Less air than Streamlit leaves, so that a case fits a laptop's screen; the header bar would cover the title then.
STYLE = """<style>
[data-testid="stMainBlockContainer"] {padding: 2.5rem 2rem 0.5rem;}
[data-testid="stMain"] [data-testid="stVerticalBlock"] {gap: 0.5rem;}
[data-testid="stSidebarUserContent"] {padding-bottom: 1rem;}
[data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"] {gap: 0.7rem;}
[data-testid="stSidebarHeader"] {height: 2rem; margin: 0;}
[data-testid="stHeader"] {height: 2.4rem; background: transparent;}
[data-testid="stMain"] h1 {font-size: 1.5rem; padding: 0; white-space: nowrap;}
[data-testid="stAlertContainer"] {padding: 0.5rem 0.8rem;}
[data-testid="stAlertContainer"] p {font-size: 0.85rem; line-height: 1.35;}
[data-testid="stCaptionContainer"] p {line-height: 1.35;}
[data-testid="stTable"] table {font-size: 0.85rem;}
[data-testid="stTable"] :is(th, td) {padding: 0.2rem;}
[data-testid="stMultiSelect"] [data-baseweb="tag"] {max-width: 100%; height: auto;}
[data-testid="stMultiSelect"] [data-baseweb="tag"] span {white-space: normal; overflow-wrap: anywhere;}
[data-testid="stFileUploaderDropzoneInstructions"] {display: none;}
[data-testid="stImage"] img {background: #000; border-radius: 3px; cursor: crosshair;}
/* Not where a picture fills the screen, which alone has a height. */
:is(.st-key-scans, .st-key-maps) [data-testid="stFullScreenFrame"] > :not([height]) img {width: auto !important;}
.st-key-scans [data-testid="stFullScreenFrame"] > :not([height]) img {max-height: 42vh;}
.st-key-maps [data-testid="stFullScreenFrame"] > :not([height]) img {max-height: max(9rem, 25vh);}
.legend {display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; font-size: 0.9rem;}
.legend i {display: inline-block; width: 0.9em; height: 0.9em; margin-right: 0.45em; vertical-align: -0.08em;
           border: 1px solid #888;}
</style>"""


def plain(text):
    """Text that Streamlit shows as it is: what Markdown would turn into formatting, links or images is escaped."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])", r"\\\1", str(text)).replace("\n", " ")


def axis_name(axis):
    """What an axis of the volume is called: x, y, z."""
    return "xyz"[axis]


def place(plane, index, shape, spacing):
    """Where a slice is, as a person reads it: ``"axial slice z = 78 of 0–154 (1 mm)"``."""
    last, thick = shape[plane.axis] - 1, spacing[plane.axis]
    return f"{plane.name} slice {axis_name(plane.axis)} = {index} of 0–{last} ({thick:.3g} mm)"


def files_line(names):
    """Which files are in use, by modality: ``"FLAIR x_t2f.nii.gz · T1ce x_t1c.nii.gz"``; what one file holds, once."""
    roles = {}
    for role, name in names.items():
        roles.setdefault(name, []).append(modality_name(role))
    return " · ".join(f"{', '.join(titles)} {name}" for name, titles in roles.items())


def where(plane=None):
    """Which way the patient is displayed, in one plane or in all three."""
    facing, profile = "the patient's right (R) is on the left of the picture", "the patient faces left"
    if plane is None:
        return f"Radiological view: {facing}; sagittal: {profile}."
    return f"Radiological view: {facing if plane.letters.startswith('R') else profile}."


def compare_note(chosen, waiting):
    """Why fewer networks are compared than there could be.

    Parameters
    ----------
    chosen : int
        How many.
    waiting : list of str
        Names of those that were not run on this scan.

    Returns
    -------
    str
        Empty where all of several were run.
    """
    if waiting:
        return f"Not run on this scan yet: {', '.join(waiting)}. Press Segment in the side bar."
    return "One network is chosen. Add others under Networks in the side bar." if chosen == 1 else ""


def legend(labels=TUMOUR, truth=False):
    """The colours of the labels as a line of HTML, with the white border of the truth where that is drawn."""
    marks = [(COLOURS[label], long_name(label)) for label in labels]
    swatches = [f'<span><i style="background:{colour}"></i>{html.escape(text)}</span>' for colour, text in marks]
    if truth:
        swatches.append('<span><i style="border:2px solid #fff"></i>true WT, TC and ET</span>')
    return f'<div class="legend">{"".join(swatches)}</div>'
