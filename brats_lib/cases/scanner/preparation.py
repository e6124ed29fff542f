"""A study to a case as BraTS has it: recognised, aligned, resampled once, without its skull; and a record of that."""

import json
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from brats_lib import __version__, installed_versions
from brats_lib.cases.grids import by_axis, new_grid
from brats_lib.cases.nifti import write_scan
from brats_lib.cases.scanner.alignment import align, head_middle
from brats_lib.cases.scanner.atlas import AFFINE, GRID, MIDDLE, average_head
from brats_lib.cases.scanner.brain import find_brain, find_brain_by_deepbet
from brats_lib.cases.scanner.original import PREPARATION, RECORD
from brats_lib.cases.scanner.recognition import choose, find_series
from brats_lib.cases.scanner.registration import (
    information,
    nearest_rigid,
    pyramid,
    register,
    resample,
    to_affine,
    to_array,
    to_itk,
    to_matrix,
    to_rigid,
)
from brats_lib.cases.scanner.report import page
from brats_lib.cases.scanner.series import Series, nifti_series
from brats_lib.errors import BratsError
from brats_lib.files import home_path, make_folder, write_whole

REFERENCE = "t1ce"
SIZES = (6.0, 3.0, 1.5)  # mm, of the voxels at which modalities are registered to each other
# Mutual information in nats: of two scans of one head, below which they do not match; of a head with the average one,
# below which it is none, and below which a person should look. Scans and phantoms have .6 to .85, legs .35 to .45.
LEAST_SHARED, LEAST_HEAD, USUAL_HEAD = 0.15, 0.45, 0.55
# Of the brain that a modality does not show, what is worth a warning.
UNSEEN_SHARE = 0.01
FAR_MM = 30.0
# Nothing in the brain is 0, which means outside; of the modality's median.
DARKEST = 1e-3
PACKAGES = ("numpy", "scipy", "nibabel", "nilearn", "SimpleITK", "pydicom")
ASSUMED = (
    "The T1ce image was turned and moved to where BraTS has heads, and not stretched: lengths and volumes are the"
    " patient's. The other modalities were turned and moved to fit T1ce.",
    "Every modality was interpolated once, by cubic splines, to voxels of 1 mm. Between thick slices nothing was"
    " measured.",
)
BRAINS = {
    "average": "The brain was found by an average brain whose surface was moved to where this one's ends. That is less"
    " exact than a network that learnt to do it, such as HD-BET, SynthStrip or deepbet: look at the outline.",
    "deepbet": "The brain was found by deepbet, a network that learnt from T1 images, in T1 or else in T1ce.",
}


@dataclass
class Preparation:
    """A study on the grid of BraTS, and how it got there. Volumes are float32 of shape (240, 240, 155), LPS, 1 mm."""

    scans: dict[str, Series]
    reasons: dict[str, str]
    to_scan: dict[str, np.ndarray]  # matrices (4, 4), RAS mm, from a point here to the same point of the scan
    heads: dict[str, np.ndarray]  # with skull
    brain: np.ndarray  # bool
    volumes: dict[str, np.ndarray]  # 0 outside the brain
    method: str  # how the brain was found, a key of `BRAINS`
    remarks: list[str]
    seconds: dict[str, float] = field(default_factory=dict)


def prepare(
    source: str | Path | None,
    given: Mapping[str, str] | None = None,
    brain: str = "average",
    report: Callable[[str], None] = lambda step: None,
) -> Preparation:
    """Make a case of a study.

    `source` is a folder of DICOM images of one study, or of NIfTI files, with skull, each on any grid; None where
    `given`, modality to file or number of a series, names all. FLAIR and T1ce are needed, T1 and T2 may be missing.
    `brain` is how the brain is found: "average", or "deepbet" where that package is installed. `report` is called with
    the name of each step before it starts.

    A BratsError where the study cannot be used: other parts of the body, several studies, slices that are missing,
    modalities that cannot be told.
    """
    given = dict(given or {})
    remarks: list[str] = []
    started = time.perf_counter()
    report("read headers")
    folder = home_path(source) if source is not None else None
    series: Sequence[Series] = find_series(folder, remarks) if folder is not None else ()
    if folder is None:
        series = [nifti_series(home_path(path)) for path in given.values()]
    chosen = choose(series, given, str(folder or "brats prepare"), remarks)
    seconds = {"read headers": round(time.perf_counter() - started, 1)}
    done = prepare_series(chosen, remarks, brain, report)
    return replace(done, seconds=seconds | done.seconds)


