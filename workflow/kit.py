"""Pack all that a workshop needs into one archive, for a room without internet: `make kit`.

It holds this repository, wheels of its packages, the phantoms, what their run left, and the book; its `start` sets all
up without a network. It is made to be passed on, so what was made from patients' images never goes into it.
"""

import itertools
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import bootstrap

from brats_lib.book.runs import find_data, phantom_folder, read_profile, run_folder
from brats_lib.errors import BratsError
from brats_lib.phantom import VERSION

# Those that TensorFlow is made for: how `uname -sm` names the machine, how uv does, and the wheels that it can install.
PLATFORMS = {
    "linux": ("Linux-x86_64", "x86_64-manylinux_2_28", [f"manylinux_2_{n}_x86_64" for n in range(28, 4, -1)]
              + [f"manylinux{n}_x86_64" for n in (2014, 2010, 1)]),
    "macos": ("Darwin-arm64", "aarch64-apple-darwin", ["macosx_12_0_arm64"]),
}  # fmt: skip
EXTRAS = ("app", "book", "fast", "tune")
BUILD = "hatchling\neditables\n"  # to install the checkout itself


def pins(platform: str, python: str) -> str:
    """What the lock file pins for a platform and a version of Python, tools of developers left out, with hashes."""
    compiler = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--generate-hashes", "--only-binary=:all:"]
    plain = ["--no-emit-index-url", "--no-header", "--no-annotate"]
    target = [f"--python-platform={PLATFORMS[platform][1]}", f"--python-version={python}"]
    sources = ["pyproject.toml", "-", *(f"--extra={name}" for name in EXTRAS), "--constraint=requirements.lock"]
    command = [*compiler, *plain, *target, *sources]
    return subprocess.run(command, input=BUILD, stdout=subprocess.PIPE, text=True, check=True).stdout


def download(text: str, platform: str, python: str, folder: Path) -> None:
    """Download the wheels of these pins, and that of uv, which installs them."""
    needed = folder / "needed.txt"
    needed.write_text(text + bootstrap.locked("uv", Path("requirements.lock")))
    tags = [f"--platform={tag}" for tag in PLATFORMS[platform][2]]
    pip = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    subprocess.run([*pip, f"--python-version={python}", *tags, "-d", folder, "-r", needed], check=True)
    needed.unlink()


def gather_wheels(folder: Path, platforms: Iterable[str], pythons: Iterable[str]) -> None:
    """Fill a folder with the wheels for each platform and Python, and a list of each, unless it holds just those."""
    chosen = list(itertools.product(platforms, pythons))
    lists = {f"{PLATFORMS[platform][0]}-{python}.txt": pins(platform, python) for platform, python in chosen}
    if {path.name: path.read_text() for path in folder.glob("*.txt")} == lists:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for (platform, python), text in zip(chosen, lists.values(), strict=True):
        print(f"Downloading the packages for {platform}, Python {python} ...", flush=True)
        download(text, platform, python, folder)
    # Last, so that a download which was cut off is done over.
    for name, text in lists.items():
        (folder / name).write_text(text)


def run_files(profile: str) -> Iterator[Path]:
    """The phantoms and what the notebooks of a profile find again; of other cases no image, of trainings the last."""
    values = read_profile(profile, ["native_phantoms"])
    phantoms = phantom_folder(values["seed"])
    for folder in (run_folder(profile), phantoms, run_folder("exercises")):
        for path in sorted(folder.rglob("*")):
            within = path.relative_to(folder).parts
            image = path.name.endswith((".npy", ".nii", ".nii.gz")) and not path.name.startswith("Phantom_")
            # Of the search its study is kept, which is all that is looked up.
            old = {"logs", "trainings"} & set(within) or any(".previous-" in part for part in within)
            if path.is_file() and not image and not old:
                yield path
    # The folder is shared with studies of patients.
    for case in range(values["native_phantoms"]):
        yield from sorted(phantoms.with_name("stacks").glob(f"*-{values['seed']}-{case:04d}-v{VERSION}.*"))


def pack(archive: Path, parts: dict[str, Iterable[Path]]) -> None:
    """Write an archive with the folder `brats-kit`, and print how much of it each part takes."""

    def nobodys(entry):
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    part = archive.with_suffix(".part")
    # Wheels are compressed already, and caches lose most of their size at once.
    with open(part, "wb") as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
        tar.add("workflow/start", "brats-kit/start", filter=nobodys)
        for name, paths in parts.items():
            start = file.tell()
            for path in paths:
                tar.add(path, Path("brats-kit", path.absolute().relative_to(Path.cwd())), filter=nobodys)
            print(f"  {name}: {(file.tell() - start) / 1e6:,.0f} MB", flush=True)
    part.rename(archive)
    print(f"{archive}: {archive.stat().st_size / 1e6:,.0f} MB. It is unpacked by `tar xzf` and set up by `./start`")


def make_kit(profile: str, platforms: Iterable[str], pythons: Iterable[str]) -> Path:
    """Make the archive from what lies in the current folder, a checkout whose book has been made."""
    archive, wheels = Path("_build/brats-kit.tar.gz"), Path("_build/wheels")
    gather_wheels(wheels, platforms, pythons)
    # As they are now; what git was not told of may be the teacher's own.
    listed = subprocess.run(["git", "ls-files", "-z"], stdout=subprocess.PIPE, text=True, check=True).stdout
    parts = {
        "repository": filter(Path.is_file, map(Path, listed.split("\0")[:-1])),
        "wheels": sorted(wheels.iterdir()),
        "runs": run_files(profile),
        "book": filter(Path.is_file, sorted(Path("_build/html").rglob("*"))),
    }
    pack(archive, parts)
    return archive


def main() -> None:
    platforms, pythons = os.environ["PLATFORMS"].split(), os.environ["PYTHONS"].split()
    if unknown := set(platforms) - set(PLATFORMS):
        sys.exit(f"PLATFORMS={' '.join(sorted(unknown))}: TensorFlow is made for {' and '.join(PLATFORMS)} only.")
    try:
        if data := find_data(os.environ["DATA"]):
            sys.exit(f"A kit is passed on, which the terms of {data} may forbid. Make it of phantoms: name no data.")
        subprocess.run([sys.executable, "workflow/run.py", "book"], check=True)
        make_kit(os.environ["PROFILE"], platforms, pythons or ["{}.{}".format(*sys.version_info)])
    except BratsError as error:
        sys.exit(str(error))
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        sys.exit(f"The kit cannot be made ({str(error)[:200]}; see above).")


if __name__ == "__main__":
    main()
