"""Downloads against a server on this machine: resumed, restarted, refused, wrong."""

import contextlib
import gzip
import hashlib
import importlib
import io
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from brats_lib.cases import Cohort, fetch
from brats_lib.cases.download import ResumingDownloader
from brats_lib.errors import BratsError


class Server:
    """Serves one file; can ignore Range, and break off or stand still after so many bytes of an answer."""

    def __init__(self, content):
        self.content, self.ranges, self.requests = content, True, []
        self.break_after = self.hold_after = None
        self.go_on = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                outer.requests.append(wanted)
                start = int(wanted[6:-1]) if wanted and outer.ranges else 0
                size = len(outer.content)
                if self.path != "/task.tar":
                    return self.send_error(404)
                if start >= size:
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{size}")
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                self.send_response(206 if wanted and outer.ranges else 200)
                self.send_header("Content-Length", str(size - start))
                if wanted and outer.ranges:
                    self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
                self.end_headers()
                if outer.hold_after is not None:
                    self.wfile.write(outer.content[start : outer.hold_after])
                    outer.go_on.wait(60)
                    return None
                stop = size if outer.break_after is None else start + outer.break_after
                self.wfile.write(outer.content[start:stop])

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/task.tar"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def archive(msd_root, tmp_path):
    """A tar file as MSD packs it, with macOS's `._*` files."""
    path = tmp_path / "source.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(msd_root, "Task01_BrainTumour")
        tar.addfile(tarfile.TarInfo("Task01_BrainTumour/imagesTr/._BRATS_001.nii.gz"))
    return path.read_bytes()


@pytest.fixture
def server(archive):
    server = Server(archive)
    yield server
    server.http.shutdown()
    server.http.server_close()


def fetch_msd(server, folder, known_hash=None):
    known_hash = known_hash or "md5:" + hashlib.md5(server.content).hexdigest()
    return fetch.fetch_msd(folder, server.url, known_hash, bytes_needed=1e6, progress=False)


def test_fetched_msd_is_a_cohort_and_is_not_fetched_twice(server, tmp_path):
    folder = fetch_msd(server, tmp_path / "data")
    assert Cohort.find(tmp_path / "data").names == ("BRATS_001", "BRATS_002", "BRATS_010")
    assert not list(folder.rglob("._*"))
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["Task01_BrainTumour"]
    fetch_msd(server, tmp_path / "data")
    assert server.requests == [None]


