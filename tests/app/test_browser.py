"""The application in a real browser: results, wheel and zoom, uploads good and bad, and the reader study."""

import csv
import socket
import sqlite3
from urllib.parse import urlsplit

import nibabel as nib
import numpy as np
import pytest
from app.browsing import wait_for
from app.test_uploads import SOUND
from conftest import tiny_volumes

from brats_lib.app.uploads import MAX_UPLOAD_MB
from brats_lib.prediction.weights import available, read_card

pytestmark = pytest.mark.slow


def own_files(folder, name, affine):
    """FLAIR and T1ce of a tiny scan as other scanners write it, on RAS axes."""
    volumes, _ = tiny_volumes(seed=5)
    paths = {label: folder / f"{name}_{label.lower()}.nii.gz" for label in ("FLAIR", "T1ce")}
    for label, path in paths.items():
        nib.save(nib.Nifti1Image(volumes[label.lower()][::-1, ::-1], affine), path)
    return paths


def voxels(path):
    return np.asanyarray(nib.load(path).dataobj)


def sources(page):
    """The addresses of the pictures on the page."""
    return list(page.images().values())


def test_the_page_does_what_section_5_of_the_paper_says(page):
    assert page.find("h1")[0].text == "Brain Tumor Segmentation"
    assert "Research and teaching only" in page.alerts()[0]
    page.choose("Case", "BraTS20_Training_002")
    assert list(page.images()) == [f"axial {name} slice 18 of BraTS20_Training_002" for name in ("FLAIR", "T1ce")]
    assert "FLAIR BraTS20_Training_002_flair.nii.gz · T1ce BraTS20_Training_002_t1ce.nii.gz" in page.text()
    before = page.images()
    page.move("Slice (z)", 2)
    after = page.images()
    assert all("slice 20" in alt for alt in after) and set(before.values()).isdisjoint(after.values())
    assert not page.find("table")

    page.segment()
    *_, labels, wt, tc, et = page.images()
    assert "tumour labels in colour" in labels
    maps = ((wt, "whole tumour"), (tc, "tumour core"), (et, "enhancing tumour"))
    assert all(alt.startswith(f"probability of {name} in ") for alt, name in maps)
    table = page.table()
    assert list(table) == ["WT", "TC", "ET", "NCR", "ED"]
    truth = tiny_volumes(seed=1)[1]
    assert float(table["WT"]["true"]) == pytest.approx((truth > 0).sum() / 1000, abs=0.05)
    assert 0 <= float(table["WT"]["Dice"]) <= 1
    assert "Radiological view" in page.text()


def test_a_result_is_looked_at_without_the_network_and_taken_away(page, server):
    def seconds():
        return page.text().split(f"Network {read_card().name}, ")[1].split(" s.")[0]

    page.segment()
    took, table = seconds(), page.table()
    page.move("Slice (z)", 3)
    assert len(page.images()) == 6 and all("slice 21" in alt for alt in page.images())
    # The same seconds: nothing was computed a second time, not even by pressing again.
    page.segment()
    assert seconds() == took and page.table() == table
    mask = page.download("Mask (NIfTI)")
    assert f"{(voxels(mask) > 0).sum() / 1000:.1f}" == table["WT"]["mL"]
    page.download("Picture (PNG)")

    page.press("Go to the largest area")
    drawn = {sources(page)[2]}
    for change in (lambda: page.move("Opacity", 3), lambda: page.press("ED"), lambda: page.pick("Ground truth")):
        change()
        drawn.add(sources(page)[2])
    assert len(drawn) == 4
    page.pick("Coronal")
    assert len(page.images()) == 6 and all("coronal" in alt for alt in page.images())
    # Nothing of all this was asked of another machine.
    asked = {urlsplit(address).netloc for address in page.addresses() if address.startswith("http")}
    assert asked == {urlsplit(server.url).netloc}


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


