"""Downloads against a server on this machine: resumed, restarted, refused, wrong."""

import hashlib
import io
import os
import shutil
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from brats_lib.cases import Cohort, fetch
from brats_lib.cases.fetch import retrieve
from brats_lib.errors import BratsError

TOP = "Task01_BrainTumour"


def hash_of(content):
    return "md5:" + hashlib.md5(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append(wanted)
        if self.path != "/task.tar":
            return self.send_error(404)
        resumed = bool(wanted) and server.ranges
        content = server.content[int(wanted[6:-1]) :] if resumed else server.content
        self.send_response(200 if not resumed else 206 if content else 416)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: server.break_after])


class Server(ThreadingHTTPServer):
    """Serves one file; can ignore Range, and break off after so many bytes of an answer."""

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.ranges, self.break_after, self.requests = content, True, None, []
        self.known_hash = hash_of(content)
        self.url = f"http://127.0.0.1:{self.server_port}/task.tar"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def server(msd_root, tmp_path, monkeypatch):
    """Serves in the place of MSD's a tar file as MSD packs it, with one of macOS's `._*` files, to a large disk."""
    path = tmp_path / "source.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(msd_root, TOP)
    server = Server(path.read_bytes())
    monkeypatch.setattr(fetch, "MSD_URL", server.url)
    monkeypatch.setattr(fetch, "MSD_HASH", server.known_hash)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1e12))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    yield server
    server.shutdown()
    server.server_close()


def test_download_that_stopped_goes_on_there_and_is_no_cohort_until_it_is_complete(server, tmp_path, monkeypatch):
    data = tmp_path / "data"
    server.break_after = len(server.content) // 2
    monkeypatch.setattr(fetch, "ATTEMPTS", 1)
    with pytest.raises(BratsError, match="the same command again: it goes on where it stopped"):
        fetch.fetch_msd(data)
    arrived = (data / f".{TOP}" / ".archive.tar.part").stat().st_size
    assert 0 < arrived < len(server.content)
    with pytest.raises(BratsError, match="no case is in it"):
        Cohort.find(data)
    server.break_after = None
    for _ in range(2):  # what is there is not fetched again
        assert Cohort.find(fetch.fetch_msd(data)).names == ("BRATS_001", "BRATS_002", "BRATS_010")
    assert server.requests == [None, f"bytes={arrived}-"]
    assert [path.name for path in data.iterdir()] == [TOP]


def test_broken_connection_is_taken_up_again_while_it_brings_bytes(server, tmp_path):
    server.break_after = len(server.content) // 3 + 1
    path = retrieve(server.url, server.known_hash, tmp_path / "out")
    assert path.read_bytes() == server.content
    starts = [int(wanted[6:-1]) for wanted in server.requests[1:]]
    assert len(starts) > 1 and starts == sorted(set(starts)), "every attempt goes on after the one before"


def test_server_that_ignores_range_sends_everything_again(server, tmp_path):
    server.ranges = False
    (tmp_path / ".out.part").write_bytes(b"of an older attempt")
    assert retrieve(server.url, server.known_hash, tmp_path / "out").read_bytes() == server.content


def test_complete_part_is_used_and_an_oversized_one_is_dropped(server, tmp_path):
    part = tmp_path / ".out.part"
    part.write_bytes(server.content + b"more")
    with pytest.raises(BratsError, match="another checksum.*it starts afresh"):
        retrieve(server.url, server.known_hash, tmp_path / "out")
    assert not part.exists()
    part.write_bytes(server.content)
    assert retrieve(server.url, server.known_hash, tmp_path / "out").read_bytes() == server.content
    assert server.requests == [f"bytes={len(server.content) + 4}-", f"bytes={len(server.content)}-"]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("MSD_URL", "nowhere/task.tar", "cannot be downloaded"),
        ("MSD_URL", "http://127.0.0.1:9/task.tar", "broke after 0 bytes"),
        ("MSD_URL", "{}.old", "the server answers 404"),
        ("MSD_HASH", "md5:" + "0" * 32, "another checksum.*expected md5:0000"),
    ],
)
def test_what_cannot_be_downloaded_is_said_and_leaves_no_case(server, tmp_path, monkeypatch, setting, value, message):
    monkeypatch.setattr(fetch, setting, value.format(server.url))
    with pytest.raises(BratsError, match=message):
        fetch.fetch_msd(tmp_path / "data")
    assert all(path.name.startswith(".") for path in (tmp_path / "data").iterdir())


