import numpy as np
import pytest
from fake_run import make_png

from brats_lib.book.check import check_html

PAGE = """<html><body><p id="top"><a href="#top">up</a> <a href="other.html#there">other</a></p>
<a href="https://example.org">elsewhere</a> <figure id="paper-fig-01"><img src="a.png" alt="A brain slice"></figure>
{extra}</body></html>"""
SHOWS = "shows a path of the machine it was built on"


@pytest.fixture
def site(tmp_path):
    """Write a small site with `extra` in its first page and return its folder."""

    def write(extra="", picture=None):
        (tmp_path / "index.html").write_text(PAGE.format(extra=extra))
        (tmp_path / "other.html").write_text("<p id='there'>text</p>")
        (tmp_path / "a.png").write_bytes(make_png(np.eye(8) if picture is None else picture))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("<img src='a.png'>", "a.png has no alternative text"),
        ("<img src='a.png' alt='../_images/a.png'>", "a.png has no alternative text"),
        ("<img src='b.png' alt='A slice'>", "b.png is missing"),
        ("<iframe srcdoc='x'></iframe>", "an iframe has no title"),
        ("<script src='https://cdn.example.org/x.js'></script>", "loads https://cdn.example.org/x.js from elsewhere"),
        ("<link rel='stylesheet' href='//cdn.example.org/x.css'>", "loads //cdn.example.org/x.css from elsewhere"),
        ("<a href='gone.html'>x</a>", "link to gone.html leads nowhere"),
        ("<a href='other.html#gone'>x</a>", "link to other.html#gone: the page has no such place"),
        ("<code>/home/ann/data</code>", f"{SHOWS}: /home/ann/"),
        ("<code>/elsewhere/ann/data</code>", f"{SHOWS}: /elsewhere/ann/"),
        ("<pre>warning in /scratch/x/.venv/y.py</pre>", f"{SHOWS}: /scratch/x/.venv/y.py"),
        ("<p title='/private/x/.venv/y.py'>x</p>", f"{SHOWS}: /private/x/.venv/y.py"),
    ],
)
def test_every_kind_of_problem_is_found(site, extra, message):
    (problem,) = check_html(site(extra), ["paper-fig-01"], private=["/home/ann", "/elsewhere/ann"])
    assert message in problem


def test_path_in_the_source_of_a_page_is_found(site):
    (site() / "_sources").mkdir()
    (site() / "_sources" / "a.ipynb").write_text('{"data": "/home/ann/x", "to": "/path/to/y ../var/z http://a/home/b"}')
    assert check_html(site()) == [f"_sources/a.ipynb: {SHOWS}: /home/ann/x"]


def test_blank_missing_and_doubled_figures_are_found(site):
    assert check_html(site(picture=np.ones((8, 8)))) == ["index.html: image a.png is blank"]
    assert check_html(site(), ["paper-fig-01"]) == []
    problems = check_html(site(), ["paper-fig-01", "paper-fig-02"])
    assert problems == ["id paper-fig-02 stands on 0 pages; expected one"]
    (site() / "copy.html").write_text("<p id='paper-fig-01'></p>")
    assert check_html(site(), ["paper-fig-01"]) == ["id paper-fig-01 stands on 2 pages; expected one"]


def test_empty_folder_is_no_book(tmp_path):
    assert check_html(tmp_path) == [f"{tmp_path}: there are no pages"]
