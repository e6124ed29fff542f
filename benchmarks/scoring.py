"""Scoring a case: HD95 and all scores, against MedPy."""

from collections.abc import Sequence

import numpy as np

from benchmarks.lineage import decode
from benchmarks.timing import Row, interleave
from brats_lib.cases import Cohort
from brats_lib.labels import REGIONS, region
from brats_lib.scores.challenge import hd95, score_mask

__all__ = ["scoring"]


def scoring(cohort: Cohort, repetitions: int, regions: Sequence[str] = tuple(REGIONS)) -> list[Row]:
    """Time the scores of a prediction of the first case that is the truth, moved by two voxels.

    HD95 is not timed for regions without a voxel, as MedPy raises there; where there are some, its values may differ
    from ours by 1e-9 mm.
    """
    from medpy.metric import binary as medpy

    case = cohort[0]
    truth = case.mask()
    prediction = np.roll(truth, (2, 1, -1), (0, 1, 2))
    pairs = [(region(prediction, name), region(truth, name)) for name in regions if region(truth, name).any()]
    voxel = case.spacing

    def ours():
        return [hd95(a, b, voxel) for a, b in pairs]

    def theirs():
        return [medpy.hd95(a, b, voxel) for a, b in pairs]

    def all_of_theirs():
        measures = (medpy.dc, medpy.jc, medpy.sensitivity, medpy.specificity, medpy.precision)
        return [[measure(a, b) for measure in measures] for a, b in pairs] + theirs()

    np.testing.assert_allclose(ours(), theirs(), rtol=0, atol=1e-9)
    medians = interleave(
        {
            "hd95": ours,
            "medpy hd95": theirs,
            "score": lambda: score_mask(prediction, truth, voxel),
            "medpy score": all_of_theirs,
            "copy": lambda: [(a.copy(), b.copy()) for a, b in pairs],
            "decode": lambda: decode(case.mask_file, case.mask_file),
        },
        repetitions,
    )
    n, copies, decoding = f"{len(pairs)} region{'s' if len(pairs) > 1 else ''}", medians["copy"], medians["decode"]
    limit = "decompressing truth and prediction"
    return [
        Row(f"HD95 of {n}", "case", medians["hd95"], "MedPy", medians["medpy hd95"],
            "copying the masks in memory", copies),
        Row("All scores of 5 regions", "case", medians["score"], f"MedPy, {n}", medians["medpy score"],
            limit, decoding),
    ]  # fmt: skip
