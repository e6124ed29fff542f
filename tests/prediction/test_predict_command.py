"""`brats predict` as a command: what is done stays done, and bad input is told apart and ends no other case."""

import json
import os
import shutil
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from painted import paint, ramp

from brats_lib.cli import main
from brats_lib.prediction import networks, predict
from brats_lib.prediction.predict import loose_case


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """The two files of the painted head; not to be changed."""
    folder = tmp_path_factory.mktemp("head")
    affine, flair, _ = paint("1 mm LPS")
    for modality, volume in (("flair", flair), ("t1ce", ramp(flair))):
        nib.save(nib.Nifti1Image(volume.astype(np.int16), affine), folder / f"{modality}.nii.gz")
    return folder


@pytest.fixture
def cases(tmp_path):
    return tmp_path / "cases"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def add_cases(head, cases):
    """Add cases of the painted head, by their names."""

    def add(*names):
        for name in names:
            (cases / name).mkdir(parents=True)
            for modality in ("flair", "t1ce"):
                shutil.copy2(head / f"{modality}.nii.gz", cases / name / f"{name}_{modality}.nii.gz")

    return add


@pytest.fixture
def predict_all(network, add_cases, cases, out):
    """`brats predict` on three cases."""
    add_cases("A_1", "A_2", "A_3")
    return lambda *options: main(["predict", str(cases), "--out", str(out), *options])


def times_in(out):
    """Names and times of the results."""
    return {path.name: path.stat().st_mtime_ns for path in out.iterdir() if ".previous-" not in path.name}


def files_of(*names):
    return {f"{name}{end}" for name in names for end in (".json", "_seg.nii.gz")}


def change_voxel(file, value):
    image = nib.load(file)
    values = np.asarray(image.dataobj, np.float32)
    values[60, 60, 60] = value
    nib.save(nib.Nifti1Image(values, image.affine), file)


def test_rerun_does_what_is_missing_or_changed(predict_all, cases, out, capsys):
    def done_again():
        before = times_in(out)
        assert predict_all() == 0
        return {name for name, time in times_in(out).items() if before[name] != time}

    assert predict_all() == 0
    assert times_in(out).keys() == files_of("A_1", "A_2", "A_3")
    (out / "A_1.json").write_text('{"half a rec')
    (out / "A_2_seg.nii.gz").write_bytes(b"cut short")
    assert done_again() == files_of("A_1", "A_2")
    assert capsys.readouterr().out.count("was there already") == 1
    change_voxel(cases / "A_3" / "A_3_t1ce.nii.gz", 7)
    assert done_again() == files_of("A_3")


def test_mask_of_a_run_that_was_killed_before_its_record_is_made_again(predict_all, out, monkeypatch):
    def killed(path, content):
        if path.name == "A_2.json":
            raise KeyboardInterrupt
        write(path, content)

    write = predict.write_whole
    monkeypatch.setattr(predict, "write_whole", killed)
    assert predict_all() == 130
    before = times_in(out)
    assert before.keys() == files_of("A_1") | {"A_2_seg.nii.gz"}
    monkeypatch.setattr(predict, "write_whole", write)
    assert predict_all() == 0
    # It was our own mask, though no record vouched for it: nothing was set aside.
    assert {path.name for path in out.iterdir()} == files_of("A_1", "A_2", "A_3")
    assert times_in(out)["A_1.json"] == before["A_1.json"]
    assert times_in(out)["A_2_seg.nii.gz"] != before["A_2_seg.nii.gz"]


def test_full_disk_stops_with_a_message_and_keeps_what_is_done(predict_all, out, monkeypatch, capsys):
    def full(source, target):
        if "A_2" in str(target):
            raise OSError(28, "No space left on device")
        write(source, target)

    write = os.replace
    monkeypatch.setattr("os.replace", full)
    assert predict_all() == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "A_2_seg.nii.gz: it cannot be written (No space left on device)" in message and "make room" in message
    assert times_in(out).keys() == files_of("A_1")


BAD = {
    "missing": (lambda file: file.unlink(), "missing has flair; expected also t1ce"),
    "truncated": (lambda file: file.write_bytes(file.read_bytes()[:-3000]), "it is truncated or damaged"),
    "nan": (lambda file: change_voxel(file, np.nan), "are NaN"),
}


def test_cohort_goes_on_past_bad_cases_and_ends_with_one_and_a_single_bad_case_with_two(
    network, add_cases, cases, out, capfd
):
    add_cases(*BAD, "whole")
    for name, (spoil, _) in BAD.items():
        spoil(cases / name / f"{name}_t1ce.nii.gz")
    # A bad mask blocks no prediction.
    (cases / "whole" / "whole_seg.nii.gz").write_bytes(b"no image")
    assert main(["predict", str(cases), "--out", str(out)]) == 1
    printed = capfd.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith("brats: ")]
    for _, says in BAD.values():
        assert sum(says in line and "expected" in line for line in lines) == 1
    assert lines[-1].startswith("brats: 3 of 4 cases could not be")
    assert "Traceback" not in printed.err and "1 of 4 cases in" in printed.out
    assert times_in(out).keys() == files_of("whole")
    assert main(["predict", str(cases / "missing"), "--out", str(out)]) == 2
    assert "missing has flair; expected also t1ce" in capfd.readouterr().err


