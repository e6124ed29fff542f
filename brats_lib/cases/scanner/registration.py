"""Images of SimpleITK, and moving one onto another by mutual information, coarse before fine, in millimetres.

SimpleITK's world is LPS, NIfTI's RAS; matrices (4, 4) that leave this module are RAS, as affines are everywhere else.
A transform takes a point of the fixed image to the point of the moving one that shows the same.
"""

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from brats_lib.cases.resample import TO_LPS

FLIP = np.diag([*np.diag(TO_LPS), 1.0])
BINS = 64
ITERATIONS = 200
# At each resolution the optimiser's first step, and the last, as a share of the voxel. Steps become shorter where the
# direction turns: if soon, the way along a valley is not gone to its end, and heads stay turned by a degree. How steep
# it is ends nothing: that has no unit.
FIRST_STEP, LAST_STEP, SHORTER, NO_SLOPE = 0.25, 0.02, 0.95, 1e-9
SAMPLES = 100_000


def to_itk(values: np.ndarray, affine: np.ndarray) -> sitk.Image:
    """Make an image of an array (x, y, z) and the affine of its indices, RAS."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.T))
    world = FLIP @ affine
    spacing = np.linalg.norm(world[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((world[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(world[:3, 3].tolist())
    return image


def to_array(image: sitk.Image) -> np.ndarray:
    """The array (x, y, z) of an image."""
    return np.ascontiguousarray(sitk.GetArrayViewFromImage(image).T)


def to_matrix(transform: sitk.Transform) -> np.ndarray:
    """The matrix of a rigid or affine transform."""
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    matrix[:3, 3] = origin
    for axis in range(3):
        matrix[:3, axis] = np.array(transform.TransformPoint(tuple(np.eye(3)[axis]))) - origin
    return FLIP @ matrix @ FLIP


def to_affine(matrix: np.ndarray, centre: np.ndarray) -> sitk.AffineTransform:
    """The transform of a matrix, to be optimised around a point of the fixed image."""
    return _placed(sitk.AffineTransform(3), matrix, centre)


def to_rigid(matrix: np.ndarray, centre: np.ndarray) -> sitk.Euler3DTransform:
    """The transform of a matrix that only turns and shifts, to be optimised around a point of the fixed image."""
    return _placed(sitk.Euler3DTransform(), matrix, centre)


def _placed(transform, matrix, centre):
    world, around = FLIP @ matrix @ FLIP, TO_LPS @ centre
    transform.SetCenter(around.tolist())
    transform.SetMatrix(world[:3, :3].ravel().tolist())
    transform.SetTranslation((world[:3, :3] @ around + world[:3, 3] - around).tolist())
    return transform


def nearest_rigid(matrix: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The turn and shift in an affine matrix that keeps where a point goes, without its change of size and shape."""
    u, _, v = np.linalg.svd(matrix[:3, :3])
    rigid = np.eye(4)
    rigid[:3, :3] = u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v
    rigid[:3, 3] = matrix[:3, :3] @ centre + matrix[:3, 3] - rigid[:3, :3] @ centre
    return rigid


def resample(image: sitk.Image, like: sitk.Image, transform: sitk.Transform, scan: bool = False) -> sitk.Image:
    """An image at the voxels of another, float32: linearly, and 0 outside it; a scan by cubic splines, and as its edge.

    Lines between thick slices blur, which makes networks see more edema.
    """
    method = sitk.ResampleImageFilter()
    method.SetReferenceImage(like)
    method.SetTransform(transform)
    method.SetOutputPixelType(sitk.sitkFloat32)
    method.SetInterpolator(sitk.sitkBSpline if scan else sitk.sitkLinear)
    method.SetUseNearestNeighborExtrapolator(scan)
    return method.Execute(image)


def at_resolution(image: sitk.Image, size: float) -> sitk.Image:
    """An image sampled to voxels of so many mm: smoothed first where it is finer, by cubic splines where coarser.

    Between thick slices a line blurs, more so half way, and where slices of two images meet they would seem to match.
    """
    old = np.array(image.GetSpacing())
    # Half the width of the new voxels, less what the old ones have smoothed already.
    sigmas = 0.5 * np.sqrt(np.maximum(size**2 - old**2, 0))
    smooth = image
    for axis, sigma in enumerate(sigmas):
        if sigma > 0.1 * old[axis]:
            smooth = sitk.RecursiveGaussian(smooth, float(sigma), direction=axis)
    shape = np.maximum(np.ceil(np.array(image.GetSize()) * old / size), 1).astype(int)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    origin = np.array(image.GetOrigin()) + direction @ ((size - old) / 2)
    return sitk.Resample(
        smooth, shape.tolist(), sitk.Transform(), sitk.sitkBSpline, origin.tolist(), [size] * 3,
        image.GetDirection(), 0.0, sitk.sitkFloat32,
    )  # fmt: skip


def pyramid(image: sitk.Image, sizes: Sequence[float]) -> list[sitk.Image]:
    """An image at several resolutions, in mm."""
    return [at_resolution(image, size) for size in sizes]


def _method(fixed, moving, mask, samples):
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetInterpolator(sitk.sitkLinear)
    count = fixed.GetNumberOfPixels()
    if mask is not None:
        mask = sitk.Resample(mask, fixed, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
        method.SetMetricFixedMask(mask)
        count = int(sitk.GetArrayViewFromImage(mask).sum())
    if count > samples:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(samples / count, 1)
    return method


def information(
    fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform, mask: sitk.Image | None = None
) -> float:
    """Mutual information as it is, in nats; 0 where the images do not overlap."""
    method = _method(fixed, moving, mask, SAMPLES)
    method.SetInitialTransform(transform)
    try:
        return -method.MetricEvaluate(fixed, moving)
    except RuntimeError:
        return 0.0


def register(
    fixed: Sequence[sitk.Image], moving: Sequence[sitk.Image], transform: sitk.Transform, mask: sitk.Image | None = None
) -> sitk.Transform:
    """Optimise a transform on images of several resolutions, one after the other; `mask` is where it is judged."""
    for here, there in zip(fixed, moving, strict=True):
        size = here.GetSpacing()[0]
        method = _method(here, there, mask, SAMPLES)
        steps = FIRST_STEP * size, LAST_STEP * size
        method.SetOptimizerAsRegularStepGradientDescent(*steps, ITERATIONS, SHORTER, NO_SLOPE)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetInitialTransform(transform, inPlace=True)
        method.Execute(here, there)
    return transform