def prepare_series(
    chosen: Mapping[str, tuple[Series, str]],
    remarks: Iterable[str] = (),
    brain: str = "average",
    report: Callable[[str], None] = lambda step: None,
) -> Preparation:
    """As `prepare`, of series by modality, each with the reason why it is that; `remarks` is what was said of them."""
    remarks = list(remarks)
    seconds: dict[str, float] = {}
    steps: list[str] = []
    started = time.perf_counter()

    def step(name):
        nonlocal started
        now = time.perf_counter()
        if steps:
            seconds[steps[-1]] = round(now - started, 1)
        steps.append(name)
        started = now
        report(name)

    scans = {modality: each for modality, (each, _) in chosen.items()}
    step("read images")
    images = {modality: _read(modality, each) for modality, each in scans.items()}
    step("align the modalities")
    reference = images[REFERENCE]
    fixed, middle = pyramid(to_itk(*reference), SIZES), head_middle(*reference)
    between = {REFERENCE: np.eye(4)}
    for modality, image in images.items():
        if modality != REFERENCE:
            between[modality], said = _fit(modality, fixed, middle, image)
            remarks += said
    step("align the head with the atlas")
    stretched, shared = align(*reference)
    if shared < LEAST_HEAD:
        found = f"what it shows does not look like a head (it shares {shared:.2f} with an average one)"
        advice = "Give the T1ce image of a whole head; --t1ce names it"
        raise BratsError(scans[REFERENCE].name, found, f"a head, {LEAST_HEAD} or more", advice)
    if shared < USUAL_HEAD:
        remarks.append(f"The head shares little with an average one ({shared:.2f}): look at the brain's outline")
    placed = nearest_rigid(stretched, MIDDLE)
    to_scan = {modality: matrix @ placed for modality, matrix in between.items()}
    step("resample")
    heads = {modality: _bring(image, to_scan[modality], True) for modality, image in images.items()}
    step("find the brain")
    expected = _bring((average_head().brain.astype(np.float32), AFFINE), np.linalg.inv(stretched) @ placed) > 0.5
    mask = _FINDERS[brain](heads, expected)
    step("write")
    volumes = {}
    for modality, head in heads.items():
        seen = _bring((np.ones(images[modality][0].shape, np.float32), images[modality][1]), to_scan[modality]) > 0.5
        if (unseen := 1 - seen[mask].mean()) > UNSEEN_SHARE:
            remarks.append(f"{100 * unseen:.0f} % of the brain lies outside the field of view of {modality}")
        least = DARKEST * np.median(head[mask])
        volumes[modality] = np.where(mask & seen, np.maximum(head, least), 0).astype(np.float32)
        heads[modality] = np.where(seen, head, 0).astype(np.float32)
    reasons = {modality: why for modality, (_, why) in chosen.items()}
    return Preparation(scans, reasons, to_scan, heads, mask, volumes, brain, remarks, seconds)


def _read(modality: str, series: Series) -> tuple[np.ndarray, np.ndarray]:
    if series.problem:
        raise BratsError(series.name, series.problem, "a complete volume of the head", "Name another one")
    values = series.load()
    if not np.isfinite(values).all() or values.max() <= values.min():
        found = (
            f"its voxels are all {values.flat[0]:.4g}" if np.isfinite(values).all() else "some voxels are no numbers"
        )
        raise BratsError(series.name, found, f"a {modality} image", "Export the series again, or name another one")
    return values, series.affine


