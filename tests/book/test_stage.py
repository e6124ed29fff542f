import json
import re
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from fake_run import make_run
from papermill.translators import PythonTranslator

from brats_lib.book import stage as stage_module
from brats_lib.book.stage import stage
from brats_lib.book.tables import at_papers_size, findings, likeness, trivial_accuracy
from brats_lib.errors import BratsError
from brats_lib.labels import REGIONS


@pytest.fixture
def fake_run(tmp_path):
    """Folder of a run that looks finished."""
    return make_run(tmp_path / "runs" / "fake")


def set_parameters(path, **values):
    """Give a notebook parameters, as papermill does: in its metadata, and as code."""
    notebook = json.loads(path.read_text())
    notebook["metadata"]["papermill"]["parameters"].update(values)
    notebook["cells"].append(notebook["cells"][0] | {"source": PythonTranslator.codify(values)})
    path.write_text(json.dumps(notebook))


def test_staged_files_keep_their_places_and_what_was_there_goes(fake_run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stale.md").write_text("old")
    out = stage(fake_run, tmp_path / "out", ROOT)
    assert {"_config.yml", "_toc.yml", "book", "notebooks"} == {path.name for path in out.iterdir()}
    assert "* - [Fig. 6](#paper-fig-06)" in (out / "book/_run/tables/paper_figures.md").read_text()
    staged = json.loads((out / "notebooks/01_explore_dataset.ipynb").read_text())
    assert "8 simulated phantoms (seed 0)" in json.dumps(staged["cells"])
    assert (out / "book/_run/tables/results_published.md").is_file()


def test_first_page_says_what_was_found_and_where(fake_run):
    def card(name, dice):
        scores = [
            {"data": data, "region": region, "score": "dice", "mean": mean}
            for data, means in {"12 phantoms": (0.5, 0.5, 0.5), "26 patients": dice, "of them 6": (0, 0, 0)}.items()
            for region, mean in zip(REGIONS, means, strict=True)
        ]
        return SimpleNamespace(name=name, default=name == "b", scores=scores)

    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in findings(fake_run, [card("a", (0, 0, 0)), card("b", (0.854, 0.8, 0.7))]).splitlines()[2:]
    ]
    assert cells == [
        ["The paper, as printed<br>*BraTS 2020*", "0.992", "", "", ""],
        ["Background everywhere<br>*this run, 1 test case*", "0.983", "0.00", "0.00", "1.00"],
        ["The paper's recipe<br>*this run, 1 test case*", "0.991", "0.81", "0.72", "0.63"],
        ["`b`, ours<br>*recorded, 26 patients*", "", "0.85", "0.80", "0.70"],
    ]


def test_first_page_says_what_finding_nothing_scores():
    text = trivial_accuracy()
    # 98.698 mL is the area below the quantiles of `population.WHOLE_ML`, by the trapezoid rule.
    assert "100 slices of 240 × 240 voxels, 5,760,000 voxels" in text and "98.7 mL, which is 98,698 voxels" in text
    assert "= 0.983\n" in text and "**98.3 % accuracy" in text


def test_results_page_has_the_papers_experiment_at_its_size_as_far_as_it_is_recorded(tmp_path):
    assert at_papers_size(tmp_path) == "*Not recorded yet.*\n"
    rows = [(tested_on, case, region, dice) for tested_on, dice in (("patients", 0.5), ("phantoms", 0.75))
            for case in "ab" for region in ("WT", "TC", "ET")]  # fmt: skip
    table = pd.DataFrame(rows, columns=["tested_on", "case", "region", "dice"])
    table.to_csv(tmp_path / "paper_phantoms.csv")
    facts = {"name": "phantoms", "cases": {"train": 257}, "epochs": 25, "best_epoch": 9, "minutes": 61.4}
    facts |= {"slices_per_second": 175.2, "limited_by": "steps"}
    about = {"device": {"devices": "A card"}, "trainings": [facts]}
    (tmp_path / "paper_phantoms.json").write_text(json.dumps(about))
    kinds = ("phantoms", "patients, by the phantoms' network")
    metrics = [(kind, f"{region} dice", 0.125) for kind in kinds for region in ("WT", "TC", "ET")]
    pd.DataFrame(metrics, columns=["data", "metric", "background"]).to_csv(tmp_path / "paper_metrics.csv")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in at_papers_size(tmp_path).splitlines()]
    same = "0.750 [0.750,\N{NO-BREAK SPACE}0.750]"
    assert ["phantoms", same, same, same, "0.750", "2"] in lines
    assert ["patients, by the phantoms' network: background everywhere", *["0.125"] * 3, "", "2"] in lines
    assert lines[-1] == ["phantoms", "257", "9 of 25", "61", "175", "steps", "A card"]


