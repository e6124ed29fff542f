"""The generator that ships: float16 arrays, checked before they are read, beside a card of how it was made."""

from pathlib import Path
from typing import TYPE_CHECKING

from brats_lib.errors import BratsError
from brats_lib.files import read_json
from brats_lib.prediction.weights.store import read_arrays, set_arrays
from brats_lib.recipes import GenerativeRecipe, as_tuples

if TYPE_CHECKING:
    import keras

GENERATOR = Path(__file__).parent / "generator.json"
_ADVICE = "Restore the file, or install the package again"


def read_generator_card(card: Path = GENERATOR) -> dict:
    """Read the card of a generator."""
    return read_json(card, "the card of a generator", _ADVICE, keys=("recipe", "compression", "weights"))


def load_generator(card: Path = GENERATOR) -> "tuple[keras.Model, GenerativeRecipe, dict]":
    """Build the generator of a card: the network in float32, the recipe of its GAN, and the card.

    The weights lie beside the card as `.npz`; their SHA-256 is compared before anything in them is read.
    """
    # Cards are read by programs that need no network, and Keras takes seconds to load.
    from brats_lib.studies.synthesis.gan import join
    from brats_lib.studies.synthesis.networks import build

    about, file = read_generator_card(card), card.with_suffix(".npz")
    try:
        settings = ({key: as_tuples(value) for key, value in about[name].items()} for name in ("recipe", "compression"))
        recipe, compression = (GenerativeRecipe(**values) for values in settings)
        sha256 = str(about["weights"]["sha256"])
    except (TypeError, KeyError, AttributeError) as error:
        found = f"its recipes or weights cannot be used ({error})"
        raise BratsError(card, found, "the card of a generator", _ADVICE) from error
    arrays = read_arrays(file, sha256)
    generator = join(build(recipe).generator, build(compression).decoder)
    set_arrays(generator, arrays, file)
    return generator, recipe, about