def test_killed_download_goes_on_where_it_stopped(server, tmp_path):
    """A process killed half way leaves nothing that looks like a case, and nothing at all once it is complete."""
    data = tmp_path / "data"
    part = data / ".Task01_BrainTumour" / "archive.part"
    server.hold_after = len(server.content) // 2
    code = "import sys; from brats_lib.cases.fetch import fetch_msd; fetch_msd(*sys.argv[1:], bytes_needed=1e6)"
    known_hash = "md5:" + hashlib.md5(server.content).hexdigest()
    process = subprocess.Popen([sys.executable, "-c", code, data, server.url, known_hash], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
        server.hold_after = None
        server.go_on.set()
    kept = part.stat().st_size
    assert 0 < kept < len(server.content)
    with pytest.raises(BratsError, match="no case is in it"):
        Cohort.find(data)
    fetch_msd(server, data)
    assert server.requests == [None, f"bytes={kept}-"]
    assert len(Cohort.find(data)) == 3
    assert [path.name for path in data.iterdir()] == ["Task01_BrainTumour"]


def test_broken_connection_is_taken_up_again(server, tmp_path):
    server.break_after = len(server.content) // 3 + 1
    out = tmp_path / "out.tar"
    ResumingDownloader(tmp_path / "part", wait=0, progress=False)(server.url, out)
    assert out.read_bytes() == server.content
    starts = [int(wanted[6:-1]) for wanted in server.requests[1:]]
    assert len(starts) > 1 and starts == sorted(set(starts)), "every attempt goes on after the one before"


def test_connection_that_never_brings_a_byte_gives_up_and_keeps_the_part(server, tmp_path):
    server.break_after = 0
    (tmp_path / "part").write_bytes(server.content[:100])
    with pytest.raises(BratsError, match="broke after 100 bytes.*goes on where it stopped"):
        ResumingDownloader(tmp_path / "part", attempts=2, wait=0, progress=False)(server.url, tmp_path / "out")
    assert (tmp_path / "part").read_bytes() == server.content[:100]
    assert len(server.requests) == 2


def test_server_that_ignores_range_restarts(server, tmp_path):
    server.ranges, data = False, tmp_path / "data"
    (data / ".Task01_BrainTumour").mkdir(parents=True)
    (data / ".Task01_BrainTumour" / "archive.part").write_bytes(b"of an older attempt")
    fetch_msd(server, data)
    assert len(Cohort.find(data)) == 3


def test_complete_part_is_used_and_an_oversized_one_is_dropped(server, tmp_path):
    downloader = ResumingDownloader(tmp_path / "part", progress=False)
    for content in (server.content, server.content + b"more"):
        (tmp_path / "part").write_bytes(content)
        downloader(server.url, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == server.content
    assert server.requests[1:] == [f"bytes={len(server.content) + 4}-", None]


def test_wrong_checksum_says_both_and_leaves_nothing(server, tmp_path):
    with pytest.raises(BratsError, match="another checksum.*expected md5:0000"):
        fetch_msd(server, tmp_path / "data", "md5:" + "0" * 32)
    assert list((tmp_path / "data").iterdir()) == []


def test_missing_file_on_the_server(server, tmp_path):
    server.url += ".old"
    with pytest.raises(BratsError, match="404"):
        fetch_msd(server, tmp_path)


def test_unpacking_that_was_killed_starts_again(server, tmp_path):
    half = tmp_path / ".Task01_BrainTumour" / "unpacked" / "Task01_BrainTumour" / "half"
    half.parent.mkdir(parents=True)
    half.touch()
    folder = fetch_msd(server, tmp_path)
    assert not (folder / "half").exists() and not half.exists()


TOP = "Task01_BrainTumour"


def member(name, content=b"x", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def packed(*members, **options):
    """A tar file of these members."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", **options) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return content.getvalue()


def link(kind, name, to):
    return member(name, b"", type=kind, linkname=to)


def negative_size():
    """Two blocks for the end, and a header that sends the reader back to itself."""
    content = bytearray(packed(member(f"{TOP}/a")))
    content[124:136] = (-1024).to_bytes(12, "big", signed=True)
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    return bytes(content)


HOSTILE = {
    "climbs out": packed(member("../outside")),
    "climbs out below": packed(member(f"{TOP}/a/../../../outside")),
    "absolute": packed(member("/tmp/outside")),
    "another top": packed(member("elsewhere/a")),
    "another top that climbs out": packed(member(f"{TOP}/a"), member("elsewhere/../../a")),
    "backslash": packed(member(f"{TOP}/..\\outside")),
    "drive": packed(member(f"{TOP}/C:a")),
    "empty part": packed(member(f"{TOP}//a")),
    "control": packed(member(f"{TOP}/a\nb")),
    "not UTF-8": packed(member(os.fsdecode(f"{TOP}/caf".encode() + b"\xe9")), format=tarfile.GNU_FORMAT),
    "ends with a dot": packed(member(f"{TOP}/a.")),
    "too long": packed(member(f"{TOP}/{'a' * 300}")),
    "symbolic link": packed(link(tarfile.SYMTYPE, f"{TOP}/a", "../../outside"), member(f"{TOP}/a/outside")),
    "link inside": packed(member(f"{TOP}/a"), link(tarfile.SYMTYPE, f"{TOP}/b", "a")),
    "hard link": packed(link(tarfile.LNKTYPE, f"{TOP}/a", "../outside")),
    "device": packed(link(tarfile.CHRTYPE, f"{TOP}/a", "")),
    "pipe": packed(link(tarfile.FIFOTYPE, f"{TOP}/a", "")),
    "top as link": packed(link(tarfile.SYMTYPE, TOP, "..")),
    "twice": packed(member(f"{TOP}/a"), member(f"{TOP}/a", b"other")),
    "other case": packed(member(f"{TOP}/a"), member(f"{TOP}/A")),
    "other case above": packed(member(f"{TOP}/a/b"), member(f"{TOP}/A/c")),
    "other composition": packed(member(f"{TOP}/\xe9"), member(f"{TOP}/e\u0301")),
    "file as folder": packed(member(f"{TOP}/a"), member(f"{TOP}/a/b")),
    "folder as file": packed(member(f"{TOP}/a/b"), member(f"{TOP}/a")),
    "top as file": packed(member(TOP)),
    "sparse": packed(member(f"{TOP}/a", b"\0" * 512)).replace(b"00000001000", b"77777777777"),
    "too large": packed(member(f"{TOP}/a", bytes(600_000)), member(f"{TOP}/b", bytes(600_000))),
    "negative size": negative_size(),
    "compressed": gzip.compress(packed(member(f"{TOP}/a"))),
    "empty": packed(),
    "no archive": b"<html>Please log in</html>" * 100,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_archive_of_other_than_plain_files_below_its_folder_is_refused(tmp_path, what):
    server = Server(HOSTILE[what])
    try:
        with pytest.raises(BratsError, match="cannot be unpacked"):
            fetch_msd(server, tmp_path / "a" / "data")
    finally:
        server.http.shutdown()
        server.http.server_close()
    assert {path.name for path in tmp_path.rglob("*")} <= {"a", "data", f".{TOP}", "archive.tar", "unpacked"}


def test_only_the_folder_of_cases_is_unpacked(server, tmp_path):
    """As macOS packs it: a folder for the whole, and files of its own beside everything."""
    extra = [member("./", b"", type=tarfile.DIRTYPE), member(f"./._{TOP}"), member(".DS_Store"), member(f"./{TOP}/a/b")]
    server.content = packed(*extra, member(f"{TOP}/a/._b"), member(f"{TOP}/empty", b"", type=tarfile.DIRTYPE))
    folder = fetch_msd(server, tmp_path / "data")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == ["a", "a/b", "empty"]
    assert [path.name for path in folder.parent.iterdir()] == [TOP]


def test_archive_cut_off_is_refused_and_its_folder_does_not_appear(tmp_path, archive):
    server = Server(archive[: len(archive) // 2])
    with pytest.raises(BratsError, match="cannot be unpacked"):
        fetch_msd(server, tmp_path / "data")
    server.http.shutdown()
    server.http.server_close()
    assert not (tmp_path / "data" / TOP).exists()


@contextlib.contextmanager
def largest_file(size):
    """The system refuses to write beyond a limit, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("arrived", [False, True], ids=["downloading", "unpacking"])
def test_disk_that_is_full_is_said_and_the_same_command_goes_on(server, tmp_path, arrived):
    server.content = packed(member(f"{TOP}/a", bytes(200_000)), member(f"{TOP}/b"))
    data = tmp_path / "data"
    if arrived:
        (data / f".{TOP}").mkdir(parents=True)
        (data / f".{TOP}" / "archive.tar").write_bytes(server.content)
    with largest_file(100_000), pytest.raises(BratsError, match=r"stopped \(File too large\).*the same command again"):
        fetch_msd(server, data)
    assert {path.name for path in data.iterdir()} == {f".{TOP}"}
    assert sorted(path.name for path in fetch_msd(server, data).iterdir()) == ["a", "b"]
    assert server.requests == ([] if arrived else [None, "bytes=100000-"])


def test_something_else_under_the_name_of_the_cases_is_left_alone(server, tmp_path):
    (tmp_path / TOP).write_text("mine")
    with pytest.raises(BratsError, match="it is no folder.*Move it away"):
        fetch_msd(server, tmp_path)
    assert server.requests == [] and (tmp_path / TOP).read_text() == "mine"


@pytest.mark.parametrize("url", ["nowhere/task.tar", "http://", "http://127.0.0.1:9/task.tar", "http://[/x"])
def test_address_that_answers_nothing_is_said(tmp_path, url, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(BratsError, match="cannot be downloaded|broke after 0 bytes"):
        fetch.fetch_msd(tmp_path / "data", url, "md5:0", bytes_needed=1e6, progress=False)
    assert list((tmp_path / "data").iterdir()) == []


def test_disk_without_room_is_said_before_downloading(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2.5e9))
    with pytest.raises(BratsError, match=r"2\.5 GB of its disk are free; expected 15 GB"):
        fetch.fetch_msd(tmp_path, server.url)
    assert server.requests == []


def test_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BratsError, match="cannot be written"):
        fetch_msd(server, tmp_path / "file" / "data")


class FakeKaggle:
    """Stands in for kagglehub: puts a case into the cache folder it is told, or raises."""

    def __init__(self, tiny_root, error=None):
        self.tiny_root, self.error, self.calls = tiny_root, error, 0

    def dataset_download(self, handle):
        self.calls += 1
        if self.error:
            raise self.error
        folder = os.path.join(os.environ["KAGGLEHUB_CACHE"], "datasets", handle, "versions", "1")
        shutil.copytree(self.tiny_root, os.path.join(folder, "MICCAI_BraTS2020_TrainingData"), symlinks=True)
        return folder


def with_kaggle(monkeypatch, fake):
    monkeypatch.setattr(importlib, "import_module", lambda name: fake)
    return fake


def test_kaggle_download_is_a_cohort_and_is_not_fetched_twice(tiny_root, tmp_path, monkeypatch):
    fake = with_kaggle(monkeypatch, FakeKaggle(tiny_root))
    monkeypatch.setenv("KAGGLEHUB_CACHE", "mine")
    folder = fetch.fetch_brats2020(tmp_path / "data", bytes_needed=0)
    assert len(Cohort.find(folder)) == 10
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["BraTS2020"]
    fetch.fetch_brats2020(tmp_path / "data", bytes_needed=0)
    assert fake.calls == 1 and os.environ["KAGGLEHUB_CACHE"] == "mine"


def test_link_among_what_kaggle_sends_is_refused(tiny_root, tmp_path, monkeypatch):
    (tiny_root / "link").symlink_to("/etc")
    with_kaggle(monkeypatch, FakeKaggle(tiny_root))
    with pytest.raises(BratsError, match="link: it is a link"):
        fetch.fetch_brats2020(tmp_path / "data", bytes_needed=0)
    assert not (tmp_path / "data" / "BraTS2020").exists()


def test_kaggle_that_refuses_tells_to_log_in(tmp_path, monkeypatch):
    error = RuntimeError("403 Client Error.\nYou don't have permission")
    error.response = SimpleNamespace(status_code=403)
    with_kaggle(monkeypatch, FakeKaggle(None, error))
    with pytest.raises(BratsError, match="403 Client Error.*Log in"):
        fetch.fetch_brats2020(tmp_path, bytes_needed=0)


def test_kaggle_without_network_tells_to_try_again(tmp_path, monkeypatch):
    with_kaggle(monkeypatch, FakeKaggle(None, ConnectionError("no route")))
    with pytest.raises(BratsError, match="no route.*goes on where it stopped"):
        fetch.fetch_brats2020(tmp_path, bytes_needed=0)


def test_missing_kagglehub_says_how_to_install_it(tmp_path, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(BratsError, match=r"not installed.*pip install kagglehub"):
        fetch.fetch_brats2020(tmp_path)
