"""How far phantoms go beyond the patients of BraTS 2020: what a network should have met before it meets strangers.

The cohort of the book follows the patients. A network that is to segment scans from anywhere learns more from a wider
population: faint and small lesions are a minority among patients and the majority of what is missed. Where everything
is wide the plain case becomes rare, so training takes both.
"""

from dataclasses import dataclass, fields

__all__ = ["MIXED", "PATIENTS", "WIDE", "Variety"]


@dataclass(frozen=True)
class Variety:
    """Which properties of a phantom are drawn from wider ranges than the patients'.

    Parameters
    ----------
    tumours : bool
        Half of them of any size from 3 to 260 mL alike, with shares of core and enhancement of any size, every third
        without enhancement, anywhere in the brain.
    contrast : bool
        Half of the lesions faint, and tissue contrasts more different from scanner to scanner.
    zones : bool
        Edema that fades from bright to faint within one lesion, and cores partly solid, partly cyst.
    foci : bool
        A third of the tumours with a second focus.
    heads : bool
        More differently shaped and turned heads, from no atrophy to severe.
    scanners : bool
        More noise, blur, inhomogeneity and thicker slices.
    """

    tumours: bool = False
    contrast: bool = False
    zones: bool = False
    foci: bool = False
    heads: bool = False
    scanners: bool = False

    @property
    def name(self):
        """ "patients", "wide", or "wider" and what is wider; for file names and tables."""
        wider = [field.name for field in fields(self) if getattr(self, field.name)]
        if len(wider) == len(fields(self)):
            return "wide"
        return "-".join(["wider", *wider]) if wider else "patients"


PATIENTS = Variety()
WIDE = Variety(tumours=True, contrast=True, zones=True, foci=True, heads=True, scanners=True)
# What networks are trained on, in equal parts.
MIXED = (PATIENTS, Variety(tumours=True), WIDE)