def test_datasheet_has_a_row_of_likeness_per_place():
    auc = {"flair": 0.831, "t1": 0.762, "t1ce": 0.7, "t2": 0.84}
    rows = [
        {"where": where, "modality": modality, "auc": value - less, "low": 0.5, "high": 0.9}
        for where, less in {"elsewhere": 0.1, "lesion": 0}.items() for modality, value in auc.items()
    ]  # fmt: skip
    *_, lesion, elsewhere = likeness(pd.DataFrame(rows)).splitlines()
    assert [cell.strip() for cell in lesion.split("|")[1:-1]] == [
        "Patches in the tumour",
        "0.83 (0.50 to 0.90)",
        "0.76 (0.50 to 0.90)",
        "0.70 (0.50 to 0.90)",
        "0.84 (0.50 to 0.90)",
    ]
    assert elsewhere.split("|")[2].strip() == "0.73 (0.50 to 0.90)"


def test_buttons_lead_to_a_repository_only_where_one_is_named():
    text = (ROOT / "_config.yml").read_text()
    assert "http" not in text and stage_module._with_buttons(text, None) == text
    settings = yaml.safe_load(stage_module._with_buttons(text, "https://github.com/OWNER/NAME"))
    assert settings["repository"]["url"] == "https://github.com/OWNER/NAME"
    assert settings["html"]["use_repository_button"] and settings["html"]["favicon"]


def test_pages_say_how_long_each_notebook_took_and_cite_what_the_terms_of_the_data_ask(fake_run, tmp_path):
    about = {"profile": "smoke", "machine": "Linux, 2 cores", "source": "8 cases, BraTS 2021 naming"}
    about |= {"cite": ["menze2015", "baid2021"], "steps": {"01_a": {"seconds": 90}}}
    (fake_run / "run.json").write_text(json.dumps(about))
    out = stage(fake_run, tmp_path / "out", ROOT)
    table = (out / "book/_run/tables/times.md").read_text()
    assert re.search(r"\| 01_a +\| 1\.5 ", table)
    assert "*Profile `smoke`, Linux, 2 cores; 8 cases, BraTS 2021 naming.*" in table
    text = (out / "notebooks" / "05_overlay_predictions.ipynb").read_text()
    assert "*Data: 8 cases, BraTS 2021 naming {cite}`menze2015,baid2021`.*" in text


@pytest.mark.parametrize(("key", "value"), [("profile", "paper"), ("seed", 1)])
def test_notebooks_of_different_runs_or_that_are_missing_are_refused(fake_run, tmp_path, key, value):
    for path in fake_run.glob("0[1-4]*.ipynb"):
        set_parameters(path, seed=0)
    # One that lacks a parameter of the others belongs to their run.
    assert stage(fake_run, tmp_path / "out", ROOT).is_dir()
    set_parameters(fake_run / "05_overlay_predictions.ipynb", **{key: value})
    with pytest.raises(BratsError, match=f"05_overlay_predictions ran with {key} {value!r} but 01_explore_dataset"):
        stage(fake_run, tmp_path / "out", ROOT)
    (fake_run / "04_evaluate.ipynb").unlink()
    with pytest.raises(BratsError, match="04_evaluate.ipynb: it is not there"):
        stage(fake_run, tmp_path / "out", ROOT)


@pytest.mark.parametrize("name", ["brats", '2020 "q" é\\\n{x}'])
def test_folder_of_the_data_is_not_published(fake_run, tmp_path, name):
    folder = f"/srv/ann/{name}"
    for path in fake_run.glob("*.ipynb"):
        set_parameters(path, data=folder)
    (fake_run / "tables" / "results_published.md").write_text(f"cases in {folder}/case_1")
    out = stage(fake_run, tmp_path / "out", ROOT)
    assert (out / "book/_run/tables/results_published.md").read_text() == f"cases in {name}/case_1"
    staged = json.loads((out / "notebooks/01_explore_dataset.ipynb").read_text())
    assert "/srv" not in json.dumps(staged)
    assert PythonTranslator.translate_str(name) in staged["cells"][-1]["source"]
