"""Headers of DICOM images, sorted into series. Nothing but how an image was made is kept of them."""

import math
from collections import Counter, defaultdict
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError
from tqdm import tqdm

from brats_lib.cases.scanner.registration import FLIP
from brats_lib.cases.scanner.series import FEWEST_SLICES, Series
from brats_lib.errors import BratsError

WORDS = ("SeriesDescription", "ProtocolName", "SequenceName")
TAGS = [
    *WORDS, "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality",
    "BodyPartExamined", "ImageType", "ScanningSequence", "RepetitionTime", "EchoTime", "InversionTime",
    "ContrastBolusAgent", "DiffusionBValue", "Rows", "Columns", "NumberOfFrames", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "EchoPulseSequence", "EchoPlanarPulseSequence",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
# What multi-frame images call otherwise, and what they spell out.
OTHER_NAMES = {
    "EffectiveEchoTime": "EchoTime", "InversionTimes": "InversionTime",
    "ContrastBolusAgentAdministered": "ContrastBolusAgent",
}  # fmt: skip
CODES = {("EchoPulseSequence", "GRADIENT"): "GR", ("EchoPlanarPulseSequence", "YES"): "EP"}
# Parts of the body, as scanners write them, that have a brain in them.
HEAD_PARTS = ("HEAD", "BRAIN", "SKULL", "CEREBR", "NEURO", "WHOLEBODY", "CRANI")
# Slices of a series are as far apart as each other, up to this share.
UNEVEN = 0.2
# Two slices at one place, mm.
SAME_MM = 1e-3


class Place(NamedTuple):
    """Where an image lies, LPS mm."""

    first: np.ndarray  # its first pixel
    right: np.ndarray  # direction in which columns are counted
    down: np.ndarray  # and rows
    size: np.ndarray  # of a pixel, along both


class Image(NamedTuple):
    """One slice: a file, or one of the frames in it."""

    path: Path
    frame: int
    header: pydicom.Dataset
    place: Place


def dicom_series(folder: Path, paths: list[Path], remarks: list[str]) -> list[Series]:
    """Sort the images of one study into series; files that are no DICOM images are passed over."""
    groups: dict[tuple, list[Image]] = defaultdict(list)
    others = 0
    modalities: Counter[str] = Counter()
    unplaced: set[str] = set()
    studies: set[str] = set()
    images: set[str] = set()
    for path in tqdm(paths, desc="Reading headers", unit="file", disable=len(paths) < 500):
        headers = _headers(path)
        if not headers:
            others += 1
            continue
        header = headers[0]
        image = _text(header, "SOPInstanceUID")
        if image in images:  # copied twice
            continue
        images.add(image)
        modality = _text(header, "Modality") or "unknown"
        modalities[modality] += 1
        if modality != "MR":
            continue
        studies.add(_text(header, "StudyInstanceUID"))
        series = _text(header, "SeriesInstanceUID")
        for number, header in enumerate(headers):
            place = _place(header)
            if place is None:
                unplaced.add(series)
                continue
            turn = tuple(np.round([*place.right, *place.down], 3))
            kind = series, turn, header.get("Rows"), header.get("Columns"), header.get("EchoTime")
            groups[kind].append(Image(path, number, header, place))
    if not groups:
        seen = ", ".join(f"{count} of modality {name}" for name, count in modalities.most_common())
        found = f"no MR image with a place in space is in it ({seen or 'no DICOM image'}; {others} other files)"
        advice = "Give the folder of one MR examination of the head, as the scanner or the archive exported it"
        raise BratsError(folder, found, "DICOM series of FLAIR and T1ce, or their NIfTI files", advice)
    if len(studies) > 1:
        advice = "Give the folder of one examination; two in one folder may be two patients"
        raise BratsError(folder, f"it holds {len(studies)} studies", "series of one study", advice)
    for name, count in modalities.items():
        if name != "MR":
            remarks.append(f"{count} images of modality {name} were passed over")
    if unplaced:
        remarks.append(f"{len(unplaced)} series without a place in space, such as screenshots, were passed over")
    if others:
        remarks.append(f"{others} files that are no DICOM images were passed over")
    return [_series(slices) for slices in groups.values()]


def _headers(path: Path) -> list[pydicom.Dataset]:
    """The fields that are needed, of each image in a file; none where it holds none, or none that can be read."""
    try:
        headers = _frames(pydicom.dcmread(path, stop_before_pixels=True, specific_tags=TAGS))
        for header in headers:
            for name in TAGS:  # fields are decoded, or found to be damaged, when they are first asked for
                header.get(name)
        return headers if "Rows" in headers[0] else []
    except PermissionError as error:
        # Passed over, its slice would be missing.
        raise BratsError(path, "it may not be read", "a readable file", "Check its permissions") from error
    except (InvalidDicomError, OSError, ValueError, TypeError, KeyError, AttributeError, EOFError, NotImplementedError):
        return []


def _frames(header: pydicom.Dataset) -> list[pydicom.Dataset]:
    """The header of each frame as if that was a file of its own.

    In multi-frame images sequences have what is said of all frames or of one (DICOM PS3.3, C.7.6.16).
    """
    shared, each = (header.get(f"{name}FunctionalGroupsSequence") or () for name in ("Shared", "PerFrame"))
    frames = []
    for own in each:
        frame = pydicom.Dataset()
        frame.update(header)
        frame.file_meta = header.file_meta
        for group in chain(*shared, own):
            for item in group.value if group.VR == "SQ" else ():
                frame.update(item)
        for name, usual in OTHER_NAMES.items():
            if name in frame:
                setattr(frame, usual, frame[name].value)
        frame.ScanningSequence = [code for (name, value), code in CODES.items() if frame.get(name) == value]
        frames.append(frame)
    return frames or [header]


def _text(header, name: str) -> str:
    value = header.get(name)
    return "" if value is None else str(value).strip()


def _number(header, name: str) -> float | None:
    try:
        value = float(header.get(name))
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def _place(header) -> Place | None:
    try:
        position = np.array(header.ImagePositionPatient, float)
        turn = np.array(header.ImageOrientationPatient, float)
        size = np.array(header.PixelSpacing, float)[::-1]
    except (AttributeError, TypeError, ValueError):
        return None
    if (position.size, turn.size, size.size) != (3, 6, 2) or not np.isfinite([*position, *turn, *size]).all():
        return None
    return Place(position, turn[:3], turn[3:], size) if (size > 0).all() else None


def _series(images: list[Image]) -> Series:
    """One volume of images that have one orientation."""
    header, (_, right, down, size) = images[0].header, images[0].place
    normal = np.cross(right, down)
    positions = np.array([image.place.first for image in images])
    order = np.argsort(positions @ normal, kind="stable")
    positions = positions[order]
    heights = positions @ normal
    step = (positions[-1] - positions[0]) / max(len(images) - 1, 1)
    world = np.eye(4)
    world[:3, :3] = np.stack([right * size[0], down * size[1], step if len(images) > 1 else normal], axis=1)
    world[:3, 3] = positions[0]
    shape = (int(header.Columns), int(header.Rows), len(images))
    affine = FLIP @ world
    number = _text(header, "SeriesNumber")
    echo = _number(header, "EchoTime")
    words = " ".join(_text(header, name) for name in WORDS).lower()
    return Series(
        name=f"series {number or '?'}",
        words=words,
        files=tuple(images[place].path for place in order),
        frames=tuple(images[place].frame for place in order),
        shape=shape,
        affine=affine,
        stored_shape=shape,
        stored_affine=affine,
        repetition=_number(header, "RepetitionTime"),
        echo=echo,
        inversion=_number(header, "InversionTime"),
        agent=_text(header, "ContrastBolusAgent").lower() not in ("", "no", "none", "n"),
        sequence=_codes(header, "ScanningSequence"),
        problem=_problem(images, np.diff(heights)),
        is_dicom=True,
        syntax=_syntax(header),
    )


def _syntax(header) -> str:
    meta = getattr(header, "file_meta", None) or {}
    return f"transfer syntax {pydicom.uid.UID(str(meta.get('TransferSyntaxUID', 'unknown'))).name}"


def _codes(header, name: str) -> str:
    value = header.get(name)
    return " ".join(value) if isinstance(value, pydicom.multival.MultiValue) else str(value or "")


def _problem(images: list[Image], steps: np.ndarray) -> str:
    """Why a series cannot be used, a clause; empty where it can."""
    header = images[0].header
    part = _text(header, "BodyPartExamined").upper().replace(" ", "")
    kind = _codes(header, "ImageType").upper()
    if (_number(header, "NumberOfFrames") or 1) > 1 and not header.get("PerFrameFunctionalGroupsSequence"):
        return "it is a multi-frame image that does not say where its frames lie; dcm2niix may make a NIfTI file of it"
    if len({(image.header.get("RescaleSlope"), image.header.get("RescaleIntercept")) for image in images}) > 1:
        return "its frames are scaled differently; dcm2niix makes a NIfTI file of it"
    if part and not any(word in part for word in HEAD_PARTS):
        return "its header names another part of the body than the head"
    if any(word in kind.split() for word in ("ADC", "MIP", "PROJECTION", "LOCALIZER", "SUBTRACTION", "MPR_THICK")):
        return "it was computed from other images, or is a localizer"
    if (_number(header, "DiffusionBValue") or 0) > 0:
        return "it shows diffusion"
    if len(steps) + 1 < FEWEST_SLICES:
        return f"it has {len(steps) + 1} slices"
    typical = float(np.median(steps))
    if typical < SAME_MM or steps.min() < SAME_MM:
        return "it has several images at the same place"
    if steps.max() > 1.5 * typical:
        missing = int(np.sum(np.round(steps / typical) - 1))
        return f"slices are missing in it, about {missing}, where neighbours are {steps.max():.1f} mm apart"
    if np.abs(steps / typical - 1).max() > UNEVEN:
        return f"its slices are unevenly spaced, {steps.min():.1f} to {steps.max():.1f} mm apart"
    return ""
