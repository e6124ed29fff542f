from dataclasses import replace

import numpy as np
import pytest

from brats_lib import models
from brats_lib.prediction.weights import packaged, save_weights
from brats_lib.recipes import NATIVE, DecisionRule, NativeRecipe, Recipe

TINY = {
    "native": replace(NATIVE, widths=(8, 16)),
    "published": Recipe(size=64, width=2, augmentation=("flip",), epochs=3),
}


@pytest.fixture(scope="session")
def facts():
    return {
        "title": "A tiny network for tests",
        "data": {
            "description": "phantoms and a few scans", "phantoms": 1200, "phantom_version": 2, "patients": 1,
            "licence": "CC BY 4.0", "citations": [{"key": "baid2021", "text": "Baid et al. 2021, arXiv:2107.02314"}],
        },
        "training": {
            "seed": 0, "slices": 38400, "minutes": 54.6, "device": "two | cores", "precision": "float32",
            "versions": {"Keras": "3.15.1"}, "commit": "0123abc",
        },
        "scores": [
            {"data": "other phantoms", "region": region, "score": score, "mean": mean, "interval": [mean - 0.01, mean],
             "cases": 40, "how": "one network, four mirrorings"}
            for region, score, mean in (("WT", "dice", 0.93111), ("ET", "dice", 0.87), ("WT", "hd95_mm", 3.24))
        ],
        "default": True,
        "limitations": ["Adults only.", "Two modalities\nof the four."],
        "learnt_from": ["0123456789abcdef"],
    }  # fmt: skip


@pytest.fixture(scope="session")
def recipe(request):
    """The native recipe in miniature, or the one that a test asks for."""
    return TINY[getattr(request, "param", "native")]


@pytest.fixture(scope="session")
def network(recipe):
    """A network with no bias at zero, as it is when training begins, whose weights float16 holds exactly."""
    model = models.build(recipe, seed=0)
    rng = np.random.default_rng(0)
    model.set_weights([np.float16(weight + rng.normal(0, 0.2, weight.shape)) for weight in model.get_weights()])
    return model


@pytest.fixture
def rule(recipe):
    return DecisionRule(wt_above=0.4) if isinstance(recipe, NativeRecipe) else None


@pytest.fixture
def card_path(network, recipe, rule, facts, tmp_path):
    """Card of a tiny network that was saved to a folder of its own."""
    return save_weights(network, recipe, rule, tmp_path / "saved", "tiny+one", facts)


@pytest.fixture
def package(network, recipe, rule, facts, tmp_path, monkeypatch):
    """The package's folder with two tiny networks in place of those that ship; the second is the default."""
    for name, default in (("phantom", False), ("phantom+real", True)):
        save_weights(network, recipe, rule, tmp_path / "package", name, facts | {"default": default})
    monkeypatch.setattr(packaged, "FOLDER", tmp_path / "package")
    # Away from the networks that a run of the book has left in this checkout.
    monkeypatch.chdir(tmp_path)
    return tmp_path / "package"
