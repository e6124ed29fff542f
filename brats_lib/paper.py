"""The numbers that the paper prints, as data: every table that says "paper" takes them from `paper_values.yml`.

The paper is the preprint rs-7900791/v1 on Research Square.
"""

from functools import cache
from importlib.resources import files

import pandas as pd
import yaml


@cache
def values() -> pd.DataFrame:
    """The numbers of the paper in the order of the data file, which explains the columns; the index are the keys."""
    content = yaml.safe_load(files("brats_lib").joinpath("paper_values.yml").read_text(encoding="utf-8"))
    table = pd.DataFrame(content["paper"]).set_index("key")
    return table.assign(placeholder=table["placeholder"].eq(True))


def value(key: str) -> float:
    """A number of the paper; fractions are of 1."""
    return float(values().loc[key, "value"])
