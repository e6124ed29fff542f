"""The application in a real browser: what section 5 of the paper says, uploads good and bad, and the reader study."""

import csv
import gzip
import json
import sqlite3
from urllib.parse import urlsplit

import matplotlib.image
import nibabel as nib
import numpy as np
import pytest
from app.browsing import open_browser, serve, wait_for
from app.test_uploads import claiming
from conftest import LPS_AFFINE, tiny_volumes
from tiny_runs import write_run

from brats_lib.labels import ED, ET, NCR
from brats_lib.prediction.weights import available, read_card

pytestmark = pytest.mark.slow

MASK_LABELS = {0, NCR, ED, ET}


def own_files(folder, name="somebody", affine=None, background=0):
    """FLAIR and T1ce of a tiny scan as other scanners write it; where no affine is given, RAS axes, 11 mm aside."""
    folder.mkdir(exist_ok=True)
    if affine is None:
        affine = np.diag([1.0, 1, 1, 1])
        affine[:3, 3] = -11
    volumes, _ = tiny_volumes(seed=5)
    paths = {}
    for modality in ("flair", "t1ce"):
        paths[modality] = folder / f"{name}_{modality}.nii.gz"
        nib.save(nib.Nifti1Image(volumes[modality][::-1, ::-1] + np.int16(background), affine), paths[modality])
    return paths


def test_the_page_does_what_section_5_of_the_paper_says(page, server):
    assert page.find("h1")[0].text == "Brain Tumor Segmentation"
    assert "Research and teaching only" in page.alerts()[0]
    page.choose("Case", "BraTS20_Training_002")
    assert [alt for alt in page.images()] == [
        f"axial {name} slice 18 of BraTS20_Training_002" for name in ("FLAIR", "T1ce")
    ]
    before = page.images()
    page.move("Slice (z)", 2)
    after = page.images()
    assert all("slice 20" in alt for alt in after) and set(before.values()).isdisjoint(after.values())
    assert not page.find("table")

    page.press("Segment")
    wait_for(lambda: len(page.images()) == 6, lambda: page.text())
    page.settle()
    alts = list(page.images())
    assert "tumour labels in colour" in alts[2]
    assert [alt.split(" in ")[0] for alt in alts[3:]] == [
        "probability of whole tumour", "probability of tumour core", "probability of enhancing tumour"
    ]  # fmt: skip
    table = page.table()
    assert list(table) == ["WT", "TC", "ET", "NCR", "ED"]
    truth = tiny_volumes(seed=1)[1]
    assert float(table["WT"]["true"]) == pytest.approx((truth > 0).sum() / 1000, abs=0.05)
    found = {name: float(row["mL"].replace("<0.1", "0.05")) for name, row in table.items()}
    assert found["WT"] == pytest.approx(found["ED"] + found["TC"], abs=0.11)
    assert 0 <= float(table["WT"]["Dice"]) <= 1
    assert "Radiological view" in page.text()


def segmented(page):
    page.press("Segment")
    wait_for(lambda: len(page.images()) == 6, lambda: page.text())
    page.settle()


def test_slices_move_without_the_network(page):
    segmented(page)
    took = page.text().split(f"Network {read_card().name}, ")[1].split(" s.")[0]
    table = page.table()
    page.move("Slice (z)", 3)
    assert len(page.images()) == 6 and all("slice 21" in alt for alt in page.images())
    page.pick("Coronal")
    assert len(page.images()) == 6 and all("coronal" in alt for alt in page.images())
    # The same seconds: nothing was computed a second time, not even by pressing again.
    page.press("Segment")
    assert page.text().split(f"Network {read_card().name}, ")[1].split(" s.")[0] == took and page.table() == table


def test_labels_can_be_taken_off_the_overlay_and_the_truth_too(page):
    segmented(page)
    page.press("Go to the largest area")
    sources = [list(page.images().values())[2]]
    for change in (lambda: page.move("Opacity", 3), lambda: page.press("ED"), lambda: page.pick("Ground truth")):
        change()
        sources.append(list(page.images().values())[2])
    assert len(set(sources)) == 4


