"""What each tissue looks like in each modality, for one patient and one scanner protocol.

Values are relative to normal white matter, which is 1 in every modality: T1-weighted white > grey > fluid, T2-weighted
the reverse, FLAIR like T2 with fluid suppressed. The ranges span what z-scored BraTS volumes show; what they share
between modalities (water content, density of the lesion, protein and blood in necrosis) is drawn once per patient, so
that the four volumes are four views of one head.
"""

import numpy as np
from numpy.random import Generator

# How edema beside the core differs from that far from it, at most.
HALO = {"flair": 0.7, "t1": -0.18, "t1ce": -0.2, "t2": 0.8}


def _lognormal(rng, median, spread):
    return float(median * np.exp(rng.normal(0, spread)))


def draw_contrast(rng: Generator, grade: str, wide: bool = False, zones: bool = False) -> dict[str, dict]:
    """Draw a patient's intensities: for each modality, and under "patient" what the modalities share.

    Low-grade tumours have weaker edema, hardly any enhancement and a core without debris. A modality has one value for
    each tissue, `halo` (added to edema beside the core), `texture` (of edema and core, relative) and `unevenness` (of
    what enhances); with `zones`, cysts apart from the solid core.
    """
    low = grade == "LGG"
    # Some high-grade lesions are faint too: the cases a network trained on bright ones misses.
    faint = bool(rng.random() < ((0.5 if low else 0.4) if wide else (0.35 if low else 0.15)))
    water = float(rng.beta(2, 2)) * (0.45 if faint else 1.0) + (0.0 if faint else 0.15)
    cystic = float(rng.beta(1.2, 3.0))
    blood = float(rng.beta(1.5, 4)) if rng.random() < 0.15 else 0.0
    uptake = float(rng.uniform(0.1, 0.35) if faint else rng.beta(2.2, 2.0) * 0.9 + 0.25)
    # Vasogenic edema holds most water beside the core it comes from.
    halo = float(rng.beta(1.0, 1.3)) * (0.4 if low else 1.0)
    spread = 1.6 if wide else 1.0
    patient = {"halo": halo, "faint": faint, "water": water, "cystic": cystic, "blood": blood, "uptake": uptake}

    flair_grey = float(np.clip(rng.normal(1.42, spread * 0.09), 1.22, 1.7))
    flair = {
        "grey": flair_grey,
        "fluid": _lognormal(rng, 0.2, spread * 0.3),
        "edema": max(1.25 + 1.5 * water, flair_grey * (1.03 if wide else 1.08)) * _lognormal(rng, 1, 0.05),
        # Fluid in a cyst is suppressed like that in the ventricles; debris and solid tumour are bright.
        "core": (2.05 + 1.5 * water) * (1 - 0.65 * cystic) + rng.normal(0, 0.1),
        # Densely packed cells hold less water than necrosis and edema: often the darkest part of the lesion.
        "enhancement": 1.4 + 0.7 * water + 1.0 * float(rng.beta(2, 2)) + rng.normal(0, 0.1),
    }
    if low:
        # Solid low-grade tumour is as bright as the edema around it, or less.
        flair["edema"] += float(rng.uniform(0.2, 1.0)) * max(flair["core"] - flair["edema"], 0.0)
        flair["core"] -= float(rng.uniform(0.0, 0.5))
    t1_fluid, t1_grey = _lognormal(rng, 0.42, spread * 0.15), float(np.clip(rng.normal(0.80, spread * 0.04), 0.7, 0.9))
    t1 = {
        "grey": t1_grey,
        "fluid": t1_fluid,
        "edema": (1.03 if low else 1.0) - 0.24 * water + rng.normal(0, 0.03),
        # Necrosis and solid tumour without uptake are darker than grey matter, cysts nearly as dark as fluid.
        "core": (0.72 if low else 0.80) - 0.35 * cystic + 0.5 * blood + rng.normal(0, 0.08),
        "enhancement": 0.86 + 0.25 * blood + rng.normal(0, 0.08),
    }
    t1ce_grey = float(np.clip(t1_grey + rng.normal(0.02, 0.03), 0.70, 0.92))
    t1ce = {
        "grey": t1ce_grey,
        "fluid": t1_fluid * _lognormal(rng, 0.95, 0.1),
        "edema": t1["edema"] + rng.normal(-0.02, 0.03),
        "core": t1["core"] + 0.1 * uptake + rng.normal(0.03 if low else -0.12, 0.06),
        "enhancement": 1.12 + 1.6 * uptake,
    }
    t2_fluid = _lognormal(rng, 4.6, spread * 0.22)
    t2 = {
        "grey": _lognormal(rng, 1.38, spread * 0.08),
        "fluid": t2_fluid,
        "edema": 1.5 + 1.5 * water + rng.normal(0, 0.08),
        "core": 2.5 + 0.9 * water + (t2_fluid - 2.6) * cystic * 0.8 - 0.6 * blood + rng.normal(0, 0.12),
        "enhancement": 1.85 + 0.9 * water + rng.normal(0, 0.12),
    }
    if zones:
        # Protein makes what a cyst holds anything between fluid and solid tumour on FLAIR.
        protein = float(rng.beta(1.5, 1.5))
        patient["protein"] = protein
        flair["cyst"] = 0.3 + (flair["core"] - 0.3) * protein
        t1["cyst"] = 0.5 + 0.35 * protein
        t1ce["cyst"] = t1["cyst"] + rng.normal(0, 0.03)
        t2["cyst"] = t2_fluid * (0.9 - 0.3 * protein)
    contrast = {"flair": flair, "t1": t1, "t1ce": t1ce, "t2": t2, "patient": patient}
    for modality, texture in (("flair", 0.17), ("t1", 0.09), ("t1ce", 0.11), ("t2", 0.16)):
        values = contrast[modality]
        # Low-grade tumours are the more uniform ones.
        texture *= 0.5 if low else 1.0
        values.update(white=1.0, halo=HALO[modality] * halo, texture=_lognormal(rng, texture, 0.3))
        # Leaky vessels are unevenly spread: on T1ce the rim varies with its own brightness.
        leaky = 0.35 * (values["enhancement"] - 1) if modality == "t1ce" else 0.0
        values["unevenness"] = leaky + 0.6 * values["texture"] * values["enhancement"]
    return {name: {k: v if isinstance(v, bool) else round(float(v), 4) for k, v in values.items()}
            for name, values in contrast.items()}  # fmt: skip
