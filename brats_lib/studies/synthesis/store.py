"""The generator that ships: float16 arrays, checked before they are read, beside a card of how it was made."""

import hashlib
import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from brats_lib.errors import BratsError
from brats_lib.files import read_json, write_whole
from brats_lib.prediction.weights.store import to_float16
from brats_lib.recipes import GenerativeRecipe, as_tuples

__all__ = ["GENERATOR", "load_generator", "read_generator_card", "save_generator"]

GENERATOR = Path(__file__).parent / "generator.json"
_ADVICE = "Restore the file, or install the package again"


def save_generator(generator, recipe, compression, facts, card=GENERATOR):
    """Write a generator's weights and their card.

    Parameters
    ----------
    generator : keras.Model
        Of `gan.join`.
    recipe, compression : GenerativeRecipe
        What the GAN and the autoencoder were trained with.
    facts : dict
        What a reader must know: data, training, scores, limitations.
    card : Path
        Gets the card; the weights go beside it as `.npz`.

    Raises
    ------
    BratsError
        If a weight is not finite in float16, or a file cannot be written.
    """
    arrays = to_float16(generator, card)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    settings = {"recipe": asdict(recipe), "compression": asdict(compression)}
    weights = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content),
               "parameters": sum(array.size for array in arrays.values())}  # fmt: skip
    write_whole(card.with_suffix(".npz"), content)
    write_whole(card, (json.dumps({**settings, "weights": weights, **facts}, indent=1) + "\n"))


def read_generator_card(card=GENERATOR):
    """Read the card of a generator.

    Parameters
    ----------
    card : Path

    Returns
    -------
    dict

    Raises
    ------
    BratsError
        If it is not there or damaged.
    """
    return read_json(card, "the card of a generator", _ADVICE, keys=("recipe", "compression", "weights"))


def load_generator(card=GENERATOR):
    """Build the generator of a card. The file is compared with the card's SHA-256 before anything in it is read.

    Parameters
    ----------
    card : Path

    Returns
    -------
    generator : keras.Model
        In float32.
    recipe : GenerativeRecipe
        Of the GAN.
    about : dict
        The card.

    Raises
    ------
    BratsError
        If a file is damaged or does not belong to the card.
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
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BratsError(
            file, f"it cannot be read ({error.strerror})", "the weights of a generator", _ADVICE
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        found = f"its SHA-256 is {digest[:12]}…, so it is damaged or belongs to another card"
        raise BratsError(file, found, f"{expected[:12]}…", _ADVICE)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = [archive[name].astype(np.float32) for name in archive.files]
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise BratsError(file, f"it cannot be read ({error})", "arrays of numbers as .npz", _ADVICE) from error
    generator = join(build(recipe).generator, build(compression).decoder)
    wanted = [tuple(weight.shape) for weight in generator.weights]
    if [array.shape for array in arrays] != wanted:
        found = f"its {len(arrays)} arrays do not fit the recipe's generator"
        raise BratsError(file, found, f"{len(wanted)} arrays as the recipe has them", _ADVICE)
    generator.set_weights(arrays)
    return generator, recipe, about
