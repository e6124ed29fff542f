"""From batches to samples on disk: order of channels, repeatable, resumed after a kill, checked when read."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from brats_lib import models
from brats_lib.cases import MODALITIES
from brats_lib.errors import BratsError
from brats_lib.recipes import COMPRESSION, GENERATION, RESTORATION, T2_FROM_T1, VARIATION
from brats_lib.studies.synthesis import tasks
from brats_lib.studies.synthesis.batches import PictureBatches
from brats_lib.studies.synthesis.codes import CodeBatches, draw_again, encode
from brats_lib.studies.synthesis.gan import join
from brats_lib.studies.synthesis.pictures import Pictures
from brats_lib.studies.synthesis.sampling import between, draw_latent, split_labelled, synthesise
from brats_lib.studies.synthesis.segmentation import SEGMENTER, LabelledBatches, score_segmenter, train_segmenter
from brats_lib.studies.synthesis.store import load_generator, read_generator_card, save_generator
from brats_lib.training.callbacks import KeepProgress
from brats_lib.training.fitting import load_trained, train

AUTOENCODER = dataclasses.replace(COMPRESSION, size=16, widths=(8, 4), latent=3, critic_widths=())
GAN = dataclasses.replace(
    GENERATION, size=8, widths=(16, 8), critic_widths=(8, 8), latent=5, codes=3, batch_slices=4, slices_per_epoch=12,
    epochs=3,
)  # fmt: skip
VAE = dataclasses.replace(VARIATION, batch_slices=4)


def pictures(count=12, size=16):
    """Modality c of slice i is (i + c / 10) / count inside a square; the square's left half is class 2."""
    images = np.zeros((count, size, size, 4), np.float16)
    inside = slice(2, size - 2)
    values = (np.arange(count)[:, None] + np.arange(4) / 10) / count
    images[:, inside, inside] = values[:, None, None]
    classes = np.zeros((count, size, size), np.uint8)
    classes[:, 2 : size // 2, inside] = 2
    brain = np.zeros((count, size, size), bool)
    brain[:, inside, inside] = True
    return Pictures(images, classes, brain, np.arange(count) // 3, tuple("abcd"[: count // 3]))


def test_a_batch_holds_the_channels_that_the_task_wants():
    shown = pictures()
    pair, nothing = PictureBatches(shown, dataclasses.replace(T2_FROM_T1, size=16))[0]
    assert pair.shape == (8, 16, 16, 2) and nothing.shape == (8, 1)
    t1, t2 = (MODALITIES.index(name) for name in ("t1", "t2"))
    np.testing.assert_allclose(pair[:, 8, 8, 1] - pair[:, 8, 8, 0], (t2 - t1) / 120, atol=1e-3)
    labelled, _ = PictureBatches(shown, VAE)[0]
    assert labelled.shape == (4, 16, 16, 8)
    np.testing.assert_array_equal(labelled[..., 4:].sum(-1), 1)
    assert set(labelled[..., 6][:, 3, 8]) | set(labelled[..., 6][:, -4, 8]) == {0.0, 1.0}, "some are mirrored"


def test_a_batch_depends_on_seed_epoch_and_number_alone():
    one, other = (PictureBatches(pictures(), VAE, seed=3) for _ in range(2))
    other[1]
    one.epoch = other.epoch = 2
    np.testing.assert_array_equal(one[0][0], other[0][0])
    other.epoch = 1
    assert (one[0][0] != other[0][0]).any()
    fixed = PictureBatches(pictures(), VAE, seed=3, fixed=True)
    first = fixed[0][0]
    fixed.epoch = 5
    np.testing.assert_array_equal(fixed[0][0], first)


def test_a_damage_is_for_recipes_of_any_modality_and_for_no_others():
    batches = PictureBatches(pictures(), RESTORATION, damage=lambda rng, picture: picture + 1)
    pair, _ = batches[0]
    np.testing.assert_allclose(pair[..., 0], pair[..., 1] + 1)
    with pytest.raises(BratsError, match="there is no damage"):
        PictureBatches(pictures(), RESTORATION)
    with pytest.raises(BratsError, match="there is a damage"):
        PictureBatches(pictures(), VAE, damage=tasks.add_noise)
    with pytest.raises(BratsError, match="there are none"):
        PictureBatches(pictures().take(slice(0, 0)), VAE)


def test_a_batch_of_codes_is_of_slices_and_their_mirror_images():
    autoencoder, shown = models.build(AUTOENCODER, seed=0), pictures()
    codes = encode(autoencoder, shown, batch_slices=5)
    labelled = np.concatenate([shown.images.astype(np.float32), np.eye(4, dtype=np.float32)[shown.classes]], -1)
    np.testing.assert_allclose(codes, autoencoder.encoder(labelled)[..., :3], atol=1e-6)
    np.testing.assert_allclose(draw_again(autoencoder, shown), autoencoder.decoder(codes), atol=1e-6)
    batches = CodeBatches(autoencoder, shown, GAN, seed=1, slices_per_epoch=400)
    assert len(batches) == 100
    drawn = np.concatenate([batches[number][0] for number in range(len(batches))])
    straight = np.array([min(np.abs(codes - code).max((1, 2, 3))) < 1e-6 for code in drawn])
    mirrored = encode(autoencoder, shown.mirrored())
    turned = np.array([min(np.abs(mirrored - code).max((1, 2, 3))) < 1e-6 for code in drawn])
    assert (straight | turned).all() and 0.4 < straight.mean() < 0.6


def test_codes_of_another_autoencoder_or_shape_are_told_apart():
    one, other = (models.build(AUTOENCODER, seed=seed) for seed in (0, 1))
    assert CodeBatches(one, pictures(), GAN).names == CodeBatches(one, pictures(), GAN, seed=5).names
    assert CodeBatches(one, pictures(), GAN).names != CodeBatches(other, pictures(), GAN).names
    with pytest.raises(BratsError, match=r"codes have shape \(8, 8, 3\)"):
        CodeBatches(one, pictures(), dataclasses.replace(GAN, codes=4))
    with pytest.raises(BratsError, match="there are none"):
        CodeBatches(one, pictures().take(slice(0, 0)), GAN)


def test_an_interrupted_gan_ends_as_it_would_have(tmp_path, monkeypatch):
    options = {"precision": "float32", "verbose": 0, "data_fingerprint": "squares"}
    autoencoder = models.build(AUTOENCODER, seed=0)
    whole = train(GAN, CodeBatches(autoencoder, pictures(), GAN), None, tmp_path / "whole", **options)
    begin = KeepProgress.on_epoch_begin

    def stop(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(KeepProgress, "on_epoch_begin", stop)
        train(GAN, CodeBatches(autoencoder, pictures(), GAN), None, tmp_path / "stopped", **options)
    resumed = train(GAN, CodeBatches(autoencoder, pictures(), GAN), None, tmp_path / "stopped", **options)
    assert resumed.resumed_from == 1
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert {"critic_loss", "generator_loss"} <= set(whole.history)
    loaded = load_trained(tmp_path / "stopped", precision="float32")
    latent = draw_latent(2, 5)
    np.testing.assert_array_equal(
        *[keras.ops.convert_to_numpy(model.generator(latent)) for model in (loaded, whole.model)]
    )


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


def test_the_way_between_two_points_keeps_their_length():
    path = between(np.array([3.0, 0.0]), np.array([0.0, 3.0]), 3)
    np.testing.assert_allclose(path, [[3, 0], [3 / np.sqrt(2)] * 2, [0, 3]], atol=1e-6)
    np.testing.assert_allclose(between(np.ones(2), np.ones(2), 2), np.ones((2, 2)))


def test_a_generator_comes_back_from_disk_and_a_damaged_one_does_not(tmp_path):
    card = tmp_path / "g.json"
    made = join(models.build(GAN, seed=0).generator, models.build(AUTOENCODER, seed=0).decoder)
    save_generator(made, GAN, AUTOENCODER, {"data": "squares"}, card)
    loaded, recipe, about = load_generator(card)
    assert recipe == GAN and about["data"] == "squares"
    latent = draw_latent(3, 5, seed=1)
    one, other = (synthesise(generator, latent)[0] for generator in (made, loaded))
    np.testing.assert_allclose(one, other, atol=5e-3)
    file = card.with_suffix(".npz")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(BratsError, match="damaged or belongs to another card"):
        load_generator(card)
    about["recipe"]["latent"] = 6
    save_generator(made, GAN, AUTOENCODER, {}, card)
    damaged = json.loads(card.read_text())
    damaged["recipe"]["latent"] = 6
    card.write_text(json.dumps(damaged))
    with pytest.raises(BratsError, match="do not fit"):
        load_generator(card)
    for content in ("{", '{"recipe": [], "compression": 1, "weights": {}}'):
        card.write_text(content)
        with pytest.raises(BratsError, match="g.json: it"):
            load_generator(card)


class Echo(keras.Model):
    """A translator that gives its last channel back."""

    def call(self, source):
        return source[..., -1:]


def test_a_network_that_changes_nothing_scores_as_what_it_is_given():
    shown = pictures()
    table = tasks.score_denoising(shown, Echo(), levels=(0.1,))
    means = table.groupby("method")["psnr_brain"].mean()
    assert means["network"] == pytest.approx(means["noisy"])
    assert means["non-local means"] > means["noisy"] + 3
    assert table["modality"].tolist()[:5] == [*MODALITIES, MODALITIES[0]]
    table = tasks.score_reconstruction(pictures(size=32), Echo(), rates=(4,))
    means = table.groupby("method")["psnr_slice"].mean()
    assert means["network"] >= means["zero-filled"], "measured lines are put back"


def test_translation_is_scored_beside_the_source_and_a_flat_brain():
    found, table = tasks.score_translation(pictures(), Echo(), T2_FROM_T1)
    assert set(table["method"]) == {"mean of the target", "t1 itself", "network"}
    means = table.groupby("method")["psnr_brain"].mean()
    assert means["network"] == pytest.approx(means["t1 itself"])
    assert (found[~pictures().brain] == 0).all()
    # T1 and T2 differ by 0.2 / 12 everywhere in the brain.
    assert means["network"] == pytest.approx(20 * np.log10(60), abs=0.5)


def test_the_distance_of_real_slices_is_the_floor_and_of_noise_the_ceiling():
    rng = np.random.default_rng(0)
    halves, noise, middle = rng.normal(size=(2, 40, 3)), rng.normal(9, 1, (40, 3)), rng.normal(3, 1, (40, 3))
    table = tasks.distance_table(lambda shown: shown, {"made": middle}, halves, noise).set_index("set")
    assert table["position"].loc[["real", "noise"]].tolist() == [0, 1]
    assert table["position"]["made"] == pytest.approx(1 / 9, abs=0.05)


def test_noise_has_the_brightness_of_the_brains_only_inside():
    shown = pictures()
    inside = tasks.noise_pictures(shown, in_brain=True)
    assert (inside[~shown.brain] == 0).all()
    assert inside[shown.brain].mean() == pytest.approx(shown.images[shown.brain].mean(), abs=0.03)
    assert tasks.noise_pictures(shown)[~shown.brain].mean() == pytest.approx(0.5, abs=0.02)


def test_half_of_a_batch_is_of_the_others_where_there_are_any():
    shown = pictures()
    other = (np.full_like(shown.images, 0.9), np.zeros_like(shown.classes))
    recipe = dataclasses.replace(SEGMENTER, batch_slices=8, augmentation=())
    images, targets = LabelledBatches(shown.images, shown.classes, recipe, other)[0]
    assert images.shape == (8, 16, 16, 2) and targets.shape == (8, 16, 16, 3)
    np.testing.assert_allclose(images[4:], 3.6, rtol=1e-3)
    assert targets[:4].any((1, 2, 3)).all() and not targets[4:].any()
    changed = dataclasses.replace(recipe, augmentation=("mirror",))
    assert (LabelledBatches(shown.images, shown.classes, changed, other)[0][0][4:] != images[4:]).any()


@pytest.mark.parametrize("branch", [False, True])
def test_a_segmenter_learns_the_squares_with_and_without_the_branch(branch):
    shown = pictures(size=32)
    recipe = dataclasses.replace(
        SEGMENTER, patch=32, augmentation=(), slices_per_epoch=400, learning_rate=1e-2, averaging=0.8
    )
    network = train_segmenter(LabelledBatches(shown.images, shown.classes, recipe), vae_branch=branch)
    scores = score_segmenter(network, shown, recipe)
    assert {(row["case"], row["region"]) for row in scores} == {(c, r) for c in "abcd" for r in ("WT", "TC", "ET")}
    whole = [row["dice"] for row in scores if row["region"] == "WT"]
    assert np.mean(whole) > 0.8


def test_card_of_the_generator_that_ships_says_what_it_learnt_from():
    card = read_generator_card()
    assert "no patient" in card["data"] and "ICBM" in card["licence"]
    assert card["citations"][0]["key"] == "fonov2011"
    # What the recipes on the card say was done is what was done.
    for recipe in (card["recipe"], card["compression"]):
        assert recipe["epochs"] * recipe["slices_per_epoch"] == card["training"]["slices_seen"][recipe["name"]]
