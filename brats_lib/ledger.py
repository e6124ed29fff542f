"""Folders of predicted masks: nothing in them is replaced or removed that this package did not write."""

import hashlib
import json
from pathlib import Path

from brats_lib.errors import BratsError
from brats_lib.files import make_folder, open_regular, read_json, set_aside, write_whole

__all__ = ["Ledger", "sha256_of", "own_folder"]

LIST = "predictions.json"


def own_folder(out, cases):
    """Make a folder for predictions, and refuse one where they would replace files of cases or pass for true masks.

    Raises
    ------
    BratsError
        If a file of a case lies in it, or it cannot be written to.
    """
    out = Path(out)
    for case in cases:
        folders = {path.parent.resolve() for path in (*case.files.values(), case.mask_file) if path is not None}
        if out.resolve() in folders:
            found, advice = f"files of case {case.name} are in it", "Choose another folder for the predictions"
            raise BratsError(out, found, "a folder of its own for the predictions", advice)
    return make_folder(out)


def sha256_of(path):
    """SHA-256 of a file; None where there is none that can be read."""
    try:
        with open_regular(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


class Ledger:
    """The masks of an evaluation, `<case>_seg.nii.gz`, with a list of them and their hashes: `predictions.json`.

    Parameters
    ----------
    folder : str or Path
        Is made.
    cases : iterable of Case
        Whose files must not lie in it.

    Raises
    ------
    BratsError
        As `own_folder`.
    """

    def __init__(self, folder, cases):
        self.folder = own_folder(folder, cases)
        try:
            self._hashes = read_json(self.folder / LIST, "a list of predictions", "Delete it")
        except BratsError:
            self._hashes = {}

    def save(self, case, mask):
        """Write the mask of a case; a file of that name that is not known from the list is kept under another."""
        path = self.folder / f"{case.name}_seg.nii.gz"
        if path.exists() and not self._is_known(path):
            print(f"{path} was not written by an evaluation, or changed since; it is kept as {set_aside(path).name}.")
        case.save_mask(mask, path)
        self._hashes[path.name] = sha256_of(path)
        self._write()

    def keep_only(self, cases):
        """Remove the masks of other cases that the list knows, as an earlier split left them, and nothing else."""
        others = [name for name in self._hashes if name.removesuffix("_seg.nii.gz") not in set(cases)]
        for path in (self.folder / name for name in others if Path(name).name == name):
            if path.exists() and self._is_known(path):
                path.unlink()
        self._hashes = {name: digest for name, digest in self._hashes.items() if name not in others}
        self._write()

    def _is_known(self, path):
        known = self._hashes.get(path.name)
        return known is not None and known == sha256_of(path)

    def _write(self):
        write_whole(self.folder / LIST, (json.dumps(self._hashes, indent=1) + "\n").encode())
