"""Tables that pages of the book include: the paper's figures, the cards that are packaged, the recorded results."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from tabulate import tabulate

from brats_lib.figures.style import MODALITY_NAMES
from brats_lib.labels import REGIONS
from brats_lib.paper import value
from brats_lib.phantom.population import PROBABILITIES, WHOLE_ML
from brats_lib.prediction.weights import ShippedCard, available, read_card
from brats_lib.recipes import PUBLISHED
from brats_lib.scores.evaluation import BACKGROUND_PREDICTOR, NETWORK, read_scores
from brats_lib.scores.tables import BY_PHANTOMS, IN_FOLDS, ON_PHANTOMS, predictor_table
from brats_lib.studies.synthesis.store import read_generator_card

# What was segmented of the same patients, by how far it is from what BraTS has.
_IMAGES = {
    "original": "As BraTS has them", "scanned": "Scanned anew, put back by how they were scanned",
    "prepared": "Scanned anew, made a case by `brats prepare`",
}  # fmt: skip
# What an attacker has to have for each attack.
_NEEDS = {
    "critic's judgement": "the critic, which is not supplied",
    "autoencoder's error": "the encoder, which is not supplied",
    "nearest sample": "the generator, as supplied",
}
_SETS = {
    "real": "the other half of them", "GAN": "generator", "drawn again from their codes": "that half, drawn again",
    "slices it learnt from": "phantoms that it learnt from", "noise": "noise",
}  # fmt: skip


def read_figures(path: Path) -> list[dict[str, Any]]:
    """The paper's figures of `book/paper_figures.yml`: `id`, `section`, `shows`, `page`, `claim` and `ours` of each."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def figures_table(figures: Sequence[Mapping[str, Any]], claims: Mapping[str, str]) -> str:
    """The paper's claims and this run's side by side, as a MyST list-table with a link to every figure.

    From what `read_figures` reads, and by figure id one sentence with this run's numbers for those that have any.
    """
    rows = [("Paper", "Section", "What it shows", "The paper's claim", "This book")]
    for figure in figures:
        _, kind, number = figure["id"].split("-")  # paper-fig-04, paper-table-1
        title = f"{'Fig.' if kind == 'fig' else 'Table'} {int(number)}"
        ours = f"{figure['ours']} {claims.get(figure['id'], '')}"
        rows.append((f"[{title}](#{figure['id']})", str(figure["section"]), figure["shows"], figure["claim"], ours))
    cells = ["\n  - ".join(" ".join(cell.split()) for cell in row) for row in rows]
    options = ":name: table-paper-figures\n:header-rows: 1\n:widths: 9 9 24 26 32\n:class: paper-figures\n"
    table = "\n".join(f"* - {row}" for row in cells)
    return f":::{{list-table}} Every figure and table of the paper\n{options}\n{table}\n:::\n"


def recorded_tables(results: Path) -> dict[str, str]:
    """Everything that was measured outside a run on the pages `ethics`, `index`, `nnunet`, `prepare` and others.

    By the name of the file that a page includes, Markdown, from the folder of recorded results and the cards.
    """
    cards, generator = [read_card(name) for name in available()], read_generator_card()
    return {
        "datasheet_likeness.md": likeness(pd.read_csv(results / "likeness.csv")),
        "ethics_attacks.md": attacks(pd.read_csv(results / "membership.csv")),
        "ethics_patients.md": patients(pd.read_csv(results / "phantom_on_real.csv")),
        "model_card_details.md": details(cards, generator),
        "model_card_scores.md": scores(cards),
        "nnunet_scores.md": by_nnunet(
            pd.read_csv(results / "related_scores.csv"), pd.read_csv(results / "related.csv")
        ),
        "results_size.md": at_papers_size(results),
        "model_card_generator.md": generated(pd.read_csv(results / "generation.csv")),
        "prepare_scores.md": by_preparation(pd.read_csv(results / "scanner.csv")),
        "prepare_steps.md": steps(pd.read_csv(results / "preparation.csv")),
        "trivial_accuracy.md": trivial_accuracy(),
    }


def findings(run: Path, cards: Sequence[ShippedCard]) -> str:
    """The book's answer in one table: what the paper prints, what finding nothing, its recipe and ours score.

    From the scores in the folder of a run, and of patients from the card of the default network.
    """
    published = pd.read_csv(run / "published_scores.csv").query("subset == 'test'")
    accuracy = published.groupby("predictor")["accuracy"].mean()
    dice = {
        name: read_scores(run / f"{file}.csv").groupby("region")["dice"].mean()
        for name, file in {NETWORK: "scores", BACKGROUND_PREDICTOR: "scores_background"}.items()
    }
    (default,) = (card for card in cards if card.default)
    on_patients = [row for row in default.scores if row["score"] == "dice" and "phantom" not in row["data"]]
    data = on_patients[0]["data"]
    ours = {row["region"]: row["mean"] for row in on_patients if row["data"] == data}
    count = published["case"].nunique()
    here = f"this run, {count} test case{'s' * (count > 1)}"
    titles = {"Background everywhere": BACKGROUND_PREDICTOR, "The paper's recipe": NETWORK}
    rows = [
        ("The paper, as printed<br>*BraTS 2020*", f"{value('test_accuracy'):.3f}", "", "", ""),
        *(
            (f"{title}<br>*{here}*", f"{accuracy[name]:.3f}", *(f"{dice[name][region]:.2f}" for region in REGIONS))
            for title, name in titles.items()
        ),
        (f"`{default.name}`, ours<br>*recorded, {data}*", "", *(f"{ours[region]:.2f}" for region in REGIONS)),
    ]
    return _table(("", "Accuracy", *(f"Dice {region}" for region in REGIONS)), rows)


