"""A run finds its data where the documentation says, keeps its split, and records how it was made."""

import json
import os

import pytest
from conftest import ROOT, write_case

from brats_lib.book import runs
from brats_lib.errors import BratsError


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty checkout as the current folder, without $BRATS_DATA."""
    (tmp_path / "workflow" / "params").mkdir(parents=True)
    (tmp_path / "workflow" / "params" / "smoke.yaml").write_text("phantom_cases: 5\nepochs: 2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BRATS_DATA", raising=False)
    return tmp_path


@pytest.fixture
def open_tiny(checkout, tiny_root):
    """Open the smoke run of the ten tiny cases."""
    (checkout / "runs" / "smoke").mkdir(parents=True)
    return lambda **options: runs.open_run("smoke", str(tiny_root), **options)


@pytest.fixture
def split_file(checkout):
    return checkout / "runs" / "smoke" / "split.json"


def test_data_asked_for_wins_over_the_environment_and_the_data_folder(checkout, monkeypatch):
    for name in ("asked", "environment"):
        (checkout / name).mkdir()
    write_case(checkout / "data", "BraTS20_Training_001")
    assert runs.find_data() == checkout / "data"
    monkeypatch.setenv("BRATS_DATA", str(checkout / "environment"))
    assert runs.find_data() == checkout / "environment"
    (checkout / "notebooks").mkdir()
    monkeypatch.chdir(checkout / "notebooks")
    assert runs.find_data("asked") == checkout / "asked"


def test_folder_that_papermill_read_as_something_else_or_no_notebook_could_name_is_refused(checkout):
    with pytest.raises(BratsError, match="expected the path of a folder.*papermill -r data"):
        runs.find_data(202001)
    os.mkdir(b"caf\xe9")
    with pytest.raises(BratsError, match="caf.*its name is not UTF-8"):
        runs.find_data(os.fsdecode(b"caf\xe9"))


@pytest.mark.parametrize("profile", ["../x", "a b", "", ".", "-x", "$(x)", "a\n"])
def test_run_of_a_profile_with_no_plain_name_is_refused(checkout, profile):
    with pytest.raises(BratsError, match="it is no plain name"):
        runs.open_run(profile)


def test_linked_cases_in_the_data_folder_are_data_and_a_readme_or_half_a_download_are_none(checkout):
    (checkout / "data").mkdir()
    (checkout / "data" / "README.md").write_text("how to get the data")
    assert runs.find_data() is None
    write_case(checkout / "data" / ".kagglehub", "BraTS20_Training_001")
    assert runs.find_data() is None
    write_case(checkout / "disk", "BraTS20_Training_001")
    (checkout / "data" / "BraTS2020").symlink_to(checkout / "disk")
    assert runs.find_data() == checkout / "data"


def test_profile_takes_its_own_values_and_the_defaults_for_the_rest(checkout):
    assert runs.read_profile("smoke") == {**runs.DEFAULTS, "phantom_cases": 5, "epochs": 2}
    with pytest.raises(BratsError, match=r"smoke\.yaml: it has no batch_slices"):
        runs.read_profile("smoke", ("epochs", "batch_slices"))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"epochs", b"epochs: [1", b"epochs: 2.5", b"epochs: true", b"seed: -1", b"max_cases: 0", b"devices: some",
        b"tune_factors: dropout", b"data: 2020", b"epoch: 3", b"epochs: \xff", b"[" * 2000, b"epochs: 99999999999999",
    ],
)  # fmt: skip
def test_profile_that_holds_anything_but_its_parameters_is_refused(checkout, content):
    (checkout / "workflow" / "params" / "smoke.yaml").write_bytes(content)
    with pytest.raises(BratsError, match=r"smoke\.yaml: it"):
        runs.read_profile("smoke")


def test_split_is_kept_while_it_fits_and_made_anew_when_cases_change(open_tiny, split_file):
    first = open_tiny(seed=3)
    kept = json.loads(split_file.read_text())
    kept["train"], kept["test"] = kept["test"] + kept["train"][1:], kept["train"][:1]
    split_file.write_text(json.dumps(kept))
    assert open_tiny(seed=3).split.test == tuple(kept["test"])
    fewer = open_tiny(max_cases=5, seed=3)
    assert len(fewer.split.train + fewer.split.val + fewer.split.test) == 5
    assert open_tiny(seed=3).split == first.split


def test_split_that_a_person_made_is_obeyed_and_one_beside_the_cases_most(open_tiny, split_file, tiny_root):
    drawn = open_tiny().split
    split_file.write_text(json.dumps({"train": drawn.test, "val": drawn.val, "test": drawn.train}))
    assert open_tiny().split.test == drawn.train
    drawn.save(tiny_root / "split.json")
    assert open_tiny().split.test == drawn.test


@pytest.mark.parametrize("content", ['{"train": [', '{"train": "a", "val": "b", "test": "c"}'])
def test_broken_split_is_refused_and_not_overwritten(open_tiny, split_file, content):
    split_file.write_text(content)
    with pytest.raises(BratsError, match=r"split\.json: it"):
        open_tiny()
    assert split_file.read_text() == content


def test_records_of_two_notebooks_are_gathered_into_one_also_without_git(checkout, open_tiny, monkeypatch):
    monkeypatch.setenv("PATH", str(checkout))
    # A copy of a checkout may be told which one.
    monkeypatch.setenv("BRATS_COMMIT", "0123456")
    assert runs.commit() == "0123456"
    monkeypatch.delenv("BRATS_COMMIT")
    run = open_tiny()
    run.record("01_first", {"paper-fig-01": "one"}, found=1)
    run.record("02_second", {"paper-fig-02": "two"})
    about = json.loads(run.path("run.json").read_text())
    assert set(about["steps"]) == {"01_first", "02_second"} and about["steps"]["01_first"]["found"] == 1
    assert about["cases"] == {"train": 7, "val": 2, "test": 1} and not about["phantom"]
    assert about["cite"] == runs.CITED_FOR_BRATS and about["commit"] == "unknown"
    assert {"numpy", "keras"} <= set(about["versions"]) and about["data_fingerprint"] == run.cohort.fingerprint()
    assert json.loads(run.path("claims.json").read_text()) == {"paper-fig-01": "one", "paper-fig-02": "two"}
    with pytest.raises(BratsError, match=r"scores.csv.*Run notebook 04_evaluate first"):
        run.need("scores.csv", "04_evaluate")


def test_works_that_the_data_ask_to_cite_are_in_the_bibliography():
    bibliography = (ROOT / "book" / "references.bib").read_text()
    for key in [*runs.CITED_FOR_BRATS, *(key for keys in runs.CITED.values() for key in keys)]:
        assert f"{{{key}," in bibliography


def test_fingerprint_of_a_run_changes_when_a_test_case_becomes_a_training_case(open_tiny):
    run = open_tiny()
    before, split = run.fingerprint, run.split
    run.split = type(split)(**{**vars(split), "train": (*split.train, *split.test[:1]), "test": split.test[1:]})
    assert run.fingerprint != before


def test_recorded_metrics_are_read_where_there_are_any(monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "results_folder", lambda: tmp_path)
    assert runs.recorded_metrics().empty and "metric" in runs.recorded_metrics()
    (tmp_path / "paper_metrics.csv").write_text("data,metric,value,background\nphantoms,dice,0.5,0.25\n")
    assert runs.recorded_metrics().values.tolist() == [["phantoms", "dice", 0.5, 0.25]]
