"""The two networks that ship: trained on phantoms alone, and trained on with the real cases at hand."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pandas as pd

import brats_lib.prediction.weights
from brats_lib.cases import MODALITIES, Cohort
from brats_lib.errors import BratsError
from brats_lib.labels import REGIONS
from brats_lib.phantom import MIXED, VERSION
from brats_lib.prediction.inference import predict_stack
from brats_lib.prediction.postprocess import regions_to_mask
from brats_lib.prediction.weights import save_weights
from brats_lib.recipes import NATIVE
from brats_lib.scores.difficulty import difficulty
from brats_lib.scores.summary import bootstrap_interval
from brats_lib.slices.patches import PatchBatches
from brats_lib.slices.stacks import build_stacks, simulate_stacks
from brats_lib.training.fitting import train
from experiments import record
from experiments.record import provenance, save
from experiments.scoring import choose_channels, on_fast_engine, score_stack_mask, score_stacks
from experiments.thresholds import decide, score_thresholds

__all__ = [
    "FINE_TUNING", "choice_phantoms", "choose_rules", "make_phantom", "make_real", "plain_mixture", "real_stacks",
    "rounded", "test_phantoms", "train_phantom", "train_real", "training_phantoms",
]  # fmt: skip

STACKS = "runs/stacks"
RUNS = "runs/experiments"
SEED = 0
PHANTOMS, OTHERS = 576, 12
# What may be done after the network, chosen on phantoms; the threshold of WT is chosen on patients, see `thresholds`.
PIECES = (
    {"smallest_piece": 0.0},
    {"smallest_piece": 0.1, "linked_above": 0.1},
    {"smallest_piece": 0.1, "linked_above": 0.2},
    {"smallest_piece": 1.0, "linked_above": 0.1},
    {"smallest_piece": 1.0, "linked_above": 0.2},
)
ET_ABOVE = (0.5, 0.4, 0.3, 0.2)
SMALLEST_ET_ML = (0.0, 0.05, 0.2, 0.5)

# Two short epochs at a quarter of the training's learning rate, on patients and phantoms in equal parts: enough to meet
# real tissue, too little to learn seven patients by heart.
FINE_TUNING = dataclasses.replace(NATIVE, learning_rate=5e-4, slices_per_epoch=600, epochs=2)

WEIGHTS = Path(brats_lib.prediction.weights.__file__).parent

ATLAS_LICENCE = "No patient data; the heads are deformed from the ICBM 2009a nonlinear symmetric averages."
FONOV = {"key": "fonov2011", "text": "Fonov et al. 2011, NeuroImage 54(1), 313-327"}
BRATS = [
    {"key": "baid2021", "text": "Baid et al. 2021, arXiv 2107.02314"},
    {"key": "menze2015", "text": "Menze et al. 2015, IEEE Transactions on Medical Imaging 34(10), 1993-2024"},
    {"key": "bakas2017", "text": "Bakas et al. 2017, Scientific Data 4, 170117"},
]
TESTED_ON = f"{OTHERS} phantoms as the patients are", "nothing was learnt from them or decided on them"
LIMITATIONS = [
    "Tested on eight patients of one collection: adults with glioma before surgery.",
    "Needs skull-stripped FLAIR and T1ce on one grid; any other than 1 mm is resampled to that.",
    "Faint lesions without enhancement are found late or not at all.",
    "Pieces that are small beside the largest are dropped, be they specks or a second focus.",
]


def training_phantoms(cases=PHANTOMS, varieties=MIXED):
    """Phantoms to learn from."""
    return simulate_stacks(SEED, cases, STACKS, varieties, stream="training")


def plain_mixture(*effects):
    """The kinds of phantoms that networks learn from, with effects left out."""
    return tuple(dataclasses.replace(kind, without=effects) for kind in MIXED)


def choice_phantoms(cases=OTHERS):
    """Phantoms as the patients are: what is decided on simulated patients is decided on these."""
    return simulate_stacks(SEED, cases, STACKS, stream="choices")


def test_phantoms(cases=OTHERS):
    """Phantoms as the patients are: what is reported on simulated patients is reported on these."""
    return simulate_stacks(SEED, cases, STACKS, stream="tests")


def real_stacks(data):
    """The labelled cases of a folder; none where no folder is named."""
    return build_stacks(Cohort.find(data), STACKS) if data else []


def train_phantom(recipe, seed=SEED):
    """Train the network that never saw a patient.

    Returns
    -------
    brats_lib.training.fitting.TrainingResult
    """
    batches = PatchBatches(training_phantoms(), recipe, seed)
    return train(
        recipe, batches, None, f"{RUNS}/phantom-{seed}", seed=seed, data_fingerprint=f"phantoms of version {VERSION}"
    )


def train_real(recipe, weights, stacks, left_out=None, seed=SEED, name="real"):
    """Train a phantom network on with real cases.

    Parameters
    ----------
    recipe : NativeRecipe
        How long and how fast.
    weights : list of array
        Of the phantom network.
    stacks : list of Stack
        Real cases.
    left_out : str, optional
        The case that is kept for testing.
    seed : int
        Of the patches.
    name : str
        Of the trainings with this recipe, for their folders.

    Returns
    -------
    brats_lib.training.fitting.TrainingResult
    """
    chosen = [stack for stack in stacks if stack.name != left_out]
    phantoms = training_phantoms()
    repeated = list(itertools.islice(itertools.cycle(chosen), len(phantoms)))
    batches = PatchBatches(repeated + phantoms, recipe, seed)
    folder = f"{RUNS}/{name}-{seed}-{left_out or 'all'}"
    return train(recipe, batches, None, folder, seed=seed, initial_weights=weights)


def rounded(model):
    """The same network with the weights that a float16 file holds."""
    model.set_weights([weight.astype(np.float16).astype(np.float32) for weight in model.get_weights()])
    return model


def choose_rules(network, stacks):
    """Choose what is done after the network, by mean Dice of the three regions on cases that nothing is reported on.

    Returns
    -------
    rule : DecisionRule
        The best.
    table : pandas.DataFrame
        Mean Dice of every choice.
    """
    stacks = choose_channels(stacks, network.recipe, MODALITIES)
    found = [predict_stack(network, stack) for stack in stacks]
    score = _remembered()
    rows, tried = [], []
    for pieces, above, smallest in itertools.product(PIECES, ET_ABOVE, SMALLEST_ET_ML):
        rules = {**pieces, "et_above": above, "smallest_et_ml": smallest}
        tried.append(dataclasses.replace(network.rule, **rules))
        scores = [score(p, stack, tried[-1]) for p, stack in zip(found, stacks, strict=True)]
        rows.append({**rules, **mean_dice(pd.DataFrame(itertools.chain.from_iterable(scores)))})
    table = pd.DataFrame(rows, columns=["smallest_piece", "linked_above", "et_above", "smallest_et_ml", *REGIONS])
    # The first of equals: no rule rather than one that changes nothing.
    return tried[table[list(REGIONS)].mean(axis=1).idxmax()], table


def _remembered():
    """A function that scores a mask once: most rules change no voxel of most cases."""
    known = {}

    def score(probabilities, stack, rule):
        mask = regions_to_mask(probabilities, rule)
        key = stack.name, hash(mask.tobytes())
        if key not in known:
            known[key] = score_stack_mask(mask, stack)
        return known[key]

    return score


def make_phantom(real):
    """Train, score and write the network `phantom`.

    Parameters
    ----------
    real : list of Stack
        Real cases to score it on, as `results/phantom_on_real.csv`; may be empty.
    """
    trained = train_phantom(NATIVE)
    model, deciding = rounded(trained.model), choice_phantoms()
    network = on_fast_engine(model, NATIVE)
    rule, rules = choose_rules(network, deciding)
    network = dataclasses.replace(network, rule=rule)
    save("rules_on_phantoms", rules, seed=SEED, stream="choices", phantoms=len(deciding))
    minutes, on_patients = trained.seconds / 60, []
    if real:
        table = score_thresholds(network, choose_channels(real, NATIVE, MODALITIES))
        save_thresholds("phantom", table)
        above, on_real, how = decide(table)
        rule = dataclasses.replace(rule, wt_above=above)
        save("phantom_on_real", with_difficulty(on_real, real), seed=SEED, minutes=round(minutes, 1), phantoms=PHANTOMS)
        on_patients = card_scores(on_real, f"{len(real)} cases of BraTS 2021", f"none was seen in training; {how}")
    network = dataclasses.replace(network, rule=rule)
    on_phantoms = score_stacks(network, choose_channels(test_phantoms(), NATIVE, MODALITIES))
    on_phantoms = card_scores(on_phantoms, *TESTED_ON)
    facts = {
        "title": "Trained on simulated patients alone",
        "data": {
            "description": f"{PHANTOMS} simulated patients: a third like those of BraTS 2020, a third with tumours of "
            "any size and place, a third drawn from wider ranges in everything",
            "phantoms": PHANTOMS, "phantom_version": VERSION, "patients": 0,
            "licence": ATLAS_LICENCE,
            "citations": [FONOV],
        },
        "training": training_facts(minutes, SEED, NATIVE),
        "scores": [*on_phantoms, *on_patients],
        "default": True,
        "limitations": LIMITATIONS,
        "learnt_from": [stack.flair_hash for stack in training_phantoms()],
    }  # fmt: skip
    save_weights(model, NATIVE, rule, WEIGHTS, "phantom", facts)


def save_thresholds(network, table):
    """Put the scores of a network with every threshold into `results/thresholds.csv`, beside those of the other."""
    columns = ["network", "wt_above", "case", "region", "dice", "hd95_mm"]
    table = table[table["region"].isin(REGIONS)].assign(network=network)[columns]
    if record.is_current("thresholds"):
        others = pd.read_csv(record.FOLDER / "thresholds.csv").query("network != @network")
        table = pd.concat([others, table], ignore_index=True)
    save("thresholds", table, seed=SEED)


def with_difficulty(scores, stacks):
    """Scores with the size and contrast of each case's tumour."""
    rows = []
    for stack in stacks:
        volumes = {
            name: np.asarray(stack.images[..., MODALITIES.index(name)], np.float32) for name in ("flair", "t1ce")
        }
        rows.append({"case": stack.name, **difficulty(volumes, np.asarray(stack.labels))})
    return scores.merge(pd.DataFrame(rows), on="case")


