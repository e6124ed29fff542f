"""How far phantoms go beyond the patients of BraTS 2020: what a network should have met before it meets strangers.

The cohort of the book follows the patients. A network that is to segment scans from anywhere learns more from a wider
population: faint and small lesions are a minority among patients and the majority of what is missed. Where everything
is wide the plain case becomes rare, so training takes both.
"""

from dataclasses import dataclass, replace

# What can be left out, to measure what it is worth: necrosis is enclosed by what enhances, where there is enough of
# that; lesions are outlined where their signal begins to rise, as readers do, not half way up; edema is fullest beside
# the core; some heads are brighter next to a coil element.
EFFECTS = ("rims", "outlines", "halo", "coil")


@dataclass(frozen=True)
class Variety:
    """Which properties of a phantom are drawn from wider ranges than the patients'.

    Parameters
    ----------
    tumours
        Half of them of any size from 3 to 260 mL alike, with shares of core and enhancement of any size, every fourth
        without enhancement, anywhere in the brain.
    contrast
        Half of the lesions faint, and tissue contrasts more different from scanner to scanner.
    zones
        Edema that fades from bright to faint within one lesion, and cores partly solid, partly cyst.
    foci
        More of the tumours with a second focus.
    heads
        More differently shaped and turned heads, from no atrophy to severe.
    scanners
        More noise, blur, inhomogeneity and thicker slices.
    infiltration
        Half of the tumours grow into grey matter as into white and efface the border, as many of low grade do.
    vessels
        Vessels run through tumours that hardly enhance.
    without
        Those of `EFFECTS` that are left out.
    """

    tumours: bool = False
    contrast: bool = False
    zones: bool = False
    foci: bool = False
    heads: bool = False
    scanners: bool = False
    infiltration: bool = False
    vessels: bool = False
    without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """ "patients", "wide", or "wider" and what is wider, and what is left out; for file names and tables."""
        wider = [name for name, value in vars(self).items() if value is True]
        parts = ["wider", *wider] if wider else ["patients"]
        if replace(self, without=()) == WIDE:
            parts = ["wide"]
        return "-".join([*parts, *(["without", *self.without] if self.without else [])])


PATIENTS = Variety()
WIDE = Variety(
    tumours=True, contrast=True, zones=True, foci=True, heads=True, scanners=True, infiltration=True, vessels=True
)
# What networks are trained on, in equal parts.
MIXED = (PATIENTS, Variety(tumours=True, infiltration=True, vessels=True), WIDE)
