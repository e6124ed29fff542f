"""Phantoms on disk: a cohort in the layout of BraTS 2020 that grows, survives being killed and is made only once."""

import functools
import gzip
import json
import os
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np

from brats_lib.cases import MODALITIES, Cohort
from brats_lib.cases.cohort import PHANTOM_FILE, read_phantom_file
from brats_lib.cases.parallel import for_each
from brats_lib.errors import BratsError
from brats_lib.files import home_path, remove_abandoned, temporary_path, write_whole
from brats_lib.phantom.simulation import draw_case, simulate

# Raised whenever the same seed and stream give other voxels; cohorts of two versions are never mixed in one folder.
VERSION = 4
TABLE, PARAMETERS = "name_mapping.csv", "parameters"
CASE = re.compile(r"Phantom_(\d{3,})")
# Voxel (0, 0, 0) of BraTS volumes lies at the right, front, lower corner; world coordinates are RAS+.
AFFINE = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
# In the header of every file, so that one that is passed on without its folder still says what it is.
DESCRIPTION = "brats_lib phantom: simulated, no patient"


def case_name(index: int) -> str:
    """Name of the case with that index: ``case_name(0)`` is ``"Phantom_001"``."""
    return f"Phantom_{index + 1:03d}"


def make_cohort(
    out: str | Path, cases: int = 24, seed: int = 0, workers: int | None = None, stream: str = "cohort"
) -> Cohort:
    """Simulate patients into a folder, or reuse those that are there; returns a cohort of the first `cases` of them.

    A case depends on (seed, index, stream) only, so a later call with more cases adds to the folder and one with fewer
    returns the first ones. Cases appear complete or not at all; two processes may make the same cohort at once.
    The seed is from 0 to 2**32 - 1, and `stream` says what the phantoms are for, a key of `STREAMS`. Each of the
    `workers`, by default as many as there are cores, needs about 1 GB of memory. A folder that holds something else, or
    phantoms of another seed, stream or version, is refused; whatever stops the work, finished cases stay.
    """
    for name, value, least in (("cases", cases, 1), ("seed", seed, 0), ("workers", workers, 1)):
        if value is not None and not least <= value < 2**32:
            expected = f"an integer from {least} to {2**32 - 1}"
            raise BratsError(name, f"it is {value}", expected, f"Give {name} such a value")
    out = home_path(out)
    drawn = {"seed": seed, "stream": stream}
    try:
        _claim(out, drawn)
        missing = [index for index in range(cases) if not _complete(out, index)]
        try:
            for_each(functools.partial(_make_case, out, drawn), missing, workers, "simulating patients")
        finally:
            _write_table(out, drawn)
    except OSError as error:
        found, expected = f"it cannot be written ({error.strerror or error})", "room for 12 MB per simulated patient"
        advice = "Make room, change its permissions or choose another folder; finished cases are kept and reused"
        raise BratsError(out, found, expected, advice) from None
    return Cohort.find(out, max_cases=cases)


def _claim(out, drawn):
    """Make the folder ours, or find out that it is not; clean up what killed processes left in it."""
    if out.exists() and not out.is_dir():
        raise BratsError(out, "it is a file", "a folder, or a path where one can be made", "Choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    mark = out / PHANTOM_FILE
    names = sorted(entry.name for entry in out.iterdir() if not entry.name.startswith("."))
    ours = {PHANTOM_FILE, TABLE, PARAMETERS}
    foreign = [name for name in names if name not in ours and not CASE.fullmatch(name)]
    # Cases without a mark are not known to be of this seed.
    if foreign or (names and not mark.is_file()):
        found = f"it holds {', '.join((foreign or names)[:3])}"
        advice = "Choose an empty or new folder for phantoms, so that they never mix with other data"
        raise BratsError(out, found, f"simulated patients with their {PHANTOM_FILE}, or nothing", advice)
    wanted = {"simulated": True, **drawn, "version": VERSION}
    if not mark.exists():
        _write_unless_there(mark, json.dumps(wanted, indent=1) + "\n")
    is_there = read_phantom_file(mark)
    if any(is_there.get(key) != value for key, value in wanted.items()):
        found = f"its phantoms are of {_described(is_there)} of the simulation"
        advice = "Choose another folder, or delete this one to have it made again"
        raise BratsError(out, found, _described(wanted), advice)
    remove_abandoned(out)


def _write_unless_there(path, text):
    """Of several processes at once the first writes; the others find what it wrote."""
    part = temporary_path(path.parent)
    part.write_text(text)
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _described(mark):
    return f"stream {mark['stream']}, seed {mark.get('seed')}, version {mark.get('version')}"


def _files(name):
    return [f"{name}_{part}.nii.gz" for part in (*MODALITIES, "seg")]


def _complete(out, index):
    name = case_name(index)
    return all((out / name / file).is_file() for file in _files(name))


def _make_case(out, drawn, index):
    """Simulate one case into a temporary folder and rename that to the case's."""
    name = case_name(index)
    phantom = simulate(index=index, **drawn)
    parameters = {"case": name, **drawn, "index": index, "grade": phantom.grade, **phantom.parameters}
    partial = temporary_path(out)
    try:
        partial.mkdir()
        for file, volume in zip(_files(name), (*phantom.volumes.values(), phantom.mask), strict=True):
            (partial / file).write_bytes(_nifti(volume))
        write_whole(out / PARAMETERS / f"{name}.json", json.dumps(parameters, indent=1) + "\n")
        if (out / name).exists() and not _complete(out, index):
            shutil.rmtree(out / name)
        os.rename(partial, out / name)
    except OSError:
        # Unless another process was first, with the same bytes.
        if not _complete(out, index):
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _nifti(volume):
    """A gzipped NIfTI file with the header fields of a BraTS volume; the same bytes for the same voxels."""
    image = nib.Nifti1Image(volume, AFFINE)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = DESCRIPTION
    image.set_qform(AFFINE, code=1)
    image.set_sform(AFFINE, code=1)
    # Level 1 is four times faster than the usual 9 and noise hardly packs better.
    return gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)


def _write_table(out, drawn):
    """Write the grades of all finished cases, in the columns of BraTS 2020."""
    indices = sorted(int(match[1]) - 1 for entry in out.iterdir() if (match := CASE.fullmatch(entry.name)))
    rows = [f"{draw_case(index=i, **drawn).grade},{case_name(i)}\n" for i in indices if _complete(out, i)]
    content = "".join(["Grade,BraTS_2020_subject_ID\n", *rows]).encode()
    if rows and not ((out / TABLE).is_file() and (out / TABLE).read_bytes() == content):
        write_whole(out / TABLE, content)
