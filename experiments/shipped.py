"""The two networks that ship: trained on phantoms alone, and fine-tuned on patients.

What is chosen on patients is reported on other patients, by the five folds that lie beside them: a decision rule on
four of them, and so is a network that learns from patients. What ships has learnt and chosen from all.
"""

import dataclasses
import itertools
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd

import brats_lib.prediction.weights
from brats_lib import models
from brats_lib.cases import MODALITIES, Cohort
from brats_lib.errors import BratsError
from brats_lib.files import home_path
from brats_lib.labels import REGIONS
from brats_lib.phantom import MIXED, VERSION
from brats_lib.prediction.inference import predict_stack
from brats_lib.prediction.postprocess import regions_to_mask
from brats_lib.prediction.weights import save_weights
from brats_lib.recipes import NATIVE, DecisionRule
from brats_lib.scores.comparison import Claim, verdicts
from brats_lib.scores.difficulty import difficulty
from brats_lib.scores.summary import bootstrap_interval
from brats_lib.slices.patches import PatchBatches, region_targets
from brats_lib.slices.stacks import build_stacks, simulate_stacks
from brats_lib.training.checkpoints import BEST_WEIGHTS
from brats_lib.training.fitting import train
from experiments.paper import read_folds, read_grades
from experiments.record import FOLDER, provenance, recorded, save
from experiments.scoring import choose_channels, on_fast_engine, score_stack_mask, score_stacks

STACKS = "runs/stacks"
RUNS = "runs/experiments"
SEED, SEEDS = 0, (0, 1, 2)
PHANTOMS, OTHERS = 576, 12
# Epochs at which the training of `phantom` is looked at.
LOOKED_AT = (2, 5, 10, NATIVE.epochs)
# The first of equals is chosen: the rule's own values, unless others are better.
CHOICES = {"wt_above": (0.5, 0.4, 0.3), "et_above": (0.3, 0.5)}
# Not chosen by folds: two patients without ET are too few. So little as is found to enhance here hardly met any
# ET, so leaving it out costs next to nothing, and where there is no ET it is worth a Dice of 1.
ABSENCE = {"smallest_et_share": 0.05, "smallest_et_ml": 0.5}

# Nearly all of it on patients: with phantoms among them a network does not forget what no patient of these shows.
FINE_TUNING = dataclasses.replace(NATIVE, learning_rate=1.5e-3, epochs=18)
PATIENTS_SHARE, PHANTOMS_BESIDE = 0.85, 60

WEIGHTS = Path(brats_lib.prediction.weights.__file__).parent

ATLAS_LICENCE = "The heads of phantoms are deformed from the ICBM 2009a nonlinear symmetric averages."
BRATS_LICENCE = "Patients: CC BY 4.0 (RSNA-ASNR-MICCAI BraTS 2021); BraTS 2018: research use with the citations."
FONOV = {"key": "fonov2011", "text": "Fonov et al. 2011, NeuroImage 54(1), 313-327"}
BRATS = [
    {"key": "baid2021", "text": "Baid et al. 2021, arXiv 2107.02314"},
    {"key": "menze2015", "text": "Menze et al. 2015, IEEE Transactions on Medical Imaging 34(10), 1993-2024"},
    {"key": "bakas2017", "text": "Bakas et al. 2017, Scientific Data 4, 170117"},
    {"key": "bakas2018", "text": "Bakas et al. 2018, arXiv 1811.02629"},
]
TESTED_ON = f"{OTHERS} phantoms as the patients are", "nothing was learnt from them or decided on them"
LIMITATIONS = [
    "Tested on 26 patients of two collections: adults with glioma before surgery.",
    "Needs skull-stripped FLAIR and T1ce on one grid; any other than 1 mm is resampled to that.",
    "Faint lesions without enhancement may be missed.",
    "Pieces that are small beside the largest are dropped, be they specks or a second focus.",
    "Enhancement that is a small part of the core is labelled as core without enhancement. How small was set with "
    "all of these patients in view, so the scores of ET may be too high where there is none.",
]


def training_phantoms(cases=PHANTOMS, varieties=MIXED):
    """Phantoms to learn from."""
    return simulate_stacks(SEED, cases, STACKS, varieties, stream="training")


def test_phantoms(cases=OTHERS):
    """Phantoms as the patients are: what is reported on simulated patients is reported on these."""
    return simulate_stacks(SEED, cases, STACKS, stream="tests")


def real_stacks(data):
    """The labelled cases of a folder; none where no folder is named."""
    return build_stacks(Cohort.find(data), STACKS) if data else []


