"""Fields and filters that the phantoms are made with."""

import numpy as np
import pytest
from scipy import ndimage

from brats_lib.phantom.noise import along_axes, blur_matrix, smooth_field, thick_slice_matrix


def test_field_has_unit_variance_at_every_voxel():
    fields = np.stack([smooth_field(np.random.default_rng(i), (9, 7, 5), (4, 3, 2.5)) for i in range(4000)])
    assert fields.dtype == np.float32
    np.testing.assert_allclose(fields.mean(axis=0), 0, atol=0.07)
    np.testing.assert_allclose(fields.std(axis=0), 1, atol=0.06)


def test_field_is_smooth_at_its_spacing():
    field = smooth_field(np.random.default_rng(0), (200, 60, 60), 10)
    assert np.corrcoef(field[:-1].ravel(), field[1:].ravel())[0, 1] > 0.97
    assert abs(np.corrcoef(field[:-40].ravel(), field[40:].ravel())[0, 1]) < 0.15


def test_products_along_axes_are_a_gaussian_filter():
    volume = np.random.default_rng(0).standard_normal((30, 24, 20)).astype(np.float32)
    blurred = along_axes(volume, *(blur_matrix(n, 0.8) for n in volume.shape))
    expected = ndimage.gaussian_filter(volume, 0.8, truncate=8)
    inner = (slice(5, -5),) * 3
    np.testing.assert_allclose(blurred[inner], expected[inner], atol=1e-5)


@pytest.mark.parametrize(("thickness", "offset"), [(2.5, 0.0), (4.0, 0.3), (5.0, 0.9)])
def test_thick_slices_mix_neighbours_and_put_a_ramp_where_it_was(thickness, offset):
    matrix = thick_slice_matrix(40, thickness, offset)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-5)
    assert matrix.min() >= -1e-6
    assert (matrix[20] > 0).sum() >= thickness
    ramp = np.arange(40.0)
    # A voxel that two slices share counts for both with its middle, not with the middle of its share.
    np.testing.assert_allclose((matrix @ ramp)[10:-10], ramp[10:-10], atol=0.05)
