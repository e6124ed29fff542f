"""What chapters 8 and 9 ask: whether one method is better than another on patients it did not learn from."""

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
    Claim(
        "A network's T2 is closer to the true one than one grey level",
        "translation: network", "translation: one grey level",
    ),
    Claim(
        "Segmentation gains by synthetic slices", "segmentation: synthetic slices", "segmentation: augmentation alone"
    ),
    Claim(
        "Segmentation gains more by them than by the phantoms behind them",
        "segmentation: synthetic slices", "segmentation: slices of phantoms",
    ),
)  # fmt: skip


def judge_claims(**tables: pd.DataFrame) -> pd.DataFrame:
    """Verdicts on those of `CLAIMS` that tables are given for, in one call of `comparison.verdicts`.

    The tables are of "denoising", "reconstruction", "translation" and "segmentation", with columns data, method, seed,
    case, and psnr_brain (dB) or, of the segmentation, dice. A patient's score is the mean over modalities, strengths of
    the damage and regions.
    """
    parts = []
    for task, table in tables.items():
        score = "dice" if task == "segmentation" else "psnr_brain"
        real = table[table["data"] == "real patients"].rename(columns={score: "score"})
        means = real.groupby(["method", "seed", "case"], as_index=False)["score"].mean()
        parts.append(means.assign(system=f"{task}: " + means["method"]))
    asked = [claim for claim in CLAIMS if claim.first.split(":")[0] in tables]
    return verdicts(pd.concat(parts), asked, "score")
