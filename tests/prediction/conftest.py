import pytest
from painted import make_reader

from brats_lib.prediction import networks


@pytest.fixture
def network(monkeypatch):
    """The reader in place of every network that is opened."""
    reader = make_reader()
    monkeypatch.setattr(networks, "open_network", lambda name=None, engine="auto": reader)
    return reader