def test_zoom_and_grey_levels_change_pictures_and_no_number(page):
    page.segment()
    before, table = sources(page), page.table()
    page.press("2×")
    wait_for(lambda: set(before).isdisjoint(sources(page)))
    page.press("1×")
    page.press("Grey levels")
    page.move("FLAIR, black to white", 40)
    # FLAIR and the labels on it; T1ce and the probabilities stay.
    changed = [True, False, True, False, False, False]
    wait_for(lambda: [one != other for one, other in zip(before, sources(page), strict=True)] == changed)
    page.press("Auto")
    wait_for(lambda: sources(page) == before)
    assert page.table() == table


def test_recipes_are_compared_beside_the_truth(page):
    """The paper's recipe, trained by a run of the book, beside ours; an unfinished training is named."""
    published = "published (this book's run, workshop)"
    assert "A trained network is left out" in page.text() and "its training is not finished" in page.text()
    page.choose("Network", published)
    learnt = f"{published} was trained or validated on BraTS20_Training_001"
    assert [alert for alert in page.alerts() if learnt in alert] and not page.find("table")
    page.segment()
    assert f"Network {published}, " in page.text()
    alone = page.table()["WT"]
    page.press("Compare networks")
    wait_for(lambda: f"Not run on this scan yet: {available()[0]}. Press Segment" in page.text(), page.text)
    page.segment(3)
    assert "Not run" not in page.text() and learnt in page.text()
    assert [alt.split(": ")[1] for alt in page.images()] == ["Truth", available()[0], published]
    row = page.table()["WT"]
    assert len(row) == 5 and "truth, mL" in row
    assert (row[f"{published}, mL"], row[f"{published}, Dice"]) == (alone["mL"], alone["Dice"])
    page.download("Picture (PNG)")


def test_an_own_scan_is_segmented_on_its_own_grid_and_removed_afterwards(page, server, tmp_path):
    paths = own_files(tmp_path, "somebody", np.diag([1.0, 1, 4, 1]))
    page.upload_all(paths)
    assert "FLAIR somebody_flair.nii.gz · T1ce somebody_t1ce.nii.gz" in page.text()
    assert [alert for alert in page.alerts() if "Voxels are 4 mm long along one axis" in alert]
    page.segment()
    wait_for(lambda: server.uploads() == ["own_scan_flair.nii", "own_scan_t1ce.nii"], lambda: str(server.uploads()))
    mask = page.download("Mask (NIfTI)")
    assert np.array_equal(nib.load(mask).affine, nib.load(paths["FLAIR"]).affine)
    assert f"{(voxels(mask) > 0).sum() * 4 / 1000:.1f}" == page.table()["WT"]["mL"]
    page.leave()
    wait_for(lambda: server.uploads() == [], lambda: f"{server.uploads()} are still there")


def test_a_study_from_the_scanner_is_prepared_and_seen_as_it_was_scanned(page, server, tmp_path):
    """A phantom's head in slices of 5 mm, as DICOM in a zip file, by what `brats prepare` does."""
    pytest.importorskip("pydicom")
    pytest.importorskip("SimpleITK")
    from app.test_own_scans import named, packed, written
    from cases.scanner.test_preparation import MIDDLE, PADDED, POSES, SHAPE, SPACING
    from examinations import PROTOCOLS, write_series
    from heads import phantom

    from experiments.heads import scan_of, with_skull

    heads = with_skull({modality: phantom(0).volumes[modality] for modality in POSES})
    for number, (modality, moved) in enumerate(POSES.items(), start=3):
        values, affine = scan_of(heads[modality], PADDED, moved, SPACING, SHAPE, MIDDLE)
        write_series(tmp_path / "cd", values + 5, affine, number, **PROTOCOLS[modality])
    (tmp_path / "cd.zip").write_bytes(packed(tmp_path / "cd"))
    page.press("My own scan")
    page.upload("DICOM folder (zip)", tmp_path / "cd.zip")
    page.press("Prepare")
    (frame,) = page.find("iframe")
    page.chrome.switch_to.frame(frame)
    report = page.text()
    assert "series 3" in report and "Before and after" in report
    assert page.chrome.execute_script("return [...document.images].every(image => image.naturalWidth > 0)")
    page.chrome.switch_to.default_content()
    page.find('[role="dialog"] button[aria-label="Close"]')[0].click()
    page.settle()
    assert [alt.split(" slice ")[0] for alt in page.images()] == ["axial FLAIR", "axial T1ce"]
    page.press("As scanned")
    assert list(page.images()) == ["axial T1ce slice 19 of own_scan"]
    assert not named(report.encode(), page.chrome.page_source.encode(), *written(server.temporary))