def test_three_planes_move_together(page):
    page.press("Three planes")
    before = page.images()
    assert [alt.split()[0] for alt in before] == ["axial", "coronal", "sagittal"]
    page.move("Slice (x)", 4)
    after = page.images()
    assert all("(28, 20, 18)" in alt for alt in after)
    # Every plane shows the point, two of them as a cross that has moved.
    assert set(before.values()).isdisjoint(after.values())


def test_networks_are_compared_beside_the_truth(page):
    page.press("Compare networks")
    page.press("Segment")
    wait_for(lambda: page.find("table"), lambda: page.text())
    page.settle()
    assert [alt.split(": ")[1] for alt in page.images()] == ["Truth", *available()]
    assert {"phantom, Dice", "phantom+real, Dice", "truth, mL"} <= set(page.table()["WT"])


def segment_slowly(page, pictures):
    """Press the button and wait for so many pictures; Keras has to be loaded for a network of a run."""
    page._labelled("button", "Segment").click()
    shown = '[data-testid="stImage"] img'
    wait_for(lambda: len(page.find(shown)) == pictures, lambda: page.text(), patience=240)
    page.settle()


def test_recipes_of_a_run_are_compared_on_the_same_case(tiny_cases, tmp_path):
    """The paper's recipe beside ours, one of them trained by a run of the book; an unfinished training is named."""
    (tmp_path / "work").mkdir()
    run = write_run(tmp_path / "work" / "runs")
    record = json.loads((run / "native" / "training.json").read_text())
    (run / "native" / "training.json").write_text(json.dumps(record | {"finished": False}))
    published = "published (this book's run, workshop)"
    with serve(tiny_cases, tmp_path / "work") as server, open_browser(tmp_path, server.url) as page:
        assert "A trained network is left out" in page.text() and "its training is not finished" in page.text()
        page.choose("Network", published)
        learnt = f"{published} was trained or validated on BraTS20_Training_001"
        assert [alert for alert in page.alerts() if learnt in alert] and not page.find("table")
        segment_slowly(page, 6)
        assert f"Network {published}, " in page.text()
        alone = page.table()["WT"]
        page.press("Compare networks")
        segment_slowly(page, 3)
        assert [alt.split(": ")[1] for alt in page.images()] == ["Truth", available()[0], published]
        table = page.table()
        assert {f"{name}, {what}" for name in (available()[0], published) for what in ("mL", "Dice")} <= set(
            table["WT"]
        )
        assert (table["WT"][f"{published}, mL"], table["WT"][f"{published}, Dice"]) == (alone["mL"], alone["Dice"])
        assert learnt in page.text()
        page.download("Picture (PNG)")


def test_mask_and_picture_can_be_taken_away(page, tiny_cases):
    segmented(page)
    table = page.table()
    mask = nib.load(page.download("Mask (NIfTI)"))
    flair = nib.load(tiny_cases / "BraTS20_Training_001" / "BraTS20_Training_001_flair.nii.gz")
    assert mask.shape == flair.shape and np.array_equal(mask.affine, flair.affine)
    labels = np.asanyarray(mask.dataobj)
    assert set(np.unique(labels)) <= MASK_LABELS
    assert f"{(labels > 0).sum() / 1000:.1f}" == table["WT"]["mL"]
    picture = matplotlib.image.imread(page.download("Picture (PNG)"))
    assert picture.shape[1] > 600 and picture[..., :3].std() > 0.05


