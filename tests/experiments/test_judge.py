"""The judges of chapters 8 and 9 without their trainings: what is compared with what, that a stopped one goes on."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from studies.synthesis.test_generating import Echo, pictures

from experiments import judge, record, synthetic
from experiments.judge import auc_interval, draw_halves


@pytest.fixture
def results(monkeypatch, tmp_path):
    """A folder of results of its own."""
    for name, value in {"FOLDER": tmp_path / "results", "COMMIT": "0123456", "CHANGED": []}.items():
        monkeypatch.setattr(record, name, value)
    return record.FOLDER


def test_the_interval_is_wider_where_slices_of_a_case_are_alike():
    rng = np.random.default_rng(0)
    scores = np.repeat(rng.normal(size=(2, 6)), 20, axis=1) + 0.01 * rng.normal(size=(2, 120))
    by_case = auc_interval(*scores, np.repeat(range(6), 20), np.repeat(range(6), 20), draws=200)
    by_slice = auc_interval(*scores, range(120), range(120), draws=200)
    assert by_case[1] - by_case[0] > 2 * (by_slice[1] - by_slice[0])


def test_halves_share_no_case_are_equally_large_and_change_with_the_seed():
    drawn = [draw_halves(pictures(12), 3, seed) for seed in range(8)]
    for one, other in drawn:
        assert len(one) == len(other) == 3 and not set(one.case) & set(other.case)
    assert len({(one.case[0], other.case[0]) for one, other in drawn}) > 3


def test_tasks_have_a_row_per_seed_method_and_case_and_go_on_where_it_stopped(results, monkeypatch):
    trained = []

    def train(name, seed):
        trained.append((name, seed))
        history = pd.DataFrame({"loss": [1.0]})
        return SimpleNamespace(model=SimpleNamespace(translator=Echo()), seconds=60.0, history=history)

    monkeypatch.setattr(judge, "train_network", train)
    monkeypatch.setattr(judge, "training_pictures", pictures)
    monkeypatch.setattr(judge, "held_out", lambda shown: shown)
    monkeypatch.setattr(judge, "tested", lambda stacks=None: pictures(6) if stacks is None else pictures(3))
    for name, value in {"SEEDS": (0, 1), "TUNED_ON": 1, "WEIGHTS": (0.01,)}.items():
        monkeypatch.setattr(judge, name, value)
    judge.judge_restoration(["a patient"])
    assert trained == [(name, seed) for name in ("denoising", "reconstruction") for seed in (0, 1)]
    table = pd.read_csv(results / "denoising.csv")
    real = table[(table["data"] == "real patients") & (table["method"] == "noisy") & (table["modality"] == "flair")]
    assert real["seed"].tolist() == [0] * 3 + [1] * 3 and real["level"].nunique() == 3
    assert real["psnr_brain"].nunique() == 6, "other noise for every seed"
    assert table["psnr_brain"].map(str).str.len().max() <= 7, "four decimals"
    table[table["seed"] == 0].to_csv(results / "denoising.csv", index=False)
    trained.clear()
    judge.judge_restoration(["a patient"])
    assert trained == [("denoising", 1)]
    again = pd.read_csv(results / "denoising.csv")
    pd.testing.assert_frame_equal(again, table)
    judge.judge_translation(["a patient"])
    assert set(pd.read_csv(results / "translation.csv")["method"]) == {"one grey level", "t1 itself", "network"}


def test_samples_are_compared_with_halves_of_phantoms_and_of_patients_that_are_equally_large(results, monkeypatch):
    shown, kept = pictures(), []
    size = shown.images.shape[1]
    generator = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(size**2 * 8), keras.layers.Reshape((size, size, 8))]
    )
    result = SimpleNamespace(model=SimpleNamespace(), seconds=60.0, history=[0])
    card = SimpleNamespace(weights={"sha256": "a network's"})
    for name, value in {
        "train_network": lambda name: result, "training_pictures": lambda: shown, "held_out": lambda found: found,
        "make_pictures": lambda stacks, slices: pictures(6), "_generator": lambda parts: generator,
        "_draw_again": lambda autoencoder, found: np.zeros((len(found), size, size, 8)),
        "unet_features": lambda network, recipe, images: np.asarray(images, float).mean((1, 2)),
        "save_generator": lambda *parts: kept.append(parts),
    }.items():  # fmt: skip
        monkeypatch.setattr(judge, name, value)
    monkeypatch.setattr(judge.weights, "load", lambda *names, precision: (None, None, card))
    judge.judge_generation(["two", "patients"])
    table = pd.read_csv(results / "generation.csv")
    # Of two patients a half is one, three slices; of the four phantoms as many are drawn.
    assert set(table["samples"]) == {3}
    assert table.groupby(["reference", "set"])["seed"].nunique().tolist() == [3] * 10
    assert (table.loc[table["set"] == "real", "position"] == 0).all()
    assert [row["reference"] for row in kept[0][-1]["scores"]] == ["patients", "phantoms"]


def test_every_patient_is_segmented_once_by_a_network_that_learnt_from_few_of_the_other_half(results, monkeypatch):
    learnt = []

    def train(batches, seed):
        learnt.append(batches)
        return batches

    def score(known, asked):
        return [{"case": name, "region": "WT", "dice": 0.5} for name in asked]

    monkeypatch.setattr(synthetic, "load_generator", lambda: (None, SimpleNamespace(latent=2), None))
    monkeypatch.setattr(synthetic, "synthesise", lambda *parts: "made")
    monkeypatch.setattr(synthetic, "training_pictures", pictures)
    monkeypatch.setattr(synthetic, "learnt_from", lambda found: found)
    monkeypatch.setattr(synthetic, "LabelledBatches", lambda images, classes, recipe, others, seed: images)
    monkeypatch.setattr(synthetic, "make_pictures", lambda names, slices: Names(names))
    monkeypatch.setattr(synthetic, "train_segmenter", train)
    monkeypatch.setattr(synthetic, "score_segmenter", score)
    synthetic.compare_synthetic([f"p{number:02}" for number in range(12)])
    assert learnt[:2] == [["p00", "p02", "p04", "p06"], ["p01", "p03", "p05", "p07"]]
    table = pd.read_csv(results / "synthetic.csv")
    assert table.groupby(["method", "seed"])["case"].nunique().tolist() == [12] * 9 and len(table) == 12 * 9


class Names(list):
    """Names of cases in the place of their pictures."""

    @property
    def images(self):
        return list(self)

    classes = images
