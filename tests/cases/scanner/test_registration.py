"""Registration alone: matrices and transforms are the same thing, and brains that were moved are found again."""

import numpy as np
import pytest

pytest.importorskip("pydicom")
pytest.importorskip("SimpleITK")

from scipy.spatial.transform import Rotation

from brats_lib.cases import Cohort
from brats_lib.cases.scanner.preparation import SIZES, moved
from brats_lib.cases.scanner.registration import (
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
from experiments.heads import pose, scan_of

MATRIX = pose((20, -10, 35), (5, -8, 12), (-30, 40, 10))


def test_matrices_survive_the_way_to_simpleitk_and_back():
    around = np.array([-119.5, 117.0, 73.5])
    np.testing.assert_allclose(to_matrix(to_rigid(MATRIX, around)), MATRIX, atol=1e-9)
    stretched = MATRIX @ np.diag([1.1, 0.9, 1.2, 1])
    np.testing.assert_allclose(to_matrix(to_affine(stretched, around)), stretched, atol=1e-9)


def test_nearest_rigid_drops_the_stretching_and_keeps_the_middle():
    middle = np.array([3.0, -2, 7])
    stretched = MATRIX @ np.diag([1.1, 0.9, 1.2, 1])
    rigid = nearest_rigid(stretched, middle)
    # A stretching along the axes before a turn leaves that turn the nearest.
    np.testing.assert_allclose(rigid[:3, :3], MATRIX[:3, :3], atol=1e-9)
    np.testing.assert_allclose((rigid @ [*middle, 1])[:3], (stretched @ [*middle, 1])[:3])
    assert moved(rigid, middle)[1] == pytest.approx(np.degrees(Rotation.from_matrix(MATRIX[:3, :3]).magnitude()))


def test_resampling_puts_a_point_where_the_matrix_says():
    values, affine = np.zeros((40, 40, 40), np.float32), np.diag([-1.0, -1, 1, 1])
    values[18, 22, 15] = 1
    point = affine @ [18, 22, 15, 1]
    shift = np.eye(4)
    shift[:3, 3] = [3, -2, 5]
    # A point p of the result shows what is at p + shift.
    image = to_itk(values, affine)
    found = to_array(resample(image, image, to_affine(shift, np.zeros(3))))
    expected = np.linalg.inv(affine) @ (point - [3, -2, 5, 0])
    np.testing.assert_allclose(np.argwhere(found == 1), [expected[:3]])


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_real_brains_turned_and_resampled_apart_come_together(real_root, index):
    case = list(Cohort.find(real_root))[index]
    volumes = case.volumes(("flair", "t1ce"))
    middle = np.array([-119.5, 117.0, 73.5])
    poses = {"t1ce": pose((6, -3, 5), (4, -6, 8), middle), "flair": pose((-4, 5, -2), (-3, 5, -4), middle)}
    images = {
        name: to_itk(*scan_of(volume, case.affine, poses[name], (0.9, 0.9, 5.0), (224, 256, 36), middle))
        for name, volume in volumes.items()
    }
    fixed, moving = (pyramid(images[name], SIZES) for name in poses)
    transform = register(fixed, moving, to_rigid(np.eye(4), middle))
    apart = np.linalg.inv(poses["flair"] @ np.linalg.inv(poses["t1ce"])) @ to_matrix(transform)
    millimetres, degrees = moved(apart, poses["t1ce"][:3, :3] @ middle + poses["t1ce"][:3, 3])
    assert millimetres < 1 and degrees < 1
