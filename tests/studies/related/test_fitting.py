"""Training of the related systems: the loss by hand, learning, phases, repeatability, and all of them in a lesson."""

import dataclasses

import keras
import numpy as np
import pytest
from studies.related.stand_ins import FLAT, cases

from brats_lib.errors import BratsError
from brats_lib.studies.related import fitting
from brats_lib.studies.related.fitting import fit_system, labelled_cross_entropy, natural_shares, train_briefly
from brats_lib.studies.related.systems import SYSTEMS


@pytest.mark.parametrize(
    ("truth", "chance", "loss"),
    [
        # Voxels without a label do not count.
        ([[1, 0], [0, 1], [0, 0]], [[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]], -(np.log(0.5) + np.log(0.75)) / 2),
        ([[0, 0], [0, 0]], [[0.5, 0.5], [0.25, 0.75]], 0),
        # A certain mistake costs a finite loss.
        ([[1, 0]], [[0, 1]], -np.log(keras.config.epsilon())),
    ],
)
def test_loss_by_hand(truth, chance, loss):
    found = labelled_cross_entropy(np.float32(truth), np.float32(chance))
    assert float(keras.ops.convert_to_numpy(found)) == pytest.approx(loss, rel=1e-3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras takes logits behind a softmax on TensorFlow")
def test_a_network_that_is_sure_of_a_mistake_still_learns():
    layer = keras.layers.Dense(2, activation="softmax", name="probabilities")
    model = keras.Sequential([keras.Input((1, 1, 1)), layer])
    # A probability of e^-40 for what is true.
    layer.set_weights([np.zeros((1, 2), np.float32), np.array([40, 0], np.float32)])
    model.compile(keras.optimizers.SGD(1.0), labelled_cross_entropy)
    model.train_on_batch(np.ones((1, 1, 1, 1), np.float32), np.array([[[[0, 1]]]], np.float32))
    np.testing.assert_allclose(layer.get_weights()[1], [39, 1], atol=1e-3)


def test_a_system_learns_what_its_images_show():
    fitted = fit_system(FLAT, cases(), steps=60)
    assert len(fitted.losses) == 60 and fitted.losses[-5:].mean() < 0.6 * fitted.losses[:5].mean()
    # The rate has fallen to a hundredth.
    assert float(fitted.model.optimizer.learning_rate) == pytest.approx(0.01 * FLAT.learning_rate, rel=1e-3)


def test_the_same_seed_gives_the_same_weights_and_the_last_layer_alone_learns_in_the_natural_phase():
    first_phase, again = (fit_system(FLAT, cases(), steps=2).model.get_weights() for _ in range(2))
    assert all((one == other).all() for one, other in zip(first_phase, again, strict=True))
    phased = fit_system(dataclasses.replace(FLAT, natural_end=0.5), cases(), steps=4)
    same = [np.array_equal(*pair) for pair in zip(phased.model.get_weights(), first_phase, strict=True)]
    assert same == [True, True, False, False] and len(phased.losses) == 4
    assert all(layer.trainable for layer in phased.model.layers)


def test_natural_shares_are_those_of_the_brain():
    one = cases(1)[0]
    one.images[:, :, 12:] = 0
    inside = one.labels[:, :, :12]
    np.testing.assert_allclose(natural_shares([one]), [(inside == label).mean() for label in (0, 1, 2, 4)])


def test_a_loss_that_is_no_number_ends_the_training():
    broken = cases(1)[0]
    broken.images[...] = np.nan
    # Without a ReLU, which may make a number of it again.
    single = [keras.Input((None, None, 4)), keras.layers.Conv2D(4, 5, activation="softmax", name="probabilities")]
    system = dataclasses.replace(FLAT, build=lambda *sizes, **options: keras.Sequential(single))
    with pytest.raises(BratsError, match="loss of batch 1 is nan"):
        fit_system(system, [broken], steps=2)


def test_each_system_is_trained_and_segments_the_case(monkeypatch):
    built_upon = []

    def upon(first, *sizes, **options):
        built_upon.append(first)
        return FLAT.build(*sizes, **options)

    systems = {
        "flat": dataclasses.replace(FLAT, matched=True),
        "upon": dataclasses.replace(FLAT, title="Upon", built_on="flat", build=upon),
    }
    monkeypatch.setattr(fitting, "SYSTEMS", systems)
    *stacks, tested = cases(3)
    table, masks = train_briefly(["flat", "upon"], stacks, tested, steps=3)
    assert list(table["system"]) == list(masks) == ["Flat", "Upon"]
    # 3 x 3 x 4 x 8 + 8 and 3 x 3 x 8 x 4 + 4.
    assert list(table["parameters"]) == [296 + 292] * 2 and len(built_upon) == 1
    assert table[["Dice WT", "Dice TC", "Dice ET"]].to_numpy().min() >= 0
    assert masks["Flat"].shape == tested.labels.shape and set(np.unique(masks["Upon"])) <= {0, 1, 2, 4}
    for name, message in (("unknown", "there is none of that name"), ("upon", "flat does not come before it")):
        with pytest.raises(BratsError, match=message):
            train_briefly([name], stacks, tested, steps=1)


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=list(SYSTEMS))
def test_every_system_says_what_fits_together(system):
    assert sum(system.shares) == pytest.approx(1)
    # What is read in training is what an answer needs, or, where all of it is answered, what is read in prediction:
    # such a network normalises over it.
    reach = {(side - answer) // 2 for side, answer in zip(system.side, system.answer, strict=True)}
    read = tuple(side + 2 * system.margin for side in system.block)
    assert reach == {system.margin} or (reach == {0} and read == system.side)
