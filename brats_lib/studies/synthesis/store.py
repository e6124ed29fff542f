"""The generator that ships: float16 arrays, checked before they are read, beside a card of how it was made."""

import hashlib
import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brats_lib.errors import BratsError
from brats_lib.files import read_json, write_whole
from brats_lib.prediction.weights.store import pack, set_arrays, to_float16
from brats_lib.recipes import GenerativeRecipe, as_tuples

if TYPE_CHECKING:
    import keras

__all__ = ["GENERATOR", "load_generator", "read_generator_card", "save_generator"]

GENERATOR = Path(__file__).parent / "generator.json"
_ADVICE = "Restore the file, or install the package again"


def save_generator(
    generator: "keras.Model",
    recipe: GenerativeRecipe,
    compression: GenerativeRecipe,
    facts: dict,
    card: Path = GENERATOR,
) -> None:
    """Write the weights of a generator of `gan.join`, float16, and their card.

    Parameters
    ----------
    recipe, compression
        What the GAN and the autoencoder were trained with.
    facts
        What a reader must know: data, training, scores, limitations.
    card
        The weights go beside it as `.npz`.

    Raises
    ------
    BratsError
        If a weight is not finite in float16, or a file cannot be written.
    """
    arrays = to_float16(generator, card)
    content = pack(arrays)
    settings = {"recipe": asdict(recipe), "compression": asdict(compression)}
    weights = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content),
               "parameters": sum(array.size for array in arrays.values())}  # fmt: skip
    write_whole(card.with_suffix(".npz"), content)
    write_whole(card, json.dumps({**settings, "weights": weights, **facts}, indent=1) + "\n")


def read_generator_card(card: Path = GENERATOR) -> dict:
    """Read the card of a generator."""
    return read_json(card, "the card of a generator", _ADVICE, keys=("recipe", "compression", "weights"))


def load_generator(card: Path = GENERATOR) -> "tuple[keras.Model, GenerativeRecipe, dict]":
    """Build the generator of a card: the network in float32, the recipe of its GAN, and the card.

    Raises
    ------
    BratsError
        If a file is damaged or does not belong to the card: its SHA-256 is compared before anything in it is read.
    """
    # Cards are read by programs that need no network, and Keras takes seconds to load.
    from brats_lib.studies.synthesis.gan import join
    from brats_lib.studies.synthesis.networks import build

    about, file = read_generator_card(card), card.with_suffix(".npz")
    try:
        settings = ({key: as_tuples(value) for key, value in about[name].items()} for name in ("recipe", "compression"))
        recipe, compression = (GenerativeRecipe(**values) for values in settings)
        expected = str(about["weights"]["sha256"])
    except (TypeError, KeyError, AttributeError) as error:
        found = f"its recipes or weights cannot be used ({error})"
        raise BratsError(card, found, "the card of a generator", _ADVICE) from error
    arrays = _read_arrays(file, expected)
    generator = join(build(recipe).generator, build(compression).decoder)
    set_arrays(generator, arrays, file)
    return generator, recipe, about


def _read_arrays(file, expected):
    """The arrays of a file by name, once its SHA-256 is the expected one."""
    try:
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != expected:
            found = f"its SHA-256 is {digest[:12]}…, so it is damaged or belongs to another card"
            raise BratsError(file, found, f"{expected[:12]}…", _ADVICE)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise BratsError(file, f"it cannot be read ({reason})", "the weights of a generator", _ADVICE) from error