def test_another_rule_or_engine_and_older_records_are_predicted_again_with_a_word(
    network, add_cases, cases, out, monkeypatch, capsys
):
    def predict():
        assert main(["predict", str(cases), "--out", str(out)]) == 0
        return capsys.readouterr().out

    add_cases("A_1")
    predict()
    # ET nowhere: probabilities are 0 and 1 here, so that no threshold below 1 changes a voxel.
    rule = replace(network.rule, et_above=1.0)
    stricter = replace(network, rule=rule, card=replace(network.card, rule=rule))
    for changed, why in (
        (stricter, "another network or decision rule made it"),
        (replace(stricter, precision="bfloat16"), "it was made on keras (float32)"),
    ):
        monkeypatch.setattr(networks, "open_network", lambda name=None, engine="auto", changed=changed: changed)
        text = predict()
        assert f"note: It was predicted again: {why}." in text and "ET 0.0 mL" in text
        assert not (nib.load(out / "A_1_seg.nii.gz").get_fdata() == 4).any()
    for damage, why in (
        ({"record": 1}, "its record is of another version of this package"),
        ({"volumes_ml": None}, "its record is damaged"),
        ({"warnings": [3]}, "its record is damaged"),
    ):
        (out / "A_1.json").write_text(json.dumps(json.loads((out / "A_1.json").read_text()) | damage))
        assert why in predict()
    # All of these were this command's own files: nothing had to be set aside.
    assert len(list(out.iterdir())) == 2 and "was there already" in predict()


def test_masks_corrected_by_hand_and_files_of_others_stay_under_other_names(predict_all, out, capsys):
    out.mkdir()
    (out / "A_2.json").write_text('{"RepetitionTime": 8}')
    (out / "A_3_seg.nii.gz").write_bytes(b"somebody's own")
    assert predict_all() == 0
    assert (out / "A_2.json.previous-1").read_text() == '{"RepetitionTime": 8}'
    assert (out / "A_3_seg.nii.gz.previous-1").read_bytes() == b"somebody's own"
    change_voxel(out / "A_1_seg.nii.gz", 0)
    content = (out / "A_1_seg.nii.gz").read_bytes()
    capsys.readouterr()
    assert predict_all() == 0
    text = capsys.readouterr().out
    assert "its mask was removed or changed" in text and "it is kept as A_1_seg.nii.gz.previous-1." in text
    assert (out / "A_1_seg.nii.gz.previous-1").read_bytes() == content
    assert nib.load(out / "A_1_seg.nii.gz").get_fdata().any()


def test_pipes_in_the_place_of_results_hold_nothing_up(predict_all, out):
    out.mkdir()
    for name in ("A_1.json", "A_2_seg.nii.gz"):
        os.mkfifo(out / name)
    assert predict_all() == 0
    assert len(list(out.glob("A_?.json"))) == len(list(out.glob("A_?_seg.nii.gz"))) == 3


def test_parts_of_a_folder_are_disjoint_and_make_up_all_of_it(predict_all, out):
    assert predict_all("--part", "1/2") == 0
    assert times_in(out).keys() == files_of("A_1", "A_3")
    assert predict_all("--part", "2/2") == 0
    assert times_in(out).keys() == files_of("A_1", "A_2", "A_3")


def test_single_files_are_named_after_the_first(tmp_path):
    for file, name in (("S7_flair.nii.gz", "S7"), ("BraTS-GLI-1-t2f.nii.gz", "BraTS-GLI-1"), ("brain.nii", "brain")):
        assert loose_case({"flair": tmp_path / file, "t1ce": tmp_path / "other.nii"}).name == name


FILES = ["--flair", "x.nii", "--t1ce", "y.nii"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cases", "--flair", "x.nii"], "a folder and single files"),
        (["cases", "--name", "x"], "--name: it goes with single files"),
        ([*FILES, "--part", "1/2"], "--part: it goes with a folder"),
        (["--flair", "x.nii"], "x has flair; expected also t1ce"),
        (["--flair", "x.dcm", "--t1ce", "y.nii"], "x.dcm: the name has another ending"),
        (["nowhere"], "nowhere: there is no such folder"),
        # Where results would replace images or pass for true masks, and where there can be none.
        (["cases", "--out", "cases/A_1"], "cases/A_1: files of case A_1 are in it"),
        (["cases", "--out", "file"], "file: it cannot be written to"),
        *(([*FILES, "--name", name], "it is no file name") for name in ("../up", "", ".hidden", "new\nline")),
        *((["cases", "--part", part], "two numbers i/n") for part in ("0/2", "3/2", "1", "1/2\n", f"1/{'9' * 5000}")),
    ],
)
def test_unusable_arguments_end_with_two_before_anything_runs(
    arguments, says, network, add_cases, tmp_path, monkeypatch, capsys
):
    add_cases("A_1")
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predict, "segment_case", lambda *_: pytest.fail("something was computed"))
    assert main(["predict", "--out", "out", *arguments]) == 2
    assert says in capsys.readouterr().err
