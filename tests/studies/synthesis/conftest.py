"""A trained network's stand-in that several tests share."""

import pytest
from studies.synthesis.test_networks import AUTOENCODER

from brats_lib import models


@pytest.fixture(scope="session")
def autoencoder():
    return models.build(AUTOENCODER, seed=0)
