"""What can be wrong with a cohort: a table of faults, how each is planted, and which finding must name it."""

from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from brats_lib.labels import ED, ET, NCR

IMAGES = "flair t1 t1ce t2"
ALL = f"{IMAGES} seg"


@dataclass
class Patient:
    """One case's arrays, LPS, and their affine; its files once they are written."""

    arrays: dict
    affine: np.ndarray
    other: Any = None
    paths: dict = None

    def copy(self, other=None):
        return Patient({role: array.copy() for role, array in self.arrays.items()}, self.affine, other)

    def write(self, root, name):
        folder = root / name
        folder.mkdir(parents=True)
        self.paths = {role: folder / f"{name}_{role}.nii" for role in self.arrays}
        for role, array in self.arrays.items():
            nib.save(nib.Nifti1Image(array, self.affine), self.paths[role])

    def voxels(self, mm):
        """How many voxels of this case a length is."""
        return round(mm / abs(self.affine[0, 0]))

    @property
    def brain(self):
        return np.logical_or.reduce([self.arrays[modality] != 0 for modality in IMAGES.split()])


# What is done to the arrays of one patient before they are written.


def on(roles, change):
    """Replace arrays by what a function makes of them."""

    def plant(patient):
        patient.arrays |= {role: change(patient.arrays[role]) for role in roles.split()}

    return plant


def from_patient(role, make):
    """Replace an array by what a function makes of the patient."""
    return lambda patient: patient.arrays.update({role: make(patient)})


def moved(role, mm, axis):
    return from_patient(role, lambda p: np.roll(p.arrays[role], p.voxels(mm), axis))


def exchanged(one, other):
    def plant(patient):
        patient.arrays |= {one: patient.arrays[other], other: patient.arrays[one]}

    return plant


def of_another(roles):
    def plant(patient):
        patient.arrays |= {role: patient.other.arrays[role].copy() for role in roles.split()}

    return plant


def relabelled(codes):
    lookup = np.arange(256, dtype=np.uint8)
    lookup[list(codes)] = list(codes.values())
    return lambda mask: lookup[mask]


def turned(axis):
    return lambda array: np.flip(array, axis).copy()


def outside(patient):
    """A mask beside the brain."""
    distance = np.linalg.norm(np.indices(patient.arrays["seg"].shape).T - patient.voxels(16), axis=-1).T
    return np.where(distance < patient.voxels(12), ED, 0).astype(np.uint8)


def one_voxel(mask):
    kept = np.zeros_like(mask)
    kept[tuple(np.argwhere(mask == ED)[0])] = ED
    return kept


def inside(volume, values):
    return np.where(volume != 0, values, 0).astype(np.float32)


def noise(volume):
    return inside(volume, np.random.default_rng(0).normal(500, 100, volume.shape))


def wrapped(volume):
    """Stored in a byte without scaling, as `astype` does."""
    return np.round(volume * (1500 / volume.max())).astype(np.int64).astype(np.uint8)


def clipped(volume):
    return np.minimum(np.round(volume * (1500 / np.percentile(volume, 99.9))), 255).astype(np.int16)


