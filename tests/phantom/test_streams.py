"""Who may be learnt from and who is tested is decided by the random numbers that a phantom is drawn from."""

import itertools

import numpy as np
import pytest

from brats_lib.phantom import MIXED, PATIENTS, STREAMS
from brats_lib.phantom.anatomy import Head
from brats_lib.phantom.population import draw_tumour
from brats_lib.phantom.streams import STAGES, generators
from experiments import hyperparameters, pictures, shipped
from experiments.nnunet.cases import TRAINING

# Of each stream the kinds of phantoms and how many of them the networks that ship, the studies and the book use.
IN_USE = {
    "training": (MIXED, max(shipped.PHANTOMS, pictures.PICTURED, TRAINING)),
    "choices": ((PATIENTS,), max(shipped.OTHERS, hyperparameters.PHANTOMS)),
    "tests": ((PATIENTS,), shipped.OTHERS),
    "cohort": ((PATIENTS,), 96),
}


def test_no_two_phantoms_of_any_stream_share_a_head_or_a_tumour():
    heads, tumours = [], []
    for stream, seed in itertools.product(STREAMS, range(4)):
        kinds, count = IN_USE[stream]
        for index in range(count):
            rng, kind = generators(seed, index, stream), kinds[index % len(kinds)]
            heads.append(repr(Head(rng["head"], kind.heads).parameters))
            tumours.append(repr(draw_tumour(rng["tumour"], kind.tumours)))
    assert len(heads) == 4 * (576 + 96 + 12 + 96)
    assert len(set(heads)) == len(heads)
    assert len(set(tumours)) == len(tumours)


def test_no_two_stages_of_any_stream_draw_the_same_number():
    # Seeds and indices that zeros, words of 32 bits and the numbers of streams and stages might make alike.
    numbers = (0, 1, 2, 3, 11, 2**16, 2**32 - 1)
    drawn = [
        rng.random()
        for seed, index, stream in itertools.product(numbers, numbers, STREAMS)
        for rng in generators(seed, index, stream).values()
    ]
    assert len(drawn) == 7 * 7 * 4 * len(STAGES) == len(set(drawn))


def test_training_phantoms_are_drawn_from_seed_and_index_alone_as_the_networks_that_ship_met_them():
    children = np.random.SeedSequence([3, 5]).spawn(11)
    expected = [np.random.default_rng(child).random() for child in children]
    assert [rng.random() for rng in generators(3, 5, "training").values()] == expected


def test_numbers_of_more_than_a_word_and_unknown_streams_are_refused():
    for wrong in ((2**32, 0, "tests"), (0, 2**32, "tests"), (0, 0, "validation")):
        with pytest.raises(ValueError):
            generators(*wrong)
