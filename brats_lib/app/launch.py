"""Start the application: its cases, its temporary folder, and a server that only this machine can reach."""

import importlib.util
import os
import socket
from pathlib import Path

from brats_lib.app import ADDRESS
from brats_lib.app.temporary import temporary_folder
from brats_lib.app.uploads import MAX_UPLOAD_MB
from brats_lib.book.runs import find_cohort
from brats_lib.cases import Cohort
from brats_lib.errors import BratsError, install_extra

# Enough to choose from, few enough not to wait for.
PHANTOMS = 4


def launch(data: str | Path = "", port: int = 8501, browser: bool = True) -> None:
    """Run the application on the cases of `runs.find_data`, else on phantoms, until it is interrupted.

    It opens a browser if asked to.
    """
    if importlib.util.find_spec("streamlit") is None:
        expected = "the packages of the extra `app`"
        raise BratsError("the application", "Streamlit is not installed", expected, install_extra("app"))
    _check_port(port)
    # Of phantoms those too that earlier runs made.
    cohort = Cohort.find(find_cohort(data, phantoms=PHANTOMS).root)
    # Before anything that might write something.
    temporary_folder(2 * MAX_UPLOAD_MB)
    from brats_lib.app import serve

    print(f"{cohort.source}\nThe application: http://localhost:{port} (Ctrl+C ends it)", flush=True)
    try:
        serve.run(cohort.root.resolve(), port, browser)
    except KeyboardInterrupt:
        print(flush=True)
        os._exit(0)  # without waiting for a case that is being segmented; what is temporary is removed all the same


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
