"""Downloads against a server on this machine: resumed, restarted, refused, wrong."""

import hashlib
import importlib
import io
import os
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
from brats_lib.cases.fetch import retrieve
from brats_lib.errors import BratsError

TOP = "Task01_BrainTumour"


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
def serve():
    servers = []
    yield lambda content: servers.append(Server(content)) or servers[-1]
    for server in servers:
        server.http.shutdown()
        server.http.server_close()


@pytest.fixture
def server(serve, msd_root, tmp_path):
    """Serves a tar file as MSD packs it, with macOS's `._*` files."""
    path = tmp_path / "source.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(msd_root, TOP)
        tar.addfile(tarfile.TarInfo(f"{TOP}/imagesTr/._BRATS_001.nii.gz"))
    return serve(path.read_bytes())


@pytest.fixture(autouse=True)
def room(monkeypatch):
    monkeypatch.setattr(fetch, "KAGGLE_BYTES", 0)


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def hash_of(server):
    return "md5:" + hashlib.md5(server.content).hexdigest()


def fetch_msd(server, folder, url=None, known_hash=None):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "MSD_URL", url or server.url)
        patch.setattr(fetch, "MSD_HASH", known_hash or hash_of(server))
        patch.setattr(fetch, "MSD_BYTES", 1e6)
        return fetch.fetch_msd(folder)


def test_fetched_msd_is_a_cohort_and_is_not_fetched_twice(server, tmp_path):
    folder = fetch_msd(server, tmp_path / "data")
    assert Cohort.find(tmp_path / "data").names == ("BRATS_001", "BRATS_002", "BRATS_010")
    assert not list(folder.rglob("._*"))
    assert [path.name for path in (tmp_path / "data").iterdir()] == [TOP]
    fetch_msd(server, tmp_path / "data")
    assert server.requests == [None]


