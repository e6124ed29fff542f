"""Damaged and hostile files end in one message: no traceback, no hang, little memory, and nothing is read wrong."""

import contextlib
import gzip
import os
import tracemalloc
import zlib

import nibabel as nib
import numpy as np
import pytest
from conftest import LPS_AFFINE, write_case

from brats_lib.cases import Case, Cohort
from brats_lib.cases.audit import audit
from brats_lib.cases.nifti import read_grid, read_image, write_volume
from brats_lib.errors import BratsError

SHAPE = (20, 18, 16)
ODD_INTEGERS = (0, 1, -1, 2, 5, 7, 8, 255, 348, 32767, -32768, 2**31 - 1, 2**40, 2**62, -(2**63))
ODD_FLOATS = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-30, 1e30, 0.5, 353.5, 1e9, 2.0**62, -352.0)
LARGE_DIMS = ([3, 2**62, 2, 2], [3, 2**32, 2**32, 1], [3, 2**31, 2**31, 4], [4, 20, 18, 16, 2**60], [3, -(2**63), 1, 1])
SHORT_DIMS = [0], [1, 20], [2, 20, 18], [3, 10, 18, 16], [3, -1]
DIMS = (*SHORT_DIMS, [5, 20, 18, 16, 1, 3], [7, 20, 18, 16], [3, 32767, 32767, 32767])


def sound(kind=nib.Nifti1Header, order="<", dtype=np.int16):
    """Header and voxels of a small image that is as it should be."""
    voxels = np.random.default_rng(0).integers(0, 3, SHAPE)
    header = kind(endianness=order)
    header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
    header.set_data_shape(SHAPE)
    header.set_sform(LPS_AFFINE, 1)
    header.set_qform(LPS_AFFINE, 1)
    header["magic"], header["vox_offset"], header["scl_slope"] = header.single_magic, header.single_vox_offset, 1
    return header, voxels.astype(np.dtype(dtype).newbyteorder(order)).tobytes("F")


def joined(header, voxels):
    return header.binaryblock + bytes(4) + voxels


def damaged(kind, order, seed):
    """Files with one odd field each, then with random bytes in their headers, then cut or flipped."""
    rng = np.random.default_rng(seed)
    header, voxels = sound(kind, order)
    for field in header.keys():
        odd = {"i": ODD_INTEGERS, "u": ODD_INTEGERS, "f": ODD_FLOATS}.get(header[field].dtype.kind, ())
        for value in rng.choice(np.array(odd, object), 3 if odd else 0, replace=False):
            bad = header.copy()
            place = tuple(rng.integers(size) for size in bad[field].shape)
            try:
                bad[field][place] = value
            except OverflowError:
                continue
            yield f"{field}{place} = {value}", joined(bad, voxels)
    for dims in (*DIMS, *(LARGE_DIMS if kind is nib.Nifti2Header else ())):
        bad = header.copy()
        bad["dim"] = dims + [1] * (8 - len(dims))
        yield f"dim = {dims}", joined(bad, voxels)
    for code in (0, 1, 32, 128, 1536, 1792, 2304, 9999):
        bad = header.copy()
        bad["datatype"] = code
        yield f"datatype = {code}", joined(bad, voxels * 20)
    whole = joined(header, voxels)
    for k in range(40):
        changed = bytearray(whole)
        for place in rng.integers(header.sizeof_hdr, size=rng.integers(1, 6)):
            changed[place] = rng.integers(256)
        yield f"random {k}", bytes(changed)
    for cut in rng.integers(len(whole), size=15):
        yield f"cut at {cut}", whole[:cut]
        yield f"packed, cut at {cut}", gzip.compress(whole, 1)[: cut // 3]
    for k in range(15):
        packed = bytearray(gzip.compress(whole, 1))
        packed[rng.integers(len(packed))] ^= 1 << rng.integers(8)
        yield f"packed, bit {k}", bytes(packed)


def is_read(path, what):
    """Whether a file is read, then as nibabel reads it, or else refused with a message."""
    try:
        grid, volume = read_grid(path), Case("X", {"t1": path}).volume("t1")
    except BratsError as error:
        assert str(path) in str(error), what
        return False
    expected = nib.load(path)
    expected = nib.funcs.squeeze_image(expected) if len(expected.shape) > 3 else expected
    if not grid.remarks:  # else what was chosen differs from nibabel's choice, and is said
        np.testing.assert_allclose(grid.stored_affine, expected.affine, atol=1e-3, err_msg=what)
    with np.errstate(all="ignore"):
        values = np.nan_to_num(expected.get_fdata())
    np.testing.assert_allclose(grid.from_lps(volume), values, rtol=1e-5, atol=1e-30, err_msg=what)
    return True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [nib.Nifti1Header, nib.Nifti2Header])
