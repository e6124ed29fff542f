"""Say in a few lines which notebooks of a run did not end and why.

A notebook is in this folder while it runs and leaves it when it is done.
"""

import json
import re
import sys

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def explain(path):
    """The failing cell's number and error of an executed notebook, as one sentence."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except ValueError:  # papermill was killed while it wrote the file
        cells = []
    for number, cell in enumerate(cells, start=1):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                return f"cell {number} raised " + COLOURS.sub("", f"{output['ename']}: {output['evalue']}")
    return "it was stopped, or killed for want of memory"


def explain_all(folder):
    """Tell of every notebook that is still in the folder."""
    for path in sorted(folder.glob("*.ipynb")):
        print(f"\n{path.stem} did not end: {explain(path)}\nThe notebook as far as it came: {path}", file=sys.stderr)
