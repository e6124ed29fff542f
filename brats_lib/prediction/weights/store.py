"""Weights in a file: float16 arrays by the names that Keras gives them, checked before they are used."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brats_lib.errors import BratsError

if TYPE_CHECKING:
    import keras

DAMAGED = "Restore the file, or install the package again"


def to_float16(model: "keras.Model", where: str | Path) -> dict[str, np.ndarray]:
    """The weights of a network by name; refuses what is not finite in float16, with `where` in the message."""
    arrays = {}
    for variable, value in zip(model.weights, model.get_weights(), strict=True):
        # What is too large for float16 becomes infinite, and is refused below.
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(value, "<f2")
        if not np.isfinite(array).all():
            found = f"weights of '{variable.path}' are not finite numbers in float16"
            raise BratsError(where, found, "values within ±65504", "Train again; these weights have diverged")
        arrays[variable.path] = array
    return arrays


def pack(arrays: Mapping[str, Any]) -> bytes:
    """The content of the file: the same arrays make the same bytes."""
    buffer = io.BytesIO()
    # Stored, not compressed: noise hardly shrinks, and other versions of zlib would make other bytes of it.
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def content_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the values alone, in order."""
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays.values())).hexdigest()


def read_arrays(file: Path, sha256: str) -> dict[str, np.ndarray]:
    """Read the arrays of a file by name, once it is known to be the one of this SHA-256."""
    try:
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != sha256:
            found = f"its SHA-256 is {digest[:12]}…, so it is damaged or belongs to another card"
            raise BratsError(file, found, f"{sha256[:12]}…", DAMAGED)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, TypeError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise BratsError(file, f"it cannot be read ({reason})", "arrays of numbers as .npz", DAMAGED) from error


def set_arrays(model: "keras.Model", arrays: Mapping[str, np.ndarray], file: Path) -> None:
    """Put the arrays of a file into a network, whose variables must have these names and shapes in this order."""
    found = [f"'{name}' of shape {array.shape}" for name, array in arrays.items()]
    wanted = [f"'{variable.path}' of shape {tuple(variable.shape)}" for variable in model.weights]
    for number, (here, there) in enumerate(zip_longest(found, wanted, fillvalue="nothing"), 1):
        if here != there:
            advice = "Use the version of brats_lib that the weights were saved with"
            raise BratsError(file, f"array {number} is {here}", f"{there}, as the card's recipe has it", advice)
    model.set_weights([array.astype(np.float32) for array in arrays.values()])
