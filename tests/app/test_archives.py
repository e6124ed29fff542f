"""Zip files from a browser: what is in them is written under names of ours, or they are refused with a message."""

import io
import stat
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from brats_lib.app import archives
from brats_lib.app.archives import unpack
from brats_lib.errors import BratsError


def zipped(files, method=zipfile.ZIP_DEFLATED):
    """A zip file of names, or of entries that say more, and contents."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data, method)
    return content.getvalue()


def changed(content, place, layout, value):
    """Overwrite a field of the first entry in the table of contents."""
    content = bytearray(content)
    struct.pack_into(layout, content, content.index(b"PK\x01\x02") + place, value)
    return bytes(content)


def link(name, target):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry, target


def test_names_lead_nowhere_and_links_are_files(tmp_path):
    names = ["../../above", "/tmp/absolute", "C:\\windows\\win.ini", "DOE^JANE/IM0001", "a/" * 300 + "deep", "x\0y"]
    files = [(name, str(number)) for number, name in enumerate(names)]
    (tmp_path / "here").mkdir()
    folders = [("DOE^JANE/", ""), ("__MACOSX/._IM0001", "hidden"), (".DS_Store", "hidden")]
    unpack(zipped([*folders, *files, link("passwords", "/etc/passwd")]), tmp_path / "here" / "study", "x")
    written = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if not path.is_dir()}
    assert [str(name) for name in sorted(written)] == [f"here/study/{n:05d}" for n in range(7)]
    assert not any(path.is_symlink() for path in written.values())
    assert [written[name].read_text() for name in sorted(written)] == [*"012345", "/etc/passwd"]


SOUND = zipped([("a", b"DICM" * 5000), ("b", bytes(1000))])
BOMB = zipped([("a", bytes(2**26))])
HOSTILE = {
    "nothing": (b"", "it is not a zip file"),
    "one DICOM image": (bytes(128) + b"DICM" + bytes(5000), "it is not a zip file"),
    "gzip": (b"\x1f\x8b" + bytes(500), "it is not a zip file"),
    "no entry": (zipped([]), "no file is in it"),
    "folders alone": (zipped([("a/", b""), ("a/.hidden", b"x")]), "no file is in it"),
    "half": (SOUND[: len(SOUND) // 2], "truncated or damaged"),
    "a bit flipped": (SOUND[:60] + bytes([SOUND[60] ^ 1]) + SOUND[61:], "truncated or damaged"),
    "a password": (changed(SOUND, 8, "<H", 1), "it is encrypted"),
    "bzip2": (zipped([("a", bytes(100))], zipfile.ZIP_BZIP2), "a rare method"),
    "no such method": (changed(SOUND, 10, "<H", 77), "a rare method"),
    "a claim of four gigabytes": (changed(SOUND, 24, "<I", 2**32 - 2), "it claims 4,096 MB"),
    "a bomb that claims little": (changed(BOMB, 24, "<I", 10), "truncated or damaged"),
    "many files": (zipped([(str(n), b"") for n in range(60)]), "more than 50 files"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archives_are_refused_and_leave_nothing(what, tmp_path, monkeypatch):
    content, found = HOSTILE[what]
    monkeypatch.setattr(archives, "MAX_FILES", 50)
    tracemalloc.start()
    try:
        with pytest.raises(BratsError) as caught:
            unpack(content, tmp_path / "study", "zip file “a.zip”")
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
    assert found in str(caught.value) and str(caught.value).startswith("zip file “a.zip”: ")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_larger_than_is_allowed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_ARCHIVE_MB", 1)
    with pytest.raises(BratsError, match="more than 1 MB"):
        unpack(bytes(2**20 + 1), tmp_path / "study", "x")


def test_archives_of_damaged_bytes_are_refused_or_read_but_never_crash(tmp_path):
    rng, refused = np.random.default_rng(0), 0
    for number in range(300):
        broken = bytearray(SOUND)
        for place in rng.integers(0, len(SOUND), rng.integers(1, 6)):
            broken[place] = rng.integers(0, 256)
        try:
            unpack(bytes(broken), tmp_path / str(number), "x")
        except BratsError:
            refused += 1
    assert 0 < refused <= 300