def test_an_own_scan_is_segmented_on_its_own_grid_and_removed_afterwards(page, server, tmp_path):
    paths = own_files(tmp_path / "own")
    page.press("My own scan")
    assert "Upload the FLAIR" in page.alerts()[1]
    page.upload("FLAIR", paths["flair"])
    page.upload("T1ce", paths["t1ce"])
    segmented(page)
    assert server.uploads() == ["own_scan_flair.nii", "own_scan_t1ce.nii"]
    mask, flair = nib.load(page.download("Mask (NIfTI)")), nib.load(paths["flair"])
    assert mask.shape == flair.shape and np.array_equal(mask.affine, flair.affine)
    assert nib.aff2axcodes(mask.affine) == ("R", "A", "S")
    page.leave()
    wait_for(lambda: server.uploads() == [], lambda: f"{server.uploads()} are still there")


def test_an_own_scan_of_thick_slices_is_warned_of_and_segmented_on_its_own_grid(page, tmp_path):
    paths = own_files(tmp_path / "own", affine=np.diag([1.0, 1, 4, 1]))
    page.press("My own scan")
    for label, modality in (("FLAIR", "flair"), ("T1ce", "t1ce")):
        page.upload(label, paths[modality])
    assert [alert for alert in page.alerts() if "Voxels are 4 mm long along one axis" in alert]
    segmented(page)
    mask, flair = nib.load(page.download("Mask (NIfTI)")), nib.load(paths["flair"])
    assert mask.shape == flair.shape and np.array_equal(mask.affine, flair.affine)
    assert f"{(np.asanyarray(mask.dataobj) > 0).sum() * 4 / 1000:.1f}" == page.table()["WT"]["mL"]


def test_a_scan_with_a_background_is_refused_as_on_the_command_line(page, server, tmp_path):
    paths = own_files(tmp_path / "own", background=7)
    page.press("My own scan")
    for label, modality in (("FLAIR", "flair"), ("T1ce", "t1ce")):
        page.upload(label, paths[modality])
    (alert,) = [alert for alert in page.alerts() if "background" in alert]
    assert "your scan: the background of its flair image is 7" in alert and "expected 0 outside the brain" in alert
    assert not page.images() and server.is_alive()


