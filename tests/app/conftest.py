"""A server with the application on tiny cases, and a browser to drive it with, each started once."""

import pytest
from app.browsing import Page, open_browser, serve
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
