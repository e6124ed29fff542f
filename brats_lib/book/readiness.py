"""Whether a run can start: its data are found, split and audited before anything long begins."""

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from brats_lib import __version__
from brats_lib.book import runs
from brats_lib.cases import Cohort
from brats_lib.cases.audit import audit, summary
from brats_lib.errors import BratsError
from brats_lib.files import read_text, write_whole


def describe_data(name: str, profile: Mapping[str, Any], root: Path | None) -> tuple[dict[str, Any], str]:
    """What the notebooks of a profile depend on, and a sentence about it.

    Cases in `root` are split, and audited unless exactly these files passed with this split before.
    """
    if root is None:
        cases, seed = profile["phantom_cases"], profile["seed"]
        record = {"data": "", "phantom": runs.phantom_folder(seed).name, "phantom_cases": cases, "seed": seed}
        return record, f"No BraTS data was named or found: the run uses {cases} simulated phantoms (seed {seed})."
    cohort = Cohort.find(root, max_cases=profile["max_cases"])
    split = runs.open_split(cohort, runs.run_folder(name) / "split.json", profile["seed"])
    files = {path for case in cohort for path in (*case.files.values(), case.mask_file) if path is not None}
    files |= {table.path for table in cohort.tables}
    stats = [(str(path), *_size_and_time(path)) for path in sorted(files)]
    # Of a checkout each commit may look at more.
    state = __version__, runs.commit(), stats, cohort.skipped, profile["max_cases"], split
    digest = hashlib.sha256(repr(state).encode()).hexdigest()
    passed = runs.find_root() / "runs" / "audits" / f"{digest[:16]}.txt"
    if not passed.is_file():
        findings = audit(cohort, split=split)
        errors = [finding for finding in findings if finding.severity == "error"]
        if errors:
            found = f"the audit found {len(errors)} error{'s' * (len(errors) != 1)}; the first: {errors[0].message}"
            advice = f"Mend or remove what is named; `brats audit {shlex.quote(str(root))}` lists everything"
            raise BratsError(root, found, "cases that can all be read and agree with each other", advice)
        write_whole(passed, summary(findings, len(cohort)))
    tally = read_text(passed, "notes of an audit", "Remove it, and run again").partition("\n")[0]
    # The split is in the record so that a changed one runs the notebooks again.
    record = {"data": str(root), "fingerprint": cohort.fingerprint(), "split": asdict(split)}
    return record, f"{cohort.source}: audited. {tally}; see {passed.relative_to(runs.find_root())}"


def save_record(name: str, record: Mapping[str, Any]) -> None:
    """Write `data.json` of a profile's run; Snakemake reruns what depends on it, so it stays where nothing changed."""
    path, text = runs.run_folder(name) / "data.json", json.dumps(record, indent=1)
    if not path.is_file() or path.read_bytes() != text.encode():
        write_whole(path, text)


def _size_and_time(path):
    if not path.exists():
        return ()  # a link to nowhere, which the audit refuses
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
