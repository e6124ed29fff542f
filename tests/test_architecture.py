"""The layers hold, and the light part of the package stays light."""

import re
import subprocess
import sys
import tomllib

from conftest import ROOT

LIGHT = """
    paper cases.audit cases.nnunet phantom slices.preprocess slices.cache prediction.predict scores.published
    scores.challenge scores.readers figures book.runs app.launch app.study app.report app.memory cli
""".split()
# Deep learning, what only the extras `book` and `scanner` bring, and what only the server needs.
HEAVY = ("keras", "tensorflow", "jax", "torch", "bs4", "papermill", "streamlit", "SimpleITK")


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_modules_import_from_the_layers_below_only():
    done = run_python("import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))")
    assert done.returncode == 0, done.stdout + done.stderr


def test_subpackages_in_the_guide_are_those_of_the_contract():
    rows = re.findall(r"^\| \d+ \| (.*?) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    words = [[set(re.findall(r"\w+", line)) for line in lines] for lines in (rows, reversed(layers))]
    assert words[0] == words[1]


def test_importing_the_light_modules_loads_no_heavy_library():
    imports = "; ".join(["import sys, brats_lib", *(f"import brats_lib.{name}" for name in LIGHT)])
    done = run_python(f"{imports}; print([name for name in {HEAVY} if name in sys.modules])")
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
