"""What about a scan makes a network's answer doubtful. Networks answer whatever they are given, and do not say so."""

import numpy as np

__all__ = ["doubts"]

# BraTS volumes are 0 in five sixths of their voxels. A brain cropped to its box still leaves almost half of them empty,
# a head with its skull in noisy air next to none.
_LEAST_EMPTY = 0.3
_SPACING_TOLERANCE_MM = 0.05


def doubts(scan):
    """Say what a scan lacks of those that the networks were trained on.

    Parameters
    ----------
    scan : brats_lib.app.scans.Scan

    Returns
    -------
    list of str
        One sentence each; empty where nothing was noticed, which does not mean that nothing is wrong.
    """
    found = []
    if max(abs(size - 1) for size in scan.spacing) > _SPACING_TOLERANCE_MM:
        sizes = " × ".join(f"{size:.2g}" for size in scan.spacing)
        found.append(f"Voxels are {sizes} mm; the networks learnt from 1 mm and see this scan squeezed or stretched.")
    for modality, volume in scan.volumes.items():
        empty = float(np.mean(volume == 0))
        if empty < _LEAST_EMPTY:
            found.append(
                f"Only {empty:.0%} of the {modality} voxels are 0, so the skull or the background seems to be in it; "
                "the networks learnt from brains alone."
            )
    return found
