"""To 1 mm and back: what linear interpolation leaves exact stays exact, and nothing changes its place."""

import nibabel as nib
import numpy as np
import pytest

from brats_lib.cases.resample import StandardGrid, is_standard


def turned(degrees, spacing=(1, 1, 1), origin=(0, 0, 0)):
    """Affine of LPS voxels whose axes are turned about the vertical one; NIfTI's world is RAS."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = np.diag([-1, -1, 1]) @ turn @ np.diag(spacing)
    affine[:3, 3] = origin
    return affine


@pytest.mark.parametrize(
    ("affine", "expected"),
    [
        (turned(0, origin=(-90, 126, -72)), True),
        # Half the diagonal of BraTS is 186 mm: 0.4 % of it is 0.75 mm, 1 % is 1.9 mm.
        (turned(0, (1.004, 1.004, 1.004)), True),
        (turned(0, (1.01, 1.01, 1.01)), False),
        # The corner is 169 mm from the axis: 0.3 degrees move it by 0.9 mm, 5 degrees by 15 mm.
        (turned(0.3), True),
        (turned(5), False),
        (np.diag([1.0, 1, 1, 1]), False),
    ],
)
def test_standard_is_what_moves_no_corner_by_more_than_a_voxel(affine, expected):
    assert is_standard(affine, (240, 240, 155)) is expected


AFFINES = {
    "anisotropic": turned(0, (0.9, 0.9, 3.0), (10, 20, -30)),
    "oblique": turned(12, (1.2, 1.2, 2.5), (-5, 7, 9)),
}


def world(affine, shape):
    """Millimetres of all voxel centres, shape (x, y, z, 3)."""
    return nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_a_ramp_through_space_is_the_same_ramp_in_the_box_and_back(affine):
    """Linear interpolation is exact for it, so every error is one of place; smoothing is not at work from 1 mm on."""
    slope, shape = np.array([2.0, -1.5, 0.7]), (40, 44, 24)
    ramp = (world(affine, shape) @ slope + 500).astype(np.float32)
    volume = np.zeros(shape, np.float32)
    inner = np.s_[5:35, 6:38, 4:20]
    volume[inner] = ramp[inner]
    grid = StandardGrid.around([volume], affine)
    # The box has 1 mm along the axes of the patient: to the left, the back and up.
    np.testing.assert_allclose((affine @ grid.to_scan)[:3, :3], np.diag([-1, -1, 1]), atol=1e-9)
    brought = grid.bring(volume)
    offset = np.eye(4)
    offset[:3, 3] = [part.start for part in grid.crop]
    places = world(affine @ offset @ grid.to_scan, grid.shape)
    found = brought != 0
    # The edge's mean leaves out what is no brain and so lies further in, by half a voxel of the scan at most.
    off = np.abs(brought - (places @ slope + 500))[found]
    assert np.quantile(off, 0.5) < 0.01 and off.max() < 0.6 * np.abs(slope) @ np.abs(affine[:3, :3]).max(axis=0) * 1.5
    filled = ramp[inner].size * abs(np.linalg.det(affine[:3, :3]))
    assert found.sum() == pytest.approx(filled, rel=0.08)

    back = grid.take_back((places @ slope + 500).astype(np.float32)[..., None])[..., 0]
    deep = np.s_[3:-3, 3:-3, 3:-3]
    np.testing.assert_allclose(back[deep], ramp[grid.crop][deep], atol=0.01)


@pytest.mark.parametrize("spacing", [(0.6, 0.6, 0.6), (0.8, 0.8, 2.4)])
def test_edge_of_the_brain_keeps_its_brightness_and_the_brain_its_volume(spacing):
    affine = turned(7, spacing)
    shape = tuple(int(60 / size) for size in spacing)
    places = world(affine, shape)
    ball = np.linalg.norm(places - places.mean(axis=(0, 1, 2)), axis=-1) < 22
    volume = np.where(ball, np.float32(100), 0)
    brought = StandardGrid.around([volume], affine).bring(volume)
    values = brought[brought != 0]
    np.testing.assert_allclose(values, 100, rtol=1e-4)
    assert values.size == pytest.approx(4 / 3 * np.pi * 22**3, rel=0.03)


def test_noise_of_small_voxels_is_averaged():
    """Voxels of 0.5 mm: a Gaussian of 0.87 mm full width averages what 1 mm voxels would."""
    noise = np.random.default_rng(0).normal(100, 10, (60, 60, 60)).astype(np.float32)
    inner = StandardGrid.around([noise], turned(0, (0.5, 0.5, 0.5))).bring(noise)[3:-3, 3:-3, 3:-3]
    assert inner.std() < 5 and inner.mean() == pytest.approx(100, abs=0.3)
