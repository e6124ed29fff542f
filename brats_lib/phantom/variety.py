"""How far phantoms go beyond the patients of BraTS 2020: what a network should have met before it meets strangers.

The cohort of the book follows the patients. A network that is to segment scans from anywhere learns more from a wider
population: faint and small lesions are a minority among patients and the majority of what is missed. Where everything
is wide the plain case becomes rare, so training takes both.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variety:
    """Which properties of a phantom are drawn from wider ranges than the patients'."""

    tumours: bool = False  # half of any size from 3 to 260 mL and any composition, every fourth without enhancement
    contrast: bool = False  # half of the lesions faint, and tissue contrasts that differ more between scanners
    zones: bool = False  # edema that fades within one lesion, and cores partly solid, partly cyst
    foci: bool = False  # more tumours with a second focus
    heads: bool = False  # more differently shaped and turned, from no atrophy to severe
    scanners: bool = False  # more noise, blur and inhomogeneity, and thicker slices
    infiltration: bool = False  # half of the tumours grow into grey matter and efface the border, as many low grades do
    vessels: bool = False  # through tumours that hardly enhance

    @property
    def name(self) -> str:
        """ "patients", "wide", or "wider" and what is wider; for file names."""
        wider = [name for name, value in vars(self).items() if value]
        return "wide" if self == WIDE else "-".join(["wider", *wider] if wider else ["patients"])


PATIENTS = Variety()
WIDE = Variety(
    tumours=True, contrast=True, zones=True, foci=True, heads=True, scanners=True, infiltration=True, vessels=True
)
# What networks are trained on, in equal parts.
MIXED = (PATIENTS, Variety(tumours=True, infiltration=True, vessels=True), WIDE)
