"""Figure 26 of the book is a screenshot of the application; this makes it again and compares.

`BRATS_WRITE_SCREENSHOT=1 python -m pytest tests/app/test_screenshot.py` replaces the one in the book.
"""

import os

import numpy as np
import pytest
from app.browsing import Page, serve
from conftest import ROOT
from PIL import Image

from brats_lib.phantom import make_cohort

KEPT = ROOT / "book" / "images" / "app.png"
SIZE, SMALLEST = (1366, 768), (1280, 720)


def lowest_pictures(page, size):
    """Where the lowest picture of each view ends in a window of a size, in pixels from its top."""
    page.resize(size)
    for view in ("Three planes", "Slice"):
        page.press(view)
        yield page.chrome.execute_script(
            "return Math.max(...[...document.images].map(image => image.getBoundingClientRect().bottom))"
        )


def small(picture):
    """The picture without its details: letters and numbers differ with fonts, processors and seconds."""
    return np.asarray(Image.fromarray(picture).convert("L").resize((72, 48), Image.Resampling.BOX), float)


@pytest.mark.slow
def test_the_book_shows_the_application_as_it_is(browser, tmp_path):
    """The page after a phantom was segmented, at the slice with the largest tumour; it fits the screen of a laptop."""
    cohort = make_cohort(tmp_path / "phantoms", cases=2, seed=0)
    with serve(cohort.root, tmp_path) as server:
        page = Page(browser, server.url, SIZE)
        page.choose("Case", "Phantom_002")
        page.segment()
        page.press("Go to the largest area")
        page.chrome.execute_script("document.activeElement.blur()")
        page.chrome.save_screenshot(str(tmp_path / "app.png"))
        for size in (SIZE, SMALLEST):
            assert max(lowest_pictures(page, size)) <= size[1]
    picture = Image.open(tmp_path / "app.png").convert("RGB")
    if os.environ.get("BRATS_WRITE_SCREENSHOT"):
        picture.save(KEPT, optimize=True)
    shown, kept = np.asarray(picture), np.asarray(Image.open(KEPT).convert("RGB"))
    assert kept.shape == shown.shape == (SIZE[1], SIZE[0], 3)
    assert np.corrcoef(small(kept).ravel(), small(shown).ravel())[0, 1] > 0.97