def test_damaged_files_are_refused_or_read_as_nibabel_reads_them(tmp_path, kind, order):
    read = []
    for what, content in damaged(kind, order, seed=7):
        path = tmp_path / ("X_t1.nii.gz" if content[:2] == b"\x1f\x8b" else "X_t1.nii")
        path.write_bytes(content)
        read.append(is_read(path, what))
        case = Case("X", {"t1": path}, path)
        for use in (case.mask, case.fingerprint):
            with contextlib.suppress(BratsError):
                use()
    assert len(read) > 150 and sum(read) > 20


def zeros(header, count):
    """A gzipped file with many megabytes of zeros behind a header."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    blocks = [packer.compress(joined(header, b"")), *(packer.compress(bytes(2**24)) for _ in range(count))]
    return b"".join(blocks) + packer.flush()


@pytest.mark.parametrize(
    ("shape", "count", "message"),
    [
        (SHAPE, 64, "it goes on after its image data"),
        ((640, 640, 640), 2, "claims 640 × 640 × 640 voxels.*at most"),
        ((400, 400, 400), 2, "it is truncated: .* bytes"),
    ],
)
def test_bombs_are_stopped_at_what_their_headers_claim(tmp_path, shape, count, message):
    """1 GiB of zeros in 5 MB, or claims of it; 300 MB may be held at most."""
    header, _ = sound()
    header["dim"][1:4] = shape
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(zeros(header, count))
    tracemalloc.start()
    with pytest.raises(BratsError, match=message):
        read_image(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6


def packed(times):
    content = joined(*sound())
    for _ in range(times):
        content = gzip.compress(content)
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (packed(2), "it is gzipped twice"),
        (packed(1) + b"garbage", "truncated or damaged .Not a gzipped file"),
        (joined(*sound()) + bytes(9000), "it goes on after its image data"),
        (b"version https://git-lfs.github.com/spec/v1\n" * 20, "it is not a NIfTI file"),
        (b"\x1f", "it is not a NIfTI file"),
        (b"\x1f\x8b", "truncated or damaged"),
        (packed(1)[:-8] + bytes(8), "truncated or damaged .CRC check failed"),
        (packed(1)[:-6], "truncated or damaged"),
        (b"", r"empty .0 bytes"),
    ],
)
def test_content_that_is_no_image_is_called_what_it_is(tmp_path, content, message):
    path = tmp_path / "X_t1.nii.gz"
    path.write_bytes(content)
    with pytest.raises(BratsError, match=message):
        read_image(path)


def test_members_of_one_gzip_file_are_one_image_and_padding_does_no_harm(tmp_path):
    path, whole = tmp_path / "X_t1.nii.gz", joined(*sound())
    path.write_bytes(b"".join(gzip.compress(part) for part in (whole[:100], whole[100:5000], whole[5000:], bytes(100))))
    voxels = np.frombuffer(sound()[1], np.int16).reshape(SHAPE, order="F")
    np.testing.assert_array_equal(read_image(path).stored, voxels)


@pytest.mark.parametrize(("field", "value"), [("magic", b"ni1"), ("vox_offset", 0), ("vox_offset", 100)])
def test_voxels_that_would_lie_in_the_header_or_another_file_are_refused(tmp_path, field, value):
    header, voxels = sound()
    header[field] = value
    (tmp_path / "X.nii").write_bytes(joined(header, voxels))
    with pytest.raises(BratsError, match="voxels are in an .img file|voxels begin at byte|vox offset 100 too low"):
        read_image(tmp_path / "X.nii")


def special(kind, path):
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "circle": path, "nowhere": path.with_name("nowhere")}[kind])


@pytest.mark.parametrize("kind", ["pipe", "device", "circle", "folder", "nowhere"])
@pytest.mark.parametrize("role", ["t1", "seg"])
def test_what_is_no_file_is_an_error_of_its_case_and_stops_no_audit(tmp_path, kind, role):
    write_case(tmp_path, "X_1", seed=1)
    write_case(tmp_path, "X_2", seed=2)
    special(kind, tmp_path / "X_1" / f"X_1_{role}.nii.gz")
    cohort = Cohort.find(tmp_path)
    for use in (cohort[0].mask if role == "seg" else cohort[0].volumes, cohort[0].fingerprint):
        with pytest.raises(BratsError, match=f"X_1_{role}"):
            use()
    findings = [f for f in audit(cohort, workers=1) if f.severity == "error"]
    assert {(f.case, f.problem) for f in findings} == {("X_1", "unreadable")}
    with pytest.raises(BratsError, match=f"X_1_{role}"):
        cohort[1].read_mask_file(tmp_path / "X_1" / f"X_1_{role}.nii.gz")


def test_a_file_that_vanishes_between_finding_and_reading_is_named(tmp_path):
    write_case(tmp_path, "X")
    case = Cohort.find(tmp_path)[0]
    case.files["t2"].unlink()
    with pytest.raises(BratsError, match="X_t2.nii.gz: there is no such file"):
        case.volumes()
    assert case.volume("t1").any()
    image = read_image(case.files["t1"])
    case.files["t1"].unlink()
    with pytest.raises(BratsError, match="X_t1.nii.gz: there is no such file"):
        write_volume(image, None, image.grid, tmp_path / "copy.nii.gz")