def test_killed_download_goes_on_where_it_stopped(server, tmp_path):
    """A process killed half way leaves nothing that looks like a case, and nothing at all once it is complete."""
    data = tmp_path / "data"
    part = data / f".{TOP}" / "archive.part"
    server.hold_after = len(server.content) // 2
    code = (
        "import sys; from brats_lib.cases import fetch; fetch.MSD_BYTES = 1e6;"
        "_, folder, fetch.MSD_URL, fetch.MSD_HASH = sys.argv; fetch.fetch_msd(folder)"
    )
    command = [sys.executable, "-c", code, data, server.url, hash_of(server)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
        server.hold_after = None
        server.go_on.set()
    arrived = part.stat().st_size
    assert 0 < arrived < len(server.content)
    with pytest.raises(BratsError, match="no case is in it"):
        Cohort.find(data)
    fetch_msd(server, data)
    assert server.requests == [None, f"bytes={arrived}-"]
    assert len(Cohort.find(data)) == 3 and [path.name for path in data.iterdir()] == [TOP]


def test_broken_connection_is_taken_up_again(server, tmp_path, no_waiting):
    server.break_after = len(server.content) // 3 + 1
    path = retrieve(server.url, hash_of(server), tmp_path / "out.tar", tmp_path / "part", progress=False)
    assert path.read_bytes() == server.content
    starts = [int(wanted[6:-1]) for wanted in server.requests[1:]]
    assert len(starts) > 1 and starts == sorted(set(starts)), "every attempt goes on after the one before"


def test_connection_that_never_brings_a_byte_gives_up_and_the_part_stays(server, tmp_path, no_waiting):
    server.break_after = 0
    (tmp_path / "part").write_bytes(server.content[:100])
    with pytest.raises(BratsError, match="broke after 100 bytes.*goes on where it stopped"):
        retrieve(server.url, hash_of(server), tmp_path / "out", tmp_path / "part", progress=False)
    assert (tmp_path / "part").read_bytes() == server.content[:100]
    assert len(server.requests) == 5


def test_server_that_ignores_range_sends_everything_again(server, tmp_path):
    server.ranges = False
    (tmp_path / "part").write_bytes(b"of an older attempt")
    path = retrieve(server.url, hash_of(server), tmp_path / "out", tmp_path / "part", progress=False)
    assert path.read_bytes() == server.content


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_complete_part_is_used_and_an_oversized_one_is_dropped(server, tmp_path, extra):
    (tmp_path / "part").write_bytes(server.content + extra)
    path = retrieve(server.url, hash_of(server), tmp_path / "out", tmp_path / "part", progress=False)
    assert path.read_bytes() == server.content
    assert server.requests == [f"bytes={len(server.content) + len(extra)}-", None][: 1 + bool(extra)]


@pytest.mark.parametrize(
    ("url", "known_hash", "message"),
    [
        ("nowhere/task.tar", None, "cannot be downloaded"),
        ("http://127.0.0.1:9/task.tar", None, "broke after 0 bytes"),
        ("SERVED.old", None, "the server answers 404"),
        ("SERVED", "md5:" + "0" * 32, "another checksum.*expected md5:0000"),
    ],
)
def test_what_cannot_be_downloaded_is_said_and_leaves_nothing(server, tmp_path, no_waiting, url, known_hash, message):
    with pytest.raises(BratsError, match=message):
        fetch_msd(server, tmp_path / "data", url.replace("SERVED", server.url), known_hash)
    assert list((tmp_path / "data").iterdir()) == []


def member(name, content=b"x", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def packed(*members):
    """A tar file of these members."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
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
    "climbs out": packed(member(f"{TOP}/a/../../../outside")),
    "absolute": packed(member("/tmp/outside")),
    "backslash": packed(member(f"{TOP}/..\\outside")),
    "symbolic link": packed(link(tarfile.SYMTYPE, f"{TOP}/a", "../../outside"), member(f"{TOP}/a/outside")),
    "hard link": packed(link(tarfile.LNKTYPE, f"{TOP}/a", "../outside")),
    "device": packed(link(tarfile.CHRTYPE, f"{TOP}/a", "")),
    "top as link": packed(link(tarfile.SYMTYPE, TOP, "..")),
    "twice": packed(member(f"{TOP}/a"), member(f"{TOP}/a", b"other")),
    "file as folder": packed(member(f"{TOP}/a"), member(f"{TOP}/a/b")),
    "top as file": packed(member(TOP)),
    "too large": packed(member(f"{TOP}/a", bytes(600_000)), member(f"{TOP}/b", bytes(600_000))),
    "negative size": negative_size(),
    "cut off": packed(member(f"{TOP}/a", bytes(5000)))[:2000],
    "no archive": b"<html>Please log in</html>" * 100,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_archive_of_other_than_plain_files_below_its_folder_is_refused(serve, tmp_path, what):
    with pytest.raises(BratsError, match="cannot be unpacked"):
        fetch_msd(serve(HOSTILE[what]), tmp_path / "a" / "data")
    assert not (tmp_path / "a" / "data" / TOP).exists()
    assert {path.name for path in tmp_path.iterdir()} == {"a"} and not list(tmp_path.rglob("outside"))


def test_only_the_folder_of_cases_is_unpacked(server, tmp_path):
    """As macOS packs it: a folder for the whole, and files of its own beside everything."""
    extra = [member("./", b"", type=tarfile.DIRTYPE), member(f"./._{TOP}"), member(".DS_Store"), member(f"./{TOP}/a/b")]
    server.content = packed(*extra, member(f"{TOP}/a/._b"), member(f"{TOP}/empty", b"", type=tarfile.DIRTYPE))
    folder = fetch_msd(server, tmp_path / "data")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == ["a", "a/b", "empty"]


def test_disk_that_is_full_is_said_and_the_same_command_goes_on(server, tmp_path, monkeypatch):
    def fill(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", fill)
    with pytest.raises(BratsError, match=r"stopped \(No space left on device\).*the same command again"):
        fetch_msd(server, tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [f".{TOP}"]
    monkeypatch.undo()
    assert len(Cohort.find(fetch_msd(server, tmp_path / "data"))) == 3 and server.requests == [None]


def test_disk_without_room_or_something_else_in_the_way_is_said_before_downloading(server, tmp_path, monkeypatch):
    (tmp_path / TOP).write_text("mine")
    with pytest.raises(BratsError, match="it is no folder.*Move it away"):
        fetch_msd(server, tmp_path)
    assert (tmp_path / TOP).read_text() == "mine"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2.5e9))
    with pytest.raises(BratsError, match=r"2\.5 GB of its disk are free; expected 15 GB"):
        fetch.fetch_msd(tmp_path / "data")
    assert server.requests == []


class FakeKaggle:
    """Stands in for kagglehub: puts a case into the cache folder that is set, or raises."""

    def __init__(self, tiny_root, error=None):
        self.tiny_root, self.error, self.calls = tiny_root, error, 0

    def dataset_download(self, handle):
        self.calls += 1
        if self.error:
            raise self.error
        folder = os.path.join(os.environ["KAGGLEHUB_CACHE"], "datasets", handle, "versions", "1")
        shutil.copytree(self.tiny_root, os.path.join(folder, "MICCAI_BraTS2020_TrainingData"), symlinks=True)
        return folder


def test_kaggle_download_is_a_cohort_and_is_not_fetched_twice(tiny_root, tmp_path, monkeypatch):
    fake = FakeKaggle(tiny_root)
    monkeypatch.setattr(importlib, "import_module", lambda name: fake)
    monkeypatch.setenv("KAGGLEHUB_CACHE", "mine")
    for _ in range(2):
        assert len(Cohort.find(fetch.fetch_brats2020(tmp_path / "data"))) == 10
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["BraTS2020"]
    assert fake.calls == 1 and os.environ["KAGGLEHUB_CACHE"] == "mine"


def test_link_among_what_kaggle_sends_is_refused(tiny_root, tmp_path, monkeypatch):
    (tiny_root / "link").symlink_to("/etc")
    monkeypatch.setattr(importlib, "import_module", lambda name: FakeKaggle(tiny_root))
    with pytest.raises(BratsError, match="link: it is a link"):
        fetch.fetch_brats2020(tmp_path / "data")
    assert not (tmp_path / "data" / "BraTS2020").exists()


def refused():
    error = RuntimeError("403 Client Error.\nYou don't have permission")
    error.response = SimpleNamespace(status_code=403)
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (refused(), "403 Client Error.*Log in"),
        (ConnectionError("no route"), "no route.*goes on where it stopped"),
        (None, r"not installed.*pip install kagglehub"),
    ],
    ids=["refuses", "no network", "not installed"],
)
def test_kaggle_that_cannot_be_used_is_explained(tmp_path, monkeypatch, error, message):
    def import_module(name):
        if error is None:
            raise ModuleNotFoundError(name)
        return FakeKaggle(None, error)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(BratsError, match=message):
        fetch.fetch_brats2020(tmp_path)
