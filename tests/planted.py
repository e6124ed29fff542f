"""What can be wrong with a cohort: a table of faults, how each is planted, and which finding must name it."""

import gzip
import json
import os
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from brats_lib.labels import ED, ET, NCR

IMAGES = ("flair", "t1", "t1ce", "t2")
ROLES = (*IMAGES, "seg")
SEVEN_MM = nib.affines.from_matvec(np.eye(3), [7, 0, 0])


@dataclass
class Patient:
    """One case's arrays, LPS, and the affine of each; its files once they are written."""

    arrays: dict
    affines: dict
    other: Any = None
    paths: dict = None

    @classmethod
    def of(cls, volumes, mask, affine):
        return cls({**volumes, "seg": mask}, dict.fromkeys(ROLES, affine))

    def copy(self, other=None):
        return Patient({role: array.copy() for role, array in self.arrays.items()}, dict(self.affines), other)

    def write(self, root, name):
        folder = root / name
        folder.mkdir(parents=True)
        self.paths = {role: folder / f"{name}_{role}.nii" for role in self.arrays}
        for role, array in self.arrays.items():
            nib.save(nib.Nifti1Image(array, self.affines[role]), self.paths[role])

    def voxels(self, mm):
        """How many voxels of this case a length is."""
        return round(mm / abs(self.affines["flair"][0, 0]))

    @property
    def brain(self):
        return np.logical_or.reduce([self.arrays[modality] != 0 for modality in IMAGES])


# What is done to the arrays of one patient before they are written.


def set_to(role, change):
    """Replace an array by what a function makes of it."""

    def plant(patient):
        patient.arrays[role] = change(patient.arrays[role])

    return plant


def set_all(change, roles=ROLES):
    def plant(patient):
        for role in roles:
            patient.arrays[role] = change(patient.arrays[role])

    return plant


def turned(axis):
    return lambda array: np.flip(array, axis).copy()


def moved(role, mm, axis):
    def plant(patient):
        patient.arrays[role] = np.roll(patient.arrays[role], patient.voxels(mm), axis)

    return plant


def relabelled(codes):
    def change(mask):
        changed = mask.copy()
        for old, new in codes.items():
            changed[mask == old] = new
        return changed

    return set_to("seg", change)


def exchanged(one, other):
    def plant(patient):
        patient.arrays[one], patient.arrays[other] = patient.arrays[other], patient.arrays[one]

    return plant


def of_another(*roles):
    def plant(patient):
        for role in roles:
            patient.arrays[role] = patient.other.arrays[role].copy()

    return plant


def copied(one, other, change=lambda array: array):
    def plant(patient):
        patient.arrays[one] = change(patient.arrays[other]).astype(np.float32)

    return plant


def outside(patient):
    """The mask beside the brain."""
    mask = patient.arrays["seg"]
    ball = np.linalg.norm(np.indices(mask.shape).T - np.array([1, 1, 1]) * patient.voxels(16), axis=-1).T
    patient.arrays["seg"] = np.where(ball < patient.voxels(12), ED, 0).astype(np.uint8)


def one_voxel(mask):
    kept = np.zeros_like(mask)
    kept[tuple(np.argwhere(mask == ED)[0])] = ED
    return kept


def brain_as(role, value):
    def plant(patient):
        patient.arrays[role] = np.where(patient.brain, value, 0).astype(patient.arrays[role].dtype)

    return plant


def everything_else(mask):
    return np.where(mask == 0, ED, 0).astype(np.uint8)


def inverted(volume):
    return np.where(volume != 0, volume.max() + 1 - volume, 0)


def inside(volume, values):
    return np.where(volume != 0, values, 0).astype(np.float32)


def noise(volume):
    return inside(volume, np.random.default_rng(0).normal(500, 100, volume.shape))


def wrapped(volume):
    """Stored in a byte without scaling, as `astype` does."""
    return np.round(volume * (1500 / volume.max())).astype(np.int64).astype(np.uint8)


def clipped(volume):
    return np.minimum(np.round(volume * (1500 / np.percentile(volume, 99.9))), 255).astype(np.int16)


def slices(start, stop):
    """Some slices of nothing, at a share of the brain's height."""

    def change(volume):
        used = np.flatnonzero(volume.any((0, 1)))
        low, high = (used[0] + int(share * used.size) for share in (start, stop))
        volume[:, :, low:high] = 0
        return volume

    return change


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
    mm = abs(patient.affines["flair"][0, 0])
    depth = ndimage.distance_transform_edt(~ndimage.binary_fill_holes(patient.brain), sampling=[mm] * 3)
    for modality in IMAGES:
        volume = patient.arrays[modality]
        median = np.median(volume[volume > 0])
        volume = np.where((depth > 0) & (depth <= 6), 0.1 * median, volume)
        patient.arrays[modality] = np.where((depth > 6) & (depth <= 14), 1.3 * median, volume).astype(np.float32)