def trivial_accuracy() -> str:
    """What finding no tumour scores on the slices that the paper's network sees, from BraTS 2020's mean volume."""
    voxels, volume = PUBLISHED.slices * 240 * 240, float(np.trapezoid(WHOLE_ML, PROBABILITIES))
    tumour = round(1000 * volume)
    accuracy = 1 - tumour / voxels
    return (
        f"The network sees {PUBLISHED.slices} slices of 240 × 240 voxels, {voxels:,} voxels of 1 mm³ per patient.\n"
        f"The mean tumour of the BraTS 2020 training set fills about {volume:.1f} mL, which is {tumour:,} voxels.\n"
        'A program that labels every voxel "healthy" is therefore right for\n\n'
        f"$$\n1 - \\frac{{{tumour}}}{{{voxels}}} = {accuracy:.3f}\n$$\n\n"
        f"of all voxels: **{100 * accuracy:.1f} % accuracy without finding a single tumour**.\n"
    )


def times(about: Mapping[str, Any]) -> str:
    """How long each notebook took in the run, and where; from its `run.json`."""
    steps = {name: f"{facts['seconds'] / 60:.1f}" for name, facts in about.get("steps", {}).items()}
    where = f"*Profile `{about.get('profile')}`, {about.get('machine')}; {about.get('source')}.*\n"
    return f"{_table(('Notebook', 'Minutes'), steps.items())}\n{where}"


def _table(header, rows):
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True) + "\n"


def attacks(table: pd.DataFrame) -> str:
    """How well members of the generator's training are told from others."""
    header = ("Attack", "What the attacker needs", "AUC", "95 % interval", "Slices, members and others")
    return _table(header, [
        (row["attack"], _NEEDS[row["attack"]], f"{row['auc']:.2f}", f"{row['low']:.2f} to {row['high']:.2f}",
         f"{row['members']} + {row['others']}")
        for _, row in table.iterrows()
    ])  # fmt: skip


def likeness(table: pd.DataFrame) -> str:
    """How well patches of phantoms are told from those of patients: a row per place, a column per modality."""
    table = table.set_index(["where", "modality"])
    names = {"lesion": "Patches in the tumour", "elsewhere": "Patches without tumour"}
    return _table(("Recorded", *MODALITY_NAMES.values()), [
        (text, *(_with_interval(table.loc[(where, modality)]) for modality in MODALITY_NAMES))
        for where, text in names.items()
    ])  # fmt: skip


def _with_interval(row):
    return f"{row['auc']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def patients(table: pd.DataFrame) -> str:
    """The worst and the best patient beside the mean, region by region; of a patient the mean over seeds."""
    dice = table.groupby(["region", "case"])["dice"].mean().groupby("region").agg(["min", "mean", "max"])
    header = (f"Network `phantom`, {table['case'].nunique()} patients", "Worst", "Mean", "Best")
    return _table(header, [(f"Dice {region}", *(f"{value:.2f}" for value in dice.loc[region])) for region in REGIONS])


def by_nnunet(table: pd.DataFrame, facts: pd.DataFrame) -> str:
    """Mean Dice of nnU-Net's short training, on phantoms and on patients, and how long it took."""
    table = table[(table["system"] == "nnunet") & table["region"].isin(REGIONS)]
    dice = table.pivot_table("dice", "data", "region")
    cases = table.groupby("data")["case"].nunique()
    rows = [(f"{cases[data]} {data}", *(f"{dice.loc[data, region]:.3f}" for region in REGIONS)) for data in dice.index]
    minutes, seconds = facts.loc[facts["system"] == "nnunet", ["minutes", "case_seconds"]].mean()
    took = f"{minutes:.0f} minutes of processor time for the training, {seconds:.0f} s to predict a case."
    return f"{_table(('Mean Dice', *REGIONS), rows)}\n{took}\n"


def by_preparation(table: pd.DataFrame) -> str:
    """What preparation costs a network, how well it finds brains, and how far modalities lie from where they should."""
    dice = table.drop(columns="case").mean()
    header = (f"Mean Dice, {len(table)} patients", *REGIONS)
    rows = [(title, *(f"{dice[f'{name}_{kind}']:.3f}" for name in REGIONS)) for kind, title in _IMAGES.items()]
    apart = []
    for name in MODALITY_NAMES:
        if f"{name}_mm" in table:
            errors = [table[f"{name}_{unit}"].agg(how) for unit in ("mm", "degrees") for how in ("mean", "max")]
            apart.append((MODALITY_NAMES[name], *(f"{error:.2f}" for error in errors)))
    units = ("Off by mm, mean", "largest", "Off by degrees, mean", "largest")
    brain = f"Dice of the brain: mean {dice['brain']:.3f}, least {table['brain'].min():.3f}."
    return f"{_table(header, rows)}\n{brain}\n\n{_table(('Beside T1ce', *units), apart)}"


