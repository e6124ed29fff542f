"""Folders of predicted masks: nothing in them is replaced or removed that this package did not write."""

import hashlib
import json
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from brats_lib.cases.case import Case
from brats_lib.errors import BratsError
from brats_lib.files import home_path, make_folder, open_regular, read_json, set_aside, write_whole

LIST = "predictions.json"


def own_folder(out: str | Path, cases: Iterable[Case]) -> Path:
    """Make a folder for predictions, and refuse one where they would replace files of cases or pass for true masks."""
    out = home_path(out)
    for case in cases:
        folders = {path.parent.resolve() for path in (*case.files.values(), case.mask_file) if path is not None}
        if out.resolve() in folders:
            found, advice = f"files of case {case.name} are in it", "Choose another folder for the predictions"
            raise BratsError(out, found, "a folder of its own for the predictions", advice)
    return make_folder(out)


def sha256_of(path: Path) -> str | None:
    """SHA-256 of a file; None where there is none that can be read."""
    try:
        with open_regular(path) as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return None


def replace_mask(case: Case, mask: np.ndarray, path: Path, known: str | None) -> tuple[str | None, Path | None]:
    """Write a mask; another file of that name is kept under another one, unless its hash is the known one.

    A file that is this very mask was left by a call that was ended before it noted the hash. Returns the hash of the
    file, and where the other file is kept.
    """
    aside, there = None, sha256_of(path)
    if path.exists() and (there is None or there != known):
        with tempfile.TemporaryDirectory() as folder:
            wanted = sha256_of(case.save_mask(mask, Path(folder) / path.name))
        aside = None if there == wanted else set_aside(path)
    case.save_mask(mask, path)
    return sha256_of(path), aside


class Ledger:
    """The masks of an evaluation, `<case>_seg.nii.gz`, with a list of them and their hashes: `predictions.json`.

    The folder is made; files of the cases must not lie in it.
    """

    def __init__(self, folder: str | Path, cases: Iterable[Case]):
        self.folder = own_folder(folder, cases)
        try:
            self._hashes = read_json(self.folder / LIST, "a list of predictions", "Delete it")
        except BratsError:
            self._hashes = {}

    def save(self, case: Case, mask: np.ndarray) -> None:
        """Write the mask of a case; a file of that name that is not known from the list is kept under another."""
        path = self.folder / f"{case.name}_seg.nii.gz"
        self._hashes[path.name], aside = replace_mask(case, mask, path, self._hashes.get(path.name))
        if aside:
            print(f"{path} was not written by an evaluation, or changed since; it is kept as {aside.name}.")
        self._write()

    def keep_only(self, cases: Collection[str]) -> None:
        """Remove the masks of other cases that the list knows, as an earlier split left them, and nothing else."""
        for name in [name for name in self._hashes if name.removesuffix("_seg.nii.gz") not in cases]:
            path, known = self.folder / Path(name).name, self._hashes.pop(name)
            if known is not None and sha256_of(path) == known:
                path.unlink()
        self._write()

    def _write(self):
        write_whole(self.folder / LIST, json.dumps(self._hashes, indent=1) + "\n")
