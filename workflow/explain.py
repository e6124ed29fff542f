"""Say in a few lines why a notebook failed: `explain.py EXECUTED.ipynb`."""

import json
import re
import sys
from pathlib import Path

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def explain(path):
    """The failing cell's number and error of an executed notebook, as text."""
    if not Path(path).is_file():
        return "it stopped before its first cell; see above"
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    for number, cell in enumerate(cells, start=1):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                error = COLOURS.sub("", f"{output['ename']}: {output['evalue']}")
                return f"cell {number} raised {error}\nThe notebook up to there: {path}"
    return f"it stopped without a Python error (killed, or out of memory?)\nThe notebook up to there: {path}"


if __name__ == "__main__":
    name = Path(sys.argv[1]).stem
    sys.exit(f"\n{name} failed: {explain(sys.argv[1])}")
