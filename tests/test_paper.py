"""The paper's numbers: spot checks against its text, internal consistency, and agreement with the recipe."""

import re

import numpy as np
import pytest
from conftest import ROOT

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
    entry = paper.value(key)
    assert (entry.value, entry.split, entry.placeholder) == (value, split, placeholder)


def test_every_value_is_what_is_printed():
    spelled = {"four": "4"}
    keys = re.findall(r"key: (\w+)", (ROOT / "brats_lib" / "paper_values.yml").read_text())
    assert [entry.key for entry in paper.values()] == keys  # no key twice
    for entry in paper.values():
        numbers = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", spelled.get(entry.printed, entry.printed))]
        scale = 100 if "%" in entry.printed else 1
        for number in (entry.value, entry.sd, entry.upper):
            assert number is None or any(abs(number * scale - n) < 1e-9 for n in numbers), entry


def test_every_result_names_a_measure_that_we_compute():
    results = [entry for entry in paper.values() if entry.kind == "result" and entry.measure]
    assert {entry.measure for entry in results} == set(MEASURES)
    assert {entry.split for entry in results} == {"train", "val", "test"}


def test_printed_mean_squared_error_is_impossible():
    truth = np.tile(np.eye(4)[0], (1, 2, 2, 1))
    worst = np.tile(np.eye(4)[2], (1, 2, 2, 1))  # all the probability on a wrong class
    assert mse(truth, worst) == 0.5 < paper.value("train_mse").value


def test_recipe_has_the_settings_of_the_paper():
    for key in ("size", "width", "dropout", "learning_rate", "plateau_factor", "plateau_patience", "epochs"):
        assert getattr(PUBLISHED, key) == paper.value(key).value, key
    assert PUBLISHED.volumes_per_batch == paper.value("volumes_per_batch").value
    assert len(PUBLISHED.modalities) == paper.value("channels").value
    assert sum(paper.value(f"{s}_fraction").value for s in ("train", "val", "test")) == pytest.approx(1)
