"""Weights in a file: float16 arrays by the names that Keras gives them, checked before they are used."""

import hashlib
import io
import zipfile
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brats_lib.errors import BratsError

if TYPE_CHECKING:
    import keras

__all__ = ["content_hash", "pack", "read_arrays", "set_arrays", "to_float16"]

_DAMAGED = "Restore the file, or install the package again"


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
        if variable.path in arrays:
            raise ValueError(f"two variables of {model.name} are called {variable.path}")
        arrays[variable.path] = array
    return arrays


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """The content of the file: the same arrays make the same bytes."""
    buffer = io.BytesIO()
    # Stored, not compressed: noise hardly shrinks, and other versions of zlib would make other bytes of it.
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def content_hash(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of the values alone, in order."""
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(array.tobytes())
    return digest.hexdigest()


def read_arrays(file: Path, name: str, facts: dict, values_hash: str | None = None) -> dict[str, np.ndarray]:
    """Read the arrays of a file, once it is known to be the one that a card describes.

    Parameters
    ----------
    name, facts, values_hash
        The card's name, its field `weights` and, where it has one, its `weights_hash`.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        found = f"it cannot be read ({error.strerror})"
        raise BratsError(file, found, f"the weights of card '{name}'", _DAMAGED) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != facts["sha256"]:
        found = f"its SHA-256 is {digest[:12]}…, so it is damaged or belongs to another card"
        raise BratsError(file, found, f"{facts['sha256'][:12]}… of card '{name}'", _DAMAGED)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (ValueError, TypeError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BratsError(file, f"it cannot be read ({error})", "arrays of numbers as .npz", _DAMAGED) from error
    size = sum(array.size for array in arrays.values())
    whole = all(array.dtype == np.dtype("<f2") and np.isfinite(array).all() for array in arrays.values())
    if not whole or size != facts["parameters"] or values_hash not in (None, content_hash(arrays)):
        named = f" with hash {values_hash[:12]}…" if values_hash else ""
        expected = f"{facts['parameters']:,} finite ones in float16{named}"
        raise BratsError(file, f"its {size:,} numbers are not those of the card", expected, _DAMAGED)
    return arrays


def set_arrays(model: "keras.Model", arrays: dict[str, np.ndarray], file: Path) -> None:
    """Put the arrays of a file into a network, whose variables must have these names and shapes in this order."""
    found = [f"'{name}' of shape {array.shape}" for name, array in arrays.items()]
    wanted = [f"'{variable.path}' of shape {tuple(variable.shape)}" for variable in model.weights]
    for number, (here, there) in enumerate(zip_longest(found, wanted, fillvalue="nothing"), 1):
        if here != there:
            advice = "Use the version of brats_lib that the weights were saved with"
            raise BratsError(file, f"array {number} is {here}", f"{there}, as the card's recipe has it", advice)
    model.set_weights([array.astype(np.float32) for array in arrays.values()])