def find_patients(data):
    """Case, fold (from 0) and grade of the patients of a folder, as `paper.read_folds` and `read_grades` tell them."""
    named = enumerate(read_folds(home_path(data)))
    table = pd.DataFrame([(case, fold) for fold, cases in named for case in cases], columns=["case", "fold"])
    return table.assign(grade=table["case"].map(read_grades(home_path(data))))


def _keep_looks(folder):
    """A callback that keeps the weights of `LOOKED_AT`: the best ones of a native training are an epoch's averages."""

    def keep(epoch, _):
        if epoch + 1 in LOOKED_AT:
            shutil.copy(f"{folder}/{BEST_WEIGHTS}", _look(folder, epoch + 1))

    return keras.callbacks.LambdaCallback(on_epoch_end=keep)


def _look(folder, epochs):
    return f"{folder}/after-{epochs}.weights.h5"


def train_phantom(recipe, seed=SEED):
    """Train the network that never saw a patient.

    Returns
    -------
    brats_lib.training.fitting.TrainingResult
    """
    batches, folder = PatchBatches(training_phantoms(), recipe, seed), f"{RUNS}/phantom-{seed}"
    fingerprint, keep = f"phantoms of version {VERSION}", _keep_looks(folder)
    return train(recipe, batches, None, folder, seed=seed, data_fingerprint=fingerprint, callbacks=[keep])


def train_real(recipe, weights, stacks, name, seed=SEED):
    """Fine-tune a network on patients.

    Parameters
    ----------
    recipe : NativeRecipe
        How long and how fast.
    weights : list of array
        Of the phantom network.
    stacks : list of Stack
        Patients.
    name : str
        Of the training, for its folder.
    seed : int
        Of the patches.

    Returns
    -------
    brats_lib.training.fitting.TrainingResult
    """
    phantoms = training_phantoms(PHANTOMS_BESIDE)
    count = round(len(phantoms) * PATIENTS_SHARE / (1 - PATIENTS_SHARE))
    repeated = list(itertools.islice(itertools.cycle(stacks), count))
    batches = PatchBatches(repeated + phantoms, recipe, seed)
    return train(recipe, batches, None, f"{RUNS}/real-{seed}-{name}", seed=seed, initial_weights=weights)


def rounded(model):
    """The same network with the weights that a float16 file holds."""
    model.set_weights([weight.astype(np.float16).astype(np.float32) for weight in model.get_weights()])
    return model


def predict_stacks(network, stacks):
    """Probabilities of each case, float16."""
    stacks = choose_channels(stacks, network.recipe, MODALITIES)
    return [predict_stack(network, stack).astype(np.float16) for stack in stacks]


def rules():
    """Every combination of `CHOICES`."""
    for values in itertools.product(*CHOICES.values()):
        yield DecisionRule(**ABSENCE, **dict(zip(CHOICES, values, strict=True)))


def score_rules(found, labels):
    """Mean Dice of the three regions with each of `rules`."""
    return [np.mean([*region_dice(regions_to_mask(found, rule), labels).values()]) for rule in rules()]


def region_dice(mask, labels):
    """Dice of each region: what `score_stack_mask` says without the distances, which take seconds."""
    found, truth = region_targets(mask) > 0, region_targets(np.asarray(labels)) > 0
    total = (found.sum((0, 1, 2)) + truth.sum((0, 1, 2))).astype(float)
    both = (found & truth).sum((0, 1, 2))
    return dict(zip(REGIONS, np.where(total, 2 * both / np.maximum(total, 1), 1), strict=True))


def score_regions(probabilities, stacks, rule):
    """Dice of each region and case by one rule: columns case, region and dice."""
    dice = {
        stack.name: region_dice(regions_to_mask(np.asarray(found, np.float32), rule), stack.labels)
        for found, stack in zip(probabilities, stacks, strict=True)
    }
    return pd.DataFrame(dice).T.melt(ignore_index=False, var_name="region", value_name="dice").reset_index(names="case")


