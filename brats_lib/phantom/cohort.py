"""Phantoms on disk: a cohort in the layout of BraTS 2020 that grows, survives being killed and is made only once."""

import errno
import functools
import gzip
import json
import os
import re
import shutil

import nibabel as nib
import numpy as np

from brats_lib.cases import MODALITIES, Cohort
from brats_lib.cases.cohort import PHANTOM_FILE, read_phantom_file
from brats_lib.cases.parallel import for_each
from brats_lib.errors import BratsError
from brats_lib.files import home_path, remove_abandoned, temporary_path, write_whole
from brats_lib.phantom.simulation import draw_case, simulate
from brats_lib.phantom.streams import STREAMS

__all__ = ["VERSION", "case_name", "make_cohort"]

# Raised whenever the same seed and stream give other voxels; cohorts of two versions are never mixed in one folder.
VERSION = 3
MARK, TABLE, PARAMETERS = PHANTOM_FILE, "name_mapping.csv", "parameters"
CASE = re.compile(r"Phantom_(\d{3,})")
# Voxel (0, 0, 0) of BraTS volumes lies at the right, front, lower corner; world coordinates are RAS+.
AFFINE = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
# In the header of every file, so that one that is passed on without its folder still says what it is.
DESCRIPTION = "brats_lib phantom: simulated, no patient"


def case_name(index):
    """Name of the case with that index: ``case_name(0)`` is ``"Phantom_001"``."""
    return f"Phantom_{index + 1:03d}"


def make_cohort(out, cases=24, seed=0, workers=None, progress=True, stream="cohort"):
    """Simulate patients into a folder, or reuse those that are there.

    A case depends on (seed, index, stream) only, so a later call with more cases adds to the folder and one with fewer
    returns the first ones. Cases appear complete or not at all; two processes may make the same cohort at once.

    Parameters
    ----------
    out : str or Path
        Folder of the cohort; made where it is missing.
    cases : int
        How many cases, at least 1.
    seed : int
        From 0 to 2**32 - 1. Another seed gives other patients.
    workers : int, optional
        Processes; by default as many as there are cores. Each needs about 1 GB of memory.
    progress : bool
        Whether to show a bar.
    stream : str
        A key of `streams.STREAMS`.

    Returns
    -------
    brats_lib.cases.Cohort
        Of the first `cases` cases.

    Raises
    ------
    BratsError
        If a number is out of range, `out` is a file, holds something else or phantoms of another seed, stream or
        version, or cannot be written (a full disk, say), or a worker was killed; finished cases stay.
    """
    for name, value, least in (("cases", cases, 1), ("seed", seed, 0), ("workers", workers, 1)):
        if value is not None and value < least:
            raise BratsError(name, f"it is {value}", f"an integer of at least {least}", f"Give {name} such a value")
    if seed >= 2**32:
        raise BratsError("seed", f"it is {seed}", f"an integer of at most {2**32 - 1}", "Give seed such a value")
    if stream not in STREAMS:
        advice = "Choose one of those"
        raise BratsError("stream", f"it is {stream}", f"one of {', '.join(STREAMS)}", advice)
    out = home_path(out)
    drawn = {"seed": seed, "stream": stream}
    _claim(out, drawn)
    missing = [index for index in range(cases) if not _complete(out, index)]
    try:
        for_each(functools.partial(_make_case, out, drawn), missing, workers, progress, "simulating patients")
    finally:
        _write_table(out, drawn)
    return Cohort.find(out, max_cases=cases)


def _claim(out, drawn):
    """Make the folder ours, or find out that it is not; clean up what killed processes left in it."""
    mark = {"simulated": True, **drawn, "version": VERSION}
    try:
        if out.exists() and not out.is_dir():
            raise BratsError(out, "it is a file", "a folder, or a path where one can be made", "Choose another folder")
        out.mkdir(parents=True, exist_ok=True)
        entries = [entry for entry in out.iterdir() if not entry.name.startswith(".")]
        ours = {MARK, TABLE, PARAMETERS}
        foreign = sorted(e.name for e in entries if e.name not in ours and not CASE.fullmatch(e.name))
        # Cases without a mark are not known to be of this seed.
        unmarked = entries and not (out / MARK).is_file()
        if foreign or unmarked:
            found = f"it holds {', '.join(foreign[:3] or sorted(e.name for e in entries)[:3])}"
            advice = "Choose an empty or new folder for phantoms, so that they never mix with other data"
            raise BratsError(out, found, f"simulated patients with their {MARK}, or nothing", advice)
        _write_unless_there(out / MARK, json.dumps(mark, indent=1) + "\n")
    except OSError as error:
        raise _unwritable(out, error) from None
    _check_mark(out / MARK, mark)
    remove_abandoned(out)


def _write_unless_there(path, text):
    """Of two processes at once, one writes and both read the same."""
    if path.exists():
        return
    part = temporary_path(path.parent)
    try:
        part.write_text(text)
        os.link(part, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _check_mark(path, wanted):
    found = read_phantom_file(path)
    if any(found.get(key) != value for key, value in wanted.items()):
        raise BratsError(
            path.parent,
            f"its phantoms are of {_described(found)} of the simulation",
            _described(wanted),
            "Choose another folder, or delete this one to have it made again",
        )


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
    partial = temporary_path(out)
    try:
        partial.mkdir()
        for file, volume in zip(_files(name), (*phantom.volumes.values(), phantom.mask), strict=True):
            (partial / file).write_bytes(_nifti(volume))
        parameters = {"case": name, **drawn, "index": index, "grade": phantom.grade, **phantom.parameters}
        write_whole(out / PARAMETERS / f"{name}.json", (json.dumps(parameters, indent=1) + "\n"))
        if (out / name).exists() and not _complete(out, index):
            shutil.rmtree(out / name)
        try:
            os.rename(partial, out / name)
        except OSError:
            # Another process was first, with the same bytes.
            if not _complete(out, index):
                raise
    except OSError as error:
        raise _unwritable(out, error) from None
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


def _unwritable(out, error):
    if error.errno == errno.ENOSPC:
        advice = "Make room, or choose a folder on another disk; finished cases are kept and reused"
        return BratsError(out, "the disk is full", "about 12 MB of room per simulated patient", advice)
    found = f"it cannot be written ({error.strerror or error})"
    return BratsError(out, found, "a folder that can be written", "Choose another folder, or change its permissions")