def steps(table: pd.DataFrame) -> str:
    """Time and memory of the steps of `brats prepare`, and of `brats predict`."""
    rows = [(row["step"], f"{row['seconds']:.1f}", f"{row['peak_mb']:,.0f}") for _, row in table.iterrows()]
    rows.append(("in all", f"{table['seconds'].sum():.1f}", f"{table['peak_mb'].max():,.0f}"))
    return _table(("Step", "Seconds", "Memory, peak in MB"), rows)


def details(cards: Sequence[ShippedCard], generator: Mapping[str, Any]) -> str:
    """What the networks that ship are: a row each."""
    header = ("Network", "Parameters", "Learnt from", "Training", "Default")
    rows = [
        (f"`{card.name}`", f"{card.weights['parameters']:,}", card.data["description"],
         f"{card.training['slices']:,} slices, {card.training['minutes']} minutes", "yes" if card.default else "no")
        for card in cards
    ]  # fmt: skip
    made, seen = generator["training"], generator["training"]["slices_seen"]
    rows.append((
        "generator", f"{generator['weights']['parameters']:,}", generator["data"],
        f"{seen['compression']:,} slices, then {seen['generation']:,} of their codes, {made['minutes']} minutes", "",
    ))  # fmt: skip
    return _table(header, rows)


def scores(cards: Sequence[ShippedCard]) -> str:
    """Dice and HD95 with their intervals, as the cards have them."""
    rows = []
    for card in cards:
        found = {(row["data"], row["region"], row["score"]): row for row in card.scores}
        for (data, region, score), dice in found.items():
            if score != "dice":
                continue
            distance = found[data, region, "hd95_mm"]
            rows.append((
                f"`{card.name}`", f"{data}; {dice['how']}", region, f"{dice['mean']:.2f}",
                "{:.2f} to {:.2f}".format(*dice["interval"]), f"{distance['mean']:.1f}",
                "{:.1f} to {:.1f}".format(*distance["interval"]),
            ))  # fmt: skip
    return _table(("Network", "Data", "Region", "Dice", "95 % interval", "HD95 in mm", "95 % interval"), rows)


def generated(table: pd.DataFrame) -> str:
    """How far the generator's samples are from slices that it did not learn from, and halves of those from another.

    Means over the draws of samples and halves; of the Fréchet distance the lowest and the highest as well.
    """
    table = table[table["set"].isin(_SETS)]
    header = ("Compared with half of the", f"Set, {table['samples'].iloc[0]} slices", "Fréchet distance",
              "Position from floor (0) to ceiling (1)", "MS-SSIM of pairs")  # fmt: skip
    return _table(header, [
        (reference, _SETS[name], "{:.2f} ({:.2f} to {:.2f})".format(*rows["frechet"].agg(["mean", "min", "max"])),
         f"{rows['position'].mean():.2f}", "" if rows["ms_ssim"].isna().all() else f"{rows['ms_ssim'].mean():.2f}")
        for (reference, name), rows in table.groupby(["reference", "set"], sort=False)
    ])  # fmt: skip


def at_papers_size(results: Path) -> str:
    """Dice of the paper's experiment at its size, beside finding nothing, and what its trainings took."""
    tables, trainings = {}, []
    for name in ("paper_phantoms", "paper_folds"):
        if not (results / f"{name}.csv").is_file():
            continue
        table, about = pd.read_csv(results / f"{name}.csv"), json.loads((results / f"{name}.json").read_text())
        for tested_on, scores in table.groupby("tested_on", sort=False) if "tested_on" in table else [("", table)]:
            tables[{"phantoms": ON_PHANTOMS, "patients": BY_PHANTOMS}.get(tested_on, IN_FOLDS)] = scores
        trainings += [
            (facts["name"], facts["cases"]["train"], f"{facts['best_epoch']} of {facts['epochs']}",
             f"{facts['minutes']:.0f}", f"{facts['slices_per_second']:.0f}", facts["limited_by"],
             about["device"]["devices"])
            for facts in about["trainings"]
        ]  # fmt: skip
    if not tables:
        return "*Not recorded yet.*\n"
    metrics = pd.read_csv(results / "paper_metrics.csv").set_index(["data", "metric"])["background"]
    rows = []
    for name, scores in tables.items():
        rows += predictor_table({name: scores}).to_numpy().tolist()
        nothing = [f"{metrics[name, f'{region} dice']:.3f}" for region in REGIONS]
        rows.append([f"{name}: background everywhere", *nothing, "", rows[-1][-1]])
    took = ("Training", "Cases", "Best epoch", "Minutes", "Slices per second", "Limited by", "Device")
    return f"{_table(('Tested on', *REGIONS, 'Worst WT', 'Cases'), rows)}\n{_table(took, trainings)}"