def cross_fit(probabilities, stacks, folds):
    """Choose a decision rule, and score each case with the rule that the other folds choose.

    Parameters
    ----------
    probabilities : list of array
        Of `stacks`, by networks that did not learn from them.
    stacks : list of Stack
        Labelled.
    folds : pandas.DataFrame
        Of `find_patients`.

    Returns
    -------
    rule : DecisionRule
        Chosen on all cases.
    scores : pandas.DataFrame
        The columns of `scores.csv`, fold and grade.
    """
    tried, cases = list(rules()), zip(probabilities, stacks, strict=True)
    choices = np.array([score_rules(np.asarray(p, np.float32), np.asarray(s.labels)) for p, s in cases]).T
    about = folds.set_index("case").loc[[stack.name for stack in stacks]]
    rows = []
    for found, stack, fold in zip(probabilities, stacks, about["fold"], strict=True):
        rule = tried[choices[:, about["fold"] != fold].mean(axis=1).argmax()]
        rows += score_stack_mask(regions_to_mask(np.asarray(found, np.float32), rule), stack)
    return tried[choices.mean(axis=1).argmax()], pd.DataFrame(rows).merge(about.reset_index(), on="case")


def make_phantom(data):
    """Train `phantom` from three seeds, score them on patients and write the first: `results/phantom_on_real.csv`.

    What they had learnt at earlier epochs is `results/transfer.csv`.

    Parameters
    ----------
    data : str
        Folder of labelled real cases, see `find_patients`; may be empty, then only the first seed is trained, and
        decides by the rule of the recipe.
    """
    stacks, folds = (real_stacks(data), find_patients(data)) if data else ([], None)
    columns = ["seed", "fold", "case", "grade", "region", "dice", "hd95_mm", "wt_ml", "et_ml", "wt_flair_contrast"]
    scores = recorded("phantom_on_real", columns)
    looks = recorded("transfer", ["seed", "epochs", "case", "region", "dice"])
    for seed in SEEDS if data else (SEED,):
        if data and seed in set(scores["seed"]) & set(looks["seed"]):
            continue
        trained = train_phantom(NATIVE, seed)
        network, found = on_fast_engine(rounded(trained.model), NATIVE), None
        if data:
            probabilities = predict_stacks(network, stacks)
            rule, found = cross_fit(probabilities, stacks, folds)
            network = dataclasses.replace(network, rule=rule)
        # Before the tables, which say that this seed is done.
        if seed == SEED:
            write_phantom(trained, network, found)
        if data:
            seen = look_back(network, probabilities, seed, stacks)
            scores = pd.concat([scores, with_difficulty(found, stacks).assign(seed=seed)[columns]], ignore_index=True)
            looks = pd.concat([looks, seen[looks.columns]], ignore_index=True)
            save("phantom_on_real", scores, phantoms=PHANTOMS)
            save("transfer", looks, phantoms=PHANTOMS)


def write_phantom(trained, network, found):
    """Write the network that never saw a patient and its card, with its scores on patients where there are some."""
    on_patients, chosen_on, licence, citations = [], "", ATLAS_LICENCE, [FONOV]
    if found is not None:
        chosen_on = f"; thresholds chosen on {found['case'].nunique()} patients of BraTS 2018 and 2021"
        licence, citations = f"{ATLAS_LICENCE} {BRATS_LICENCE}", [FONOV, *BRATS]
        on_patients = grade_scores(found, "none was seen in training; thresholds chosen on the other folds")
    on_phantoms = score_stacks(network, choose_channels(test_phantoms(), NATIVE, MODALITIES))
    facts = {
        "title": "Trained on simulated patients alone",
        "data": {
            "description": f"{PHANTOMS} simulated patients: a third like those of BraTS 2020, a third with tumours of "
            f"any size and place, a third drawn from wider ranges in everything{chosen_on}",
            "phantoms": PHANTOMS, "phantom_version": VERSION, "patients": 0,
            "licence": licence, "citations": citations,
        },
        "training": training_facts(trained.seconds / 60, SEED, NATIVE),
        "scores": [*card_scores(on_phantoms, *TESTED_ON), *on_patients],
        "default": True,
        "limitations": LIMITATIONS,
        "learnt_from": [stack.flair_hash for stack in training_phantoms()],
    }  # fmt: skip
    save_weights(trained.model, NATIVE, network.rule, WEIGHTS, "phantom", facts)


def look_back(network, probabilities, seed, stacks):
    """Rows of `results/transfer.csv`: Dice on patients after fewer epochs of a training, with its rule."""
    rows = []
    for epochs in LOOKED_AT:
        found = probabilities
        if epochs < NATIVE.epochs:
            model = models.build(NATIVE, "float32")
            model.load_weights(_look(f"{RUNS}/phantom-{seed}", epochs))
            found = predict_stacks(on_fast_engine(rounded(model), NATIVE), stacks)
        rows.append(score_regions(found, stacks, network.rule).assign(epochs=epochs, seed=seed))
    return pd.concat(rows)


