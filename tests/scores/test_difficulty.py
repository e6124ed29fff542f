"""Size and contrast by hand."""

import numpy as np
import pytest

from brats_lib.labels import ED, ET, NCR
from brats_lib.scores.difficulty import difficulty, lesion_contrast

# Ten voxels of brain and two outside it: four healthy ones of mean 10 and sd 2, then tumour.
VOLUME = np.array([8, 12, 8, 12, 20, 20, 14, 16, 6, 6, 0, 0], np.int16).reshape(12, 1, 1)
MASK = np.array([0, 0, 0, 0, ED, ED, ET, ET, NCR, NCR, ED, 0], np.uint8).reshape(12, 1, 1)


def test_difficulty_has_volumes_in_ml_and_the_contrast_of_each_regions_own_modality():
    found = difficulty({"flair": VOLUME, "t1ce": 2 * VOLUME}, MASK, spacing=(10, 10, 5))
    # Voxels of half a mL. The one that is labelled outside the brain shows nothing: WT are 20, 20, 14, 16, 6 and 6.
    assert found == pytest.approx({
        "wt_ml": 3.5, "tc_ml": 2, "et_ml": 1, "wt_flair_contrast": (82 / 6 - 10) / 2, "et_t1ce_contrast": 2.5
    })  # fmt: skip
    assert lesion_contrast(VOLUME, MASK, "TC") == pytest.approx(0.25)  # mean of 14, 16, 6 and 6: 10.5


def test_sums_of_half_precision_do_not_overflow():
    volume, mask = np.repeat(np.float16([100, 300, 100, 300]), 9000), np.repeat(np.uint8([0, 0, ET, ET]), 9000)
    assert lesion_contrast(volume, mask, "ET") == pytest.approx(0, abs=1e-9)


def test_what_is_not_there_has_no_contrast():
    assert np.isnan(lesion_contrast(VOLUME, np.where(MASK == ET, NCR, MASK), "ET"))
    assert np.isnan(lesion_contrast(VOLUME, np.full_like(MASK, ED), "WT"))
    assert np.isnan(lesion_contrast(np.ones_like(VOLUME), MASK, "WT"))  # healthy brain without any spread
