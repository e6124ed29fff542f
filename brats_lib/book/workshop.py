"""Whether a machine is ready for a workshop: item by item what it has, or what to do."""

import functools
import importlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from brats_lib.book.readiness import describe_data
from brats_lib.book.runs import find_data, find_root, read_profile
from brats_lib.errors import BratsError
from brats_lib.phantom import make_cohort
from brats_lib.prediction import weights
from brats_lib.prediction.inference import segment_case

OLDEST, NEWEST = (3, 11), (3, 13)
# Of a run of the workshop profile, and of 8 GiB, of which a system keeps some.
DISK_GIB, MEMORY_GIB = 5, 7
# By the names they are imported by.
PACKAGES = ("nilearn", "matplotlib", "keras", "ipykernel", "jupyterlab", "papermill", "optuna", "streamlit")

Check = Callable[[], tuple[bool, str]]


def workshop_items(profile: str, data: str | Path = "") -> Iterator[tuple[bool, str]]:
    """Look at what a workshop needs: for each item whether it is ready, and a line with what is there or what to do.

    The data are those that `find_data` gives a run of the profile. A phantom is simulated and segmented by each network
    that ships, which takes a minute; it is not kept.
    """
    install, restore = "Run `make environment`", "Restore the folder brats_lib of this repository"
    with tempfile.TemporaryDirectory() as folder:
        items: list[tuple[str, Check, str]] = [
            ("Python", _python, f"Install Python 3.12, then remove .venv and run `{install[5:-1]} PYTHON=python3.12`"),
            ("disk", _disk, "Make room, or move this folder to a larger disk"),
            ("memory", _memory, "Close other programs or share a machine; in WSL, raise `memory` in .wslconfig"),
            ("packages", _packages, install),
            ("kernel", _kernel, f"{install}, and start JupyterLab by `make lab`"),
            ("data", functools.partial(_data, profile, data), "Run `brats audit` on the data"),
            ("phantom", functools.partial(_phantom, Path(folder)), "Free some memory, and try again"),
        ]
        for name in weights.available():
            items.append((f"network {name}", functools.partial(_network, Path(folder), name), restore))
        for item, check, advice in items:
            try:
                ready, text = check()
                text = text if ready else f"{text}. {advice}."
            except BratsError as error:
                ready, text = False, str(error)
            except Exception as error:  # a broken installation raises anything
                ready, text = False, f"{type(error).__name__}: {error}. {advice}."
            yield ready, f"{item}: {' '.join(text.split())}"


def _python():
    return OLDEST <= sys.version_info[:2] <= NEWEST, f"version {platform.python_version()}; 3.11 to 3.13 will do"


def _disk():
    free = shutil.disk_usage(find_root()).free / 2**30
    return free >= DISK_GIB, f"{free:.0f} GiB free, of {DISK_GIB} that are needed"


def _memory():
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return size >= MEMORY_GIB, f"{size:.0f} GiB, of {MEMORY_GIB} that are needed"


def _packages():
    failed = []
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except Exception as error:
            failed.append(f"{name} cannot be imported ({error})")
    return not failed, "; ".join(failed) or f"{', '.join(PACKAGES)} can be imported"


def _kernel():
    with importlib.import_module("jupyter_client").run_kernel(
        kernel_name="python3", stderr=subprocess.DEVNULL
    ) as client:
        answer = client.execute_interactive("import brats_lib", timeout=60, output_hook=lambda message: None)
    known = answer["content"]["status"] == "ok"
    return known, "python3 starts, and knows brats_lib" if known else "python3 belongs to another environment"


def _data(profile, data):
    return True, describe_data(profile, read_profile(profile), find_data(data))[1]


def _phantom(folder):
    return True, f"{make_cohort(folder, 1)[0].name} simulated"


def _network(folder, name):
    case = make_cohort(folder, 1)[0]
    found, truth = segment_case(case, name).mask > 0, case.mask() > 0
    dice = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    return dice > 0.5, f"it finds the phantom's tumour with Dice {dice:.2f}"
