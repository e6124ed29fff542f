"""What chapter 7 asks: whether one method is better than another on patients it did not learn from."""

import pandas as pd

from brats_lib.scores.comparison import Claim, verdicts

_DENOISING, _RECONSTRUCTION, _TRANSLATION, _SEGMENTATION = "denoising", "reconstruction", "missing T2", "segmentation"
CLAIMS = tuple(
    Claim(f"{task}: {first} before {second}", f"{task}: {first}", f"{task}: {second}")
    for task, first, second in (
        (_DENOISING, "network", "non-local means"),
        (_DENOISING, "network", "total variation"),
        (_RECONSTRUCTION, "network", "total variation"),
        (_TRANSLATION, "network", "mean of the target"),
        (_SEGMENTATION, "synthetic slices", "augmentation alone"),
        (_SEGMENTATION, "synthetic slices", "slices of phantoms"),
    )
)


def judge_claims(
    denoising: pd.DataFrame, reconstruction: pd.DataFrame, translation: pd.DataFrame, segmentation: pd.DataFrame
) -> pd.DataFrame:
    """Verdicts on `CLAIMS`, in one call of `comparison.verdicts`, whose columns they have.

    From columns data, method, seed, case, and psnr_brain (dB) or, of the segmentation, dice. A patient's score is the
    mean over modalities, strengths of the damage and regions.
    """
    parts = []
    for task, table, score in (
        (_DENOISING, denoising, "psnr_brain"),
        (_RECONSTRUCTION, reconstruction, "psnr_brain"),
        (_TRANSLATION, translation, "psnr_brain"),
        (_SEGMENTATION, segmentation, "dice"),
    ):
        real = table[table["data"] == "real patients"].rename(columns={score: "score"})
        means = real.groupby(["method", "seed", "case"], as_index=False)["score"].mean()
        parts.append(means.assign(system=f"{task}: " + means["method"]))
    return verdicts(pd.concat(parts), CLAIMS, "score")
