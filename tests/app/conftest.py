"""A server with the application on tiny cases, and a browser to drive it with, each started once."""

import json

import pytest
from app.browsing import Page, open_browser, serve
from conftest import write_case

from brats_lib.app.scans import open_scan
from brats_lib.cases import Cohort


@pytest.fixture
def scan(tmp_path):
    """A tiny case, opened."""
    write_case(tmp_path / "cases", "BraTS20_Training_001")
    return open_scan(Cohort.find(tmp_path / "cases")[0])


@pytest.fixture(scope="session")
def tiny_cases(tmp_path_factory):
    """Two tiny cases with masks."""
    root = tmp_path_factory.mktemp("cases")
    for i in range(2):
        write_case(root, f"BraTS20_Training_{i + 1:03d}", seed=i)
    return root


@pytest.fixture(scope="session")
def server(tiny_cases, tmp_path_factory):
    """The application, as `brats app` starts it where a run trained the paper's recipe and began to train ours."""
    from tiny_runs import write_published  # loads Keras, which most tests of the application do without

    folder = tmp_path_factory.mktemp("work")
    run = folder / "runs" / "workshop"
    write_published(run / "training")
    record = json.loads((run / "training" / "training.json").read_text())
    (run / "native").mkdir()
    (run / "native" / "training.json").write_text(json.dumps(record | {"finished": False}))
    with serve(tiny_cases, folder) as running:
        yield running


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page(server, browser):
    """The application, opened anew; downloads go to `page.downloads`."""
    page = Page(browser, server.url)
    yield page
    assert page.complaints() == []
