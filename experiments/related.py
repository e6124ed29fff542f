"""The systems of the paper's section 2 on the same phantoms, each for about four minutes of one core, with each seed.

What a training takes goes to `results/related.csv`, its scores to `results/related_scores.csv`, and the masks of the
first seed, of one slice of a phantom, to `results/related_masks.csv`. What is done stays in `runs/experiments/related`,
case by case.
"""

import dataclasses
import functools
import itertools
import json
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from brats_lib.cases import MODALITIES
from brats_lib.cases.nnunet import CODES
from brats_lib.files import write_whole
from brats_lib.labels import to_classes
from brats_lib.models import build
from brats_lib.prediction import weights
from brats_lib.prediction.inference import predict_stack, window_places
from brats_lib.prediction.networks import Network
from brats_lib.prediction.postprocess import regions_to_mask
from brats_lib.recipes import NATIVE, PLANES, PUBLISHED
from brats_lib.slices.patches import PatchBatches
from brats_lib.studies.related.blocks import predict_classes, to_mask
from brats_lib.studies.related.fitting import fit, fit_system
from brats_lib.studies.related.histograms import learn_landmarks, match_landmarks, match_stacks
from brats_lib.studies.related.systems import SYSTEMS
from brats_lib.training.devices import choose_precision
from brats_lib.training.fitting import train
from experiments.arithmetic import multiply_adds
from experiments.crf import refine
from experiments.published import PublishedSlices, predict_published
from experiments.record import save
from experiments.scoring import choose_channels, score_stack_mask
from experiments.shipped import RUNS, test_phantoms, training_phantoms

__all__ = ["CRF", "SEEDS", "compare_related", "gather"]

FOLDER, NNUNET = Path(RUNS, "related"), Path(RUNS, "nnunet")
PHANTOMS, TESTED, SEEDS = 96, 4, (0, 1, 2)
# What takes as long as the steps of `SYSTEMS`.
NATIVE_STEPS, PUBLISHED_STEPS = 1000, 390
CRF = "deepmedic_crf"


def compare_related(real, names=(), seeds=SEEDS):
    """Train and score what is not done yet, then write the tables of all that is.

    Parameters
    ----------
    real : list of Stack
        Real cases, which no system learns from.
    names : sequence of str
        Which systems; all where there are none.
    seeds : sequence of int
        Of the trainings. The network that ships is one training, the first's.
    """
    makers = {name: functools.partial(_related, system) for name, system in SYSTEMS.items()}
    makers |= {"published": _published, "native": _native, "phantom": _shipped, "nothing": _nothing}
    for seed, name in itertools.product(seeds, names or makers):
        if name == "phantom" and seed != SEEDS[0]:
            continue
        facts, segment = makers[name](seed)
        for data, stacks in {"phantoms": test_phantoms(TESTED), "real patients": real}.items():
            for stack in stacks:
                path = FOLDER / f"{name}-{seed}" / f"{stack.name}.json"
                if not path.is_file():
                    write_whole(path, json.dumps({"data": data, **_examine(name, segment, stack)}))
                    print(path, flush=True)
        write_whole(FOLDER / f"{name}-{seed}.json", json.dumps(facts))
    gather()


def _examine(name, segment, stack):
    """Scores, seconds of one core and a slice of the mask, by variant of a system."""
    start, found = time.process_time(), {}
    for variant, mask in segment(stack):
        seconds = time.process_time() - start
        shown = mask[:, :, shown_slice(stack)].tolist() if stack.name == test_phantoms(1)[0].name else None
        found[variant or name] = {"seconds": seconds, "scores": score_stack_mask(mask, stack), "mask": shown}
        start = time.process_time() - seconds
    return {"found": found}


def shown_slice(stack):
    """The axial slice of a stack with most tumour."""
    return int((np.asarray(stack.labels) > 0).sum((0, 1)).argmax())


def _nothing(seed):
    """What a program scores that finds no tumour; it takes nothing, and no seed changes it."""
    return None, lambda stack: [("", np.zeros(stack.labels.shape, np.uint8))]


