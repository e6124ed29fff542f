"""Results are traced to a commit, to a phantom and to patients; what is finished is not made again."""

import argparse
import json
import subprocess

import pandas as pd
import pytest

import experiments.__main__ as command
from brats_lib.errors import BratsError
from experiments import record

PATIENTS = {"fingerprint": "0123456789abcdef", "cases": 2}


@pytest.fixture
def results(monkeypatch, tmp_path):
    for name, value in {"FOLDER": tmp_path, "COMMIT": "0123456", "CHANGED": [], "DATA": {}}.items():
        monkeypatch.setattr(record, name, value)
    return tmp_path


@pytest.fixture
def made(monkeypatch, results):
    """Names of the experiments that were run: two that write a table each, the second from patients."""
    ran = []

    def run(name):
        ran.append(name)
        record.save(name, pd.DataFrame({"dice": [0.5]}))

    monkeypatch.setattr(command, "EXPERIMENTS", {
        "simulated": command.Experiment(lambda options: run("simulated"), (), ("simulated",)),
        "scored": command.Experiment(lambda options: run("scored"), ("scored",)),
        "other": command.Experiment(lambda options: run("other"), (), ("other",), needs="a GPU"),
    })  # fmt: skip
    return ran


def make(name, data=""):
    command.make(name, argparse.Namespace(data=data, train=None, systems=(), seeds=command.related.SEEDS))


def test_checkout_is_clean_whatever_experiments_write_and_not_where_code_differs(monkeypatch, tmp_path):
    outputs = [
        "results/seeds.csv", "brats_lib/prediction/weights/phantom.json", "brats_lib/prediction/weights/phantom.npz",
        "brats_lib/studies/synthesis/generator.json",
    ]  # fmt: skip
    files = ["brats_lib/prediction/weights/store.py", "experiments/seeds.py", *outputs]

    def git(*arguments):
        who = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def write(names, text):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    monkeypatch.setattr(record, "ROOT", tmp_path)
    git("init")
    write(files, "first")
    git("add", ".")
    git("commit", "-m", "First")
    write([*outputs, "notes.txt"], "second")
    assert record.changed_files() == []
    write(files, "second")
    assert sorted(record.changed_files()) == files[:2]


def test_changed_or_unknown_checkout_is_refused_before_anything_is_computed(made, monkeypatch):
    monkeypatch.setattr(record, "CHANGED", ["experiments/seeds.py"])
    with pytest.raises(BratsError, match=r"files differ from commit 0123456: experiments/seeds.py; .*Commit first"):
        make("simulated")
    with pytest.raises(BratsError, match="files differ"):
        record.save("simulated", pd.DataFrame())
    monkeypatch.setattr(record, "CHANGED", [])
    monkeypatch.setattr(record, "COMMIT", "unknown")
    with pytest.raises(BratsError, match="there is no commit"):
        make("simulated")
    assert made == [] and not list(record.FOLDER.iterdir())


def test_record_names_commit_phantom_seeds_and_the_patients_of_tables_made_from_them(made):
    record.DATA["scored"] = PATIENTS
    make("simulated", "folder")
    make("scored", "folder")
    simulated, scored = (json.loads((record.FOLDER / f"{name}.json").read_text()) for name in ("simulated", "scored"))
    assert (scored["commit"], scored["phantom_version"], scored["data"]) == ("0123456", record.VERSION, PATIENTS)
    assert scored["experiment"] == "scored" and "data" not in simulated
    record.save("seeds", pd.DataFrame({"seed": [2, 0, 2], "dice": 0.5}))
    assert json.loads((record.FOLDER / "seeds.json").read_text())["seeds"] == [0, 2]


def test_out_of_date_is_what_is_missing_unfinished_of_another_phantom_or_of_other_patients(made, monkeypatch, capsys):
    assert command.out_of_date("") == ["simulated"]
    assert "scored is left out: it needs a folder of patients" in capsys.readouterr().out
    record.DATA["scored"] = PATIENTS
    assert command.out_of_date("folder") == ["simulated", "scored"]
    assert "other is left out: it needs a GPU" in capsys.readouterr().out
    # Stopped after it had written its table.
    record.save("simulated", pd.DataFrame({"dice": [0.5]}))
    assert command.out_of_date("folder") == ["simulated", "scored"]
    make("simulated", "folder")
    make("scored", "folder")
    assert command.out_of_date("folder") == []
    record.DATA["scored"] = PATIENTS | {"cases": 3}
    assert command.out_of_date("folder") == ["scored"]
    # Asked for without patients, it finishes no table of patients.
    monkeypatch.delitem(record.DATA, "scored")
    make("scored")
    assert not record.is_finished("scored")
    monkeypatch.setattr(record, "VERSION", -1)
    assert command.out_of_date("folder") == ["simulated", "scored"]


def test_without_names_what_is_out_of_date_is_made_in_order_each_in_a_process_until_one_fails(made, monkeypatch):
    asked = []

    def run(arguments, check):
        asked.append(arguments[3:])
        return argparse.Namespace(returncode=2 if "scored" in arguments else 0)

    monkeypatch.setattr(command, "subprocess", argparse.Namespace(run=run))
    monkeypatch.setattr(record, "describe_data", lambda folder: PATIENTS)
    monkeypatch.setattr(command.sys, "argv", ["experiments", "--data", "folder"])
    assert command.main() == 2 and made == []
    assert asked == [["simulated", "--data=folder"], ["scored", "--data=folder"]]
    monkeypatch.setattr(command.sys, "argv", ["experiments", "simulated", "--data", "folder"])
    assert command.main() == 0 and made == ["simulated"] and len(asked) == 2
    monkeypatch.setattr(command.sys, "argv", ["experiments", "else"])
    with pytest.raises(
        BratsError, match="else: there is no experiment of that name; expected simulated, scored, other"
    ):
        command.main()


def test_every_table_is_listed_once_with_what_makes_it():
    tables = [table for each in command.EXPERIMENTS.values() for table in (*each.on_patients, *each.on_phantoms)]
    assert sorted(tables) == sorted(path.stem for path in (record.ROOT / "results").glob("*.csv"))


def test_names_of_experiments_follow_results_and_no_target_of_make_is_one():
    def ask(*arguments):
        command_line = ["make", "-n", "--no-print-directory", "ENV=active", "DATA=a b", *arguments]
        return subprocess.run(command_line, cwd=record.ROOT, check=True, capture_output=True, text=True)

    done = ask("results", *command.EXPERIMENTS)
    assert done.stderr == "" and f"python -m experiments {' '.join(command.EXPERIMENTS)} " in done.stdout
    assert ask("results").stdout.strip() == 'python -m experiments  "--data=$DATA"'
