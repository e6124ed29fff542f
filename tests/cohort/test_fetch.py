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

from brats_lib.cohort import Cohort, fetch
from brats_lib.cohort.download import ResumingDownloader
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
    code = "import sys; from brats_lib.cohort.fetch import fetch_msd; fetch_msd(*sys.argv[1:], bytes_needed=1e6)"
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


def test_archive_that_climbs_out_is_refused(tmp_path):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("../outside"))
    server = Server(content.getvalue())
    with pytest.raises(BratsError, match="cannot be unpacked"):
        fetch_msd(server, tmp_path / "data")
    server.http.shutdown()
    server.http.server_close()
    assert not (tmp_path / "outside").exists()


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
        shutil.copytree(self.tiny_root, os.path.join(folder, "MICCAI_BraTS2020_TrainingData"))
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
