"""What a process and its children ask the network for, written down by Python's own audit events."""

import os

from conftest import ROOT

# Python runs this at the start of every process that finds it; hooks see all threads, and what errors would hide.
SPY = """
import os, sys
def tell(event, arguments):
    if event == "socket.getaddrinfo":
        text = str(arguments[0])
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(arguments[1], tuple):
        text = str(arguments[1][0])
    elif event == "urllib.Request":
        text = str(arguments[0])
    else:
        return
    if text not in ("127.0.0.1", "::1", "localhost"):
        with open(os.environ["OUTWARD_LOG"], "a") as log:
            log.write(text + "\\n")
sys.addaudithook(tell)
"""


def watched(folder):
    """The environment of processes that are watched, and a function that says what they asked for."""
    (folder / "spy").mkdir()
    (folder / "spy" / "sitecustomize.py").write_text(SPY)
    log = folder / "asked"
    # On a machine that says it is a server for tests, programs that report to their makers keep silent.
    clean = {key: value for key, value in os.environ.items() if key not in ("CI", "TF_BUILD", "JENKINS_URL")}
    paths = os.pathsep.join([str(folder / "spy"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    clean |= {"PYTHONPATH": paths, "OUTWARD_LOG": str(log), "PYTHONDONTWRITEBYTECODE": "1"}
    return clean, lambda: log.read_text().splitlines() if log.exists() else []
