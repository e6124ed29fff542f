"""Small files are read without trust: whatever is in them, one message names the file."""

import os
import subprocess
import sys

import pytest

from brats_lib.errors import BratsError
from brats_lib.files import read_json, read_text, replacing, temporary_path, write_whole


def test_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / "a.json", "a test", "Mend it") == {"a": 1}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe{", b"[]", b"7", b'{"a":' * 100_000, b"9" * 5000, b'{"b": 1}'],
)
def test_what_is_no_object_with_the_key_is_refused(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(BratsError, match="a.json.*expected a test.*Mend it"):
        read_json(path, "a test", "Mend it", keys=("a",))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("nowhere", path)])
def test_what_is_no_file_is_refused_at_once(tmp_path, make):
    make(tmp_path / "a.json")
    with pytest.raises(BratsError, match="a.json.*cannot be read"):
        read_text(tmp_path / "a.json", "a test", "Mend it")


def test_a_file_too_large_is_not_read(tmp_path):
    with open(tmp_path / "a.json", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(BratsError, match="more than 32 MiB"):
        read_text(tmp_path / "a.json", "a test", "Mend it")


def test_what_a_killed_process_left_is_removed_by_the_next_write_and_that_of_a_living_one_is_not(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mine = temporary_path(tmp_path).name
    dead, living = (tmp_path / mine.replace(f"-{os.getpid()}-", f"-{pid}-") for pid in (gone.pid, os.getppid()))
    elsewhere, old = tmp_path / ".part-00000000-1-abcdef01", tmp_path / ".part-00000000-1-abcdef02"
    for path in (dead, living, elsewhere, old):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    write_whole(tmp_path / "a.txt", b"text")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.txt", living, elsewhere])


def test_a_failed_writer_leaves_the_old_file(tmp_path):
    write_whole(tmp_path / "a.tar.gz", b"old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a.tar.gz") as part:
        assert part.name.endswith(".tar.gz")
        part.write_bytes(b"half")
        1 / 0  # noqa: B018
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_link_stays_a_link_permissions_stay_and_what_is_no_file_is_left_alone(tmp_path):
    real, link, pipe, folder = (tmp_path / name for name in ("real.csv", "link.csv", "pipe.csv", "folder"))
    real.write_bytes(b"old")
    real.chmod(0o600)
    link.symlink_to(real)
    os.mkfifo(pipe)
    folder.mkdir()
    write_whole(link, b"new")
    assert link.is_symlink() and real.read_bytes() == b"new" and real.stat().st_mode & 0o777 == 0o600
    for other in (pipe, folder):
        with pytest.raises(BratsError, match=f"{other.name}: it cannot be written.*no file"):
            write_whole(other, b"new")
    assert set(tmp_path.iterdir()) == {real, link, pipe, folder}
