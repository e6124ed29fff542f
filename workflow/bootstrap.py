"""Make a virtual environment from a lock file, with nothing but the Python that runs this script.

An installation that was cut off is done over. The file `.installed` in the environment marks success.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)


def refusal(version, has_ensurepip):
    """Say why an environment cannot be made, or return None."""
    if not OLDEST <= version <= NEWEST:
        found = ".".join(map(str, version))
        return (
            f"{sys.executable} is Python {found}; this project needs 3.11, 3.12 or 3.13. "
            "Name another one, for example: make book PYTHON=python3.12"
        )
    if not has_ensurepip:
        return (
            f"{sys.executable} cannot make virtual environments: its module ensurepip is missing. On Debian and Ubuntu "
            "install it with: sudo apt install python3-venv"
        )
    return None


def locked(package, lock):
    """The lines of one package in a lock file: its version and its hashes."""
    return re.search(rf"^{package}==.*\n(?:[ \t].*\n?)*", lock.read_text(), re.MULTILINE)[0]


def install(folder, lock, project):
    """Make `folder` a virtual environment with exactly what `lock` names, and this project if asked."""
    python, unfinished = (
        folder / "bin" / "python",
        folder.with_name(f"{folder.name}.installing"),
    )
    print(f"Installing {lock} into {folder} ...", flush=True)
    if unfinished.exists() or not python.exists():
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        unfinished.touch()
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    unfinished.touch()
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    installer = folder / "uv.txt"
    installer.write_text(locked("uv", lock))
    subprocess.run([*pip, "install", "--no-deps", "--require-hashes", "-r", installer], check=True)
    uv = [folder / "bin" / "uv", "pip", "install", "--python", python]
    subprocess.run([*uv, "--require-hashes", "-r", lock], check=True)
    if project:
        # With the build backend that the lock has just installed, not one that is looked up now.
        subprocess.run([*uv, "--quiet", "--no-deps", "--no-build-isolation", "-e", "."], check=True)
    unfinished.unlink()
    (folder / ".installed").touch()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--project", action="store_true", help="install this project too, editable")
    arguments = parser.parse_args()
    try:
        import ensurepip
    except ImportError:
        ensurepip = None
    reason = refusal(sys.version_info[:2], ensurepip is not None)
    if reason:
        sys.exit(reason)
    # An environment that happens to be active must not steer pip or uv elsewhere.
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME"):
        os.environ.pop(name, None)
    try:
        install(arguments.folder.absolute(), arguments.lock, arguments.project)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"Installing {arguments.lock} failed (see above: {Path(error.cmd[0]).name} ended with {error.returncode})."
        )


if __name__ == "__main__":
    main()
