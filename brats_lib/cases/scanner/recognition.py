"""Which series is which modality: by what the headers say of the measurement, by words, or as a person says."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from brats_lib.cases.layouts import MODALITIES, recognise, stem
from brats_lib.cases.scanner.dicom import dicom_series
from brats_lib.cases.scanner.series import Series, files_below, nifti_series
from brats_lib.errors import BratsError

NEEDED = ("flair", "t1ce")
# Between words of a description: anything that is no letter and no digit, or a change from one to the other.
FLAIR_WORDS = re.compile(r"flair|dark.?fluid|tirm")
T2_WORDS = re.compile(r"(?<![a-z0-9])t2(?![0-9*])|t2w")
T1_WORDS = re.compile(r"(?<![a-z0-9])t1(?![0-9])|t1w|mp.?rage|bravo|spgr|fspgr|tfl3d|vibe")
AGENT_WORDS = re.compile(
    r"(?<![a-z])(post|gd|gad|gado|ce|t1ce|t1c|t1gd|contrast|dotarem|gadovist|magnevist|km|mit.km)(?![a-z])|\+ ?(c|k|gd)"
)
NO_AGENT_WORDS = re.compile(r"(?<![a-z])(pre|without|ohne|nativ|non.?contrast|non.?enhanced)(?![a-z])")
OTHER_WORDS = re.compile(
    r"dwi|diffusion|trace|ep2d|t2\*|t2star|hemo|perf|angio|subtract|scout|survey|localizer|spectro"
    r"|(?<![a-z])(adc|dti|epi|swi|swan|dsc|dce|asl|bold|tof|mra|mrv|mip|sub|loc|csi|svs|phase|mag|seg|mask)(?![a-z])"
)
# Times in ms by which spin and gradient echoes are told apart where words do not.
LONG_INVERSION, LONG_ECHO, SHORT_ECHO, LONG_REPETITION = 1600, 60, 35, 2500


def find_series(folder: Path, remarks: list[str]) -> Sequence[Series]:
    """Every series below a folder, of DICOM images or else of NIfTI files; `remarks` gets what was passed over."""
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "there is no such folder"
        advice = "Give the folder that holds the images of one examination"
        raise BratsError(folder, found, "a folder of DICOM or NIfTI files", advice)
    paths = list(files_below(folder))
    images = [path for path in paths if stem(path)]
    if not images:
        return dicom_series(folder, paths, remarks)
    series = []
    for path in images:
        try:
            series.append(nifti_series(path))
        except BratsError as error:
            remarks.append(f"{path.name} was passed over: {error.found}")
    return series


def weighting(series: Series) -> tuple[str, str]:
    """Name "flair", "t1" or "t2" with the reason, a clause; an empty name where it is none of them or unknown."""
    tr, te, ti = series.repetition, series.echo, series.inversion
    if OTHER_WORDS.search(series.words):
        return "", "its description names another kind of image"
    if "EP" in series.sequence.split():
        return "", "it is an echo-planar image"
    if FLAIR_WORDS.search(series.words) and not T1_WORDS.search(series.words):
        return "flair", "its description says FLAIR"
    if te is not None and tr is not None:
        times = f"TR {tr:.0f}, TE {te:.0f}" + (f", TI {ti:.0f}" if ti else "") + " ms"
        gradient = "GR" in series.sequence.split()
        if ti and ti >= LONG_INVERSION and te >= LONG_ECHO:
            return "flair", times
        if te <= SHORT_ECHO and (gradient or tr < LONG_REPETITION):
            return ("", f"{times}, a gradient echo that blood darkens") if gradient and te > 15 else ("t1", times)
        if te >= LONG_ECHO and tr >= LONG_REPETITION and not gradient:
            return "t2", times
    for name, words in (("t2", T2_WORDS), ("t1", T1_WORDS)):
        if words.search(series.words):
            return name, f"its description says {name.upper()}"
    return "", "neither times nor words of its header tell"


def role(series: Series) -> tuple[str, str]:
    """One of `MODALITIES` with the reason; ``"t1?"`` where nothing says whether a T1 has contrast agent."""
    if not series.is_dicom and (read := recognise(series.files[0])) and read[2] in MODALITIES:
        return read[2], "by its file name"
    name, why = weighting(series)
    if name != "t1":
        return name, why
    if series.agent:
        return "t1ce", f"{why}; its header names a contrast agent"
    if NO_AGENT_WORDS.search(series.words):
        return "t1", f"{why}; its description says without contrast agent"
    if AGENT_WORDS.search(series.words):
        return "t1ce", f"{why}; its description says with contrast agent"
    return "t1?", why


def described(series: Series) -> str:
    """What was recognised, for a person to read: ``"series 4: t1ce (TR 550, TE 12 ms; ...)"``."""
    name, why = role(series)
    return f"{series.name}: {series.problem or (f'{name} ({why})' if name else why)}"


def propose(series: Sequence[Series], given: Mapping[str, str], remarks: list[str]) -> dict[str, tuple[Series, str]]:
    """Pick a series for each modality that can be told, with the reason.

    `given` is what a person says: modality to the number of a series, or to a file's name or path. Of several series
    that could be one modality the one with the smallest voxels is taken, of equal ones the last; `remarks` says so.
    """
    chosen = {modality: (_named(series, what, modality), "as you said") for modality, what in given.items()}
    taken = {each.name for each, _ in chosen.values()}
    candidates: dict[str, list[tuple[Series, str]]] = {}
    for each in series:
        name, why = role(each)
        if name and not each.problem and each.name not in taken:
            candidates.setdefault(name, []).append((each, why))
        elif name.rstrip("?") in MODALITIES and each.problem:
            remarks.append(f"{each.name} could be {name.rstrip('?')} but was passed over: {each.problem}")
    unsure = candidates.pop("t1?", [])
    if "t1ce" in chosen or "t1ce" in candidates:
        # With one T1 known to have contrast agent, those that nothing is said of have none.
        candidates.setdefault("t1", []).extend((each, f"{why}; no contrast agent is named") for each, why in unsure)
    for modality in MODALITIES:
        if modality in chosen or not candidates.get(modality):
            continue
        ranked = sorted(candidates[modality], key=lambda pair: round(max(pair[0].spacing), 1))
        finest = [pair for pair in ranked if round(max(pair[0].spacing), 1) == round(max(ranked[0][0].spacing), 1)]
        chosen[modality] = finest[-1]
        if len(ranked) > 1:
            names = ", ".join(each.name for each, _ in ranked)
            remarks.append(f"{names} could be {modality}; {finest[-1][0].name} was taken")
    return {modality: chosen[modality] for modality in MODALITIES if modality in chosen}


def choose(
    series: Sequence[Series], given: Mapping[str, str], where: str, remarks: list[str]
) -> dict[str, tuple[Series, str]]:
    """As `propose`; FLAIR and T1ce must be found, T1 and T2 may be missing, and no series is two modalities."""
    chosen = propose(series, given, remarks)
    for modality in NEEDED:
        if modality not in chosen:
            seen = [described(each) for each in series]
            listed = "; ".join(seen[:12]) + (f"; and {len(seen) - 12} more" if len(seen) > 12 else "")
            found = f"no {modality} was recognised ({listed})"
            options = f'--{modality} "number of the series, or file"'
            raise BratsError(where, found, "FLAIR and T1ce, each a series or file", f"Name it: {options}")
    if len({id(each) for each, _ in chosen.values()}) < len(chosen):
        raise BratsError(where, "one series is named for two modalities", "one each", "Name another one")
    return chosen


def _named(series: Sequence[Series], what: str, modality: str) -> Series:
    """The series that a person means."""
    path = Path(what).expanduser()
    if stem(path) and path.is_file():
        found = [each for each in series if each.files[0].resolve() == path.resolve()] or [nifti_series(path)]
    else:
        number = what.lower().removeprefix("series").strip()
        found = [each for each in series if what == each.name or (each.is_dicom and each.name == f"series {number}")]
    option = f"--{modality} {what}"
    if len(found) != 1:
        names = ", ".join(each.name for each in series[:20]) or "none"
        reason = "no series or file has this name" if not found else f"{len(found)} have this name"
        raise BratsError(option, reason, f"one of {names}", "Give the number of a series or the path of a NIfTI file")
    if found[0].problem:
        raise BratsError(option, found[0].problem, "a complete volume of the head", "Name another one")
    return found[0]
