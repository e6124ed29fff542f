"""The benchmarks run on tiny input and give complete rows. No time is asserted."""

import dataclasses
import json
from timeit import timeit

import numpy as np
import pytest
from conftest import write_case

from benchmarks import __main__ as benchmarks
from benchmarks import peak
from benchmarks.lineage import lineage_batch
from benchmarks.network import training
from benchmarks.prediction import network_flop, prediction
from brats_lib.cases import Cohort
from brats_lib.models import build
from brats_lib.prediction.networks import Network
from brats_lib.recipes import NATIVE, PUBLISHED
from brats_lib.slices.preprocess import case_slices

TINY = dataclasses.replace(PUBLISHED, first_slice=10, stop_slice=14, size=16, width=2, volumes_per_batch=1)


@pytest.fixture(scope="module")
def tiny_cohort(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    for i in range(2):
        write_case(root, f"BraTS20_Training_{i + 1:03d}", seed=i, shape=(24, 20, 18))
    return Cohort.find(root)


def test_quick_run_gives_complete_rows(tiny_cohort, tmp_path):
    rows, _ = benchmarks.run(tiny_cohort, TINY, tmp_path, ("loading", "preprocessing", "scoring"), quick=True)
    assert [row.what for row in rows] == [
        *["Load a batch"] * 3, "Prepare a case for the cache", "HD95 of 1 region", "All scores of 5 regions"
    ]  # fmt: skip
    for row in rows:
        assert row.against and row.limit and row.per
        assert row.seconds > 0 and row.ratio > 0 and row.of_limit > 0


def test_peak_memory_is_measured_after_each_step(tiny_cohort, tmp_path, capsys):
    peak.main(str(tiny_cohort.root), str(tmp_path), json.dumps(dataclasses.asdict(TINY)))
    peaks = list(json.loads(capsys.readouterr().out).values())
    assert len(peaks) == 3 and 0 < peaks[0] and peaks == sorted(peaks)


def test_lineage_loads_what_the_paper_feeds(tiny_cohort):
    case = tiny_cohort[0]
    images, targets = lineage_batch([case.files["flair"], case.files["t1ce"]], case.mask_file, TINY)
    assert images.shape == (4, 16, 16, 2) and images.dtype == np.float64 and images.max() == 1
    assert targets.shape == (4, 16, 16, 4)
    np.testing.assert_allclose(targets.sum(-1), 1, atol=1e-6)
    # The same resizing as ours; the scaling differs by one factor per modality where nothing is clipped.
    ours = case_slices(case, dataclasses.replace(TINY, clip_percentile=100))[..., 0]
    np.testing.assert_allclose(images[..., 0] / images[..., 0].max(), ours / ours.max(), atol=1e-5)


def test_operations_of_a_brain_by_hand():
    """Two levels of 8 and 16 filters; of 20 x 40 x 150 voxels, slices that hold the long side need two windows."""
    recipe = dataclasses.replace(NATIVE, widths=(8, 16))
    fine = 9 * 6 * 8 + 9 * 16 * 8 + 8 * 3  # encoder, decoder, probabilities
    coarse = 9 * (8 * 16 + 16 * 16) + 4 * 16 * 8  # bottleneck, and up: every pixel makes four
    per_pixel = 2 * (fine + coarse / 4)
    by_hand = per_pixel * 160 * 120 * (150 + 2 * 40 + 2 * 20)
    assert network_flop(Network(build(recipe), recipe), (20, 40, 150)) == by_hand


@pytest.mark.slow
def test_rows_of_networks_are_complete(tiny_cohort, tmp_path, monkeypatch):
    pytest.importorskip("openvino", reason="there is no fast path without OpenVINO")

    def once(functions, repetitions):
        """As `interleave`, without the call that warms a function up."""
        return {name: timeit(function, number=1) for name, function in functions.items()}

    monkeypatch.setattr("benchmarks.network.interleave", once)
    monkeypatch.setattr("benchmarks.prediction.interleave", once)
    rows = prediction(tiny_cohort, tmp_path, repetitions=1, fresh=False, side=256)
    assert [row.per for row in rows] == ["case", "slice", "case"] and "% of labels alike" in rows[0].against
    rows += training(TINY, repetitions=1, batch_slices=1, side=32)
    assert all(row.seconds > 0 and row.ratio > 0 and row.of_limit > 0 for row in rows) and len(rows) == 5
