"""One truth about the environment: pyproject.toml, its lock, and everything that installs from them agree."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile

import hatchling.build
import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from brats_lib.prediction.weights import available

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
LOCKS = ("requirements.lock", "workflow/requirements.lock")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)


def read_pins(lock):
    """Locked versions per package; a package may have several, for different platforms."""
    pins = {}
    for name, version in PIN.findall((ROOT / lock).read_text()):
        pins.setdefault(canonicalize_name(name), []).append(version)
    return pins


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_host_and_a_hash_of_every_package(lock):
    text = (ROOT / lock).read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert "://" not in text and len(blocks) > 20
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_locks_satisfy_what_the_project_and_the_workflow_require():
    required = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
    workflow = (ROOT / "workflow/requirements.in").read_text().split()
    for lock, lines in zip(LOCKS, (required, workflow), strict=True):
        pins = read_pins(lock)
        for wanted in map(Requirement, lines):
            versions = pins.get(canonicalize_name(wanted.name), [])
            assert versions, f"{wanted.name} is not locked; run `make lock`"
            assert all(wanted.specifier.contains(version, prereleases=True) for version in versions), wanted


@pytest.mark.parametrize("path", ["environment.yml", ".binder/environment.yml"])
def test_conda_environment_installs_the_lock_and_nothing_else(path):
    python, *conda, block = yaml.safe_load((ROOT / path).read_text())["dependencies"]
    (requirements,) = block["pip"]
    assert "pip" in conda
    assert ((ROOT / path).parent / requirements.removeprefix("-r ")).resolve() == ROOT / "requirements.lock"
    if path == "environment.yml":
        assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])


def test_commit_hooks_build_backend_and_installer_are_those_of_the_locks():
    pins = read_pins("requirements.lock")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    revisions = {repo["hooks"][0]["id"]: repo["rev"].removeprefix("v") for repo in hooks}
    assert revisions == {"ruff-check": pins["ruff"][0], "nbstripout": pins["nbstripout"][0]}
    assert SETTINGS["build-system"]["requires"] == [f"hatchling=={pins['hatchling'][0]}"]
    assert pins["uv"] == read_pins("workflow/requirements.lock")["uv"]


def test_actions_of_ci_are_pinned_by_hash_and_test_every_supported_python():
    workflows = {path.name: path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml")}
    matrix = yaml.safe_load(workflows["book.yml"])["jobs"]["fast"]["strategy"]["matrix"]["python"]
    supported = SpecifierSet(PROJECT["requires-python"])
    assert matrix == [f"3.{minor}" for minor in range(8, 20) if supported.contains(f"3.{minor}.1")]
    uses = re.findall(r"uses: *(\S+)", "".join(workflows.values()))
    assert len(uses) >= 8
    assert [action for action in uses if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)] == []


def test_no_address_of_this_project_is_promised():
    """Only `[project.urls]` may say where the repository or the package is, if it is anywhere."""
    promised = re.compile(
        r"git\+https?:|git clone \"?https?:|\.com/brats[-_]lib|install [^\n`]*\bbrats[-_]lib|\bbrats[-_]lib\["
    )
    folders = "book", "brats_lib", "notebooks", "workflow", ".github", ".binder", ".devcontainer"
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.*")]
    paths = [path for path in paths if path.suffix in (".md", ".py", ".ipynb", ".yml", ".yaml", ".json", ".sh")]
    paths += [ROOT / "Makefile", ROOT / "data" / "README.md", *ROOT.glob("*.*")]
    texts = {path: path.read_text(encoding="utf-8") for path in paths if path.is_file()}
    assert len(texts) > 200
    assert [f"{path}: {match[0]}" for path, text in texts.items() for match in promised.finditer(text)] == []


def test_wheel_alone_has_networks_and_recorded_results(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    wheel = hatchling.build.build_wheel(str(tmp_path))
    zipfile.ZipFile(tmp_path / wheel).extractall(tmp_path / "elsewhere")
    code = (
        "import brats_lib; from brats_lib.book import runs; from brats_lib.prediction import weights;"
        "print(brats_lib.__file__);"
        "print(runs.results_folder(), len(list(runs.results_folder().glob('*.csv')))); print(*weights.available())"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "elsewhere")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    package = tmp_path / "elsewhere" / "brats_lib"
    recorded = len(list((ROOT / "results").glob("*.csv")))
    expected = [f"{package / '__init__.py'}", f"{package / 'results'} {recorded}", " ".join(available())]
    assert done.stdout.splitlines() == expected, done.stderr
