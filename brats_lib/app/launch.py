"""Start the application: its cases, its temporary folder, and a server that only this machine can reach."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from brats_lib.app.opening import find_cases
from brats_lib.app.uploads import MAX_UPLOAD_MB
from brats_lib.errors import BratsError, install_extra

__all__ = ["ADDRESS", "SERVER_OPTIONS", "command", "launch"]

ADDRESS = "127.0.0.1"
SERVER_OPTIONS = {
    "server.address": ADDRESS,
    # A page of somewhere else must not reach the server by a name that it made point here.
    "server.allowedHosts": ("localhost", ADDRESS),
    "server.enableXsrfProtection": "true",
    "server.maxUploadSize": str(MAX_UPLOAD_MB),
    "server.fileWatcherType": "none",
    "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    # Errors that nobody foresaw go to the terminal, with the paths they hold.
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    # Scans are looked at in the dark.
    "theme.base": "dark",
    "theme.primaryColor": "#18b880",
    "theme.backgroundColor": "#101418",
    "theme.secondaryBackgroundColor": "#1a2027",
}


def command(cohort, port, browser=True):
    """The command that runs the server.

    Parameters
    ----------
    cohort : str or Path
        Folder of the cases to list.
    port : int
    browser : bool
        Whether to open a browser.

    Returns
    -------
    list of str
    """
    options = SERVER_OPTIONS | {"server.port": str(port), "server.headless": str(not browser).lower()}
    # An option that takes several values is given several times.
    pairs = [(name, one) for name, value in options.items() for one in (value if isinstance(value, tuple) else [value])]
    flags = [f"--{name}={value}" for name, value in pairs]
    script = Path(__file__).with_name("main.py")
    return [sys.executable, "-m", "streamlit", "run", str(script), *flags, "--", str(cohort)]


def launch(data="", port=8501, browser=True):
    """Run the application until it is interrupted.

    Parameters
    ----------
    data : str or Path
        As in `opening.find_cases`.
    port : int
    browser : bool
        Whether to open a browser.

    Returns
    -------
    int
        Exit status of the server.

    Raises
    ------
    BratsError
        If Streamlit is not installed, the port is taken, or the cases cannot be used.
    """
    if importlib.util.find_spec("streamlit") is None:
        expected = "the packages of the extra `app`"
        raise BratsError("the application", "Streamlit is not installed", expected, install_extra("app"))
    _check_port(port)
    cohort = find_cases(data)
    print(f"{cohort.source}\nThe application: http://localhost:{port} (Ctrl+C ends it)", flush=True)
    # Uploads lie in here. It is removed when the server ends, whatever way it ended.
    before = signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="brats-app-") as folder:
        environment = {**os.environ, "TMPDIR": folder}
        server = subprocess.Popen(command(cohort.root.resolve(), port, browser), env=environment)
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.wait()  # Ctrl+C reached the server too
            return 0
        finally:
            if server.poll() is None:
                server.terminate()
                server.wait()
            signal.signal(signal.SIGTERM, before)


def _end(number, frame):
    raise SystemExit(128 + number)  # so that what is in `finally` and `with` still happens


def _check_port(port):
    if not 1024 <= port <= 65535:
        raise BratsError(f"port {port}", "it is out of range", "1024 to 65535", "Choose another with --port")
    with socket.socket() as probe:
        # As the server does: a port that was used a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            found = f"it cannot be used ({error.strerror})"
            raise BratsError(f"port {port}", found, "a free port", "Choose another with --port") from None
