"""Brain-tumour segmentation on BraTS MRI: data, phantoms, networks, scores and figures."""

import os
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def installed_versions(*packages: str) -> dict[str, str]:
    """Versions of those of some packages that are installed, as records of results have them."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


# A checkout on sys.path need not be installed.
__version__ = installed_versions("brats-lib").get("brats-lib", "0+unknown")

# What Keras is asked to compute with; `devices` refuses what this package cannot use.
KERAS_BACKEND = os.environ.get("KERAS_BACKEND") or "tensorflow"

# Keras reads its settings once, when it is first imported: by default those in ~/.keras, which another project may have
# written. In this process those of this package hold, and no variable left from debugging ends a training early.
if "keras" in sys.modules:
    sys.modules["keras"].config.set_floatx("float32")
    sys.modules["keras"].config.set_image_data_format("channels_last")
else:
    os.environ["KERAS_HOME"] = str(Path(__file__).with_name("keras_home"))
    os.environ["KERAS_BACKEND"] = KERAS_BACKEND if KERAS_BACKEND in ("tensorflow", "jax") else "tensorflow"
    for name in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED"):
        os.environ.pop(name, None)
