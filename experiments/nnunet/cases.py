"""``python -m experiments.nnunet.cases OUT``: stacks as folders of cases with a split, for `brats export-nnunet`.

nnU-Net reads NIfTI files and standardises each scan inside the brain by itself, so standardised intensities lose it
nothing. A stack is put back where it was cut out, with zeros around.
"""

import argparse
import gzip
from pathlib import Path

import nibabel as nib
import numpy as np

from brats_lib.cases import MODALITIES, Split
from brats_lib.files import home_path, write_whole
from experiments.shipped import real_stacks, test_phantoms, training_phantoms

__all__ = ["LOOKED_AT", "TRAINING", "main", "make_split", "write_case"]

TRAINING = 96
# A split needs validation cases. These are training phantoms: nnU-Net's fold `all` learns from both subsets.
LOOKED_AT = 12
# Of BraTS volumes: the first axis grows to the left, the second to the back, the third up, 1 mm.
AFFINE = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])


def write_case(stack, folder):
    """Write the four modalities and the mask of a stack in the layout of BraTS 2020; files that are there stay.

    Parameters
    ----------
    stack : brats_lib.slices.stacks.Stack
        With labels.
    folder : Path
        Gets `<case>/<case>_flair.nii.gz` and so on, float32 in standard deviations of the brain, and
        `<case>/<case>_seg.nii.gz`, uint8 labels 0, 1, 2, 4.

    Raises
    ------
    BratsError
        If a file cannot be written.
    """
    parts = {name: np.asarray(stack.images[..., i], np.float32) for i, name in enumerate(MODALITIES)}
    parts["seg"] = np.asarray(stack.labels, np.uint8)
    for name, part in parts.items():
        path = Path(folder) / stack.name / f"{stack.name}_{name}.nii.gz"
        if path.is_file():
            continue
        volume = np.zeros(stack.shape, part.dtype)
        volume[stack.box] = part
        image = nib.Nifti1Image(volume, AFFINE)
        image.header.set_xyzt_units("mm")
        write_whole(path, gzip.compress(image.to_bytes(), compresslevel=1, mtime=0))


def make_split(training, tested):
    """Who learns and who is tested; the last `LOOKED_AT` training cases are called validation cases.

    Parameters
    ----------
    training, tested : sequence of str
        Case names.

    Returns
    -------
    brats_lib.cases.Split
    """
    return Split(tuple(training[:-LOOKED_AT]), tuple(training[-LOOKED_AT:]), tuple(tested))


def main():
    """Write phantoms to train on and to test on and, where a folder is named, real cases."""
    parser = argparse.ArgumentParser(prog="python -m experiments.nnunet.cases", description=__doc__)
    parser.add_argument("out", type=home_path, help="gets training/, phantoms/ and real/ of cases, and split.json")
    parser.add_argument("--data", default="", help="folder of labelled real cases to test on as well")
    options = parser.parse_args()
    subsets = {
        "training": training_phantoms(TRAINING),
        "phantoms": test_phantoms(),
        "real": real_stacks(options.data),
    }
    for subset, stacks in subsets.items():
        for stack in stacks:
            write_case(stack, options.out / subset)
    training, *tested = ([stack.name for stack in stacks] for stacks in subsets.values())
    make_split(training, sum(tested, [])).save(options.out / "split.json")


if __name__ == "__main__":
    main()
