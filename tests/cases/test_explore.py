"""Tables about a cohort agree with counts made by hand."""

from dataclasses import replace

import pandas as pd
import pytest
from conftest import tiny_volumes

from brats_lib.cases import Cohort
from brats_lib.cases.explore import HEALTHY, background_share, intensity_samples, region_volumes, typical_case
from brats_lib.labels import ED, ET, NCR
from brats_lib.recipes import PUBLISHED


@pytest.fixture
def two_cases(tiny_root):
    return Cohort.find(tiny_root, max_cases=2)


def test_region_volumes_are_voxel_counts_in_millilitres(two_cases):
    et, ncr, ed = ((tiny_volumes(seed=0)[1] == label).sum() / 1000 for label in (ET, NCR, ED))
    volumes = region_volumes(two_cases).set_index(["case", "region"])["volume_ml"]
    assert volumes["BraTS20_Training_001"][["ET", "TC", "WT"]].tolist() == pytest.approx([et, et + ncr, et + ncr + ed])


def test_typical_case_is_the_one_at_the_median():
    regions = [("WT", 3), ("TC", 2), ("ET", 1)]
    sizes = {"small": 1, "middle": 10, "large": 90}
    rows = [(name, region, size * k) for name, size in sizes.items() for region, k in regions]
    volumes = pd.DataFrame(rows, columns=["case", "region", "volume_ml"])
    assert typical_case(volumes) == "middle"
    assert typical_case(volumes, ["small", "large"]) == "large"


def test_intensity_samples_show_edema_bright_on_flair(two_cases):
    samples = intensity_samples(two_cases, per_tissue=50)
    means = samples.groupby(["modality", "tissue"])["intensity"].mean()
    assert means["flair", "ED"] > means["flair", HEALTHY] + 1
    assert samples.groupby(["case", "modality", "tissue"]).size().max() == 50


def test_background_share_counts_the_recipes_slices_only(two_cases):
    recipe = replace(PUBLISHED, first_slice=10, stop_slice=20)
    expected = sum((tiny_volumes(seed)[1][:, :, 10:20] == 0).mean() for seed in (0, 1)) / 2
    assert background_share(two_cases, recipe) == pytest.approx(expected)