def bad_files(folder):
    """Files that are no scan, by what the page should say about them."""
    folder.mkdir()
    good = own_files(folder)["flair"].read_bytes()
    small = nib.Nifti1Image(tiny_volumes(shape=(48, 40, 35))[0]["t1ce"], LPS_AFFINE)
    contents = {
        "text.nii.gz": (b"Dear radiologist, please find attached my scan.\n" * 30, "not a NIfTI file"),
        "half.nii.gz": (good[: len(good) // 2], "truncated"),
        "huge.nii.gz": (claiming((2048, 2048, 512)), "2,147,483,648 voxels"),
        "grid.nii.gz": (gzip.compress(small.to_bytes()), "(48, 40, 35)"),
        "..%2f..%2fetc%2f[link](javascript:alert(1)) <b>.nii.gz": (b"", "empty"),
    }
    for name, (content, found) in contents.items():
        path = folder / name
        path.write_bytes(content)
        yield path, found


def test_bad_files_are_answered_and_the_server_lives_on(page, server, tmp_path):
    good = own_files(tmp_path / "own")
    page.press("My own scan")
    page.upload("FLAIR", good["flair"])
    for path, found in bad_files(tmp_path / "bad"):
        page.upload("T1ce", path)
        wait_for(lambda found=found: any(found in alert for alert in page.alerts()), lambda: page.text())
        (alert,) = [alert for alert in page.alerts() if found in alert]
        assert path.name in alert and "expected" in alert and str(server.temporary) not in alert
        assert server.is_alive() and "Traceback" not in page.text()
        assert not any("javascript" in (link.get_attribute("href") or "") for link in page.find("a"))
    names = {path.name for path in server.temporary.rglob("own_scan*") if path.is_file()}
    assert names == {"own_scan_flair.nii"}
    page.upload("T1ce", good["t1ce"])
    # Somebody may have gone on to another patient meanwhile.
    assert any(f"FLAIR “{good['flair'].name}” stayed" in alert for alert in page.alerts())
    page.press("All files are of one scan")
    segmented(page)


def test_nothing_is_asked_of_any_other_machine(page, server):
    segmented(page)
    hosts = {urlsplit(address).netloc for address in page.addresses() if urlsplit(address).scheme in ("http", "https")}
    assert hosts == {urlsplit(server.url).netloc}


def test_a_real_scan_goes_in_and_its_mask_comes_out(page, real_root, tmp_path):
    case = sorted(path for path in real_root.iterdir() if path.is_dir())[0]
    page.press("My own scan")
    for label, modality in (("FLAIR", "flair"), ("T1ce", "t1ce")):
        page.upload(label, case / f"{case.name}_{modality}.nii.gz")
    segmented(page)
    mask, flair = nib.load(page.download("Mask (NIfTI)")), nib.load(case / f"{case.name}_flair.nii.gz")
    truth = np.asanyarray(nib.load(case / f"{case.name}_seg.nii.gz").dataobj) > 0
    assert mask.shape == flair.shape and np.array_equal(mask.affine, flair.affine)
    assert mask.header["sform_code"] == flair.header["sform_code"]
    found = np.asanyarray(mask.dataobj) > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.6


def begin_study(page):
    """Open the page of the readers; whoever comes first prepares the study."""
    page.open("readers")
    if "have to be segmented" in page.text():
        page.press("Prepare the study")
    wait_for(lambda: "Enter your reader code" in page.text(), lambda: page.text())


def test_readers_rate_masks_without_being_told_whose_they_are(page, server):
    begin_study(page)
    page.type("Reader code", "R1")
    for number in range(1, 5):
        wait_for(lambda number=number: f"Mask {number} of 4" in page.text(), lambda: page.text())
        shown = page.find("body")[0].get_attribute("innerHTML").lower()
        assert not [word for word in ("training_00", "truth", "prediction", "dice") if word in shown]
        page.press("Save and go on")
        assert "Choose a score first" in page.text()
        page.type("Comment", f"remark {number}")
        page.pick("good, small" if number % 2 else "poor, large")
        page.press("Save and go on")
    wait_for(lambda: "All masks are rated" in page.text(), lambda: page.text())
    page.press("Back")
    page.pick("excellent")
    page.press("Save and go on")
    with sqlite3.connect(server.folder / "runs" / "reader_study" / "ratings.sqlite") as connection:
        query = "SELECT \"case\", side, score, revision FROM ratings WHERE reader = 'R1'"
        rows = connection.execute(query).fetchall()
        (logged,) = connection.execute("SELECT COUNT(*) FROM log WHERE reader = 'R1'").fetchone()
    assert len({row[:2] for row in rows}) == len(rows) == 4 and logged == 5
    assert sorted(row[2:] for row in rows) == [(2, 1), (4, 1), (4, 1), (5, 2)]


def test_the_study_is_exported_for_the_notebook(page, server):
    begin_study(page)
    page.type("Reader code", "R2")
    page.pick("fair, several")
    page.press("Save and go on")
    page.open("readers")
    page.find('[data-testid="stExpander"] summary')[0].click()
    page.settle()
    with open(page.download("Ratings (CSV)"), newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["reader"] == "R2"]
    assert [row["score"] for row in rows] == ["3"] and rows[0]["simulated"] == "0"


def test_the_server_answers_this_machine_alone(server):
    """What listens, listens on the loopback device."""
    port = int(server.url.rsplit(":", 1)[1])
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = open(table).read().splitlines()[1:]
        except FileNotFoundError:
            pytest.skip("this system has no /proc/net")
        for line in lines:
            local, state = line.split()[1], line.split()[3]
            if state == "0A" and int(local.rsplit(":", 1)[1], 16) == port:
                listening.add(local.rsplit(":", 1)[0])
    assert listening == {"0100007F"}, json.dumps(sorted(listening))
