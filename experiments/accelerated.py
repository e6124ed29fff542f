"""Full-length trainings, made for a GPU: what each effect of phantoms is worth, and what more phantoms are.

Trained and scored in two steps, since the machine with the GPU need not have the patients: ``--train ROW SEED`` for
every row and seed, as many at once as there are cores, for a core makes patches more slowly than a GPU learns them;
then, where the patients are, with `runs/experiments/accelerated` copied there, without it. Rows that are not trained
are left out of the table.
"""

import dataclasses
import functools
import json
from contextlib import closing, nullcontext
from pathlib import Path

import pandas as pd

from brats_lib.cases import MODALITIES
from brats_lib.errors import BratsError
from brats_lib.labels import REGIONS
from brats_lib.phantom import MIXED
from brats_lib.recipes import NATIVE
from brats_lib.slices.patches import PatchBatches
from brats_lib.training.checkpoints import read_record
from brats_lib.training.fitting import load_trained, train
from experiments import record
from experiments.ahead import AheadBatches
from experiments.record import provenance, save
from experiments.scoring import choose_channels, on_fast_engine, score_stacks
from experiments.shipped import PHANTOMS, RUNS, mean_dice, training_phantoms
from experiments.studies import effect_mixtures, recorded

__all__ = ["ROWS", "score_accelerated", "train_accelerated"]

FOLDER, ABOUT = f"{RUNS}/accelerated", "about.json"
# A third of those that the shipped network learns from: for each row others have to be simulated.
COMPARED = 192

# Number of phantoms and their kinds.
ROWS = {name: (COMPARED, kinds) for name, kinds in effect_mixtures().items()}
ROWS["twice as many as shipped"] = 2 * PHANTOMS, MIXED
# Effects can stand in for each other: what none is worth by itself, all of them may be worth together.
_FEWER = tuple(dataclasses.replace(kind, infiltration=False, vessels=False, without=("halo", "coil")) for kind in MIXED)
ROWS["rims and outlines alone"] = COMPARED, _FEWER
ROWS[f"{PHANTOMS} with rims and outlines alone"] = PHANTOMS, _FEWER


def train_accelerated(row, seed, workers=1, deterministic=True):
    """Train one row with one seed, its phantoms simulated first where they are not there.

    Parameters
    ----------
    row : str
        A key of `ROWS`.
    seed : int
        Of the network and the patches.
    workers : int
        Processes that make patches; with one, the training itself makes them in between.
    deterministic : bool
        See `brats_lib.training.devices.make_reproducible`.

    Returns
    -------
    brats_lib.training.fitting.TrainingResult

    Raises
    ------
    BratsError
        If there is no such row.
    """
    if row not in ROWS:
        raise BratsError(f"row '{row}'", "there is none of that name", ", ".join(ROWS), "Choose of those")
    folder = Path(_folder(row, seed))
    # Here, by all cores, before the processes that make patches look for them.
    training_phantoms(*ROWS[row])
    make = functools.partial(_batches, row, seed)
    with closing(AheadBatches(make, workers)) if workers > 1 else nullcontext(make()) as batches:
        result = train(NATIVE, batches, None, folder, seed=seed, deterministic=deterministic, verbose=2)
    # A training that was finished elsewhere keeps the machine that it was trained on.
    if not (folder / ABOUT).is_file():
        about = provenance(row=row, seed=seed, phantoms=ROWS[row][0])
        (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n")
    return result


def _batches(row, seed):
    return PatchBatches(training_phantoms(*ROWS[row]), NATIVE, seed)


def score_accelerated(real):
    """Scores of what was trained, on real cases: `results/accelerated.csv`, to which a later call adds."""
    if not real:
        raise BratsError("--data", "it names no labelled case", "real cases to score on", "Name their folder")
    about = {(row, seed): _read(row, seed) for row in ROWS for seed in _seeds(row)}
    if not about:
        expected = f"finished trainings, as {_folder(next(iter(ROWS)), 0)}"
        raise BratsError(FOLDER, "nothing is trained there", expected, "Train with --train ROW SEED")
    known = recorded("accelerated")
    tables = [] if known is None else [known]
    scored = set() if known is None else set(zip(known["row"], known["seed"], strict=True))
    stacks = choose_channels(real, NATIVE, MODALITIES)
    for row, seed in (key for key in about if key not in scored):
        network = on_fast_engine(load_trained(_folder(row, seed)), NATIVE)
        scores = score_stacks(network, stacks)
        scores = scores.loc[scores["region"].isin(REGIONS), ["case", "region", "dice", "hd95_mm"]]
        minutes = pd.read_csv(f"{_folder(row, seed)}/log.csv")["seconds"].sum() / 60
        found = {"row": row, "phantoms": ROWS[row][0], "seed": seed, "minutes": round(minutes, 2)}
        tables.append(scores.assign(**found, device=about[row, seed]["device"]["devices"]))
        print(row, seed, mean_dice(scores), flush=True)
    columns = ["row", "phantoms", "seed", "device", "case", "region", "dice", "hd95_mm", "minutes"]
    table = pd.concat(tables, ignore_index=True)[columns]
    order = table["row"].map(list(ROWS).index)
    table = table.assign(order=order).sort_values(["order", "seed"], kind="stable").drop(columns="order")
    facts = [{key: each[key] for key in ("commit", "device", "versions", "deterministic")} for each in about.values()]
    # What was trained on other machines before may not lie here any more.
    before = [] if known is None else json.loads((record.FOLDER / "accelerated.json").read_text())["trained_on"]
    machines = {json.dumps(each, sort_keys=True): each for each in [*before, *facts]}
    save("accelerated", table, trained_on=list(machines.values()))


def _read(row, seed):
    folder = Path(_folder(row, seed))
    about = json.loads((folder / ABOUT).read_text())
    return about | {"deterministic": read_record(folder)["settings"]["deterministic"]}


def _seeds(row):
    return sorted(int(path.parent.name.rpartition("-")[2]) for path in Path(FOLDER).glob(f"{_name(row)}-*/{ABOUT}"))


def _name(row):
    return row.replace(" ", "-")


def _folder(row, seed):
    return f"{FOLDER}/{_name(row)}-{seed}"
