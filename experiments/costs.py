"""What a run of the published recipe takes: disk, reading, and hours of devices, for any number of cases.

Arithmetic only. Each rate is an argument, so that whoever has measured another one can put it in.
"""

from dataclasses import dataclass

from brats_lib.recipes import PUBLISHED, Recipe

__all__ = ["Rates", "estimate"]

HOUR = 3600.0
# The paper's split, section 3.1.
TRAIN, VAL = 0.70, 0.15
# A training step takes about three times the arithmetic of a prediction: forward once, backward twice.
FORWARD_SHARE = 1 / 3
# A case as it comes.
RAW_MB = 90.0


@dataclass(frozen=True)
class Rates:
    """How fast a place is."""

    # Slices that one device trains on per second.
    train_slices: float
    devices: int = 1
    # Speed-up over the number of devices, 0-1.
    efficiency: float = 1.0
    # MB per second that one device's process reads from where the cache lies.
    read_mb: float = 200.0
    # Seconds of one core for the slices of a case, and cores that prepare.
    prepare_s: float = 0.5
    cores: int = 8


def estimate(cases: int, rates: Rates, recipe: Recipe = PUBLISHED) -> dict[str, float]:
    """Estimate a run on so many cases.

    Returns
    -------
    dict
        ``raw_gb`` and ``cache_gb`` on disk; ``prepare_hours`` of all cores together working; ``epoch_hours``, whichever
        of computing and reading takes longer; ``train_hours`` by the clock; ``device_hours``; and ``read_hours``, the
        part of the training that reading takes by itself.
    """
    # Images as float16 in each modality, labels as uint8.
    cached_mb = recipe.slices * recipe.size**2 * (2 * len(recipe.modalities) + 1) / 1e6
    slices = cases * recipe.slices * (TRAIN + VAL * FORWARD_SHARE)
    compute = slices / (rates.train_slices * rates.devices * rates.efficiency)
    # Every process reads the whole batch and takes its share, so more devices read no faster.
    read = cases * (TRAIN + VAL) * cached_mb / rates.read_mb
    epoch = max(compute, read) / HOUR
    return {
        "raw_gb": cases * RAW_MB / 1e3,
        "cache_gb": cases * cached_mb / 1e3,
        "prepare_hours": cases * rates.prepare_s / rates.cores / HOUR,
        "epoch_hours": epoch,
        "train_hours": recipe.epochs * epoch,
        "device_hours": recipe.epochs * epoch * rates.devices,
        "read_hours": recipe.epochs * read / HOUR,
    }