def without_slices(volume):
    """A tenth of the brain's slices are empty, from its middle on."""
    used = np.flatnonzero(volume.any((0, 1)))
    volume[:, :, used[used.size // 2] : used[int(0.6 * used.size)]] = 0
    return volume


def hole(volume):
    centre = np.array(ndimage.center_of_mass(volume != 0)).astype(int)
    reach = np.array(volume.shape) // 14
    volume[tuple(slice(c - r, c + r) for c, r in zip(centre, reach, strict=True))] = 0
    return volume


def at_centre(value):
    """One voxel in the brain of another value."""

    def change(volume):
        volume = volume.astype(np.float32)
        volume[tuple(np.argwhere(volume > 0)[np.count_nonzero(volume > 0) // 2])] = value
        return volume

    return change


def with_skull(patient):
    """A shell of bone without signal and a scalp around the brain, in all images."""
    mm = abs(patient.affine[0, 0])
    depth = ndimage.distance_transform_edt(~ndimage.binary_fill_holes(patient.brain), sampling=[mm] * 3)
    for modality in IMAGES.split():
        volume = patient.arrays[modality]
        median = np.median(volume[volume > 0])
        shells = [(depth > 0) & (depth <= 6), (depth > 6) & (depth <= 14)]
        patient.arrays[modality] = np.select(shells, [0.1 * median, 1.3 * median], volume).astype(np.float32)


# What is done to the files of the first of four cases, or beside them.


def content(role, change):
    """Replace the bytes of a file."""

    return lambda patient, root: patient.paths[role].write_bytes(change(patient.paths[role].read_bytes()))


def header(role, **fields):
    def change(data):
        head = nib.Nifti1Header(data[:348], check=False)
        for field, value in fields.items():
            head[field] = value
        return head.binaryblock + data[348:]

    return content(role, change)


def stored(roles, array=lambda array: array, affine=lambda affine: affine):
    """Store arrays anew, as what functions make of them and of their affine."""

    def spoil(patient, root):
        for role in roles.split():
            image = nib.Nifti1Image(array(patient.arrays[role]), affine(patient.affine))
            nib.save(image, patient.paths[role])

    return spoil


def no_file(roles):
    def spoil(patient, root):
        for role in roles.split():
            patient.paths[role].unlink()

    return spoil


def also(role, ending, instead=False):
    """A second file beside one of the case's, or a file of another name instead of it."""

    def spoil(patient, root):
        path = patient.paths[role]
        path.with_name(path.name.replace(f"{role}.nii", ending)).write_bytes(path.read_bytes())
        if instead:
            path.unlink()

    return spoil


def beside(name, text, encoding="utf-8"):
    """A file beside the cases."""
    return lambda patient, root: (root / name).write_text(text, encoding)


def table(text, encoding="utf-8"):
    return beside("name_mapping.csv", text, encoding)


def graded(rows):
    """A table with rows such as `"HGG1"`: the grade, and the number of the case."""
    return table("Grade,ID\n" + "".join(f"{row[:-1]},P_{row[-1]}\n" for row in rows.split()))


def split(test):
    return beside("split.json", f'{{"train": ["P_1"], "val": ["P_2"], "test": ["{test}"]}}')


MASK_ELSEWHERE = {"mask-outside", "mask-place", "labels-exchanged"}
IMAGE_ELSEWHERE = {"outline", "edges"}

# One of two patients: kind, what is done to the arrays, and the findings that name it, of which one is enough.
CONTENT = [
    ("masks of two patients exchanged", of_another("seg"), MASK_ELSEWHERE),
    ("mask mirrored", on("seg", turned(0)), MASK_ELSEWHERE),
    ("mask upside down", on("seg", turned(2)), MASK_ELSEWHERE),
    ("mask turned front to back", on("seg", turned(1)), {*MASK_ELSEWHERE, "labels-exchanged"}),
    ("axes of the mask exchanged", on("seg", lambda m: m.swapaxes(0, 1).copy()), MASK_ELSEWHERE),
    ("mask shifted by 6 mm", moved("seg", 6, 1), {"mask-outside", "mask-place"}),
    ("mask shifted by 20 mm", moved("seg", 20, 0), {"mask-outside", "mask-place"}),
    ("mask outside the brain", from_patient("seg", outside), {"mask-outside"}),
    ("mask of one voxel", on("seg", one_voxel), {"tiny-mask"}),
    ("NCR and ED exchanged", on("seg", relabelled({NCR: ED, ED: NCR})), {"labels-exchanged"}),
    ("ED and ET exchanged", on("seg", relabelled({ED: ET, ET: ED})), {"labels-exchanged"}),
    ("NCR and ET exchanged", on("seg", relabelled({NCR: ET, ET: NCR})), {"labels-exchanged"}),
    ("empty mask", on("seg", np.zeros_like), {"no-tumour"}),
    ("mask of the brain", from_patient("seg", lambda p: p.brain.astype(np.uint8)), {"labels"}),
    ("mask interpolated", on("seg", lambda m: ndimage.gaussian_filter(m.astype(np.float32), 1)), {"labels"}),
    ("mask with the codes of BraTS 2023", on("seg", relabelled({ET: 3})), {"labels"}),
    ("unknown label", on("seg", relabelled({ET: 7})), {"labels"}),
    ("negative label", on("seg", lambda m: -m.astype(np.int16)), {"labels"}),
    ("NaN in the mask", on("seg", at_centre(np.nan)), {"labels"}),
    ("mask of another shape", on("seg", lambda m: m[:, :, :-1]), {"shape"}),
    ("image mirrored", on("t1", turned(0)), IMAGE_ELSEWHERE),
    ("image upside down", on("t1ce", turned(2)), IMAGE_ELSEWHERE),
    ("image turned front to back", on("t2", turned(1)), IMAGE_ELSEWHERE),
    ("axes of an image exchanged", on("t2", lambda v: v.swapaxes(0, 1).copy()), IMAGE_ELSEWHERE),
    ("image shifted", moved("flair", 10, 1), IMAGE_ELSEWHERE),
    ("image inverted", on("t2", lambda v: np.where(v != 0, v.max() + 1 - v, 0)), {"contrast"}),
    ("image of noise", on("t1", noise), {"noise"}),
    ("image constant in the brain", on("t1", lambda v: inside(v, 300)), {"constant"}),
    ("image of one value everywhere", on("t1", lambda v: np.full_like(v, 300)), {"empty-image"}),
    ("image of zeros", on("t1", np.zeros_like), {"empty-image"}),
    ("image clipped at 255", on("flair", clipped), {"constant", "cut-off"}),
    ("image wrapped as uint8", on("flair", wrapped), {"wrapped"}),
    ("image of few grey levels", on("t2", lambda v: np.ceil(v / v.max() * 6) * 100), {"few-levels", "constant"}),
    ("image of another patient", of_another("flair"), IMAGE_ELSEWHERE),
    ("T1ce of another patient", of_another("t1ce"), IMAGE_ELSEWHERE),
    ("all images of another patient", of_another(IMAGES), {"duplicate-image"}),
    ("FLAIR and T2 exchanged", exchanged("flair", "t2"), {"contrast"}),
    ("T1 and T1ce exchanged", exchanged("t1", "t1ce"), {"contrast"}),
    ("FLAIR and T1ce exchanged", exchanged("flair", "t1ce"), {"contrast"}),
    ("T1 and T2 exchanged", exchanged("t1", "t2"), {"contrast"}),
    ("T1 is T2 times two", from_patient("t1", lambda p: 2 * p.arrays["t2"]), {"copied-image"}),
    ("T1ce is T1", from_patient("t1ce", lambda p: p.arrays["t1"].copy()), {"duplicate-image", "copied-image"}),
    ("slices missing", on("t1", without_slices), {"missing-slices", "outline"}),
    ("hole in an image", on("flair", hole), {"holes"}),
    ("scan with skull", with_skull, {"skull"}),
    ("background that is not 0", on(IMAGES, lambda v: v + 50), {"background"}),
    ("NaN in the brain", on("flair", at_centre(np.nan)), {"not-finite"}),
    ("infinite value", on("flair", at_centre(np.inf)), {"not-finite"}),
    ("one voxel of 1e9", on("flair", at_centre(1e9)), {"outliers"}),
    ("negative values", on("t1", lambda v: inside(v, v - np.median(v[v != 0]))), {"negative-values"}),
    ("whole case upside down", on(ALL, turned(2)), {"posture"}),
    ("whole case turned front to back", on(ALL, turned(1)), {"posture"}),
    ("all images upside down", on(IMAGES, turned(2)), {"posture"}),
    ("axes of the whole case exchanged", on(ALL, lambda array: array.swapaxes(0, 1).copy()), {"posture"}),
    ("all images mirrored", on(IMAGES, turned(0)), MASK_ELSEWHERE),
    ("image of another shape", on("t1", lambda v: v[:, :, :-1]), {"shape"}),
    # Nothing in a brain tells left from right, unless a marker is in the image: all files agree with each other.
    ("whole case mirrored", on(ALL, turned(0)), None),
    # The mask is in its place and every label where its signal is: only another rater could tell.
    ("mask of another rater", on("seg", lambda m: ndimage.grey_erosion(m, size=(3, 1, 1))), None),
]  # fmt: skip

# A copy of a patient: kind, what is done to the copy, and the findings that name the pair.
TWINS = [
    ("case under another name", on(ALL, np.copy), {"duplicate-image"}),
    ("values doubled", on(IMAGES, lambda v: 2 * v), {"near-duplicate"}),
    ("one voxel changed", on(IMAGES, at_centre(7)), {"near-duplicate"}),
    ("shifted by one voxel", on(ALL, lambda v: np.roll(v, 1, 0)), {"near-duplicate"}),
    ("with mild noise", on(IMAGES, lambda v: inside(v, v + noise(v) / 50)), {"near-duplicate"}),
    ("mirrored", on(ALL, turned(0)), {"near-duplicate"}),
]

# One of four small cases: kind, what is done to its files, and the findings that name it.
FILES = [
    ("modality missing", no_file("t2"), {"missing-modality"}),
    ("folder with a mask only", no_file(IMAGES), {"missing-modality"}),
    ("image under an unknown name", also("t1", "swi.nii", instead=True), {"missing-modality"}),
    ("empty folder", no_file(ALL), {"empty-folder"}),
    ("file of 0 bytes", content("t1", lambda data: b""), {"unreadable"}),
    ("file truncated", content("t1", lambda data: data[:-5000]), {"unreadable"}),
    ("text named .nii", content("t1", lambda data: b"<html>404</html>" * 99), {"unreadable"}),
    ("4D image", stored("t1", lambda v: np.stack([v, v], -1)), {"shape"}),
    ("2D image", stored("t1", lambda v: v[..., 0]), {"unreadable"}),
    ("complex numbers", stored("t1", lambda v: v.astype(np.complex64)), {"unreadable"}),
    ("header claims a huge shape", header("t1", dim=[3, 30000, 30000, 3000, 1, 1, 1, 1]), {"unreadable"}),
    ("slope not a number", header("t1", scl_slope=1, scl_inter=np.nan), {"unreadable"}),
    ("affine of zeros", header("t1", srow_x=0, srow_y=0, srow_z=0, qform_code=0), {"unreadable", "affine"}),
    ("sform and qform differ", header("t1", qform_code=1, qoffset_x=60), {"header"}),
    ("lengths in metres", header("t1", xyzt_units=1), {"units"}),
    ("affine of one image shifted", stored("t2", affine=lambda a: a + 7 * np.eye(4, k=3)), {"affine"}),
    ("axes of the mask turned in the header", stored("seg", affine=lambda a: np.eye(4)), {"affine"}),
    ("one image on other axes", stored("t2", affine=lambda a: a[:, [1, 0, 2, 3]]), {"affine", "shape"}),
    ("slices of 2 mm", stored(ALL, affine=lambda a: a @ np.diag([1, 1, 2, 1])), {"spacing"}),
    ("two FLAIR images", also("flair", "flair.nii.gz"), {"ambiguous"}),
    ("two masks", also("seg", "seg.nii.gz"), {"ambiguous"}),
    ("table with both grades", graded("HGG1 LGG1 HGG2 HGG3 LGG4"), {"grade-contradicted"}),
    ("table with a case twice", graded("HGG1 HGG1 HGG2 HGG3 LGG4"), {"csv-repeats"}),
    ("table without the cases' names", table("Grade\nHGG\nHGG\nLGG\n"), {"csv-unrelated"}),
    ("table without grades", table("ID\nP_1\nP_2\nP_3\nP_4\n"), {"csv-without-grade"}),
    ("table with an unknown grade", graded("IV1 HGG2 LGG3 LGG4"), {"no-grade"}),
    ("table without a case", graded("HGG2 LGG3 LGG4"), {"case-without-csv"}),
    ("table with cases that are not there", graded("HGG1 HGG2 LGG3 LGG4 HGG5"), {"csv-without-case"}),
    ("table that is not UTF-8", table("Grade,Näme\nHGG,P_1\n", "latin-1"), {"csv-unreadable"}),
    ("split that leaves a case out", split("P_3"), {"split-incomplete"}),
    ("split that is no JSON", beside("split.json", "{"), {"split"}),
]  # fmt: skip