def _fit(modality, fixed, middle, image):
    """Matrix from T1ce to another modality, and remarks."""
    moving = pyramid(to_itk(*image), SIZES)
    starts = [np.eye(4), np.eye(4)]
    # Scans of one examination share coordinates; where they do not, the middles of both heads lie on each other.
    starts[1][:3, 3] = head_middle(*image) - middle
    start = max(starts, key=lambda matrix: information(fixed[0], moving[0], to_rigid(matrix, middle)))
    transform = register(fixed, moving, to_rigid(start, middle))
    remarks = []
    if (shared := information(fixed[-1], moving[-1], transform)) < LEAST_SHARED:
        remarks.append(f"{modality} shares little with T1ce ({shared:.2f}): look at the alignment before all else")
    matrix = to_matrix(transform)
    distance, degrees = moved(matrix, middle)
    if distance > FAR_MM or degrees > 20:
        remarks.append(f"{modality} was moved by {distance:.0f} mm and {degrees:.0f} degrees: look at the alignment")
    return matrix, remarks


def moved(matrix: np.ndarray, middle: np.ndarray) -> tuple[float, float]:
    """How far a rigid matrix moves a point, in mm, and how far it turns, in degrees."""
    distance = np.linalg.norm(matrix[:3, :3] @ middle + matrix[:3, 3] - middle)
    return float(distance), float(np.degrees(Rotation.from_matrix(matrix[:3, :3]).magnitude()))


def _bring(image, matrix, scan=False):
    """A mask or a scan on the grid of BraTS."""
    like = to_itk(np.zeros(GRID, np.uint8), AFFINE)
    return to_array(resample(to_itk(*image), like, to_affine(matrix, MIDDLE), scan))


_FINDERS = {"average": find_brain, "deepbet": find_brain_by_deepbet}


def case_folder(out: str | Path) -> Path:
    """Make the folder of a case; refuse one that holds anything but an earlier preparation."""
    out = make_folder(out)
    if any(out.iterdir()) and not (out / PREPARATION).is_file():
        raise BratsError(out, "files are in it", "a new or empty folder for the case", "Choose another folder")
    return out


def save(preparation: Preparation, out: str | Path) -> Path:
    """Write a case folder, named as its last part: volumes, `preparation.json` and `preparation.html`."""
    out = case_folder(out)
    name = out.resolve().name
    for path in out.glob(f"{name}_*.nii.gz"):
        path.unlink()
    for modality, volume in preparation.volumes.items():
        path = out / f"{name}_{modality}.nii.gz"
        write_scan(volume, new_grid(path, GRID, AFFINE), path)
    about = record(preparation, name)
    write_whole(out / "preparation.html", page(about, preparation.heads, preparation.brain))
    write_whole(out / PREPARATION, json.dumps(about, indent=1) + "\n")
    return out


def record(preparation: Preparation, name: str) -> dict:
    """What `preparation.json` holds: nothing of the headers but how the images were made."""
    scans = {}
    placed = preparation.to_scan[REFERENCE]
    middle = placed[:3, :3] @ MIDDLE + placed[:3, 3]
    for modality, series in preparation.scans.items():
        distance, degrees = moved(preparation.to_scan[modality] @ np.linalg.inv(placed), middle)
        scans[modality] = {
            "source": series.name,
            "recognised": preparation.reasons[modality],
            "shape": [int(length) for length in series.stored_shape],
            "voxel_mm": by_axis(series.spacing),
            "moved_mm": round(distance, 1),
            "turned_degrees": round(degrees, 1),
            "affine": series.stored_affine.tolist(),
            "to_scan": preparation.to_scan[modality].tolist(),
        }
    return {
        "record": RECORD,
        "case": name,
        "original": REFERENCE,
        "scans": scans,
        "brain": {"method": preparation.method, "ml": round(float(preparation.brain.sum()) / 1000, 1)},
        "assumed": [*ASSUMED, BRAINS[preparation.method]],
        "remarks": preparation.remarks,
        "seconds": preparation.seconds,
        "versions": {"brats_lib": __version__, "python": platform.python_version()} | installed_versions(*PACKAGES),
    }
