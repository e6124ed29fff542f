"""Figure 26 of the book is a screenshot of the application; this makes it again and compares.

`BRATS_WRITE_SCREENSHOT=1 python -m pytest tests/app/test_screenshot.py` replaces the one in the book.
"""

import os

import numpy as np
import pytest
from app.browsing import open_browser, serve, wait_for
from conftest import ROOT
from matplotlib.colors import to_rgb
from PIL import Image

from brats_lib.labels import COLOURS, ED, ET, NCR
from brats_lib.phantom import make_cohort

pytestmark = pytest.mark.slow

KEPT = ROOT / "book" / "images" / "app.png"
SIZE, SMALLEST = (1366, 768), (1280, 720)
MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def screenshot(tmp_path_factory):
    """The page after a phantom was segmented, at the slice with the largest tumour."""
    folder = tmp_path_factory.mktemp("screenshot")
    cohort = make_cohort(folder / "phantoms", cases=2, seed=0, progress=False)
    (folder / "work").mkdir()
    with (
        serve(cohort.root, folder / "work") as server,
        open_browser(folder, server.url, SIZE) as page,
    ):
        page.choose("Case", "Phantom_002")
        page.press("Segment")
        wait_for(lambda: len(page.images()) == 6, lambda: page.text(), patience=300)
        page.settle()
        page.press("Go to the largest area")
        page.chrome.execute_script("document.activeElement.blur()")
        path = page.shoot(folder / "app.png")
        fits = {size: lowest_pictures(page, size) for size in (SIZE, SMALLEST)}
    picture = Image.open(path).convert("RGB")
    picture.save(path, optimize=True)
    if os.environ.get("BRATS_WRITE_SCREENSHOT"):
        KEPT.write_bytes(path.read_bytes())
    return np.asarray(picture), fits


def lowest_pictures(page, size):
    """Where the lowest picture of each view ends in a window of a size, in pixels from its top."""
    page.resize(size)
    lowest = []
    for view in ("Three planes", "Slice"):
        page.press(view)
        lowest.append(page.chrome.execute_script(
            "return Math.max(...[...document.images].map(image => image.getBoundingClientRect().bottom))"
        ))  # fmt: skip
    return lowest


def small(picture):
    """The picture without its details: letters and numbers differ with fonts, processors and seconds."""
    return np.asarray(Image.fromarray(picture).convert("L").resize((72, 48), Image.Resampling.BOX), float)


def area(picture, colour):
    """Share of the picture that is nearly of a colour."""
    distance = np.abs(picture.astype(int) - np.round(255 * np.array(to_rgb(colour)))).max(-1)
    return (distance < 12).mean()


def test_the_pictures_fit_the_screen_of_a_laptop(screenshot):
    for (_, high), lowest in screenshot[1].items():
        assert max(lowest) <= high


def test_the_book_shows_the_application_as_it_is(screenshot):
    screenshot = screenshot[0]
    kept = np.asarray(Image.open(KEPT).convert("RGB"))
    assert kept.shape == screenshot.shape == (SIZE[1], SIZE[0], 3)
    assert np.corrcoef(small(kept).ravel(), small(screenshot).ravel())[0, 1] > 0.97
    for label in (NCR, ED, ET):
        assert area(screenshot, COLOURS[label]) == pytest.approx(area(kept, COLOURS[label]), rel=0.5)
        assert area(kept, COLOURS[label]) > 1e-4


def test_the_screenshot_in_the_book_is_small():
    assert 50_000 < KEPT.stat().st_size < MOST_BYTES