def linked():
    """A tar file with a link that leads out of its folder."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        member = tarfile.TarInfo(f"{TOP}/a")
        member.type, member.linkname = tarfile.SYMTYPE, "../../outside"
        tar.addfile(member)
    return content.getvalue()


@pytest.mark.parametrize("content", [linked(), b"<html>Please log in</html>" * 100], ids=["link", "no archive"])
def test_archive_that_leads_elsewhere_or_is_none_is_refused(server, tmp_path, monkeypatch, content):
    server.content = content
    monkeypatch.setattr(fetch, "MSD_HASH", hash_of(content))
    with pytest.raises(BratsError, match="cannot be unpacked"):
        fetch.fetch_msd(tmp_path / "data")
    assert not (tmp_path / "data" / TOP).exists()


def test_disk_that_is_full_is_said_and_the_same_command_goes_on(server, tmp_path):
    def fill(*args):
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tarfile, "copyfileobj", fill)
        with pytest.raises(BratsError, match=r"stopped \(No space left on device\).*the same command again"):
            fetch.fetch_msd(tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [f".{TOP}"]
    assert len(Cohort.find(fetch.fetch_msd(tmp_path / "data"))) == 3 and server.requests == [None]


def test_disk_without_room_or_something_else_in_the_way_is_said_before_downloading(server, tmp_path, monkeypatch):
    (tmp_path / TOP).write_text("mine")
    with pytest.raises(BratsError, match="it is no folder.*Move it away"):
        fetch.fetch_msd(tmp_path)
    assert (tmp_path / TOP).read_text() == "mine"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2.5e9))
    with pytest.raises(BratsError, match=r"2\.5 GB of its disk are free; expected 15 GB"):
        fetch.fetch_msd(tmp_path / "data")
    assert server.requests == []


@pytest.fixture
def kaggle(monkeypatch):
    """Stands in for kagglehub; a test gives it its `dataset_download`."""
    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace())
    monkeypatch.setattr(fetch, "KAGGLE_BYTES", 0)
    monkeypatch.setenv("KAGGLEHUB_CACHE", "")  # and put back afterwards
    return sys.modules["kagglehub"]


def test_kaggle_download_is_a_cohort_and_is_not_fetched_twice(kaggle, tiny_root, tmp_path):
    calls = []

    def download(handle):
        calls.append(handle)
        folder = Path(os.environ["KAGGLEHUB_CACHE"], "datasets", handle, "versions", "1")
        shutil.copytree(tiny_root, folder / "MICCAI_BraTS2020_TrainingData")
        return folder

    kaggle.dataset_download = download
    for _ in range(2):
        assert len(Cohort.find(fetch.fetch_brats2020(tmp_path / "data"))) == 10
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["BraTS2020"]
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("status", "message"), [(403, "403 Client Error.*Log in"), (500, "500 Client Error.*goes on where it stopped")]
)
def test_kaggle_that_refuses_is_explained(kaggle, tmp_path, status, message):
    def refuse(handle):
        error = RuntimeError(f"{status} Client Error.\nYou don't have permission")
        error.response = SimpleNamespace(status_code=status)
        raise error

    kaggle.dataset_download = refuse
    with pytest.raises(BratsError, match=message):
        fetch.fetch_brats2020(tmp_path)


def test_kaggle_package_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(BratsError, match=r"not installed.*pip install kagglehub"):
        fetch.fetch_brats2020(tmp_path)