def _related(system, seed):
    """Facts of a training of one of `SYSTEMS`, and what segments with it."""
    stacks, landmarks = training_phantoms(PHANTOMS), None
    if system.matched:
        landmarks = learn_landmarks(stacks)
    model, facts = _trained_once(system, seed, stacks, landmarks)
    network = system.dense(model)
    read = [side + 2 * system.margin for side in system.block]
    facts |= {
        "parameters": model.count_params(),
        "multiply_adds": multiply_adds(network, read) / np.prod(system.block),
    }

    def segment(stack):
        images = stack.images if landmarks is None else match_landmarks(stack.images, landmarks)
        found = predict_classes(network, images, system)
        yield "", to_mask(found)
        if system.name == "deepmedic":
            yield CRF, to_mask(refine(found, images))

    return facts, segment


def _trained_once(system, seed, stacks, landmarks):
    path, record = _files(system.name, seed)
    first = _trained_once(SYSTEMS[system.built_on], seed, stacks, landmarks)[0] if system.built_on else None
    if record.is_file():
        model = system.network(choose_precision(), seed, first)
        model.load_weights(path)
        return model, json.loads(record.read_text())
    if landmarks is not None:
        stacks = match_stacks(stacks, landmarks)
    fitted = fit_system(system, stacks, seed=seed, first=first)
    print(
        system.name,
        f"{fitted.minutes:.2f} min",
        fitted.losses[:: max(1, len(fitted.losses) // 12)].round(3),
        flush=True,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    fitted.model.save_weights(path)
    facts = {"minutes": round(fitted.minutes, 2), "steps": system.steps}
    write_whole(record, json.dumps(facts))
    return fitted.model, facts


def _files(name, seed):
    """Where the weights of a training lie, and what it took."""
    return FOLDER / f"{name}-{seed}.weights.h5", FOLDER / f"{name}-{seed}.training.json"


def _published(seed):
    """The published recipe, on slices of the same phantoms."""
    model, (path, record) = build(PUBLISHED, choose_precision(), seed), _files("published", seed)
    if record.is_file():
        model.load_weights(path)
        facts = json.loads(record.read_text())
    else:
        slices = PublishedSlices(training_phantoms(PHANTOMS), PUBLISHED_STEPS, seed=seed)
        fitted = fit(model, slices, PUBLISHED.learning_rate, seed)
        print("published", f"{fitted.minutes:.2f} min", fitted.losses[::25].round(3), flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save_weights(path)
        facts = {"minutes": round(fitted.minutes, 2), "steps": PUBLISHED_STEPS}
        write_whole(record, json.dumps(facts))
    # Of each voxel of the slices that it answers for, 240 x 240 pixels each.
    once = multiply_adds(model, (PUBLISHED.size, PUBLISHED.size))
    facts |= {"parameters": model.count_params(), "multiply_adds": once / 240**2}
    return facts, lambda stack: [("", predict_published(model, stack))]


def _native(seed):
    """Our recipe, trained for as long as the others on the same phantoms."""
    recipe = dataclasses.replace(NATIVE, epochs=1, slices_per_epoch=NATIVE_STEPS * NATIVE.batch_slices)
    batches, start = PatchBatches(training_phantoms(PHANTOMS), recipe, seed), time.process_time()
    trained = train(recipe, batches, None, FOLDER / f"native-{seed}-training", seed=seed)
    minutes, (_, record) = (time.process_time() - start) / 60, _files("native", seed)
    if not record.is_file():
        write_whole(record, json.dumps({"minutes": round(minutes, 2), "steps": NATIVE_STEPS}))
    return _native_facts(Network(trained.model, recipe), json.loads(record.read_text()))


def _shipped(seed):
    """The network that ships: the same recipe, more phantoms and more time."""
    model, recipe, card = weights.load("phantom")
    about = card.training
    facts = {"minutes": about["minutes"], "steps": about["slices"] // recipe.batch_slices}
    return _native_facts(Network(model, recipe, card.rule), facts)


def _native_facts(network, facts):
    model, recipe, rule = network.model, network.recipe, network.rule
    shape, windows = test_phantoms(1)[0].images.shape[:3], 0
    for plane in recipe.planes:
        places = window_places([side for axis, side in enumerate(shape) if axis != PLANES[plane]], rule.window)
        windows += shape[PLANES[plane]] * len(places)
    arithmetic = multiply_adds(model, rule.window) * windows / np.prod(shape)

    def segment(stack):
        (chosen,) = choose_channels([stack], recipe, MODALITIES)
        return [("", regions_to_mask(predict_stack(network, chosen), rule))]

    return facts | {"parameters": model.count_params(), "multiply_adds": arithmetic}, segment


def gather():
    """Put the tables together of every system that is done, nnU-Net's among them where it was run."""
    facts, scores, masks = [], [], []
    for path in sorted(FOLDER.glob("*.json")):
        if path.name.endswith(".training.json"):
            continue
        cases = [json.loads(part.read_text()) for part in sorted((FOLDER / path.stem).glob("*.json"))]
        about, seed = json.loads(path.read_text()), int(path.stem.rsplit("-", 1)[1])
        for variant in cases[0]["found"]:
            seconds = [case["found"][variant]["seconds"] for case in cases]
            if about:
                facts.append({"system": variant, "seed": seed, **about, "case_seconds": np.median(seconds)})
            for case in cases:
                found = case["found"][variant]
                front = {"system": variant, "seed": seed, "data": case["data"]}
                scores += [front | row for row in found["scores"]]
                if found["mask"] and about and seed == SEEDS[0]:
                    masks += _rows(variant, found["mask"])
    scores = [pd.DataFrame(scores)]
    if (NNUNET / "facts.json").is_file():
        about = json.loads((NNUNET / "facts.json").read_text())
        facts.append({
            "system": "nnunet", "seed": SEEDS[0], "minutes": about["train_minutes"], "steps": about["train_steps"],
            "parameters": about["parameters"], "multiply_adds": about["multiply_adds_per_voxel"],
            "case_seconds": about["seconds_per_case"],
        })  # fmt: skip
        tested = {stack.name for stack in test_phantoms(TESTED)}
        for data, name in {"phantoms": "scores_phantoms", "real patients": "scores_real"}.items():
            table = pd.read_csv(NNUNET / f"{name}.csv")
            if data == "phantoms":
                table = table[table["case"].isin(tested)]
            scores.append(table.assign(system="nnunet", seed=SEEDS[0], data=data))
        masks += _rows("nnunet", _nnunet_slice(test_phantoms(1)[0]))
    columns = ["system", "seed", "data", "case", "region", "dice", "hd95_mm"]
    scores = pd.concat(scores)[columns]
    about = {"phantoms": PHANTOMS, "seeds": sorted(map(int, scores["seed"].unique()))}
    save("related_scores", scores, **about)
    save("related", pd.DataFrame(facts), **about)
    about = test_phantoms(1)[0]
    facts = {"seed": SEEDS[0], "stream": "tests", "case": about.name, "axial_slice": shown_slice(about)}
    save("related_masks", pd.DataFrame(masks), **facts)


def _rows(system, mask):
    """A slice of labels as rows of `related_masks.csv`."""
    classes = to_classes(np.array(mask))
    return [
        {"system": system, "row": number, "classes": "".join(map(str, line))} for number, line in enumerate(classes)
    ]


def _nnunet_slice(stack):
    """What nnU-Net marked in the slice that is shown: it writes whole volumes, in codes of its own."""
    codes = np.asarray(nib.load(NNUNET / f"predictions/phantoms/{stack.name}.nii.gz").dataobj)[stack.box]
    codes = codes[:, :, shown_slice(stack)]
    return np.select([codes == number for number in CODES], list(CODES.values()))