def affine_of(role, change):
    def plant(patient):
        roles = ROLES if role is None else (role,)
        for each in roles:
            patient.affines[each] = change(patient.affines[each])

    return plant


def cut(volume):
    return volume[:, :, :-1]


# What is done to files that are written.


def content(role, change):
    """Replace the bytes of a file."""

    def plant(patient, root):
        patient.paths[role].write_bytes(change(patient.paths[role].read_bytes()))

    return plant


def packed(data):
    return gzip.compress(data, 1)


def wrong_checksum(plain):
    data = bytearray(packed(plain))
    data[-6] ^= 1
    return bytes(data)


def swapped(data):
    return data[:352] + np.frombuffer(data[352:], "<i2").byteswap().tobytes()


def header(role, **fields):
    def change(data):
        head = nib.Nifti1Header(data[:348], check=False)
        for field, value in fields.items():
            head[field] = value
        return head.binaryblock + data[348:]

    return content(role, change)


def no_file(*roles):
    def plant(patient, root):
        for role in roles:
            patient.paths[role].unlink()

    return plant


def fifo(role):
    def plant(patient, root):
        patient.paths[role].unlink()
        os.mkfifo(patient.paths[role])

    return plant


def link_to_nowhere(patient, root):
    patient.paths["t1"].unlink()
    patient.paths["t1"].symlink_to("elsewhere.nii")


def two_files_in_a_folder(patient, root):
    path, data = patient.paths["t1"], patient.paths["t1"].read_bytes()
    path.unlink()
    path.mkdir()
    for name in ("a.nii", "b.nii"):
        (path / name).write_bytes(data)


def stored(role, array):
    def plant(patient, root):
        nib.save(nib.Nifti1Image(array(patient.arrays[role]), patient.affines[role]), patient.paths[role])

    return plant


def renamed(role, name):
    def plant(patient, root):
        patient.paths[role].rename(patient.paths[role].with_name(patient.paths[role].name.replace(f"{role}.nii", name)))

    return plant


def also(role, name):
    """A second file beside one of the case's."""

    def plant(patient, root):
        path = patient.paths[role]
        path.with_name(path.name.replace(f"{role}.nii", name)).write_bytes(path.read_bytes())

    return plant


def brain_mask_alone(patient, root):
    patient.paths["seg"].unlink()
    brain = nib.Nifti1Image(patient.brain.astype(np.uint8), patient.affines["seg"])
    nib.save(brain, patient.paths["seg"].with_name("brain_mask.nii"))


def as_dicom(patient, root):
    folder = patient.paths["t1"].parent
    for number, path in enumerate(patient.paths.values()):
        path.unlink()
        (folder / f"IM{number:03d}.dcm").write_bytes(bytes(128) + b"DICM")


def folder_called(name):
    def plant(patient, root):
        folder = patient.paths["t1"].parent
        for role, path in patient.paths.items():
            path.rename(folder / f"{name}_{role}.nii")
        folder.rename(root / name)

    return plant


def also_in(place):
    def plant(patient, root):
        folder = patient.paths["t1"].parent
        copy = root / place / folder.name
        copy.mkdir(parents=True)
        for path in patient.paths.values():
            (copy / path.name).write_bytes(path.read_bytes())

    return plant


