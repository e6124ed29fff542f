"""How readers outline real lesions, and how phantoms are outlined: what the simulation was set by, made again."""

import functools

import numpy as np
import pandas as pd

from brats_lib.cases import MODALITIES
from brats_lib.phantom import MIXED
from brats_lib.scores.outline import describe_outline
from experiments.record import save
from experiments.shipped import plain_mixture, training_phantoms

__all__ = ["compare_outlines"]

CASES = 24


def compare_outlines(real):
    """One row per real case, phantom, and phantom without rims and outlines: `results/outlines.csv`."""
    kinds = {"phantoms": MIXED, "phantoms without rims and outlines": plain_mixture("rims", "outlines")}
    cohorts = {"patients": lambda: real}
    cohorts |= {name: functools.partial(training_phantoms, CASES, kind) for name, kind in kinds.items()}
    rows = []
    for data, stacks in cohorts.items():
        for stack in stacks():
            volumes = {name: np.asarray(stack.images[..., MODALITIES.index(name)]) for name in ("flair", "t1ce")}
            rows.append({"data": data, "case": stack.name, **describe_outline(volumes, np.asarray(stack.labels))})
    table = pd.DataFrame(rows)
    print(table.groupby("data", sort=False).median(numeric_only=True).round(2))
    save("outlines", table, phantoms=CASES)
