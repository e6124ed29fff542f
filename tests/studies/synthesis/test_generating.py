"""From batches to samples: order of channels, repeatable, loaded with all state, checked when read, scored."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from studies.synthesis.test_networks import AUTOENCODER, GAN, VAE

from brats_lib import models
from brats_lib.cases import MODALITIES
from brats_lib.errors import BratsError
from brats_lib.labels import one_hot
from brats_lib.recipes import RESTORATION, T2_FROM_T1
from brats_lib.studies.synthesis import tasks
from brats_lib.studies.synthesis.batches import CodeBatches, PictureBatches
from brats_lib.studies.synthesis.gan import join
from brats_lib.studies.synthesis.networks import draw_latent, encode, split_labelled, synthesise
from brats_lib.studies.synthesis.pictures import Pictures
from brats_lib.studies.synthesis.store import load_generator, read_generator_card
from brats_lib.training.fitting import load_trained, train
from experiments.judge import save_generator


def pictures(count=12, size=16):
    """Modality c of slice i is (i + c / 10) / count inside a square; the square's left half is class 2."""
    brain = np.zeros((count, size, size), bool)
    brain[:, 2:-2, 2:-2] = True
    values = (np.arange(count)[:, None] + np.arange(4) / 10) / count
    images = brain[..., None] * values[:, None, None].astype(np.float16)
    classes = brain * (np.arange(size) < size // 2)[:, None] * np.uint8(2)
    return Pictures(images, classes, brain, np.arange(count) // 3, tuple("abcd"[: count // 3]))


def test_a_batch_holds_the_channels_that_the_task_wants():
    shown = pictures()
    pair, nothing = PictureBatches(shown, dataclasses.replace(T2_FROM_T1, size=16))[0]
    assert pair.shape == (8, 16, 16, 2) and nothing.shape == (8, 1)
    t1, t2 = (MODALITIES.index(name) for name in ("t1", "t2"))
    np.testing.assert_allclose(pair[:, 8, 8, 1] - pair[:, 8, 8, 0], (t2 - t1) / 120, atol=1e-3)
    pair, _ = PictureBatches(shown, RESTORATION, damage=lambda rng, picture: picture + 1)[0]
    np.testing.assert_allclose(pair[..., 0], pair[..., 1] + 1)
    labelled, _ = PictureBatches(shown, VAE)[0]
    assert labelled.shape == (4, 16, 16, 8)
    np.testing.assert_array_equal(labelled[..., 4:].sum(-1), 1)
    assert set(labelled[..., 6][:, 3, 8]) | set(labelled[..., 6][:, -4, 8]) == {0.0, 1.0}, "some are mirrored"


def test_a_batch_depends_on_seed_epoch_and_number_alone():
    one, other = (PictureBatches(pictures(), VAE, seed=3) for _ in range(2))
    first = other[1][0], other[0][0]
    np.testing.assert_array_equal(one[0][0], first[1])
    one.epoch = 1
    assert (one[0][0] != first[1]).any()


def test_a_batch_of_codes_is_of_slices_and_their_mirror_images_and_its_name_of_the_codes(autoencoder):
    shown = pictures()
    codes, mirrored = encode(autoencoder, shown), encode(autoencoder, shown.mirrored())
    labelled = np.concatenate([shown.images.astype(np.float32), one_hot(shown.classes)], -1)
    np.testing.assert_allclose(codes, autoencoder.encoder(labelled)[..., :3], atol=1e-6)
    batches = CodeBatches(autoencoder, shown, GAN, seed=1, slices_per_epoch=400)
    drawn = np.concatenate([batches[number][0] for number in range(len(batches))])
    straight, turned = (np.abs(drawn[:, None] - each).max((2, 3, 4)).min(1) < 1e-6 for each in (codes, mirrored))
    assert len(drawn) == 400 and (straight | turned).all() and 0.4 < straight.mean() < 0.6
    assert batches.names == CodeBatches(autoencoder, shown, GAN).names
    assert batches.names != CodeBatches(models.build(AUTOENCODER, seed=1), shown, GAN).names


def test_a_trained_gan_is_loaded_with_all_its_state(tmp_path, eager, autoencoder):
    batches = CodeBatches(autoencoder, pictures(), GAN)
    trained = train(GAN, batches, None, tmp_path, precision="float32", verbose=0, data_fingerprint="squares")
    assert {"critic_loss", "generator_loss"} <= set(trained.history)
    loaded = load_trained(tmp_path, precision="float32")
    for one, other in zip(trained.model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_samples_are_labelled_and_empty_outside():
    made = np.zeros((1, 2, 2, 8))
    made[..., 4] = 0.6
    made[0, 0, 0] = (0.5, 0.1, 0, 0, 0.1, 0.2, 0.6, 0.1)
    made[0, 0, 1, :4] = 0.01
    made[0, 1, 1] = (0.01, 0, 0, 0, 0.1, 0.1, 0.1, 0.7)
    images, classes = split_labelled(made)
    assert classes.tolist() == [[[2, 0], [0, 3]]]
    assert images[0, 0, 0, 0] == 0.5 and (images[0, 0, 1] == 0).all()
    assert images[0, 1, 1, 0] == pytest.approx(0.01, rel=1e-3), "a dark pixel of a tumour is kept"


def test_a_generator_comes_back_from_disk_and_a_damaged_one_does_not(tmp_path, autoencoder):
    card = tmp_path / "g.json"
    file = card.with_suffix(".npz")
    made = join(models.build(GAN, seed=0).generator, autoencoder.decoder)
    save_generator(made, GAN, AUTOENCODER, {"data": "squares"}, card)
    loaded, recipe, about = load_generator(card)
    assert recipe == GAN and about["data"] == "squares"
    one, other = (synthesise(generator, draw_latent(3, 5, seed=1))[0] for generator in (made, loaded))
    np.testing.assert_allclose(one, other, atol=5e-3)
    about["recipe"]["latent"] = 6
    for change, message in (
        (lambda: card.write_text(json.dumps(about)), r"array 1 is .* as the card's recipe has it"),
        (lambda: file.write_bytes(file.read_bytes()[:-1] + b"x"), "damaged or belongs to another card"),
        (file.unlink, "it cannot be read"),
        (lambda: card.write_text('{"recipe": [], "compression": 1, "weights": {}}'), "g.json: its recipes"),
    ):
        change()
        with pytest.raises(BratsError, match=message):
            load_generator(card)


class Echo(keras.Model):
    """A translator that gives its last channel back."""

    def call(self, source):
        return source[..., -1:]


def test_a_network_that_changes_nothing_scores_as_what_it_is_given():
    table = tasks.score_denoising(pictures(6).take(slice(1, None)), Echo())
    means = table[table["level"] == 0.15].groupby("method")["psnr_brain"].mean()
    assert means["network"] == pytest.approx(means["noisy"])
    assert means["non-local means"] > means["noisy"] + 3
    assert table["modality"].tolist()[:5] == [*MODALITIES, MODALITIES[0]]
    table = tasks.score_reconstruction(pictures(3, size=32), Echo())
    means = table[table["rate"] == 4].groupby("method")["psnr_slice"].mean()
    assert means["network"] >= means["zero-filled"], "measured lines are put back"


def test_translation_is_scored_beside_the_source_and_a_flat_brain():
    made, table = tasks.score_translation(pictures(), Echo(), T2_FROM_T1)
    means = table.groupby("method", sort=False)["psnr_brain"].mean()
    assert list(means.index) == ["one grey level", "t1 itself", "network"]
    assert (made[~pictures().brain] == 0).all()
    # T1 and T2 differ by 0.2 / 12 everywhere in the brain.
    assert means["network"] == pytest.approx(means["t1 itself"]) == pytest.approx(20 * np.log10(60), abs=0.5)


def test_the_distance_of_real_slices_is_the_floor_and_of_noise_the_ceiling():
    rng = np.random.default_rng(0)
    # Noise lies around 0.5, the made ones a ninth of the way to it, whose square is that of the distance.
    halves, made = rng.normal(9.5, 1, (2, 40, 3)), rng.normal(6.5, 1, (40, 3))
    table = tasks.distance_table(lambda shown: shown, {"made": made}, halves).set_index("set")
    assert table["position"].loc[["real", "noise"]].tolist() == [0, 1]
    assert table["position"]["made"] == pytest.approx(1 / 9, abs=0.05)


def test_what_the_recipes_on_the_shipped_card_say_was_done_is_what_was_done():
    card = read_generator_card()
    for recipe in (card["recipe"], card["compression"]):
        assert recipe["epochs"] * recipe["slices_per_epoch"] == card["training"]["slices_seen"][recipe["name"]]
