"""A blinded reader study: who sees which mask in which order, and the masks made beforehand.

The paper promises "qualitative assessments by physicians" and reports none. Here a reader sees one mask at a time, the
truth or the network's, without being told which, and says how good it is.
"""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

from brats_lib.errors import BratsError
from brats_lib.scores.readers import PREDICTION, SIDES, TRUTH

__all__ = ["Item", "Study", "reading_order"]


@dataclass(frozen=True)
class Item:
    """One mask to be rated.

    Attributes
    ----------
    case : str
        Name of the case.
    side : {"truth", "prediction"}
        Which mask; never shown to a reader.
    """

    case: str
    side: str


def reading_order(cases, reader, seed=0):
    """The order in which a reader sees the masks; another for every reader, the same whenever the reader comes back.

    Every case comes once in the first half and once in the second, so that its two masks are never seen one after the
    other and are as far apart as chance allows; which of the two comes first is drawn for each case.

    Parameters
    ----------
    cases : sequence of str
        Names.
    reader : str
    seed : int
        Of the study.

    Returns
    -------
    list of Item
        Two for each case.
    """
    # A hash of our own: Python's differs from one process to the next.
    digest = hashlib.sha256(f"{seed}\n{reader}".encode()).digest()
    rng = random.Random(int.from_bytes(digest[:8], "big"))
    first = [Item(case, rng.choice(SIDES)) for case in sorted(cases)]
    second = [Item(item.case, TRUTH if item.side == PREDICTION else PREDICTION) for item in first]
    rng.shuffle(first)
    rng.shuffle(second)
    if len(first) > 1 and first[-1].case == second[0].case:
        second.append(second.pop(0))
    return first + second


class Study:
    """The masks of a study on disk.

    Parameters
    ----------
    cohort : brats_lib.cases.Cohort
        Cases; those without a mask are left out.
    card : brats_lib.prediction.cards.Card
        Of the network whose masks are rated.
    folder : str or Path
        Gets a folder of predictions for each study.
    """

    def __init__(self, cohort, card, folder):
        self.cohort, self.network = cohort.labelled(), card.name
        if not len(self.cohort):
            advice = "Start the application with --data and a folder of cases with masks"
            raise BratsError(cohort.root, "none of its cases has a mask", "at least one with a true mask", advice)
        key = f"{self.cohort.fingerprint()}\n{card.identity['sha256']}"
        # Ratings of other cases, weights or decision rules belong to another study.
        self.name = hashlib.sha256(key.encode()).hexdigest()[:12]
        self.folder = Path(folder) / self.name

    def _file(self, case):
        return self.folder / f"{case.name}_seg.nii.gz"

    def missing(self):
        """The cases that have no prediction yet.

        A reader would know the network's mask by the time it takes, so all are made before the first is shown.

        Returns
        -------
        list of Case
        """
        return [case for case in self.cohort if not self._file(case).is_file()]

    def keep(self, case, mask):
        """Keep the network's mask of a case."""
        case.save_mask(mask, self._file(case))

    def order(self, reader, seed=0):
        """As `reading_order`, for the cases of this study."""
        return reading_order(self.cohort.names, reader, seed)

    def mask(self, item):
        """The mask to be rated.

        Returns
        -------
        array of uint8, shape (x, y, z)
            Labels 0, 1, 2, 4 in LPS; nothing about it says where it is from.
        """
        case = self.cohort[item.case]
        return case.mask() if item.side == TRUTH else case.read_mask_file(self._file(case))
