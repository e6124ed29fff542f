"""Scores over cases, with intervals, and over training seeds, with their range; nothing is left out of a mean."""

import numpy as np

from brats_lib.errors import BratsError

__all__ = ["bootstrap_interval", "spread", "summarise"]

# Resampled indices held at once; bounds memory, not the result.
_INDICES_AT_ONCE = 2_000_000


def bootstrap_interval(values, level=0.95, resamples=10_000, seed=0):
    """Mean over cases and its bootstrap percentile interval (Efron & Tibshirani 1993, chapter 13).

    The interval says how much the mean would vary with other patients of the same kind. It does not know about
    another training seed or another hospital, and is too narrow below about ten cases.

    Parameters
    ----------
    values : sequence of float
        One score per case.
    level : float
        Coverage, between 0 and 1.
    resamples : int
        Bootstrap samples, each as large as `values`.
    seed : int
        Seed of the resampling; the same values and seed give the same interval.

    Returns
    -------
    mean, low, high : float
        All equal for a single case: one case says nothing about the spread.

    Raises
    ------
    ValueError
        If there are no values, one is not a finite number, or `level` or `resamples` is out of range.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"values have shape {values.shape}; one score per case is needed")
    if not np.isfinite(values).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(values))} of {values.size} values are not finite numbers")
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(f"level is {level} and resamples {resamples}; they must be within 0-1 and at least 1")
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, _INDICES_AT_ONCE // values.size)
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        means[start:stop] = values[rng.integers(values.size, size=(stop - start, values.size))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(values.mean()), float(low), float(high)


def summarise(rows, by=("region",), level=0.95, resamples=10_000, seed=0):
    """Summarise every score of every group over all its cases.

    Parameters
    ----------
    rows : list of dict, or pandas.DataFrame
        Long form as in `scores.csv`: `case`, the columns of `by`, and scores. The other columns are taken as scores.
    by : sequence of str
        Columns that tell groups apart, such as region, or predictor and subset.
    level, resamples, seed
        See `bootstrap_interval`.

    Returns
    -------
    list of dict
        One per group and score, in order of appearance: the columns of `by`, `score`, `cases` (how many), `mean`,
        `low`, `high` (bounds of the mean), `sd` (over cases, n - 1; 0 for a single case) and `median`.

    Raises
    ------
    BratsError
        If there are no rows, a column or a finite value is missing, a case occurs twice in a group, or regions have
        different cases: leaving those out would flatter.
    """
    rows = rows.to_dict("records") if hasattr(rows, "to_dict") else list(rows)
    if not rows:
        raise BratsError("scores", "there are no rows", "one row per case", "Score at least one case first")
    columns = set(rows[0])
    for name in ("case", *by):
        if name not in columns:
            raise BratsError("scores", f"there is no column '{name}'", f"columns case, {', '.join(by)}", "Add it")
    scores = [name for name in rows[0] if name != "case" and name not in by]

    groups = {}
    for row in rows:
        if set(row) != columns:
            what = f"a row has columns {', '.join(row)}"
            raise BratsError("scores", what, f"columns {', '.join(rows[0])}", "Score the cases again")
        group = groups.setdefault(tuple(row[name] for name in by), {})
        if row["case"] in group:
            what = f"case {row['case']} occurs twice in {_words(by, row)}"
            raise BratsError("scores", what, "one row per case", "Remove one of the rows")
        group[row["case"]] = [_finite(row, name, by) for name in scores]
    _check_regions(groups, by)

    summary = []
    for key, cases in groups.items():
        for name, values in zip(scores, np.array(list(cases.values())).T, strict=True):
            mean, low, high = bootstrap_interval(values, level, resamples, seed)
            summary.append({
                **dict(zip(by, key, strict=True)), "score": name, "cases": values.size, "mean": mean, "low": low,
                "high": high, "sd": float(values.std(ddof=1)) if values.size > 1 else 0.0,
                "median": float(np.median(values)),
            })  # fmt: skip
    return summary


def spread(table, by=("region",), value="dice", over="seed"):
    """Mean, standard deviation and range over training seeds, of the mean over cases.

    Parameters
    ----------
    table : pandas.DataFrame
        Long form: the columns of `by`, `over` and `value`; further rows of the same group and seed, such as its cases,
        are averaged first.
    by : sequence of str
        Columns that tell groups apart, such as row name, region and data.
    value : str
        Column to summarise.
    over : str
        Column whose repetitions the spread is about.

    Returns
    -------
    pandas.DataFrame
        One row per group, in order of appearance: the columns of `by`, `runs` (how many seeds), `mean`, `sd` (n - 1; 0
        for a single seed), `min` and `max`.

    Raises
    ------
    BratsError
        If there are no rows, a column or a finite value is missing, or seeds of a group have different cases.
    """
    by = list(by)
    for name in (*by, over, value):
        if name not in table:
            found = f"there is no column '{name}'"
            raise BratsError("scores", found, f"columns {', '.join((*by, over, value))}", "Add it")
    if not len(table):
        raise BratsError("scores", "there are no rows", "one row per seed", "Train and score at least once first")
    holes = ~np.isfinite(table[value].to_numpy(float))
    if holes.any():
        found = f"'{value}' is no finite number in {np.count_nonzero(holes)} of {len(table)} rows"
        raise BratsError("scores", found, "a finite number", "Score the cases again; an empty region has a score too")
    if "case" in table and "case" not in by:
        _check_seeds(table, by, over)
    means = table.groupby([*by, over], sort=False, dropna=False)[value].mean()
    groups = means.groupby(level=by, sort=False, dropna=False)
    result = groups.agg(runs="size", mean="mean", sd="std", min="min", max="max").reset_index()
    return result.fillna({"sd": 0.0})


def _check_seeds(table, by, over):
    for key, group in table.groupby(by, sort=False, dropna=False):
        cases = group.groupby(over)["case"].agg(lambda names: tuple(sorted(map(str, names))))
        if cases.nunique() > 1:
            name = ", ".join(map(str, key))
            found = f"the seeds of {name} have {', '.join(str(len(names)) for names in cases)} cases that differ"
            raise BratsError("scores", found, "every case once for every seed", "Score the cases again")


def _words(by, row):
    return ", ".join(f"{name} {row[name]}" for name in by)


def _finite(row, name, by):
    value = row[name]
    if not isinstance(value, int | float | np.number) or not np.isfinite(value):
        where = f"scores of case {row['case']}, {_words(by, row)}"
        found, expected = f"'{name}' is {value!r}", "a finite number"
        raise BratsError(where, found, expected, "Score the case again; an empty region has a score too")
    return float(value)


def _check_regions(groups, by):
    """All regions of what is otherwise the same group must have the same cases."""
    if "region" not in by:
        return
    at = list(by).index("region")
    expected = {}
    for key, cases in groups.items():
        first = expected.setdefault(key[:at] + key[at + 1 :], (key[at], set(cases)))
        if first[1] != set(cases):
            odd = sorted(map(str, first[1] ^ set(cases)))
            what = f"region {key[at]} and region {first[0]} have different cases: {', '.join(odd[:3])}"
            raise BratsError("scores", what, "every region for every case", "Score the cases again")
