"""A SLURM of one node on the loopback device runs the sweep of the smoke profile as jobs of the workflow."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SNAKEMAKE = Path(os.environ.get("SNAKEMAKE", ROOT / ".venv/workflow/bin/snakemake"))
SCRIPT = ROOT / "workflow" / "one_node_slurm.sh"
NOT_OURS = shutil.ignore_patterns(".git", ".venv*", "runs", "_build", ".snakemake", "__pycache__", ".*_cache", "*.nii*")


@pytest.fixture
def slurm(tmp_path):
    """The one-node SLURM, running."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name) is None]
    reasons = {
        f"{', '.join(missing)} missing (apt-get install slurm-wlm munge)": missing,
        "only root may start SLURM": os.geteuid(),
        f"Snakemake is not at {SNAKEMAKE}; `make book` installs it there, or set SNAKEMAKE": not SNAKEMAKE.is_file(),
        "this machine has a SLURM of its own": Path("/etc/slurm/slurm.conf").exists(),
    }
    if reason := next((reason for reason, applies in reasons.items() if applies), None):
        pytest.skip(reason)
    subprocess.run(["sh", SCRIPT, "start", tmp_path / "slurm"], check=True, timeout=60)
    yield
    subprocess.run(["sh", SCRIPT, "stop", tmp_path / "slurm"], check=True, timeout=60)


@pytest.mark.usefixtures("slurm")
def test_sweep_runs_as_jobs_of_slurm(tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=NOT_OURS)
    options = "--profile workflow/profiles/slurm --latency-wait 10 --slurm-status-command squeue"
    # One node without GPU and with few cores; the profile asks for what a cluster has.
    small = "--default-resources runtime=20 mem_mb=1000 cpus_per_task=1 --set-resources sweep_part:gpu=0 phantoms:gpu=0"
    command = [
        "make", "sweep", "PROFILE=smoke", "ENV=active", f"PYTHON={sys.executable}", f"SNAKEMAKE={SNAKEMAKE}",
        "CONFIG=seeds=0 factors=baseline,optimizer", f"OPTIONS={options} {small}",
    ]  # fmt: skip
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "BRATS_DATA": ""}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    tables = {name: pd.read_csv(checkout / f"runs/smoke/tuning/{name}-seed0.csv") for name in ("baseline", "optimizer")}
    assert set(tables["optimizer"]["value"]) == {"sgd", "rmsprop"}
    assert tables["baseline"]["dice"].between(0, 1).all()
    # Both were jobs of their own, and the phantoms were another.
    assert (tmp_path / "slurm" / "slurmctld.log").read_text().count("WEXITSTATUS 0") == 3
