"""A reader of scans at the application: wheel, click, zoom and grey levels."""

import io
import urllib.request

import numpy as np
import pytest
from app.browsing import wait_for
from PIL import Image

from brats_lib.app import panels
from brats_lib.app.scans import open_scan
from brats_lib.cases import Cohort
from brats_lib.figures.style import AXIAL

pytestmark = pytest.mark.slow


def sources(page):
    return list(page.images().values())


def fetched(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        return np.asarray(Image.open(io.BytesIO(answer.read())).convert("RGB"))


def test_the_wheel_over_a_picture_turns_its_slices_and_a_click_moves_the_cross_hairs(page):
    page.turn_wheel(0, 3)
    assert all("slice 21" in alt for alt in page.images())
    page.turn_wheel(1, -5)
    assert all("slice 16" in alt for alt in page.images()) and page.slider("Slice (z)").get_property("value") == "16"
    # The keyboard goes on from there, and the wheel from where the keyboard is.
    page.move("Slice (z)", 1)
    page.turn_wheel(0, 1)
    assert all("slice 18" in alt for alt in page.images())
    page.press("Three planes")
    assert [alt.split()[0] for alt in page.images()] == ["axial", "coronal", "sagittal"]
    before = sources(page)
    page.turn_wheel(1, 2)
    # Every plane shows the point, two of them as a cross that has moved.
    assert all("(24, 22, 18)" in alt for alt in page.images()) and set(before).isdisjoint(sources(page))
    # The coronal picture shows 48 voxels from the patient's right to the left and 36 from above.
    page.click_picture(1, 12.5 / 48, 1 - 9.5 / 36)
    wait_for(lambda: all("(12, 22, 9)" in alt for alt in page.images()), lambda: str(list(page.images())), 10)


def test_a_wheel_turned_fast_ends_where_it_should_and_draws_twice_not_sixteen_times(page):
    page.addresses()
    page.chrome.execute_script("""
        const picture = document.querySelector('[data-testid="stImage"] img');
        const notch = () => new WheelEvent("wheel", {deltaY: -120, bubbles: true, cancelable: true});
        for (let i = 0; i < 16; i++) picture.dispatchEvent(notch());
    """)
    wait_for(lambda: all("slice 34" in alt for alt in page.images()), lambda: str(page.images()))
    # After the first notch, and once for all that came meanwhile; two pictures each.
    assert len([address for address in page.addresses() if "/media/" in address]) <= 4
    page.turn_wheel(0, 5)
    assert all("slice 35" in alt for alt in page.images())


def test_zoom_and_grey_levels_change_pictures_and_no_number(page, tiny_cases):
    scan = open_scan(Cohort.find(tiny_cases)["BraTS20_Training_001"])
    for modality, address in zip(("flair", "t1ce"), sources(page), strict=True):
        # As it was drawn, to the last grey level.
        assert np.array_equal(fetched(address), panels.original(scan, modality, AXIAL, 18).picture)
    page.segment()
    before, table = sources(page), page.table()
    bright = fetched(before[0]).mean()
    page.press("2×")
    wait_for(lambda: set(before).isdisjoint(sources(page)))
    page.press("1×")
    page.press("Grey levels")
    page.move("FLAIR, black to white", 40)
    # FLAIR and the labels on it; T1ce and the probabilities stay.
    changed = [True, False, True, False, False, False]
    wait_for(lambda: [one != other for one, other in zip(before, sources(page), strict=True)] == changed)
    assert fetched(sources(page)[0]).mean() < bright
    page.press("Auto")
    wait_for(lambda: sources(page) == before)
    assert page.table() == table
