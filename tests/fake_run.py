"""A run that looks finished: the repository's notebooks with made-up outputs."""

import base64
import io
import json

import numpy as np
from conftest import ROOT
from matplotlib import image

TABLE = {"text/html": "<div><table class='dataframe'><tr><th>region</th></tr><tr><td>WT</td></tr></table></div>"}


def make_png(values):
    """PNG bytes of a grey-level array."""
    buffer = io.BytesIO()
    image.imsave(buffer, values, cmap="gray", vmin=0, vmax=1, format="png")
    return buffer.getvalue()


PICTURE = {"image/png": base64.b64encode(make_png(np.indices((8, 8)).sum(0) % 2)).decode()}


def make_output(data):
    """A notebook output of these mime types."""
    return {"output_type": "display_data", "metadata": {}, "data": data}


def make_run(run):
    """Fill the folder of a finished run, its notebooks as papermill would leave them."""
    run.mkdir(parents=True)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = json.loads(path.read_text())
        parameters = {"profile": "fake", "data": ""}
        notebook["metadata"]["papermill"] = {"parameters": parameters, "input_path": "/somewhere/notebook.ipynb"}
        for cell in notebook["cells"]:
            settings = cell["metadata"].get("mystnb", {})
            if cell["cell_type"] == "code":
                cell["execution_count"] = 1
            if "figure" in settings:
                cell["outputs"] = [make_output(PICTURE if "image" in settings else TABLE)]
        (run / path.name).write_text(json.dumps(notebook))
    (run / "run.json").write_text(json.dumps({"source": "8 simulated phantoms (seed 0)"}))
    (run / "claims.json").write_text(json.dumps({"paper-fig-06": "Best epoch 2 of 2."}))
    accuracy = "network,test,Phantom_001,0.9905\nbackground everywhere,test,Phantom_001,0.9834\n"
    (run / "published_scores.csv").write_text(f"predictor,subset,case,accuracy\n{accuracy}")
    for name, dice in {"scores": (0.81, 0.72, 0.63), "scores_background": (0, 0, 1)}.items():
        rows = "".join(
            f"Phantom_001,{region},{value}\n" for region, value in zip(("WT", "TC", "ET"), dice, strict=True)
        )
        (run / f"{name}.csv").write_text(f"case,region,dice\n{rows}")
    (run / "tables").mkdir()
    (run / "tables" / "results_published.md").write_text("| region | dice |\n|---|---|\n| WT | 0.9 |\n")
    return run
