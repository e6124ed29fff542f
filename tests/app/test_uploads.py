"""Files from a browser: what is refused, how it is said, and that names and claims lead nowhere."""

import gzip
import io
import struct

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


def claiming(shape, dtype=np.int16):
    """A file whose header claims a shape, with almost nothing behind it."""
    header = nib.Nifti1Header()
    header.set_data_dtype(dtype)
    header.set_data_shape(shape)
    header["magic"], header["vox_offset"] = b"n+1", 352
    header.set_sform(LPS_AFFINE, 1)
    return gzip.compress(header.binaryblock + bytes(1000))


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "session"
    folder.mkdir()
    return Inbox(folder)


def refusal(inbox, name, content, role="flair"):
    with pytest.raises(BratsError) as caught:
        inbox.put(role, name, content)
    assert list(inbox.folder.iterdir()) == []
    assert str(inbox.folder) not in str(caught.value)
    return str(caught.value)


def test_two_files_make_a_case_with_their_numbers(inbox):
    for role in ("flair", "t1ce"):
        inbox.put(role, f"somebody_{role}.nii.gz", nifti(role))
    scan = open_scan(inbox.case())
    assert scan.truth is None and scan.shape == SHAPE
    assert np.array_equal(scan.volumes["t1ce"], tiny_volumes()[0]["t1ce"])


def test_a_mask_makes_the_truth_known(inbox):
    for role in ("flair", "t1ce", "mask"):
        inbox.put(role, "x.nii.gz", nifti(role))
    assert np.array_equal(open_scan(inbox.case()).truth, tiny_volumes()[1])


def test_a_file_need_not_be_packed(inbox):
    inbox.put("flair", "x.nii", nifti(packed=False))
    assert inbox.missing() == ["t1ce"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "empty"),
        (b"Dear radiologist, please find attached\n" * 40, "not a NIfTI file"),
        (gzip.compress(b"text, not a scan" * 60), "not a NIfTI file"),
        (nifti()[:-2000], "truncated"),
        (nifti()[:200], "truncated"),
        (nifti(packed=False)[:100], "not a NIfTI file"),
        (b"\x80\x04\x95" + b"cos\nsystem\n(S'true'\ntR." * 50, "not a NIfTI file"),
    ],
    ids=["empty", "text", "packed text", "half", "beginning", "half a header", "pickle"],
)
def test_what_is_no_scan_is_refused_by_the_name_it_came_with(inbox, content, found):
    message = refusal(inbox, "brain.nii.gz", content)
    assert found in message and "FLAIR file “brain.nii.gz”" in message and "expected" in message


def test_a_claim_of_four_gigabytes_is_refused_before_anything_is_made_for_it(inbox, monkeypatch):
    def unpacked(content):
        yield gzip.decompress(content)
        raise AssertionError("the numbers were touched")

    monkeypatch.setattr(uploads, "_unpacked", unpacked)
    message = refusal(inbox, "big.nii.gz", claiming((2048, 2048, 512)))
    assert "2048 × 2048 × 512 = 2,147,483,648 voxels" in message and "32,000,000" in message


def test_a_claim_beyond_what_numpy_counts_is_refused(inbox):
    header = nib.Nifti2Header()
    header.set_data_shape((2**31, 2**31, 2**31))
    header.set_sform(LPS_AFFINE, 1)
    assert "voxels" in refusal(inbox, "big.nii", header.binaryblock + bytes(1000))


def test_a_small_file_that_unpacks_to_more_than_it_claims_is_stopped(inbox):
    bomb = gzip.decompress(nifti()) + bytes(30 * 2**20)
    packed = gzip.compress(bomb)
    assert len(packed) < 300_000
    assert "more than its header claims" in refusal(inbox, "bomb.nii.gz", packed)


