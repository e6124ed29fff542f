"""Whether a machine is ready for a workshop, as a person reads it."""

import sys

import pytest
from conftest import ROOT

from brats_lib.book import workshop
from brats_lib.cli import main

CHECK = ["check", "--workshop", "--profile", "smoke"]


@pytest.fixture
def said(monkeypatch, capsys):
    """Run the check in the repository; its exit code, and each line by the item that it is about."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("BRATS_DATA", raising=False)

    def run():
        code = main(CHECK)
        *lines, last = capsys.readouterr().out.splitlines()
        return code, {line[7:].partition(":")[0]: line for line in lines}, last

    return run


def test_check_says_of_each_item_what_to_do_and_ends_with_one(said, monkeypatch):
    def fail(*arguments):
        raise MemoryError("no room\nfor a head")

    monkeypatch.setattr(workshop, "DISK_GIB", 10**9)
    monkeypatch.setattr(workshop, "MEMORY_GIB", 0)
    monkeypatch.setattr(workshop, "PACKAGES", ("json", "no_such_package"))
    monkeypatch.setattr(workshop, "_kernel", lambda: (True, "it starts"))
    monkeypatch.setattr(workshop, "_phantom", fail)
    monkeypatch.setattr(workshop.weights, "available", list)
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    code, lines, last = said()
    assert code == 1 and last.startswith("4 of these")
    assert [item for item in lines if lines[item].startswith("ready  ")] == ["memory", "kernel", "data"]
    assert "TO DO  packages: no_such_package cannot be imported" in lines["packages"]
    assert lines["packages"].endswith("Run `make environment`.") and "Make room" in lines["disk"]
    assert lines["phantom"] == "TO DO  phantom: MemoryError: no room for a head. Free some memory, and try again."
    assert lines["Python"].endswith("then remove .venv and run `make environment PYTHON=python3.12`.")


@pytest.mark.slow
def test_this_environment_is_ready_but_for_what_a_machine_may_lack(said, monkeypatch):
    monkeypatch.setattr(workshop, "DISK_GIB", 0)
    monkeypatch.setattr(workshop, "MEMORY_GIB", 0)
    code, lines, last = said()
    assert code == 0, lines
    assert {"network phantom", "network phantom+real", "kernel"} <= lines.keys() and "is ready" in last
