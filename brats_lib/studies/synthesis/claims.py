"""What chapter 7 asks: whether one method is better than another on patients it did not learn from."""

import pandas as pd

from brats_lib.scores.comparison import Claim, verdicts

# Systems are named by task and method.
CLAIMS = (
    Claim("A network denoises better than non-local means", "denoising: network", "denoising: non-local means"),
    Claim("A network denoises better than total variation", "denoising: network", "denoising: total variation"),
    Claim(
        "A network reconstructs better than compressed sensing",
        "reconstruction: network", "reconstruction: total variation",
    ),
    Claim("A network's T2 is closer to the true one than one grey level", "T2: network", "T2: one grey level"),
    Claim(
        "Segmentation gains by synthetic slices", "segmentation: synthetic slices", "segmentation: augmentation alone"
    ),
    Claim(
        "Segmentation gains more by them than by the phantoms behind them",
        "segmentation: synthetic slices", "segmentation: slices of phantoms",
    ),
)  # fmt: skip


def judge_claims(
    denoising: pd.DataFrame, reconstruction: pd.DataFrame, translation: pd.DataFrame, segmentation: pd.DataFrame
) -> pd.DataFrame:
    """Verdicts on `CLAIMS`, in one call of `comparison.verdicts`, whose columns they have.

    From columns data, method, seed, case, and psnr_brain (dB) or, of the segmentation, dice. A patient's score is the
    mean over modalities, strengths of the damage and regions.
    """
    parts = []
    for task, table, score in (
        ("denoising", denoising, "psnr_brain"),
        ("reconstruction", reconstruction, "psnr_brain"),
        ("T2", translation, "psnr_brain"),
        ("segmentation", segmentation, "dice"),
    ):
        real = table[table["data"] == "real patients"].rename(columns={score: "score"})
        means = real.groupby(["method", "seed", "case"], as_index=False)["score"].mean()
        parts.append(means.assign(system=f"{task}: " + means["method"]))
    return verdicts(pd.concat(parts), CLAIMS, "score")