def test_a_file_larger_than_is_allowed_is_refused(inbox, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_UPLOAD_MB", 1)
    assert "at most 1 MB" in refusal(inbox, "x.nii", bytes(2 * 2**20))


def test_four_volumes_in_one_file_are_refused(inbox):
    content = nib.Nifti1Image(np.ones((8, 8, 8, 4), np.int16), LPS_AFFINE).to_bytes()
    assert "4 volumes" in refusal(inbox, "x.nii", content)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_voxels_of_impossible_size_are_refused(inbox, scale):
    assert "mm" in refusal(inbox, "x.nii.gz", nifti(affine=LPS_AFFINE * [scale, scale, scale, 1]))


def test_files_of_two_grids_are_no_case(inbox):
    inbox.put("flair", "a.nii.gz", nifti("flair"))
    inbox.put("t1ce", "b.nii.gz", nifti("t1ce", shape=(48, 40, 35)))
    with pytest.raises(BratsError, match=r"T1ce file “b.nii.gz”: its shape is \(48, 40, 35\)"):
        inbox.case()


def test_a_file_that_lies_elsewhere_is_no_part_of_the_case(inbox):
    shifted = LPS_AFFINE.copy()
    shifted[0, 3] = 12
    inbox.put("flair", "a.nii.gz", nifti("flair"))
    inbox.put("t1ce", "b.nii.gz", nifti("t1ce", affine=shifted))
    with pytest.raises(BratsError, match="12.0 mm away"):
        inbox.case()


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..\\..\\windows\\win.ini", "/elsewhere/private", "a\0b.nii.gz", "~/x.nii", "", "x" * 999],
)
def test_a_name_never_becomes_a_path(inbox, name):
    inbox.put("flair", name, nifti())
    assert [path.name for path in inbox.folder.parent.rglob("*") if path.is_file()] == ["own_scan_flair.nii"]
    shown = shown_name(name)
    assert 0 < len(shown) <= 60 and "/" not in shown and "\\" not in shown and shown.isprintable()


def test_a_refused_file_does_not_leave_the_one_before_in_its_place(inbox):
    inbox.put("flair", "good.nii.gz", nifti())
    refusal(inbox, "bad.nii.gz", b"bad")
    assert inbox.missing() == ["flair", "t1ce"]


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


def test_errors_found_later_name_the_file_that_was_given(inbox):
    volume = tiny_volumes()[0]["flair"].astype(np.float32)
    volume[20, 20, 20] = np.nan
    content = nib.Nifti1Image(volume, LPS_AFFINE).to_bytes()
    inbox.put("flair", "holes.nii", content)
    inbox.put("t1ce", "fine.nii.gz", nifti("t1ce"))
    with pytest.raises(BratsError) as caught:
        open_scan(inbox.case())
    told = str(inbox.explain(caught.value))
    assert told.startswith("FLAIR file “holes.nii”: 1 of its voxels") and str(inbox.folder) not in told


def test_a_head_with_its_skull_is_called_the_scan_of_the_person(inbox):
    for role in ("flair", "t1ce"):
        volume = np.full((150, 150, 150), 90, np.int16)
        volume[0] = 0
        inbox.put(role, "head.nii", nib.Nifti1Image(volume, LPS_AFFINE).to_bytes())
    with pytest.raises(BratsError, match="Remove the skull first") as caught:
        open_scan(inbox.case())
    assert str(inbox.explain(caught.value)).startswith("your scan: 3352 mL of its voxels are not 0")


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_headers_of_random_bytes_are_refused_or_read_but_never_crash(inbox):
    """Two hundred headers, each with a few bytes overwritten; whatever happens, it is an answer."""
    rng = np.random.default_rng(0)
    sound = bytearray(nifti(shape=(8, 8, 8), packed=False))
    other = nifti("t1ce", shape=(8, 8, 8), packed=False)
    refused = 0
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


def test_a_scaling_that_is_half_there_is_refused(inbox):
    broken = bytearray(nifti(packed=False))
    broken[112:120] = struct.pack("<ff", 2.0, float("nan"))
    assert "damaged" in refusal(inbox, "x.nii", bytes(broken))


def test_removing_a_file_forgets_it(inbox):
    path = inbox.put("flair", "x.nii.gz", io.BytesIO(nifti()).getbuffer())
    assert path.is_file()
    inbox.remove("flair")
    inbox.remove("flair")
    assert inbox.missing() == ["flair", "t1ce"] and not path.exists()
    with pytest.raises(BratsError, match="there is no FLAIR and T1ce file yet"):
        inbox.case()