def table(text, name="name_mapping.csv"):
    def plant(patient, root):
        if text is None:
            os.mkfifo(root / name)
        else:
            (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return plant


def graded(rows, name="name_mapping.csv"):
    """A table with rows such as `"HGG1"`: the grade, and the number of the case."""
    return table("Grade,ID\n" + "".join(f"{row[:-1]},P_{row[-1]}\n" for row in rows.split()), name)


def two_tables(patient, root):
    graded("HGG1 HGG2 HGG3 LGG4")(patient, root)
    graded("LGG1 HGG2 HGG3 LGG4", "name_mapping_2.csv")(patient, root)


def in_lgg_folder(patient, root):
    graded("HGG1 HGG2 HGG3 LGG4")(patient, root)
    (root / "LGG").mkdir()
    (root / "P_1").rename(root / "LGG" / "P_1")


def split(train=("P_1",), val=("P_2",), test=("P_3", "P_4"), text=None):
    def plant(patient, root):
        subsets = {"train": train, "val": val, "test": test}
        (root / "split.json").write_text(json.dumps(subsets) if text is None else text)

    return plant


# One of two patients: kind, what is done to the arrays, and the findings that name it, of which one is enough.
CONTENT = [
    ("masks of two patients exchanged", of_another("seg"), {"mask-outside", "mask-place", "labels-exchanged"}),
    ("mask mirrored", set_to("seg", turned(0)), {"mask-outside", "mask-place", "labels-exchanged"}),
    ("mask turned front to back", set_to("seg", turned(1)), {"mask-outside", "mask-place", "labels-exchanged"}),
    ("mask upside down", set_to("seg", turned(2)), {"mask-outside", "mask-place", "labels-exchanged"}),
    ("mask shifted by 6 mm", moved("seg", 6, 1), {"mask-outside", "mask-place"}),
    ("mask shifted by 20 mm", moved("seg", 20, 0), {"mask-outside", "mask-place"}),
    ("mask outside the brain", outside, {"mask-outside"}),
    ("mask of one voxel", set_to("seg", one_voxel), {"tiny-mask"}),
    ("NCR and ED exchanged", relabelled({NCR: ED, ED: NCR}), {"labels-exchanged"}),
    ("ED and ET exchanged", relabelled({ED: ET, ET: ED}), {"labels-exchanged"}),
    ("NCR and ET exchanged", relabelled({NCR: ET, ET: NCR}), {"labels-exchanged"}),
    ("empty mask", set_to("seg", np.zeros_like), {"no-tumour"}),
    ("mask of the brain", brain_as("seg", NCR), {"labels"}),
    ("mask of everything but the tumour", set_to("seg", everything_else), {"labels"}),
    ("mask interpolated", set_to("seg", lambda m: ndimage.gaussian_filter(m.astype(np.float32), 1)), {"labels"}),
    ("mask with the codes of BraTS 2023", relabelled({ET: 3}), {"labels"}),
    ("unknown label", relabelled({ET: 7}), {"labels"}),
    ("negative label", set_to("seg", lambda m: -m.astype(np.int16)), {"labels"}),
    ("NaN in the mask", set_to("seg", at_centre(np.nan)), {"labels"}),
    ("mask of another shape", set_to("seg", cut), {"shape"}),
    ("axes of the mask exchanged", set_to("seg", lambda m: m.swapaxes(0, 1).copy()), {"mask-outside", "mask-place"}),
    ("image mirrored", set_to("t1", turned(0)), {"outline", "edges"}),
    ("image turned front to back", set_to("t2", turned(1)), {"outline", "edges"}),
    ("image upside down", set_to("t1ce", turned(2)), {"outline", "edges"}),
    ("image shifted", moved("flair", 10, 1), {"outline", "edges"}),
    ("axes of an image exchanged", set_to("t2", lambda v: v.swapaxes(0, 1).copy()), {"outline", "edges"}),
    ("image inverted", set_to("t2", inverted), {"contrast"}),
    ("image of noise", set_to("t1", noise), {"noise"}),
    ("image of one value in the brain", set_to("t1", lambda v: inside(v, 300)), {"constant"}),
    ("image of one value everywhere", set_to("t1", lambda v: np.full_like(v, 300)), {"empty-image"}),
    ("image of zeros", set_to("t1", np.zeros_like), {"empty-image"}),
    ("image clipped at 255", set_to("flair", clipped), {"constant", "cut-off"}),
    ("image wrapped as uint8", set_to("flair", wrapped), {"wrapped"}),
    ("image of few grey levels", set_to("t2", lambda v: np.ceil(v / v.max() * 6) * 100), {"few-levels", "constant"}),
    ("FLAIR of another patient", of_another("flair"), {"outline", "edges"}),
    ("T1ce of another patient", of_another("t1ce"), {"outline", "edges"}),
    ("all images of another patient", of_another(*IMAGES), {"duplicate-image"}),
    ("FLAIR and T2 exchanged", exchanged("flair", "t2"), {"contrast"}),
    ("T1 and T1ce exchanged", exchanged("t1", "t1ce"), {"contrast"}),
    ("FLAIR and T1ce exchanged", exchanged("flair", "t1ce"), {"contrast"}),
    ("T1 and T2 exchanged", exchanged("t1", "t2"), {"contrast"}),
    ("T1ce and T2 exchanged", exchanged("t1ce", "t2"), {"contrast"}),
    ("FLAIR and T1 exchanged", exchanged("flair", "t1"), {"contrast"}),
    ("T1 is T2 times two", copied("t1", "t2", lambda v: 2 * v), {"copied-image"}),
    ("T1ce is T1", copied("t1ce", "t1"), {"duplicate-image", "copied-image"}),
    ("T2 is FLAIR with an offset", copied("t2", "flair", lambda v: np.where(v > 0, v + 90, 0)), {"copied-image"}),
    ("slices missing", set_to("t1", slices(0.5, 0.6)), {"missing-slices", "outline"}),
    ("upper part of an image missing", set_to("t2", slices(0.8, 1.01)), {"missing-slices", "outline"}),
    ("hole in an image", set_to("flair", hole), {"holes"}),
    ("skull in all images", with_skull, {"skull"}),
    ("background that is not 0", set_all(lambda v: v + 50, IMAGES), {"background"}),
    ("background of one image is -1", set_to("t1ce", lambda v: np.where(v == 0, -1, v)), {"negative-values"}),
    ("NaN in the brain", set_to("flair", at_centre(np.nan)), {"not-finite"}),
    ("infinite value", set_to("flair", at_centre(np.inf)), {"not-finite"}),
    ("one voxel of 1e9", set_to("flair", at_centre(1e9)), {"outliers"}),
    ("negative values", set_to("t1", lambda v: inside(v, v - np.median(v[v != 0]))), {"negative-values"}),
    ("brain mask given as an image", brain_as("t1ce", 1), {"constant"}),
    ("tumour mask given as an image", copied("t1ce", "seg"), {"constant", "outline"}),
    ("whole case upside down", set_all(turned(2)), {"posture"}),
    ("whole case turned front to back", set_all(turned(1)), {"posture"}),
    ("axes of the whole case exchanged", set_all(lambda v: v.swapaxes(0, 1).copy()), {"posture"}),
    ("all images upside down", set_all(turned(2), IMAGES), {"posture"}),
    ("all images mirrored", set_all(turned(0), IMAGES), {"mask-place", "mask-outside", "labels-exchanged"}),
    ("image of another shape", set_to("t1", cut), {"shape"}),
    # Nothing in a brain tells left from right, unless a marker is in the image: all files agree with each other.
    ("whole case mirrored", set_all(turned(0)), None),
    # The mask is in its place and every label where its signal is: only another rater could tell.
    ("mask of another rater", set_to("seg", lambda m: ndimage.grey_erosion(m, size=(3, 1, 1))), None),
]  # fmt: skip

# A copy of a patient: kind, what is done to the copy, and the findings that name the pair.
TWINS = [
    ("case under another name", set_all(np.copy), {"duplicate-image"}),
    ("case as floating point", set_all(lambda v: v.astype(np.float64), IMAGES), {"duplicate-image"}),
    ("values doubled", set_all(lambda v: 2 * v, IMAGES), {"near-duplicate"}),
    ("one voxel changed", set_all(at_centre(7), IMAGES), {"near-duplicate"}),
    ("shifted by one voxel", set_all(lambda v: np.roll(v, 1, 0)), {"near-duplicate"}),
    ("with mild noise", set_all(lambda v: inside(v, v + noise(v) / 50), IMAGES), {"near-duplicate"}),
    ("mirrored", set_all(turned(0)), {"near-duplicate"}),
]  # fmt: skip

# One of four small cases: kind, what is done to the arrays or None, to the files or None, and the findings.
FILES = [
    ("modality missing", None, no_file("t2"), {"missing-modality"}),
    ("all but one modality missing", None, no_file("t1", "t2", "flair"), {"missing-modality"}),
    ("folder with a mask only", None, no_file(*IMAGES), {"missing-modality"}),
    ("empty folder", None, no_file(*ROLES), {"empty-folder"}),
    ("folder of DICOM", None, as_dicom, {"empty-folder"}),
    ("modality as .mgz", None, renamed("t1", "t1.mgz"), {"missing-modality"}),
    ("file of 0 bytes", None, content("t1", lambda data: b""), {"unreadable"}),
    ("file truncated", None, content("t1", lambda data: data[:-5000]), {"unreadable"}),
    ("gzip truncated", None, content("t1", lambda data: packed(data)[:-500]), {"unreadable"}),
    ("gzip with one wrong byte", None, content("t1", wrong_checksum), {"unreadable"}),
    ("text named .nii", None, content("t1", lambda data: b"<html>404</html>" * 99), {"unreadable"}),
    ("mask of 0 bytes", None, content("seg", lambda data: b""), {"unreadable"}),
    ("link to nowhere", None, link_to_nowhere, {"unreadable"}),
    ("FIFO as image", None, fifo("t1"), {"unreadable"}),
    ("FIFO as mask", None, fifo("seg"), {"unreadable"}),
    ("two images in a folder named as one", None, two_files_in_a_folder, {"unreadable"}),
    ("4D image", None, stored("t1", lambda v: np.stack([v, v], -1)), {"shape"}),
    ("2D image", None, stored("t1", lambda v: v[..., 0]), {"unreadable"}),
    ("complex numbers", None, stored("t1", lambda v: v.astype(np.complex64)), {"unreadable"}),
    ("bytes in the wrong order", None, content("t1", swapped), {"negative-values"}),
    ("header claims a huge shape", None, header("t1", dim=[3, 30000, 30000, 3000, 1, 1, 1, 1]), {"unreadable"}),
    ("header claims unknown type", None, header("t1", datatype=77), {"unreadable"}),
    ("header of an .hdr/.img pair", None, header("t1", magic=b"ni1"), {"unreadable"}),
    ("slope not a number", None, header("t1", scl_slope=1, scl_inter=np.nan), {"unreadable"}),
    ("affine of zeros", None, header("t1", srow_x=0, srow_y=0, srow_z=0, qform_code=0), {"unreadable", "affine"}),
    ("sform and qform differ", None, header("t1", qform_code=1, qoffset_x=60), {"header"}),
    ("lengths in metres", None, header("t1", xyzt_units=1), {"units"}),
    ("affine of one image shifted", affine_of("t2", lambda a: SEVEN_MM @ a), None, {"affine"}),
    ("affine of the mask shifted", affine_of("seg", lambda a: SEVEN_MM @ a), None, {"affine"}),
    ("axes of the mask turned in the header", affine_of("seg", lambda a: np.diag([1.0, 1, 1, 1])), None, {"affine"}),
    ("one image on other axes", affine_of("t2", lambda a: a[:, [1, 0, 2, 3]]), None, {"affine", "shape"}),
    ("slices of 2 mm", affine_of(None, lambda a: a @ np.diag([1, 1, 2, 1])), None, {"spacing"}),
    ("two FLAIR images", None, also("flair", "flair.nii.gz"), {"ambiguous"}),
    ("two masks", None, also("seg", "seg.nii.gz"), {"ambiguous"}),
    ("brain mask beside the images and no mask", None, brain_mask_alone, {"left-alone"}),
    ("image under an unknown name", None, renamed("t1", "swi.nii"), {"missing-modality"}),
    ("case in two places", None, also_in("copies"), {"refused"}),
    ("name with a line break", None, folder_called("P\n1"), {"left-out"}),
    ("table with both grades", None, graded("HGG1 LGG1 HGG2 HGG3 LGG4"), {"grade-contradicted"}),
    ("table with a case twice", None, graded("HGG1 HGG1 HGG2 HGG3 LGG4"), {"csv-repeats"}),
    ("two tables that differ", None, two_tables, {"grade-contradicted"}),
    ("table and folder that differ", None, in_lgg_folder, {"grade-contradicted"}),
    ("table without the cases' names", None, table("Grade\nHGG\nHGG\nLGG\n"), {"csv-unrelated"}),
    ("table without grades", None, table("ID\nP_1\nP_2\nP_3\nP_4\n"), {"csv-without-grade"}),
    ("table with an unknown grade", None, graded("IV1 HGG2 LGG3 LGG4"), {"no-grade"}),
    ("table without a case", None, graded("HGG2 LGG3 LGG4"), {"case-without-csv"}),
    ("table with cases that are not there", None, graded("HGG1 HGG2 LGG3 LGG4 HGG5"), {"csv-without-case"}),
    ("empty table", None, table(""), {"csv-unrelated"}),
    ("table that is not UTF-8", None, table("Grade,Näme\nHGG,P_1\n".encode("latin-1")), {"csv-unreadable"}),
    ("table that is a FIFO", None, table(None), {"csv-unreadable"}),
    ("split that leaves a case out", None, split(test=("P_3",)), {"split-incomplete"}),
    ("split with a case in two subsets", None, split(train=("P_1", "P_4")), {"split"}),
    ("split with a stranger", None, split(test=("P_3", "P_4", "X")), {"split"}),
    ("split without a subset", None, split(val=()), {"split"}),
    ("split that is no JSON", None, split(text="{"), {"split"}),
]  # fmt: skip
