"""BraTS label codes, their names and colours, and the regions that are scored.

This is the only module that knows the numbers 1, 2 and 4. Masks everywhere in the package hold *labels*
(0, 1, 2, 4); networks need *classes*, the consecutive indices 0-3 in the order of `LABELS`.
"""

import numpy as np
import numpy.typing as npt

BACKGROUND, NCR, ED, ET = 0, 1, 2, 4
LABELS = (BACKGROUND, NCR, ED, ET)
LABEL_NAMES = {BACKGROUND: "background", NCR: "NCR", ED: "ED", ET: "ET"}
LONG_NAMES = {
    "background": "background",
    "NCR": "necrotic and non-enhancing core",
    "ED": "peritumoral edema",
    "ET": "enhancing tumour",
    "WT": "whole tumour",
    "TC": "tumour core",
}
CLASS_NAMES = tuple(LABEL_NAMES[label] for label in LABELS)

# The colours of the paper's figures.
COLOURS = {BACKGROUND: "#440054", NCR: "#3b528b", ED: "#18b880", ET: "#e6d74f"}

# The regions of the BraTS challenge (Menze et al. 2015, section III-B): overlapping unions of labels.
REGIONS = {"WT": (NCR, ED, ET), "TC": (NCR, ET), "ET": (ET,)}
# What `scores.csv` has a row for: the regions, then the labels that are not regions themselves.
SCORED = {**REGIONS, "NCR": (NCR,), "ED": (ED,)}

_CLASS_OF_LABEL = np.zeros(max(LABELS) + 1, np.uint8)
_CLASS_OF_LABEL[list(LABELS)] = range(len(LABELS))
_LABEL_OF_CLASS = np.array(LABELS, np.uint8)


def to_classes(mask: np.ndarray) -> np.ndarray:
    """Turn labels 0, 1, 2, 4 into class indices 0, 1, 2, 3 (uint8); a ValueError where there is any other value."""
    mask = np.asarray(mask)
    unknown = np.setdiff1d(mask, LABELS)
    if unknown.size:
        raise ValueError(f"mask holds {unknown.tolist()}; labels are {list(LABELS)}")
    return _CLASS_OF_LABEL[mask]


def to_labels(classes: np.ndarray) -> np.ndarray:
    """Turn class indices 0-3 into labels 0, 1, 2, 4 (uint8)."""
    return _LABEL_OF_CLASS[np.asarray(classes)]


def region(mask: np.ndarray, name: str) -> np.ndarray:
    """Where labels show a region or label of `SCORED`."""
    return np.isin(mask, SCORED[name])


def one_hot(classes: np.ndarray, dtype: npt.DTypeLike = np.float32) -> np.ndarray:
    """Class indices 0-3 as channels of 0 and 1, shape (*classes.shape, 4), as categorical cross-entropy needs them."""
    # take() is eight times as fast as indexing the identity matrix, and this runs for every batch.
    return np.take(np.eye(len(LABELS), dtype=dtype), np.asarray(classes), axis=0)