def make_real(real):
    """Train the network `phantom` on with the real cases, score it leaving one out each time, and write it."""
    model, recipe, card = brats_lib.prediction.weights.load("phantom", precision="float32")
    start, rule = model.get_weights(), card.rule
    if len(real) < 2:
        raise BratsError("real cases", f"there are {len(real)}", "two or more, to leave one out", "Give --data")
    parts = []
    for stack in real:
        tuned = on_fast_engine(rounded(train_real(FINE_TUNING, start, real, stack.name).model), recipe, rule)
        parts.append(score_thresholds(tuned, choose_channels([stack], recipe, MODALITIES)))
        print(parts[-1].pivot(index=["case", "wt_above"], columns="region", values="dice").round(3), flush=True)
    table = pd.concat(parts, ignore_index=True)
    save_thresholds("phantom+real", table)
    above, scores, how = decide(table)
    rule = dataclasses.replace(rule, wt_above=above)
    save("leave_one_out", scores, seed=SEED, recipe=dataclasses.asdict(FINE_TUNING))
    trained = train_real(FINE_TUNING, start, real)
    minutes = card.training["minutes"] + trained.seconds / 60
    facts = {
        "title": "Trained on simulated patients, then on with eight real ones",
        "data": {
            "description": f"{PHANTOMS} simulated patients, then as much of {len(real)} cases of BraTS 2021",
            "phantoms": PHANTOMS, "phantom_version": VERSION, "patients": len(real),
            "licence": "CC BY 4.0 (RSNA-ASNR-MICCAI BraTS 2021)",
            "citations": [FONOV, *BRATS],
        },
        "training": training_facts(minutes, SEED, NATIVE, FINE_TUNING),
        "scores": card_scores(
            scores, "8 cases of BraTS 2021", f"each by a network trained on with the other 7; {how}"
        ),
        "default": False,
        "limitations": LIMITATIONS,
        "learnt_from": [stack.flair_hash for stack in [*training_phantoms(), *real]],
    }  # fmt: skip
    save_weights(rounded(trained.model), recipe, rule, WEIGHTS, "phantom+real", facts)
    choose_default()


