"""A reader of scans at the application: wheel, zoom, grey levels, the files in use and what is not shown."""

import io
import urllib.request

import nibabel as nib
import numpy as np
import pytest
from app.browsing import wait_for
from app.test_browser import own_files, segmented
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


def test_grey_levels_reach_the_browser_as_they_were_drawn(page, tiny_cases):
    scan = open_scan(Cohort.find(tiny_cases)["BraTS20_Training_001"])
    for modality, address in zip(("flair", "t1ce"), sources(page), strict=True):
        drawn = panels.original(scan, modality, AXIAL, 18).picture
        assert np.array_equal(fetched(address), drawn)


def test_the_wheel_over_a_picture_turns_its_slices(page):
    page.turn_wheel(0, 3)
    assert all("slice 21" in alt for alt in page.images())
    page.turn_wheel(1, -5)
    assert all("slice 16" in alt for alt in page.images()) and page.slider("Slice (z)").get_property("value") == "16"
    # The keyboard goes on from there, and the wheel from where the keyboard is.
    page.move("Slice (z)", 1)
    page.turn_wheel(0, 1)
    assert all("slice 18" in alt for alt in page.images())
    page.press("Three planes")
    page.turn_wheel(1, 2)
    assert all("(24, 22, 18)" in alt for alt in page.images())


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


def test_a_click_moves_the_cross_hairs_there(page):
    page.press("Three planes")
    # The coronal picture shows 48 voxels from the patient's right to the left and 36 from above.
    page.click_picture(1, 12.5 / 48, 1 - 9.5 / 36)
    wait_for(lambda: all("(12, 20, 9)" in alt for alt in page.images()), lambda: str(list(page.images())), 10)


def test_zoom_and_grey_levels_change_pictures_and_no_number(page):
    segmented(page)
    before, table = sources(page), page.table()
    bright = fetched(before[0]).mean()
    page.press("2×")
    near = sources(page)
    assert set(before).isdisjoint(near)
    page.press("1×")
    page.press("Grey levels")
    page.move("FLAIR, black to white", 40)
    darker = sources(page)
    # FLAIR and the labels on it; T1ce and the probabilities stay.
    assert [one == other for one, other in zip(before, darker, strict=True)] == [False, True, False, True, True, True]
    assert fetched(darker[0]).mean() < bright
    page.press("Auto")
    assert sources(page) == before and page.table() == table


def test_the_files_in_use_stand_beside_the_pictures(page, tmp_path):
    names = [f"BraTS20_Training_001_{role}.nii.gz" for role in ("flair", "t1ce", "seg")]
    assert "FLAIR {} · T1ce {} · mask {}".format(*names) in page.text()
    page.press("My own scan")
    paths = own_files(tmp_path / "own")
    for label, path in zip(("FLAIR", "T1ce"), paths.values(), strict=True):
        page.upload(label, path)
    assert "FLAIR somebody_flair.nii.gz · T1ce somebody_t1ce.nii.gz" in page.text()
    flair = nib.load(paths["flair"])
    nib.save(nib.Nifti1Image(np.full(flair.shape, 7, np.uint8), flair.affine), tmp_path / "mask.nii.gz")
    page.find('[data-testid="stExpander"] summary')[0].click()
    page.upload("Mask (labels 0, 1, 2, 4)", tmp_path / "mask.nii.gz")
    assert [alert for alert in page.alerts() if "mask file “mask.nii.gz”: the mask holds 7" in alert]
    assert "somebody_t1ce.nii.gz · mask" not in page.text()


def test_a_comparison_says_which_network_was_not_run_and_how_to_have_more(page):
    segmented(page)
    page.press("Compare networks")
    assert "Not run on this scan yet: phantom. Press Segment" in page.text()
    assert "To choose the paper's network too, train it: make book" in page.text()
    page.press("Segment")
    wait_for(lambda: len(page.images()) == 3, lambda: page.text())
    assert "Not run" not in page.text()
