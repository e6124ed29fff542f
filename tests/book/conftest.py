import pytest
from fake_run import make_run


@pytest.fixture
def fake_run(tmp_path):
    """Folder of a run that looks finished."""
    return make_run(tmp_path / "runs" / "fake")
