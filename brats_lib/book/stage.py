"""Gather what Jupyter Book reads in one folder, under the paths that things have in the repository."""

import json
import shutil
import sys
import tomllib
from pathlib import Path

import yaml
from papermill.translators import PythonTranslator

from brats_lib.book.exercises import exercises_table, make_exercises
from brats_lib.book.notebook import clean_notebook, injected_parameters
from brats_lib.book.tables import figures_table, findings, read_figures, recorded_tables, times
from brats_lib.errors import BratsError
from brats_lib.files import home_path, read_json
from brats_lib.prediction.weights import available, cards_markdown, read_card

MUST_AGREE = ("profile", "data", "max_cases", "phantom_cases", "seed", "recipe")


def stage(run: str | Path, out: str | Path, root: str | Path = ".") -> Path:
    """Copy executed notebooks, prose, tables and figures to where the book is built.

    The folder of the `run` has the executed notebooks, `run.json`, `claims.json`, `tables/` and `figures/`; a notebook
    that is missing, failed, or comes from another run than the rest is refused. The folder `out` is replaced if it is
    there, and returned. `root` is that of the repository.
    """
    root, run, out = Path(root).resolve(), Path(run), Path(out)
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in toc.get("parts", [toc]) for chapter in part.get("chapters", [])]
    names = [Path(file).name for file in chapters if file.startswith("notebooks/")]
    for name in names:
        if not (run / f"{name}.ipynb").is_file():
            raise BratsError(run / f"{name}.ipynb", "it is not there", "an executed notebook", "Run `make book`")
    notebooks = {name: _read_json(run / f"{name}.ipynb") for name in names}
    replacements = _private_text(root, _shared_parameters(notebooks, run).get("data"))
    about = _read_json(run / "run.json")
    cited = ",".join(about.get("cite", []))
    source = about.get("source", "") + (f" {{cite}}`{cited}`" if cited else "")
    cleaned = {name: clean_notebook(book, f"{name}.ipynb", source, replacements) for name, book in notebooks.items()}

    shutil.rmtree(out, ignore_errors=True)
    (out / "notebooks").mkdir(parents=True)
    shutil.copy2(root / "_toc.yml", out / "_toc.yml")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    settings = (root / "_config.yml").read_text(encoding="utf-8")
    settings = _with_buttons(settings, project.get("urls", {}).get("Repository"))
    (out / "_config.yml").write_text(settings, encoding="utf-8")
    shutil.copytree(root / "book", out / "book", ignore=shutil.ignore_patterns("__pycache__", "_run"))
    for name, notebook in cleaned.items():
        (out / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    # Made anew: those of the checkout may hold what a student has written.
    exercises = out / "notebooks" / "exercises"
    make_exercises(root / "notebooks" / "solutions", exercises)
    _copy_results(run, out / "book" / "_run", replacements)
    figures = read_figures(root / "book" / "paper_figures.yml")
    cards = [*map(read_card, available())]
    tables = {
        "findings.md": findings(run, cards),
        "paper_figures.md": figures_table(figures, _read_json(run / "claims.json")),
        "times.md": times(about),
        "exercises.md": exercises_table(exercises),
        "weights_cards.md": cards_markdown(cards),
        **recorded_tables(root / "results"),
    }
    for name, text in tables.items():
        (out / "book" / "_run" / "tables" / name).write_text(text, encoding="utf-8")
    return out


def _with_buttons(settings, repository):
    """Jupyter Book's settings with buttons to a repository; as they are where there is none."""
    if not repository:
        return settings
    content = yaml.safe_load(settings)
    content["repository"] = {"url": repository, "branch": "main", "path_to_book": ""}
    content["launch_buttons"] = {"notebook_interface": "jupyterlab", "binderhub_url": "https://mybinder.org"}
    content["html"] |= {"use_repository_button": True, "use_issues_button": True}
    return yaml.safe_dump(content)


def _read_json(path):
    return read_json(path, "a file of this run", "Run `make book` again") if path.is_file() else {}


def _shared_parameters(notebooks, run):
    """The parameters that say which run a notebook belongs to, after checking that those given agree."""
    shared, giver = {}, {}
    for name, notebook in notebooks.items():
        for key, value in injected_parameters(notebook).items():
            if key not in MUST_AGREE:
                continue
            first = giver.setdefault(key, name)
            if shared.setdefault(key, value) != value:
                found = f"{name} ran with {key} {value!r} but {first} with {shared[key]!r}"
                raise BratsError(run, found, "notebooks of one and the same run", "Run `make book` again")
    return shared


def _private_text(root, data):
    """What must not be published: where the data, the environment, this checkout and the home folder are."""
    replacements = []
    if data:
        folder = (root / home_path(data)).resolve()
        replacements += [(str(data), folder.name)] if Path(data).is_absolute() else []
        replacements += [(str(folder), folder.name)]
    # The environment need not lie in the checkout, and warnings name files of it.
    replacements += [(f"{sys.prefix}/", ""), (f"{root}/", ""), (str(root), "."), (f"{Path.home()}/", "~/")]
    # Once more as papermill writes a text into a notebook.
    written = [tuple(PythonTranslator.translate_str(text)[1:-1] for text in pair) for pair in replacements]
    return replacements + [pair for pair in written if pair not in replacements]


def _copy_results(run, out, replacements):
    """Tables and figures that prose pages include; text goes through the same replacements as notebooks."""
    for kind in ("tables", "figures"):
        (out / kind).mkdir(parents=True)
    for path in sorted((run / "tables").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for old, new in replacements:
            text = text.replace(old, new)
        (out / "tables" / path.name).write_text(text, encoding="utf-8")
    for path in sorted((run / "figures").glob("*")):
        if path.suffix in (".png", ".svg", ".html"):
            shutil.copy2(path, out / "figures" / path.name)