MARKUP = "..%2f..%2fetc%2f[link](javascript:alert(1)) <b>.nii.gz"


def test_no_picture_is_made_of_two_patients_whatever_the_page_refuses(page, server, tmp_path):
    """FLAIR and T1ce of A; FLAIR of B; a T1ce of B that is too large, then two that are none, then one that is."""
    aside = np.eye(4) - 11 * np.eye(4, k=3)
    a, b = (own_files(tmp_path, patient, aside) for patient in "ab")
    with open(tmp_path / "b_large.nii", "wb") as out:
        out.write(SOUND)
        out.truncate((MAX_UPLOAD_MB + 1) * 2**20)
    (tmp_path / "b_t1ce.docx").write_bytes(b"see the picture below")
    (tmp_path / MARKUP).touch()

    def refused(label, path, found):
        page.upload(label, path)
        wait_for(lambda: any(found in alert for alert in page.alerts()), page.text)
        assert page.images() == {} and server.is_alive() and "Traceback" not in page.text()
        assert not [alert for alert in page.alerts() if str(server.temporary) in alert]

    page.upload_all(a)
    assert len(page.images()) == 2
    refused("FLAIR", b["FLAIR"], "T1ce “a_t1ce.nii.gz” stayed while another file was exchanged")
    refused("T1ce", tmp_path / "b_large.nii", "T1ce file “b_large.nii”: it has more than 100 MB")
    refused("T1ce", tmp_path / "b_t1ce.docx", "T1ce file “b_t1ce.docx”: it is not a NIfTI file")
    refused("T1ce", tmp_path / MARKUP, f"T1ce file “{MARKUP}”: it is empty")
    assert not any("javascript" in (link.get_attribute("href") or "") for link in page.find("a"))
    refused("T1ce", b["T1ce"], "FLAIR “b_flair.nii.gz” stayed")
    assert not [button for button in page.find("button") if button.text == "Segment"]
    page.press("All files are of one scan")
    assert len(page.images()) == 2


def test_readers_rate_masks_without_being_told_whose_they_are(page, server):
    page.open("readers")
    page.press("Prepare the study")
    wait_for(lambda: "Enter your reader code" in page.text(), page.text)
    page.type("Reader code", "R1")
    page.press("Save and go on")
    wait_for(lambda: "Choose a score first" in page.text(), page.text)
    for number in range(1, 5):
        wait_for(lambda number=number: f"Mask {number} of 4" in page.text(), page.text)
        shown = page.find("body")[0].get_attribute("innerHTML").lower()
        assert not [word for word in ("training_00", "truth", "prediction", "dice") if word in shown]
        if number == 1:
            page.type("Comment", "remark")
        page.pick("good, small" if number % 2 else "poor, large")
        page.press("Save and go on")
    wait_for(lambda: "All masks are rated" in page.text(), page.text)
    page.press("Back")
    page.pick("excellent")
    page.press("Save and go on")
    with sqlite3.connect(server.folder / "runs" / "reader_study" / "ratings.sqlite") as connection:
        assert connection.execute("SELECT score FROM log ORDER BY id").fetchall() == [(4,), (2,), (4,), (2,), (5,)]

    page.open("readers")
    page.find('[data-testid="stExpander"] summary')[0].click()
    page.settle()
    assert "R1: 4 of 4" in page.text()
    with open(page.download("Ratings (CSV)"), newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len({(row["case"], row["side"]) for row in rows}) == len(rows) == 4
    assert sorted(row["score"] + row["comment"] for row in rows) == ["2", "4", "4remark", "5"]


@pytest.mark.parametrize("address", ["127.0.0.2", "::1"])
def test_the_server_answers_at_one_address_of_this_machine_alone(server, address):
    with pytest.raises(OSError):
        socket.create_connection((address, urlsplit(server.url).port), timeout=5)
