"""A server with the application on tiny cases, and a browser to drive it with."""

import pytest
from app.browsing import open_browser, serve
from conftest import write_case


@pytest.fixture(scope="session")
def tiny_cases(tmp_path_factory):
    """Two tiny cases with masks."""
    root = tmp_path_factory.mktemp("cases")
    for i in range(2):
        write_case(root, f"BraTS20_Training_{i + 1:03d}", seed=i)
    return root


@pytest.fixture(scope="session")
def server(tiny_cases, tmp_path_factory):
    """The application, as `brats app` starts it."""
    with serve(tiny_cases, tmp_path_factory.mktemp("work")) as running:
        yield running


@pytest.fixture
def page(server, tmp_path):
    """A browser with the application in it; its downloads go to `page.downloads`."""
    with open_browser(tmp_path, server.url) as browser:
        yield browser
        assert browser.complaints() == []
