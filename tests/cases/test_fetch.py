"""Downloads against a server on this machine: resumed, restarted, refused, wrong."""

import hashlib
import importlib
import io
import os
import shutil
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
    """Serves one file; can ignore Range, and break off after so many bytes of an answer."""

    def __init__(self, content):
        self.content, self.ranges, self.requests = content, True, []
        self.break_after = None
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
    """Serves a tar file as MSD packs it, with one of macOS's `._*` files."""
    path = tmp_path / "source.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(msd_root, TOP)
    return serve(path.read_bytes())


@pytest.fixture(autouse=True)
def room(monkeypatch):
    monkeypatch.setattr(fetch, "KAGGLE_BYTES", 0)
    monkeypatch.setenv("KAGGLEHUB_CACHE", "")  # and put back afterwards


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
    fetch_msd(server, tmp_path / "data")
    assert Cohort.find(tmp_path / "data").names == ("BRATS_001", "BRATS_002", "BRATS_010")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [TOP]
    fetch_msd(server, tmp_path / "data")
    assert server.requests == [None]


def test_download_that_stopped_goes_on_there_and_is_no_cohort_until_it_is_complete(server, tmp_path, no_waiting):
    data = tmp_path / "data"
    server.break_after = len(server.content) // 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "ATTEMPTS", 1)
        with pytest.raises(BratsError, match="the same command again: it goes on where it stopped"):
            fetch_msd(server, data)
    arrived = (data / f".{TOP}" / ".archive.tar.part").stat().st_size
    assert 0 < arrived < len(server.content)
    with pytest.raises(BratsError, match="no case is in it"):
        Cohort.find(data)
    server.break_after = None
    fetch_msd(server, data)
    assert server.requests == [None, f"bytes={arrived}-"]
    assert len(Cohort.find(data)) == 3 and [path.name for path in data.iterdir()] == [TOP]


def test_broken_connection_is_taken_up_again(server, tmp_path, no_waiting):
    server.break_after = len(server.content) // 3 + 1
    path = retrieve(server.url, hash_of(server), tmp_path / "out")
    assert path.read_bytes() == server.content
    starts = [int(wanted[6:-1]) for wanted in server.requests[1:]]
    assert len(starts) > 1 and starts == sorted(set(starts)), "every attempt goes on after the one before"


def test_connection_that_never_brings_a_byte_gives_up_and_the_part_stays(server, tmp_path, no_waiting):
    server.break_after = 0
    (tmp_path / ".out.part").write_bytes(server.content[:100])
    with pytest.raises(BratsError, match="broke after 100 bytes.*goes on where it stopped"):
        retrieve(server.url, hash_of(server), tmp_path / "out")
    assert (tmp_path / ".out.part").read_bytes() == server.content[:100]
    assert len(server.requests) == 5


def test_server_that_ignores_range_sends_everything_again(server, tmp_path):
    server.ranges = False
    (tmp_path / ".out.part").write_bytes(b"of an older attempt")
    path = retrieve(server.url, hash_of(server), tmp_path / "out")
    assert path.read_bytes() == server.content


def test_complete_part_is_used_and_an_oversized_one_is_dropped(server, tmp_path):
    part = tmp_path / ".out.part"
    part.write_bytes(server.content + b"more")
    with pytest.raises(BratsError, match="another checksum.*it starts afresh"):
        retrieve(server.url, hash_of(server), tmp_path / "out")
    assert not part.exists()
    part.write_bytes(server.content)
    assert retrieve(server.url, hash_of(server), tmp_path / "out").read_bytes() == server.content
    assert server.requests == [f"bytes={len(server.content) + 4}-", f"bytes={len(server.content)}-"]


@pytest.mark.parametrize(
    ("url", "known_hash", "message"),
    [
        ("nowhere/task.tar", None, "cannot be downloaded"),
        ("http://127.0.0.1:9/task.tar", None, "broke after 0 bytes"),
        ("SERVED.old", None, "the server answers 404"),
        ("SERVED", "md5:" + "0" * 32, "another checksum.*expected md5:0000"),
    ],
)
def test_what_cannot_be_downloaded_is_said_and_leaves_no_case(server, tmp_path, no_waiting, url, known_hash, message):
    with pytest.raises(BratsError, match=message):
        fetch_msd(server, tmp_path / "data", url.replace("SERVED", server.url), known_hash)
    assert all(path.name.startswith(".") for path in (tmp_path / "data").iterdir())
    with pytest.raises(BratsError, match="no case is in it"):
        Cohort.find(tmp_path / "data")


def linked():
    """A tar file with a link that leads out of its folder."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        member = tarfile.TarInfo(f"{TOP}/a")
        member.type, member.linkname = tarfile.SYMTYPE, "../../outside"
        tar.addfile(member)
    return content.getvalue()


@pytest.mark.parametrize("content", [linked(), b"<html>Please log in</html>" * 100], ids=["link", "no archive"])
def test_archive_that_leads_elsewhere_or_is_none_is_refused(serve, tmp_path, content):
    with pytest.raises(BratsError, match="cannot be unpacked"):
        fetch_msd(serve(content), tmp_path / "data")
    assert not (tmp_path / "data" / TOP).exists()


def test_disk_that_is_full_is_said_and_the_same_command_goes_on(server, tmp_path, monkeypatch):
    def fill(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile, "copyfileobj", fill)
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
    for _ in range(2):
        assert len(Cohort.find(fetch.fetch_brats2020(tmp_path / "data"))) == 10
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["BraTS2020"]
    assert fake.calls == 1


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