def choose_default():
    """Make the network whose mean Dice over regions was higher on the real cases the default, on both cards."""
    cards = [brats_lib.prediction.weights.read_card(name) for name in brats_lib.prediction.weights.available()]

    def dice(card):
        # Real cases come last: the card of `phantom` has scores on phantoms before them.
        return sum(row["mean"] for row in [row for row in card.scores if row["score"] == "dice"][-len(REGIONS) :])

    best = max(cards, key=dice)
    for card in cards:
        path = WEIGHTS / card.weights["file"].replace(".npz", ".json")
        path.write_text(dataclasses.replace(card, default=card is best).to_json(), encoding="utf-8")


def training_facts(minutes, seed, *recipes):
    """What a card says about a training on this machine."""
    about = provenance()
    cores = int(about["device"]["cores"])
    return {
        "seed": seed,
        "slices": sum(recipe.epochs * recipe.slices_per_epoch for recipe in recipes),
        "minutes": round(minutes, 1),
        "device": f"{about['device']['devices']}, {cores} core{'' if cores == 1 else 's'}",
        "precision": about["device"]["precision"],
        "versions": about["versions"],
        "commit": about["commit"],
    }


def card_scores(scores, data, how):
    """Mean Dice and HD95 per region with bootstrap intervals, as a card has them."""
    rows = []
    for region in REGIONS:
        for score in ("dice", "hd95_mm"):
            values = scores.loc[scores["region"] == region, score]
            mean, low, high = (round(number, 4) for number in bootstrap_interval(values))
            rows.append({
                "data": data, "region": region, "score": score, "mean": mean, "interval": [low, high],
                "cases": len(values), "how": how,
            })  # fmt: skip
    return rows


def mean_dice(table):
    """Mean Dice per region, as a dict."""
    means = table.groupby("region")["dice"].mean()
    return {region: round(float(np.float64(means[region])), 4) for region in ("WT", "TC", "ET")}
