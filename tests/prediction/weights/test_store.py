"""Weights come back as they were saved, and damaged or foreign files are refused before they are used."""

import hashlib
import json
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest

from brats_lib.errors import BratsError
from brats_lib.prediction.weights import load, read_card, save_weights
from brats_lib.prediction.weights.store import content_hash, pack
from brats_lib.training import devices


def test_same_weights_make_the_same_bytes_whenever_they_are_written(network, recipe, rule, facts, card_path, tmp_path):
    again = save_weights(network, recipe, rule, tmp_path / "again", "tiny+one", facts)
    for suffix in (".json", ".npz"):
        assert again.with_suffix(suffix).read_bytes() == card_path.with_suffix(suffix).read_bytes()
    with zipfile.ZipFile(again.with_suffix(".npz")) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("recipe", ["native", "published"], indirect=True)
def test_loaded_network_answers_as_the_saved_one(network, recipe, rule, card_path):
    model, found, card = load(str(card_path), precision="float32")
    assert (found, card.name, card.rule) == (recipe, "tiny+one", rule)
    assert card.to_json() == card_path.read_text() and card.weights["parameters"] == network.count_params()
    slices = np.random.default_rng(0).standard_normal((2, 64, 64, network.input_shape[-1]), np.float32)
    before, after = (np.asarray(each(slices)) for each in (network, model))
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert before.std(axis=(0, 1, 2)).min() > 0.01


def test_precision_is_that_of_the_training_where_the_machine_is_fast_with_it(card_path, monkeypatch):
    choose = devices.choose_precision
    fast_here = "mixed_bfloat16"
    monkeypatch.setattr(devices, "choose_precision", lambda name="auto": choose(fast_here if name == "auto" else name))
    for trained_in in ("mixed_bfloat16", "float32"):
        model = replace(read_card(card_path), precision=trained_in).build()
        assert model.get_layer("encoder_1_conv_1").dtype_policy.name == trained_in


def test_damaged_file_is_refused_before_it_is_read(card_path, monkeypatch):
    file = card_path.with_suffix(".npz")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("the damaged file was opened"))
    with pytest.raises(BratsError, match="tiny_one.npz: its SHA-256 is .* damaged or belongs to another card"):
        load(card_path)


BIAS = "probabilities/bias"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda arrays: b"PK\3\4 no archive", "it cannot be read"),
        (lambda arrays: {BIAS: np.array([{"a": 1}], dtype=object)}, "allow_pickle=False"),
        (lambda arrays: arrays | {BIAS: np.zeros(7, np.float16)}, rf"is '{BIAS}' of shape \(7,\); expected '{BIAS}'"),
        (lambda arrays: {name: arrays[name] for name in arrays if name != BIAS}, f"is nothing; expected '{BIAS}'"),
        (lambda arrays: {name: arrays[name] for name in [BIAS, *arrays]}, "array 1 is .* expected 'encoder_1_conv_1"),
        (lambda arrays: arrays | {BIAS: arrays[BIAS] + np.float16(np.inf)}, "expected finite ones in float16"),
        (lambda arrays: arrays | {BIAS: arrays[BIAS].astype(np.float32)}, "numbers are not those of the card"),
    ],
    ids=["no archive", "pickle", "other shape", "one too few", "other order", "infinite", "other type"],
)
def test_file_of_anything_but_the_networks_arrays_is_refused_even_if_the_card_vouches_for_it(card_path, spoil, message):
    with np.load(card_path.with_suffix(".npz")) as archive:
        spoilt = spoil(dict(archive))
    content = spoilt if isinstance(spoilt, bytes) else pack(spoilt)
    card = json.loads(card_path.read_text())
    card["weights"]["sha256"] = hashlib.sha256(content).hexdigest()
    if isinstance(spoilt, dict):
        card["weights_hash"] = content_hash(spoilt)
    card_path.write_text(json.dumps(card))
    card_path.with_suffix(".npz").write_bytes(content)
    with pytest.raises(BratsError, match=message):
        load(card_path)


@pytest.mark.parametrize(
    ("value", "title", "message"),
    [
        (1e5, "A network", "weights of '.*last/kernel' are not finite numbers in float16"),
        (1.0, "", "its field 'title' is ''"),
    ],
)
def test_nothing_is_saved_that_could_not_be_loaded(recipe, rule, facts, tmp_path, value, title, message):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="last")])
    model.set_weights([np.full((3, 1), value, np.float32), np.zeros(1, np.float32)])
    with pytest.raises(BratsError, match=message):
        save_weights(model, recipe, rule, tmp_path / "saved", "tiny", facts | {"title": title})
    assert not (tmp_path / "saved").exists()
