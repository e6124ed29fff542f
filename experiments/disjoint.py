"""The book's test phantoms as they were drawn, from the phantoms that networks learn from, and as they are drawn.

`results/disjoint.csv` scores both networks that ship on the test phantoms of the profiles smoke and workshop, drawn
from the stream `training`, of which these networks have met some, and from the stream `cohort`; and on the phantoms
for tests, which are on the card of `phantom`.
"""

import dataclasses
from types import SimpleNamespace

import pandas as pd

from brats_lib.book.runs import read_profile
from brats_lib.cases import MODALITIES, split_cohort
from brats_lib.labels import REGIONS
from brats_lib.phantom import MIXED, PATIENTS, case_name, draw_case, simulate
from brats_lib.prediction import weights
from brats_lib.slices.stacks import make_stack
from experiments.record import FOLDER, save
from experiments.scoring import choose_channels, on_fast_engine, score_stacks
from experiments.shipped import OTHERS, SEED, TESTED_ON, WEIGHTS, card_scores

__all__ = ["PROFILES", "compare_streams", "drawn_for_test", "put_on_card", "shared_with_training"]

PROFILES = ("smoke", "workshop")


class _Names(list):
    """What `split_cohort` asks of a cohort: names and grades of cases, without a file."""

    root, tables = "phantoms", ()


def drawn_for_test(profile, stream):
    """Indices of the phantoms that a profile tests on.

    Parameters
    ----------
    profile : str
    stream : str

    Returns
    -------
    list of int
    """
    settings = read_profile(profile)
    cases = _Names(
        SimpleNamespace(name=case_name(index), grade=draw_case(settings["seed"], index, stream).grade)
        for index in range(settings["phantom_cases"])
    )
    tested = split_cohort(cases, seed=settings["seed"]).test
    return [int(name.rpartition("_")[2]) - 1 for name in tested]


def shared_with_training(index):
    """What a phantom of the patients' kind from the stream `training` shares with the one that was learnt from.

    Both are drawn from the same random numbers; they are the same phantom, or differ in what is drawn wider.

    Returns
    -------
    str
    """
    kind = MIXED[index % len(MIXED)]
    if kind == PATIENTS:
        return "every voxel"
    return "random numbers" if kind.heads else "the head"


def compare_streams():
    """One row per phantom, network and region; what is scored already is kept."""
    asked = [
        (stream, index, shared_with_training(index) if stream == "training" else "nothing")
        for stream in ("training", "cohort")
        for index in sorted({index for profile in PROFILES for index in drawn_for_test(profile, stream)})
    ]
    asked += [("tests", index, "nothing") for index in range(OTHERS)]
    networks = {}
    for name in weights.available():
        model, recipe, card = weights.load(name)
        networks[name] = on_fast_engine(model, recipe, card.rule)
    columns = ["stream", "case", "profiles", "shares", "network", "region", "dice", "hd95_mm"]
    path = FOLDER / "disjoint.csv"
    table = pd.read_csv(path, keep_default_na=False) if path.is_file() else pd.DataFrame(columns=columns)
    for stream, index, shares in asked:
        if ((table["stream"] == stream) & (table["case"] == case_name(index))).any():
            continue
        phantom = simulate(SEED, index, stream=stream)
        stack = make_stack(case_name(index), [phantom.volumes[name] for name in MODALITIES], phantom.mask)
        profiles = [profile for profile in PROFILES if stream != "tests" and index in drawn_for_test(profile, stream)]
        facts = {"stream": stream, "profiles": " ".join(profiles), "shares": shares}
        for name, network in networks.items():
            scores = score_stacks(network, choose_channels([stack], network.recipe, MODALITIES))
            scores = scores[scores["region"].isin(REGIONS)].assign(network=name, **facts)
            table = pd.concat([table, scores[columns]], ignore_index=True)
            print(stream, stack.name, shares, name, scores["dice"].round(3).tolist(), flush=True)
        save("disjoint", table, seed=SEED, profiles=list(PROFILES))
    put_on_card(table)


def put_on_card(table):
    """Put the scores on the phantoms for tests on the card of `phantom`, before those on patients."""
    tested = table.query("stream == 'tests' and network == 'phantom'")
    card = weights.read_card("phantom")
    others = [score for score in card.scores if "phantoms" not in score["data"]]
    scores = [*card_scores(tested, *TESTED_ON), *others]
    (WEIGHTS / "phantom.json").write_text(dataclasses.replace(card, scores=scores).to_json(), encoding="utf-8")
