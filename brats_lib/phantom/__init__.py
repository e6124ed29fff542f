"""Simulated patients: full-size MRI with tumours, so that everything can be run and taught without patient data.

A phantom is the MNI152 head deformed, with a tumour whose size and place follow the BraTS 2020 training labels, seen in
four modalities by a simulated scanner. `simulate` makes arrays, `make_cohort` a folder in the layout of BraTS 2020.

Reading order: `streams` (for whom), `population` and `variety` (what is drawn), `atlas` and `anatomy` (the head),
`tumour`, `contrast` and `distractors` (what it looks like), `scanner`, `simulation` (the stages together), `cohort`
(files). Each stage draws first, from a random generator of its own, and where it has a `wide` or the like, from the
wider ranges of `variety.WIDE`. Lengths are in voxels of 1 mm, intensities relative to normal white matter.
"""

from brats_lib.phantom.cohort import VERSION, case_name, make_cohort
from brats_lib.phantom.simulation import Phantom, draw_case, simulate
from brats_lib.phantom.streams import STREAMS
from brats_lib.phantom.variety import MIXED, PATIENTS, WIDE, Variety

__all__ = [
    "MIXED", "PATIENTS", "STREAMS", "VERSION", "WIDE", "Phantom", "Variety", "case_name", "draw_case", "make_cohort",
    "simulate",
]  # fmt: skip
