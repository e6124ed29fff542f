"""Start the application and drive it as a person would: what is pressed and read is what is on the page."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
from outward import watched

PATIENCE_S = 180


@dataclass
class Server:
    """A running application: where it answers, its process, the folder it was started in and what it printed."""

    url: str
    process: subprocess.Popen
    folder: Path
    log: Path
    temporary: Path

    def is_alive(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=10) as answer:
            return answer.read() == b"ok"

    def uploads(self):
        """Files that sessions left on disk."""
        return sorted(path.name for path in self.temporary.rglob("own_scan_*"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serve(cases, folder):
    """Run `brats app` on a folder of cases; ends it, and checks what it asked other machines for and left behind."""
    pytest.importorskip("streamlit", reason="the extra `app` is not installed")
    port, log, temporary = free_port(), folder / "log.txt", folder / "temporary"
    temporary.mkdir()
    environment, asked = watched(folder)
    environment |= {"TMPDIR": str(temporary), "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1",
                    "TF_CPP_MIN_LOG_LEVEL": "2"}  # fmt: skip
    # Sessions end a second after the page is closed instead of two minutes.
    code = "import sys; from brats_lib.app import memory; memory.PATIENCE_S = 1; "
    code += "from brats_lib.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "app", "--data", str(cases), "--port", str(port), "--no-browser"]
    with open(log, "w") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
    running = Server(f"http://127.0.0.1:{port}", process, folder, log, temporary)
    try:
        wait_for(running.is_alive, lambda: f"the server does not answer: {log.read_text()[-2000:]}")
        yield running
    finally:
        process.terminate()
        process.wait(timeout=30)
    wait_for(lambda: list(temporary.iterdir()) == [])
    assert asked() == []
    assert "Traceback" not in log.read_text(), log.read_text()[-2000:]


def wait_for(holds, complaint=lambda: "it never came true", patience=PATIENCE_S):
    """Wait until something holds, and return what it gave."""
    end = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < end, complaint()
        time.sleep(0.1)
    return found


SIZE = (1440, 1180)


@contextlib.contextmanager
def open_browser(folder):
    """A browser with nothing remembered and nothing to talk to but the application; its driver and its downloads."""
    selenium = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (browser and driver):
        pytest.skip("no Chromium with its driver; on Debian: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = browser
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync",
                 "disable-background-networking", "disable-component-update", "hide-scrollbars",
                 "force-device-scale-factor=1", f"user-data-dir={folder / 'profile'}"):  # fmt: skip
        options.add_argument(f"--{flag}")
    downloads = folder / "downloads"
    downloads.mkdir()
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    chrome = selenium.Chrome(options, selenium.ChromeService(driver))
    try:
        yield chrome, downloads
    finally:
        chrome.quit()


class Page:
    """The application in a browser, opened anew: a session of its own for the server."""

    def __init__(self, browser, url, size=SIZE):
        (self.chrome, self.downloads), self.url = browser, url
        self.complaints()
        self.addresses()
        self.resize(size)
        self.open()

    def open(self, path=""):
        self.chrome.get(f"{self.url}/{path}")
        self.settle()

    def resize(self, size):
        # The window's size is that of its frame; the page itself shall have the size that was asked for.
        wide, high = self.chrome.execute_script("return [outerWidth - innerWidth, outerHeight - innerHeight]")
        self.chrome.set_window_size(size[0] + wide, size[1] + high)

    def find(self, selector):
        return self.chrome.find_elements("css selector", selector)

    def settle(self):
        """Wait until the script has run and nothing changes any more; the page says it rests before it begins, too."""

        def rests():
            before = self._state()
            if before is None:
                return False
            time.sleep(0.5)
            return before == self._state()

        wait_for(rests, lambda: f"the page never rests: {self.text()[-500:]}")

    def _state(self):
        """What is on the page, None while the script runs, before there is a title or while a picture is fetched."""
        assert not self.find('[data-testid="stException"]'), "the script failed; see the server's log"
        return self.chrome.execute_script(
            """const app = document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]');
            const drawn = [...document.images].every(image => image.complete && image.naturalWidth > 0);
            return app && drawn && document.querySelector("h1")
                ? document.body.innerText + [...document.images].map(image => image.src) : null"""
        )

    def leave(self):
        """Close the tab of the page; another one keeps the browser open."""
        ours = self.chrome.current_window_handle
        self.chrome.switch_to.new_window("tab")
        other = self.chrome.current_window_handle
        self.chrome.switch_to.window(ours)
        self.chrome.close()
        self.chrome.switch_to.window(other)

    def segment(self, pictures=6):
        """Press the button and wait for so many pictures; Keras may have to be loaded, for a network of a run."""
        self._labelled("button", "Segment").click()
        wait_for(lambda: len(self.images()) == pictures, self.text, patience=300)
        self.settle()

    def upload_all(self, paths):
        """Choose an own scan and upload its files: label to path."""
        self.press("My own scan")
        for label, path in paths.items():
            self.upload(label, path)

    def _labelled(self, tag, text):
        # At one moment, as in `each`.
        find = """return [...document.querySelectorAll(arguments[0])].find(
            element => element.checkVisibility() && element.innerText.includes(arguments[1]))"""
        complaint = f"there is no {tag} with {text!r}"
        return wait_for(lambda: self.chrome.execute_script(find, tag, text), lambda: complaint, patience=20)

    def press(self, text, tag="button"):
        self._labelled(tag, text).click()
        self.settle()

    def pick(self, text):
        """Choose what has a label of its own: one of several round buttons, or a switch."""
        self.press(text, "label")

    def choose(self, label, option):
        """Choose from a drop-down."""
        self._labelled('[data-testid="stSelectbox"]', label).find_element("css selector", "input").click()
        wait_for(lambda: self.find('[role="option"]'))
        self._labelled('[role="option"]', option).click()
        self.settle()

    def slider(self, label):
        return self._labelled('[data-testid="stSlider"]', label).find_element("css selector", 'input[type="range"]')

    def move(self, label, steps):
        """Move a slider with the keyboard: its input is hidden and may not be typed into, but has the focus."""
        handle = self.slider(label)
        before = handle.get_property("value")
        self.chrome.execute_script("arguments[0].focus()", handle)
        keys = ("\ue014" if steps > 0 else "\ue012") * abs(steps)
        pytest.importorskip("selenium.webdriver").ActionChains(self.chrome).send_keys(keys).perform()
        wait_for(lambda: self.slider(label).get_property("value") != before)
        self.settle()

    def turn_wheel(self, picture, notches):
        """Turn the wheel over a picture, away from the person where the number is above 0."""
        for _ in range(abs(notches)):
            self._mouse("mouseWheel", picture, deltaX=0, deltaY=-120 if notches > 0 else 120)
        self.settle()

    def click_picture(self, picture, across, down):
        """Click at a place of a picture, from its left and top edge as shares of it."""
        for kind in ("mousePressed", "mouseReleased"):
            self._mouse(kind, picture, across, down, button="left", clickCount=1)
        self.settle()

    def _mouse(self, kind, picture, across=0.5, down=0.5, **more):
        image = self.find('[data-testid="stImage"] img')[picture]
        box = self.chrome.execute_script("return arguments[0].getBoundingClientRect().toJSON()", image)
        place = {"x": box["x"] + across * box["width"], "y": box["y"] + down * box["height"]}
        self.chrome.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **place, **more})

    def type(self, label, text):
        field = self.find(f'input[aria-label="{label}"], textarea[aria-label="{label}"]')[0]
        field.send_keys(text + ("\ue007" if field.tag_name == "input" else ""))
        self.settle()

    def upload(self, label, path):
        field = f'[data-testid="stFileUploaderDropzone"][aria-label="{label}"] input[type="file"]'
        (uploader,) = wait_for(lambda: self.find(field), lambda: f"there is no uploader {label}", patience=20)
        uploader.send_keys(str(path.resolve()))
        # Long names are displayed with their middle left out.
        wait_for(lambda: path.name[-10:] in self.text(), lambda: f"{path.name} does not arrive: {self.text()[-800:]}")
        self.settle()

    def text(self):
        return self.chrome.execute_script("return document.body.innerText")

    def each(self, selector, what):
        """What a script finds in all elements at one moment; in the next they may be drawn anew."""
        script = f"return [...document.querySelectorAll(arguments[0])].map(element => {what})"
        return self.chrome.execute_script(script, selector)

    def alerts(self):
        return self.each('[data-testid="stAlert"]', "element.innerText")

    def images(self):
        """Alternative text and address of every picture."""
        return dict(self.each('[data-testid="stImage"] img', "[element.alt, element.src]"))

    def table(self):
        # The browser fetches what draws tables when the first one comes.
        cells = "[...element.cells].map(cell => cell.innerText.trim())"
        head, *rows = wait_for(lambda: self.each("table tr", cells), self.text)
        return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}

    def download(self, text):
        """Press a download button and return the file."""
        before = set(self.downloads.glob("[!.]*"))
        self.press(text)
        new = wait_for(lambda: set(self.downloads.glob("[!.]*")) - before - set(self.downloads.glob("*.crdownload")))
        return new.pop()

    def complaints(self):
        """Errors of scripts, what the content security policy blocked, and pictures that did not load."""
        entries = self.chrome.get_log("browser")
        severe = [entry["message"] for entry in entries if entry["level"] == "SEVERE" and entry["source"] != "network"]
        broken = "return [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        # Streamlit drops a picture that the next run replaces, also where the browser is still to fetch it.
        return [text for text in severe if "Image source error" not in text] + self.chrome.execute_script(broken)

    def addresses(self):
        """Addresses of everything the pages asked for since this was last asked."""
        messages = [json.loads(entry["message"])["message"] for entry in self.chrome.get_log("performance")]
        sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
        return {parameters["request"]["url"] for parameters in sent}
