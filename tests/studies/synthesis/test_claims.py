"""The claims of chapters 8 and 9 are judged together, on patients alone."""

import numpy as np
import pandas as pd
import pytest

from brats_lib.studies.synthesis.claims import CLAIMS, judge_claims

CASES, SEEDS = 10, (0, 1, 2)


def table(score, data="real patients", **means):
    """Scores of methods, which differ a little by case, seed and row of a case."""
    rows = [
        (data, name.replace("_", " "), seed, case, mean + 0.01 * case + 0.001 * seed + shift)
        for name, mean in means.items() for seed in SEEDS for case in range(CASES) for shift in (-0.5, 0.5)
    ]  # fmt: skip
    found = pd.DataFrame(rows, columns=["data", "method", "seed", "case", score])
    return found.replace("nonlocal means", "non-local means")


def test_verdicts_are_of_patients_whatever_phantoms_show():
    denoising = pd.concat([
        table("psnr_brain", network=30.0, nonlocal_means=28.0, total_variation=29.0),
        table("psnr_brain", "phantoms", network=10.0, nonlocal_means=28.0, total_variation=29.0),
    ])  # fmt: skip
    reconstruction = table("psnr_brain", network=25.0, total_variation=29.0)
    translation = table("psnr_brain", network=20.0, one_grey_level=20.0)
    segmentation = table("dice", synthetic_slices=0.7, augmentation_alone=0.6, slices_of_phantoms=0.7)
    judged = judge_claims(
        denoising=denoising, reconstruction=reconstruction, translation=translation, segmentation=segmentation
    )
    assert judged["verdict"].tolist() == ["better", "better", "worse", "undecided", "better", "undecided"]
    assert judged["difference"].tolist() == pytest.approx([2, 1, -4, 0, 0.1, 0], abs=1e-9)
    assert set(judged["cases"]) == {CASES} and set(judged["seeds"]) == {3}
    # All are corrected for being six.
    assert (judged["corrected_p"] >= judged["p_value"]).all() and len(CLAIMS) == 6
    # A chapter that asks less corrects for less.
    alone = judge_claims(segmentation=segmentation)
    assert alone["claim"].tolist() == [claim.text for claim in CLAIMS[-2:]]
    assert (alone["corrected_p"] <= 2 * alone["p_value"]).all()


def test_one_training_decides_nothing():
    tables = {
        "translation": table("psnr_brain", network=20.0, one_grey_level=10.0),
        "segmentation": table("dice", synthetic_slices=0.7, augmentation_alone=0.6, slices_of_phantoms=0.7),
    }
    judged = judge_claims(**{name: scores[scores["seed"] == 0] for name, scores in tables.items()})
    assert set(judged["verdict"]) == {"undecided"} and np.isnan(judged["p_value"]).all()
