"""The command line: what it writes, and that bad input ends in one paragraph and exit code 2."""

import json
import shutil

import nibabel as nib
import pandas as pd
import pytest
from conftest import LPS_AFFINE, ROOT, tiny_volumes

from brats_lib.cases import Cohort, fetch
from brats_lib.cli import main
from brats_lib.labels import ET

CASE = "BraTS20_Training_003"
CHECK = ["check", "--quick", "--profile", "smoke"]
STATE = "runs/smoke/data.json"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "workflow" / "params", tmp_path / "workflow" / "params")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BRATS_DATA", raising=False)
    return tmp_path


@pytest.fixture
def refused(capfd):
    """Run a command that has to be refused; the last line that it says."""

    def run(*arguments):
        assert main([str(argument) for argument in arguments]) == 2
        error = capfd.readouterr().err
        assert "Traceback" not in error
        return error.strip().splitlines()[-1]

    return run


@pytest.fixture
def predictions(tiny_root, tmp_path):
    """The true masks of the tiny cases as predictions."""
    folder = tmp_path / "predictions"
    for case in Cohort.find(tiny_root):
        case.save_mask(case.mask(), folder / f"{case.name}_seg.nii.gz")
    return folder


def label_three(root):
    mask = tiny_volumes()[1]
    mask[mask == ET] = 3
    nib.save(nib.Nifti1Image(mask, LPS_AFFINE), root / CASE / f"{CASE}_seg.nii.gz")


def test_check_refuses_a_spoilt_case_and_a_folder_without_cases_before_anything_runs(checkout, tiny_root, refused):
    label_three(tiny_root)
    message = refused(*CHECK, "--data", tiny_root)
    assert message.startswith("brats: ") and f"{CASE}_seg.nii.gz" in message
    assert "3" in message and "expected" in message
    (checkout / "empty").mkdir()
    (checkout / "file").write_text("")
    for name in ("empty", "missing", "file"):
        message = refused(*CHECK, "--data", name)
        assert str(checkout / name) in message and "expected" in message
    assert not (checkout / STATE).exists()


def test_check_records_a_changed_split_so_that_notebooks_run_again_and_nothing_else(checkout, tiny_root):
    state, split = checkout / STATE, checkout / "runs/smoke/split.json"
    assert main([*CHECK, "--data", str(tiny_root)]) == 0
    stamp, before, kept = state.stat().st_mtime_ns, state.read_text(), json.loads(split.read_text())
    assert main([*CHECK, "--data", str(tiny_root)]) == 0
    assert state.stat().st_mtime_ns == stamp
    kept["train"], kept["test"] = kept["test"] + kept["train"][1:], kept["train"][:1]
    split.write_text(json.dumps(kept))
    assert main([*CHECK, "--data", str(tiny_root)]) == 0
    assert state.read_text() != before and json.loads(split.read_text())["test"] == kept["test"]


def test_check_looks_again_when_linked_cases_change(checkout, tiny_root, refused):
    linked = checkout / "linked"
    linked.mkdir()
    for folder in tiny_root.glob("BraTS20*"):
        (linked / folder.name).symlink_to(folder)
    assert main([*CHECK, "--data", str(linked)]) == 0
    label_three(tiny_root)
    assert CASE in refused(*CHECK, "--data", linked)


def test_audit_lists_findings_as_json_and_exits_with_one(tiny_root, capsys):
    label_three(tiny_root)
    assert main(["audit", str(tiny_root), "--json"]) == 1
    errors = [finding for finding in json.loads(capsys.readouterr().out) if finding["severity"] == "error"]
    assert [error["case"] for error in errors] == [CASE]


def test_score_of_the_truth_itself_is_perfect_and_every_case_is_wanted(tiny_root, predictions, tmp_path, refused):
    assert main(["score", str(predictions), str(tiny_root), "--out", str(tmp_path / "scores.csv")]) == 0
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert len(scores) == 50 and (scores["dice"] == 1).all() and (scores["hd95_mm"] == 0).all()
    out = tmp_path / "scores.csv" / "scores.csv"
    assert f"{out}: it cannot be written" in refused("score", predictions, tiny_root, "--out", out)
    for mask in sorted(predictions.iterdir())[1:]:
        mask.unlink()
    assert "no prediction for 9 case(s)" in refused("score", predictions, tiny_root, "--out", tmp_path / "new.csv")
    assert not (tmp_path / "new.csv").exists()


def test_tilde_is_the_home_folder_in_what_is_read_and_written(tiny_root, predictions, tmp_path, monkeypatch):
    """Nothing but a shell turns `~` into a folder, and it leaves `--out=~/x` alone."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tiny_root)
    assert main(["score", "~/predictions", "~/tiny", "--out=~/made/scores.csv"]) == 0
    assert main(["export-nnunet", "~/exported", "--data=~/tiny", "--workers=1"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exported", "made", "predictions", "tiny"]
    assert not list(tiny_root.glob("~*"))


def test_masks_exported_to_nnunet_score_as_perfect_predictions_of_the_test_cases(tiny_root, tmp_path, capsys):
    """Of ten cases 7 train, 2 validate and 1 tests; nnU-Net leaves its dataset.json beside predictions."""
    assert main(["export-nnunet", str(tmp_path / "out"), "--data", str(tiny_root), "--workers", "1"]) == 0
    raw = tmp_path / "out" / "nnUNet_raw" / "Dataset501_BraTS"
    assert "7 cases to train, 2 to validate (fold 0) and 1 to test" in capsys.readouterr().out
    predictions, scores = tmp_path / "predictions", tmp_path / "scores.csv"
    shutil.copytree(raw / "labelsTs", predictions)
    (predictions / "plans.json").write_text("{}")
    command = ["score", str(predictions), str(tiny_root), "--split", str(raw / "split.json"), "--out", str(scores)]
    # Without nnU-Net's description nothing is guessed.
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "nothing says whether 1 is NCR or ED" in error and "--labels nnunet" in error
    assert main([*command, "--labels", "nnunet"]) == 0
    assert "1 = ED, 2 = NCR, 3 = ET, as in MSD" in capsys.readouterr().out
    shutil.copy(raw / "dataset.json", predictions)
    assert main(command) == 0
    assert "dataset.json is there" in capsys.readouterr().out
    table = pd.read_csv(scores)
    assert len(table) == 5 and (table["dice"] == 1).all() and (table["hd95_mm"] == 0).all()


def test_command_that_fetch_recommends_names_the_folder_for_a_shell(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "fetch_msd", lambda folder: folder / "Task01_BrainTumour")
    assert main(["fetch", "msd", str(tmp_path / "my $(data)")]) == 0
    assert f"make book DATA='{tmp_path}/my $(data)/Task01_BrainTumour'" in capsys.readouterr().out