def with_difficulty(scores, stacks):
    """Scores with the size and contrast of each case's tumour."""
    rows = []
    for stack in stacks:
        volumes = {
            name: np.asarray(stack.images[..., MODALITIES.index(name)], np.float32) for name in ("flair", "t1ce")
        }
        rows.append({"case": stack.name, **difficulty(volumes, np.asarray(stack.labels))})
    return scores.merge(pd.DataFrame(rows), on="case")


def make_real(data):
    """Fine-tune `phantom` of each seed on four folds at a time and score the fifth: `results/folds.csv`.

    What is written has learnt from all patients, with the first seed.

    Parameters
    ----------
    data : str
        Folder of labelled real cases, see `find_patients`.
    """
    if not data:
        raise BratsError("real cases", "none are named", "a folder with folds.json", "Give --data")
    stacks, folds = real_stacks(data), find_patients(data)
    fold_of = folds.set_index("case")["fold"]
    columns = ["system", "seed", "fold", "case", "grade", "region", "dice", "hd95_mm"]
    table = recorded("folds", columns)
    for seed in SEEDS:
        if seed in set(table["seed"]):
            continue
        start = rounded(train_phantom(NATIVE, seed).model).get_weights()
        tested, probabilities = [], []
        for fold in sorted(fold_of.unique()):
            held_out = [stack for stack in stacks if fold_of[stack.name] == fold]
            others = [stack for stack in stacks if fold_of[stack.name] != fold]
            trained = train_real(FINE_TUNING, start, others, f"fold-{fold}", seed)
            tested += held_out
            probabilities += predict_stacks(on_fast_engine(rounded(trained.model), NATIVE), held_out)
        rule, scores = cross_fit(probabilities, tested, folds)
        # Before the table, which says that this seed is done.
        if seed == SEED:
            write_real(train_real(FINE_TUNING, start, stacks, "all"), rule, scores, stacks)
        table = pd.concat([table, scores.assign(system="phantom+real", seed=seed)[columns]], ignore_index=True)
        save("folds", table, recipe=dataclasses.asdict(FINE_TUNING))
    choose_default(table)


def write_real(trained, rule, scores, stacks):
    """Put `phantom+real` and its card into the package."""
    minutes = brats_lib.prediction.weights.read_card("phantom").training["minutes"] + trained.seconds / 60
    facts = {
        "title": f"Trained on simulated patients, then fine-tuned on {len(stacks)} real ones",
        "data": {
            "description": f"{PHANTOMS} simulated patients, then {len(stacks)} of BraTS 2018 and 2021, "
            f"{PATIENTS_SHARE:.0%} of the patches, beside {PHANTOMS_BESIDE} of the simulated",
            "phantoms": PHANTOMS, "phantom_version": VERSION, "patients": len(stacks),
            "licence": BRATS_LICENCE, "citations": [FONOV, *BRATS],
        },
        "training": training_facts(minutes, SEED, NATIVE, FINE_TUNING),
        "scores": grade_scores(scores, "five folds: network and rule from the other four"),
        "default": False,
        "limitations": LIMITATIONS,
        "learnt_from": [stack.flair_hash for stack in [*training_phantoms(), *stacks]],
    }  # fmt: skip
    save_weights(rounded(trained.model), NATIVE, rule, WEIGHTS, "phantom+real", facts)


def choose_default(tuned):
    """The network that learnt from patients is the default if it is better on them, by folds; else the other one."""
    alone = pd.read_csv(FOLDER / "phantom_on_real.csv").assign(system="phantom")
    scores = pd.concat([alone, tuned]).query("region in @REGIONS")
    scores = scores.groupby(["system", "seed", "case"], as_index=False)["dice"].mean()
    (found,) = verdicts(scores, [Claim("patients after phantoms", "phantom+real", "phantom")])["verdict"]
    for name in ("phantom", "phantom+real"):
        card = brats_lib.prediction.weights.read_card(name)
        path = WEIGHTS / card.weights["file"].replace(".npz", ".json")
        default = name == ("phantom+real" if found == "better" else "phantom")
        path.write_text(dataclasses.replace(card, default=default).to_json(), encoding="utf-8")


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


def grade_scores(scores, how):
    """What a card says of patients: of all, and of those of low grade."""
    groups = {"patients of BraTS": scores, "of them of low grade": scores.query("grade == 'low'")}
    return [
        row
        for name, group in groups.items()
        if len(group)
        for row in card_scores(group, f"{group['case'].nunique()} {name}", how)
    ]


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
