"""Files from a browser: what is refused, how it is said, and that names and claims lead nowhere."""

import gzip
import struct
import tracemalloc

import nibabel as nib
import numpy as np
import pytest
from conftest import LPS_AFFINE, tiny_volumes

from brats_lib.app import uploads
from brats_lib.app.scans import open_scan
from brats_lib.app.uploads import Inbox, shown_name
from brats_lib.errors import BratsError

SHAPE = (48, 40, 36)


def nifti(modality="flair", shape=SHAPE, affine=LPS_AFFINE, packed=True):
    volumes, mask = tiny_volumes(shape=shape)
    content = nib.Nifti1Image(mask if modality == "mask" else volumes[modality], affine).to_bytes()
    return gzip.compress(content, 1) if packed else content


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "session"
    folder.mkdir()
    return Inbox(folder)


def test_files_make_a_case_with_their_numbers(inbox):
    for role in ("flair", "t1ce", "mask"):
        inbox.put(role, "x.nii", nifti(role, packed=role == "t1ce"))
    scan, (volumes, mask) = open_scan(inbox.case()), tiny_volumes()
    assert np.array_equal(scan.volumes["t1ce"], volumes["t1ce"]) and np.array_equal(scan.truth, mask)


def patched(start, layout, *values, content=None):
    """A sound file without packing, of which some bytes are overwritten."""
    content = bytearray(content or SOUND)
    struct.pack_into(layout, content, start, *values)
    return bytes(content)


def painted(fill):
    """A file whose voxels `fill` makes of a sound volume."""
    return nib.Nifti1Image(fill(tiny_volumes(shape=SHAPE)[0]["t1ce"].astype(np.float32)), LPS_AFFINE).to_bytes()


def nifti2(*shape):
    header = nib.Nifti2Header()
    header["dim"][:4], header["magic"], header["vox_offset"] = [3, *shape], b"n+2", 544
    header.set_sform(LPS_AFFINE, 1)
    return header.binaryblock + bytes(1000)


