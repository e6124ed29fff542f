"""Start the application: its cases, its temporary folder, and a server that only this machine can reach."""

import importlib.util
import os
import socket

from brats_lib.app import ADDRESS
from brats_lib.app.opening import find_cases
from brats_lib.app.temporary import temporary_folder
from brats_lib.app.uploads import MAX_UPLOAD_MB
from brats_lib.errors import BratsError, install_extra

__all__ = ["launch"]


def launch(data="", port=8501, browser=True):
    """Run the application until it is interrupted.

    Parameters
    ----------
    data : str or Path
        As in `opening.find_cases`.
    port : int
    browser : bool
        Whether to open a browser.

    Raises
    ------
    BratsError
        If Streamlit is not installed, the port is taken, no temporary folder can be made, or the cases cannot be used.
    """
    if importlib.util.find_spec("streamlit") is None:
        expected = "the packages of the extra `app`"
        raise BratsError("the application", "Streamlit is not installed", expected, install_extra("app"))
    _check_port(port)
    cohort = find_cases(data)
    # Before anything that might keep something.
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
