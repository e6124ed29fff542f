"""How far phantoms can be told from patients, patch by patch: `results/likeness.csv`.

A classifier sees patches of one modality, described by how bright they are and how much they vary at each scale. What
it has learnt of some cases it is asked about others, so it cannot know a head again. An area under the ROC curve of .5
means that it is guessing; lower is better.
"""

import numpy as np
import pandas as pd
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from brats_lib.cases import MODALITIES
from brats_lib.phantom import PATIENTS
from brats_lib.slices.stacks import simulate_stacks
from experiments.judge import auc_interval
from experiments.record import save
from experiments.shipped import SEED, STACKS

__all__ = ["compare_patches", "describe_patch", "draw_patches"]

SIDE, PATCHES, FOLDS = 32, 40, 5
# Standard deviations in voxels of the Gaussians between which a patch's variation is measured.
SCALES = (0.8, 1.6, 3.2, 6.4)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
WHERE = ("lesion", "elsewhere")


def describe_patch(patch):
    """Quantiles of a patch (x, y), and its standard deviation between each two of `SCALES`."""
    blurred = [patch, *(ndimage.gaussian_filter(patch, scale) for scale in SCALES)]
    bands = [np.std(fine - coarse) for fine, coarse in zip(blurred, blurred[1:], strict=False)]
    return [*np.quantile(patch, QUANTILES), *bands, np.std(blurred[-1])]


def draw_patches(stack, where, seed):
    """Axial patches of a case inside the brain, array (patches, x, y, modalities): of its tumour, or without any."""
    rng, labels = np.random.default_rng(seed), np.asarray(stack.labels)
    images = np.asarray(stack.images, np.float32)
    lesion, half, found = labels > 0, SIDE // 2, []
    voxels = np.argwhere(lesion if where == "lesion" else (images[..., 0] != 0) & ~lesion)
    for x, y, z in rng.permutation(voxels):
        at = slice(x - half, x + half), slice(y - half, y + half), z
        if min(x, y) < half or not (images[at][..., 0] != 0).all() or images[at].shape[:2] != (SIDE, SIDE):
            continue
        if where == "lesion" or not lesion[at].any():
            found.append(images[at])
        if len(found) == PATCHES:
            break
    return np.array(found)


def compare_patches(patients):
    """Tell patches of patients from those of as many phantoms that follow the patients, by modality and place."""
    phantoms = simulate_stacks(SEED, len(patients), STACKS, (PATIENTS,), stream="tests")
    rows = []
    for where in WHERE:
        patches = [draw_patches(stack, where, number) for number, stack in enumerate([*patients, *phantoms])]
        case = np.repeat(np.arange(len(patches)), [len(each) for each in patches])
        real = case < len(patients)
        for channel, modality in enumerate(MODALITIES):
            features = [describe_patch(patch[..., channel]) for each in patches for patch in each]
            forest = RandomForestClassifier(300, min_samples_leaf=5, class_weight="balanced", random_state=SEED)
            told = cross_val_predict(forest, features, real, groups=case, cv=GroupKFold(FOLDS), method="predict_proba")
            told, row = told[:, 1], {"where": where, "modality": modality}
            low, high = auc_interval(told[real], told[~real], case[real], case[~real])
            rows.append(row | {"auc": roc_auc_score(real, told), "low": low, "high": high})
    table = pd.DataFrame(rows)
    save("likeness", table, seeds=[SEED], phantoms=len(phantoms), patches=PATCHES, side=SIDE)
    return table