SOUND = nifti("t1ce", packed=False)
SMALL = nib.Nifti1Image(np.ones((8, 8, 8), np.int16), LPS_AFFINE).to_bytes()
PACKED = gzip.compress(SOUND, 1)
# What somebody might send as the T1ce of a scan whose FLAIR is sound, and what is said about it.
HOSTILE = {
    "nothing": (b"", "it is empty"),
    "one byte": (b"\x5c", "not a NIfTI file"),
    "a letter": (b"Dear radiologist, please find attached\n" * 40, "not a NIfTI file"),
    "a packed letter": (gzip.compress(b"text, not a scan" * 60), "not a NIfTI file"),
    "pickle": (b"\x80\x04\x95" + b"cos\nsystem\n(S'true'\ntR." * 50, "not a NIfTI file"),
    "DICOM": (bytes(128) + b"DICM" + bytes(5000), "not a NIfTI file"),
    "HDF5, as MINC": (b"\x89HDF\r\n\x1a\n" + bytes(5000), "not a NIfTI file"),
    "zip": (b"PK\x03\x04" + bytes(5000), "not a NIfTI file"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(500), "not a NIfTI file"),
    "gzip in gzip": (gzip.compress(PACKED), "gzipped twice"),
    "gzip in gzip in gzip": (gzip.compress(gzip.compress(PACKED)), "gzipped twice"),
    "zeros in gzip in gzip": (gzip.compress(gzip.compress(bytes(2**25), 1)), "gzipped twice"),
    "gzip of nothing": (gzip.compress(b""), "it is empty"),
    "gzip, a header alone": (b"\x1f\x8b", "it ends too early"),
    "gzip, half": (PACKED[: len(PACKED) // 2], "it ends too early"),
    "gzip without its last byte": (PACKED[:-1], "it ends too early"),
    "gzip, a bit flipped": (PACKED[:-6] + bytes([PACKED[-6] ^ 1]) + PACKED[-5:], "truncated or damaged"),
    "gzip, garbage after it": (PACKED + b"garbage", "truncated or damaged"),
    "gzip, many members": (PACKED + gzip.compress(b"") * 500_000, "more than 20000 parts"),
    "gzip, a bomb behind a small scan": (gzip.compress(SMALL + bytes(2**25)), "more than its header claims"),
    "a tail behind a small scan": (SMALL + bytes(2**21), "more than its header claims"),
    "a short tail": (SOUND + bytes(2**19), "goes on after its image data"),
    "half of the header": (SOUND[:100], "not a NIfTI file"),
    "a header alone": (SOUND[:348], "truncated"),
    "without its last voxel": (SOUND[:-2], "truncated"),
    "a claim of four gigabytes": (gzip.compress(nifti2(2048, 2048, 512)), "2048 × 2048 × 512 = 2,147,483,648 voxels"),
    "more than 64 bits": (nifti2(2**31, 2**31, 2**31), f"= {2**93:,} voxels"),
    "sizes below zero": (nifti2(-4, 4, 4), "shape"),
    "no axes": (patched(40, "<h", 0), "expected"),
    "sizes of zero": (patched(42, "<3h", 0, 0, 0), "shape"),
    "four volumes": (nib.Nifti1Image(np.ones((8, 8, 8, 4), np.int16), LPS_AFFINE).to_bytes(), "4 volumes"),
    "vectors": (nib.Nifti1Image(np.ones((8, 8, 8, 1, 3), np.int16), LPS_AFFINE).to_bytes(), "shape"),
    "a line of voxels": (nib.Nifti1Image(np.ones((30_000, 1, 1), np.int16), LPS_AFFINE).to_bytes(), "shape"),
    "colours": (patched(70, "<2h", 128, 24), "type"),
    "complex numbers": (patched(70, "<2h", 32, 64), "type"),
    "no such type": (patched(70, "<2h", 1234, 16), "damaged"),
    "voxels begin nowhere": (patched(108, "<f", float("nan")), "damaged"),
    "voxels begin in the header": (patched(108, "<f", 4.0), "damaged"),
    "voxels begin after a gigabyte": (patched(108, "<f", 2.0**30), "from byte 1073741824 on"),
    "voxels in another file": (patched(344, "<4s", b"ni1"), "in an .img file"),
    "half a scaling": (patched(112, "<2f", 2.0, float("nan")), "damaged"),
    "voxels of 1 um": (patched(280, "<12f", *(1e-3 * np.eye(3, 4)).ravel()), "mm"),
    "voxels of 1 m": (patched(280, "<12f", *(1e3 * np.eye(3, 4)).ravel()), "mm"),
    "nowhere": (patched(252, "<2h", 0, 1, content=patched(280, "<f", float("nan"))), "cannot be used"),
    "nothing but zeros": (painted(np.zeros_like), "every voxel of its t1ce image is 0"),
    "nothing but NaN": (painted(lambda volume: volume * np.nan), "every voxel of its t1ce image is 0"),
    "infinite": (painted(lambda volume: np.where(volume == volume.max(), np.inf, volume)), "infinite"),
    "a background": (painted(lambda volume: volume + 7), "the background of its t1ce image is 7"),
    "the FLAIR": (nifti("flair"), "T1ce"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_is_sent_is_answered(inbox, what):
    """By a message that names the file that was sent and no path, with little memory."""
    content, found = HOSTILE[what]
    inbox.put("flair", "flair.nii.gz", nifti("flair"))
    tracemalloc.start()
    try:
        with pytest.raises(BratsError) as caught:
            inbox.put("t1ce", "sent.nii.gz", content)
            open_scan(inbox.case())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    text = inbox.explain(caught.value)
    assert found in text and "expected" in text and str(inbox.folder) not in text
    assert "T1ce file “sent.nii.gz”" in text or text.startswith("your scan: ")
    assert peak < 16 * 2**20
    assert sum(path.stat().st_size for path in inbox.folder.iterdir()) < 2 * len(SOUND) + 2**20


def test_who_sends_a_dicom_file_is_told_where_its_folder_goes(inbox):
    with pytest.raises(BratsError) as caught:
        inbox.put("flair", "IM0001.nii", bytes(128) + b"DICM" + bytes(800))
    assert "DICOM goes above, as a zip file of its folder" in inbox.explain(caught.value)


def test_extensions_padding_and_several_members_are_read(inbox):
    half = len(SOUND) // 2
    inbox.put("flair", "x", patched(348, "<4B2i", 1, 0, 0, 0, 2**31 - 16, 4))
    inbox.put("t1ce", "x", gzip.compress(SOUND[:half]) + gzip.compress(SOUND[half:]) + bytes(2**20))
    assert inbox.path("t1ce").read_bytes() == SOUND
    assert inbox.case().shape == SHAPE


def test_a_file_larger_than_is_allowed_is_refused(inbox, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_UPLOAD_MB", 1)
    with pytest.raises(BratsError, match="at most 1 MB"):
        inbox.put("flair", "x.nii", bytes(2 * 2**20))
    assert list(inbox.folder.iterdir()) == []


FAR = LPS_AFFINE + np.outer([1, 0, 0, 0], [0, 0, 0, 12])
SHAPES = "T1ce file “b.nii.gz”: its shape is (48, 40, 35); expected (48, 40, 36) as in FLAIR file “own_scan_t1ce.nii"


@pytest.mark.parametrize(("how", "found"), [({"shape": (48, 40, 35)}, SHAPES), ({"affine": FAR}, "12.0 mm away")])
def test_files_of_two_grids_are_no_case(inbox, how, found):
    # The names are displayed as they came, also those that look like ours.
    inbox.put("t1ce", "b.nii.gz", nifti("t1ce", **how))
    inbox.put("flair", "own_scan_t1ce.nii", nifti("flair"))
    with pytest.raises(BratsError) as caught:
        inbox.case()
    text = inbox.explain(caught.value)
    assert found in text and inbox.explain(text) == text


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..\\..\\windows\\win.ini", "/elsewhere/private", "a\0b.nii.gz", "own_scan_x.nii", "x" * 999],
)
def test_a_name_never_becomes_a_path(inbox, name):
    inbox.put("flair", name, nifti())
    assert [path.name for path in inbox.folder.parent.rglob("*") if path.is_file()] == ["own_scan_flair.nii"]
    shown = shown_name(name)
    assert 0 < len(shown) <= 60 and "/" not in shown and "\\" not in shown and shown.isprintable()


def test_a_file_of_another_patient_is_not_mixed_with_what_stayed(inbox):
    """FLAIR and T1ce of A; then FLAIR of B; then a T1ce of B that is refused, once and again."""
    inbox.put("flair", "a_flair.nii.gz", nifti("flair"))
    inbox.put("t1ce", "a_t1ce.nii.gz", nifti("t1ce"))
    assert inbox.doubtful() == {} and inbox.case()
    inbox.put("flair", "b_flair.nii.gz", nifti("flair"))
    assert inbox.doubtful() == {"t1ce": "a_t1ce.nii.gz"}
    with pytest.raises(BratsError, match="T1ce “a_t1ce.nii.gz” stayed while another file was exchanged"):
        inbox.case()
    with pytest.raises(BratsError):
        inbox.put("t1ce", "b_t1ce.nii.gz", b"")
    # What was refused does not leave the one before in its place.
    assert inbox.names() == {"flair": "b_flair.nii.gz"} and inbox.missing() == ["t1ce"]
    # After a refusal it may be the turn of a third patient.
    inbox.put("t1ce", "c_t1ce.nii.gz", nifti("t1ce"))
    assert inbox.doubtful() == {"flair": "b_flair.nii.gz"}
    inbox.confirm()
    assert inbox.case().modalities == ("flair", "t1ce")


def test_files_given_again_or_taken_away_are_not_doubted(inbox):
    for role in ("flair", "t1ce", "mask"):
        inbox.put(role, f"a_{role}", nifti(role))
    inbox.put("flair", "b_flair", nifti("flair"))
    assert set(inbox.doubtful()) == {"t1ce", "mask"}
    inbox.put("t1ce", "b_t1ce", nifti("t1ce"))
    assert set(inbox.doubtful()) == {"mask"}
    inbox.remove("mask")
    assert inbox.doubtful() == {} and inbox.names() == {"flair": "b_flair", "t1ce": "b_t1ce"}
    for role in ("flair", "t1ce"):
        inbox.remove(role)
    for role in ("t1ce", "flair", "t1"):
        inbox.put(role, f"c_{role}", nifti(role))
    assert inbox.doubtful() == {} and inbox.case().modalities == ("flair", "t1", "t1ce")


def test_a_mask_that_cannot_be_used_is_told_by_the_name_it_came_with(inbox):
    for role in ("flair", "t1ce"):
        inbox.put(role, "own_scan_x.nii", nifti(role))
    mask = np.zeros(SHAPE, np.uint8)
    mask[20:24, 20:24, 20:24] = 7
    inbox.put("mask", "outlines.nii", nib.Nifti1Image(mask, LPS_AFFINE).to_bytes())
    scan = open_scan(inbox.case())
    (text,) = [inbox.explain(warning) for warning in scan.warnings if "mask" in warning]
    assert text.startswith("The mask is left alone: mask file “outlines.nii”: the mask holds 7; expected only 0, 1, 2")
    assert scan.truth is None and not text.endswith(".") and str(inbox.folder) not in text


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_headers_of_random_bytes_are_refused_or_read_but_never_crash(inbox):
    """Two hundred headers, each with a few bytes overwritten; whatever happens, it is an answer."""
    rng, refused = np.random.default_rng(0), 0
    sound, other = (nifti(modality, shape=(8, 8, 8), packed=False) for modality in ("flair", "t1ce"))
    for _ in range(200):
        broken = bytearray(sound)
        for place in rng.integers(0, 348, rng.integers(1, 6)):
            broken[place] = rng.integers(0, 256)
        try:
            inbox.put("flair", "x.nii", bytes(broken))
            inbox.put("t1ce", "y.nii", other)
            open_scan(inbox.case())
        except BratsError:
            refused += 1
    assert 0 < refused < 200
