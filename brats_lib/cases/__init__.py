"""Cases on disk: finding, reading, splitting and fetching them. NIfTI files are opened here and nowhere else."""

from brats_lib.cases.case import Case
from brats_lib.cases.cohort import Cohort
from brats_lib.cases.layouts import MODALITIES
from brats_lib.cases.split import Split, split_cohort

__all__ = ["MODALITIES", "Case", "Cohort", "Split", "split_cohort"]
