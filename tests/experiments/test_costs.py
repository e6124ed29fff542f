"""The arithmetic of a run's cost, worked out by hand."""

import pytest
from conftest import ROOT

from brats_lib.recipes import Recipe
from experiments.costs import Rates, estimate

# 10 slices of 10 x 10 pixels, two modalities: 1000 pixels x 5 bytes = 5 kB a case.
SMALL = Recipe(first_slice=0, stop_slice=10, size=10, epochs=2)


def test_devices_share_the_time_but_not_the_hours_they_waste():
    # 3600 cases: 36000 slices x (0.70 + 0.15 / 3 = 0.75) = 27000 an epoch; at 10 a second 2700 s, twice.
    found = estimate(3600, Rates(train_slices=10, read_mb=1e9), SMALL)
    assert found["epoch_hours"] == pytest.approx(0.75)
    assert found["train_hours"] == found["device_hours"] == pytest.approx(1.5)
    found = estimate(3600, Rates(train_slices=10, devices=4, efficiency=0.75, read_mb=1e9), SMALL)
    assert (found["train_hours"], found["device_hours"]) == pytest.approx((0.5, 2.0))


def test_slow_disk_decides_where_it_takes_longer():
    # 3600 cases x 0.85 x 0.005 MB = 15.3 MB an epoch; at 0.001 MB/s 15300 s.
    found = estimate(3600, Rates(train_slices=10, read_mb=0.001, prepare_s=2, cores=4), SMALL)
    assert (found["epoch_hours"], found["read_hours"]) == pytest.approx((4.25, 8.5))
    assert found["prepare_hours"] == pytest.approx(0.5)


def test_page_prints_what_the_function_says():
    text = (ROOT / "book" / "cluster.md").read_text()
    keys = ("raw_gb", "cache_gb", "prepare_hours", "read_hours", "train_hours", "device_hours")
    for cases in (369, 100_000):
        for name, rates in {"1 CPU core": Rates(12), "1 T4": Rates(131), "8 T4": Rates(131, 8, 0.85)}.items():
            found = [estimate(cases, rates)[key] for key in keys]
            numbers = [f"{number:,.0f}" if number >= 10 else f"{number:.2g}" for number in found]
            assert " | ".join([f"| {cases:,}", name, *numbers]) + " |" in text
