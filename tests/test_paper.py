"""The paper's numbers: spot checks against its text, internal consistency, and agreement with the recipe."""

import re

import numpy as np
import pytest

from brats_lib import paper
from brats_lib.recipes import PUBLISHED
from brats_lib.scores.published import MEASURES, mse


@pytest.mark.parametrize(
    ("key", "value", "split", "placeholder"),
    [
        ("test_accuracy", 0.9918, "test", False),
        ("val_accuracy", 0.9936, "val", False),
        ("train_dice", 0.6557, "train", False),
        ("test_iou", 0.7865, "test", True),
        ("table1_dice", 0.88, "test", True),
    ],
)
def test_values_are_those_of_the_paper(key, value, split, placeholder):
    assert paper.value(key) == value
    assert tuple(paper.values().loc[key, ["split", "placeholder"]]) == (split, placeholder)


def test_every_value_is_what_is_printed():
    assert paper.values().index.is_unique
    for entry in paper.values().replace({"printed": {"four": "4"}}).itertuples():
        numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", entry.printed)]
        scale = 100 if "%" in entry.printed else 1
        for number in (entry.value, entry.sd, entry.upper):
            assert np.isnan(number) or np.isclose(number * scale, numbers, rtol=0, atol=1e-9).any(), entry


def test_every_result_names_a_measure_that_we_compute():
    results = paper.values().query("kind == 'result'").dropna(subset="measure")
    assert set(results["measure"]) == set(MEASURES) and set(results["split"]) == {"train", "val", "test"}


def test_printed_mean_squared_error_is_impossible():
    truth = np.tile(np.eye(4)[0], (1, 2, 2, 1))
    worst = np.tile(np.eye(4)[2], (1, 2, 2, 1))  # all the probability on a wrong class
    assert mse(truth, worst) == 0.5 < paper.value("train_mse")


def test_recipe_has_the_settings_of_the_paper():
    for key in ("size", "width", "dropout", "learning_rate", "plateau_factor", "plateau_patience", "epochs"):
        assert getattr(PUBLISHED, key) == paper.value(key), key
    assert PUBLISHED.volumes_per_batch == paper.value("volumes_per_batch")
    assert len(PUBLISHED.modalities) == paper.value("channels")
    assert sum(paper.value(f"{s}_fraction") for s in ("train", "val", "test")) == pytest.approx(1)
