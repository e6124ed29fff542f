"""Pictures that a network made: how like the true ones they are, how varied, and whether they give anybody away.

Pictures have the shape (height, width) and intensities in 0-1. Most of a skull-stripped slice is black in either
picture, which PSNR and SSIM reward; so each is given for the brain too.

Sets of pictures are compared by features of shape (pictures, features), with two rows or more. On those of Inception-v3
the distances are called FID (Heusel et al. 2017) and KID (Bińkowski et al. 2018); on those of another network they are
other numbers and have another name.
"""

import numpy as np
from scipy import ndimage, stats

# Wang et al. 2004, section III-C: a Gaussian window of 1.5 pixels that is 11 wide.
_SIGMA, _RADIUS, _K1, _K2 = 1.5, 5, 0.01, 0.03
# Wang et al. 2003, section 3.2: exponents from the finest scale to the coarsest.
_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def psnr(truth: np.ndarray, found: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, ``10 log10(1 / mean squared error)``; infinite where the pictures are equal."""
    error = np.square(np.asarray(truth, float) - np.asarray(found, float)).mean()
    return float(10 * np.log10(1 / error)) if error > 0 else float("inf")


def ssim_map(truth: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Structural similarity at every pixel, and its contrast-and-structure factor (Wang et al. 2004).

    The first is scikit-image's ``structural_similarity(gaussian_weights=True, use_sample_covariance=False,
    data_range=1, full=True)``, which does not give the second.
    """
    truth, found = np.asarray(truth, float), np.asarray(found, float)

    def blur(image):
        return ndimage.gaussian_filter(image, _SIGMA, radius=_RADIUS)

    mean_t, mean_f = blur(truth), blur(found)
    variances = blur(truth**2) - mean_t**2 + blur(found**2) - mean_f**2
    structure = (2 * (blur(truth * found) - mean_t * mean_f) + _K2**2) / (variances + _K2**2)
    light = (2 * mean_t * mean_f + _K1**2) / (mean_t**2 + mean_f**2 + _K1**2)
    return light * structure, structure


def ms_ssim(truth: np.ndarray, found: np.ndarray) -> float:
    """Multi-scale structural similarity, 0-1 (Wang et al. 2003), at as many of five scales as the pictures have.

    A scale counts while the picture is at least as wide as the window; the exponents of those that count are scaled to
    sum to 1. A negative mean of a scale counts as 0.
    """
    truth, found = np.asarray(truth, float), np.asarray(found, float)
    scales = sum(min(truth.shape) // 2**scale > 2 * _RADIUS for scale in range(len(_EXPONENTS)))
    exponents = np.array(_EXPONENTS[:scales]) / sum(_EXPONENTS[:scales])
    product = 1.0
    for scale, exponent in enumerate(exponents, 1):
        similarity, structure = ssim_map(truth, found)
        product *= max((similarity if scale == scales else structure).mean(), 0.0) ** exponent
        truth, found = _halve(truth), _halve(found)
    return float(product)


def pairwise_ms_ssim(pictures: np.ndarray, pairs: int = 200) -> float:
    """Mean MS-SSIM of random pairs of pictures: the higher, the more alike they are (Odena et al. 2017)."""
    rng = np.random.default_rng(0)
    drawn = (rng.choice(len(pictures), 2, replace=False) for _ in range(pairs))
    return float(np.mean([ms_ssim(pictures[one], pictures[other]) for one, other in drawn]))


def image_scores(truth: np.ndarray, found: np.ndarray, brain: np.ndarray) -> dict[str, float]:
    """PSNR (dB) and mean SSIM of one picture, over the slice and where `brain` is true.

    The SSIM of the slice leaves out a margin of 5 pixels, whose windows leave the picture.
    """
    similarity, _ = ssim_map(truth, found)
    return {
        "psnr_slice": psnr(truth, found),
        "psnr_brain": psnr(truth[brain], found[brain]),
        "ssim_slice": float(similarity[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS].mean()),
        "ssim_brain": float(similarity[brain].mean()),
    }


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of the normal distributions with the mean and covariance of two sets of features.

    ``|m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2))`` (Dowson and Landau 1982); 0 for equal sets. It is biased upwards
    for few samples, so compare only sets of equal size.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    gap = first.mean(0) - second.mean(0)
    one, other = ((each - each.mean(0)) / np.sqrt(len(each) - 1) for each in (first, second))
    # C1 is one.T @ one, so the last trace is the sum of these singular values: no matrix has to have a root.
    shared = np.linalg.norm(one @ other.T, "nuc")
    return float(gap @ gap + np.square(one).sum() + np.square(other).sum() - 2 * shared)


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy with the cubic kernel ``(x.y / features + 1)^3``.

    About 0 for sets of one distribution, by chance below. Bińkowski et al. 2018, section 4: unlike the Fréchet
    distance, it is not biased for few samples.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)

    def kernel(one, other):
        return (one @ other.T / one.shape[1] + 1) ** 3

    def within(rows):
        pairs = kernel(rows, rows)
        return (pairs.sum() - np.trace(pairs)) / (len(rows) * (len(rows) - 1))

    return float(within(first) + within(second) - 2 * kernel(first, second).mean())


def attack_auc(members: np.ndarray, others: np.ndarray) -> float:
    """Chance that somebody whom a generator learnt from scores higher than another (Mann and Whitney 1947).

    A draw counts half. This is the area under the ROC curve of an attack that gives higher scores to whom it takes for
    a member: 0.5 is guessing, 1 is certainty.
    """
    return float(stats.mannwhitneyu(members, others).statistic / (len(members) * len(others)))


def nearest_distances(pictures: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Root mean square difference of each of `pictures` to the nearest of `others`, and which of those it is."""
    one, other = (np.reshape(each, (len(each), -1)).astype(np.float32) for each in (pictures, others))
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    nearest = squares.argmin(1)
    # Once more, directly, for the nearest alone: the difference of large sums has lost the last digits.
    exact = np.array([np.square(a - other[i]).mean() for a, i in zip(one, nearest, strict=True)])
    return np.sqrt(exact), nearest


def _halve(image):
    """Half the side, each pixel the mean of four."""
    h, w = (length // 2 * 2 for length in image.shape)
    return image[:h, :w].reshape(h // 2, 2, w // 2, 2).mean((1, 3))
