"""Every sheet of scans: each panel shows something, and a case without a tumour can be drawn."""

import numpy as np
import pytest
from figures.drawn import SOURCE, Z, check_sheet, image_axes, pixels, predicted_case

from brats_lib.figures import predictions, volumes
from brats_lib.labels import one_hot

# Name -> (function of volumes, truth, prediction and probabilities of the classes, number of panels with an image).
FIGURES = {
    "cohort_examples": (lambda v, t, p, q: volumes.cohort_examples([("a", v, Z), ("b", v, Z)], SOURCE), 8),
    "modality_guide": (lambda v, t, p, q: volumes.modality_guide(v, Z, SOURCE), 4),
    "modalities_with_mask": (lambda v, t, p, q: volumes.modalities_with_mask(v, t, Z, SOURCE), 6),
    "three_planes": (lambda v, t, p, q: volumes.three_planes(v["t1ce"], t, SOURCE, (1, 1, 1)), 3),
    "mask_slice": (lambda v, t, p, q: volumes.mask_slice(t, Z, SOURCE), 2),
    "mask_overlay": (lambda v, t, p, q: volumes.mask_overlay(v["flair"], t, Z, SOURCE), 2),
    "regions_on_modalities": (lambda v, t, p, q: volumes.regions_on_modalities(v, t, Z, SOURCE), 6),
    "isolated_classes": (lambda v, t, p, q: volumes.isolated_classes(t, Z, SOURCE), 4),
    "montage": (lambda v, t, p, q: volumes.montage(v["t1"], t, SOURCE, volumes=v), 16),
    "modalities_side_by_side": (lambda v, t, p, q: volumes.modalities_side_by_side(v, t, Z, SOURCE), 8),
    "phantom_beside_real": (lambda v, t, p, q: volumes.phantom_beside_real({"a": (v, t), "b": (v, p)}, SOURCE), 24),
    "phantom_alone": (lambda v, t, p, q: volumes.phantom_beside_real({"a": (v, t)}, SOURCE), 12),
    "hero": (lambda v, t, p, q: predictions.hero(v, t, p, Z, SOURCE), 4),
    "overlay": (lambda v, t, p, q: predictions.predictions_overlay([("a", v["flair"], t, p, Z)] * 2, SOURCE), 6),
    "prediction": (lambda v, t, p, q: predictions.slice_truth_prediction(v["flair"], t, p, Z, SOURCE), 3),
    "six_panels": (lambda v, t, p, q: predictions.six_panels(v["flair"], t, q, Z, SOURCE), 6),
    "probability_maps": (lambda v, t, p, q: predictions.probability_maps(v["flair"], t, q, Z, SOURCE), 6),
    "single_class": (lambda v, t, p, q: predictions.single_class(v["flair"], t, p, Z, SOURCE, (1, 1, 1)), 2),
    "error_map": (lambda v, t, p, q: predictions.error_map(v["flair"], t, p, Z, SOURCE), 3),
    "region_maps": (lambda v, t, p, q: predictions.region_maps(v, t, q[..., 1:], Z, SOURCE, p), 6),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_panel_shows_something_also_where_there_is_no_tumour(name):
    (draw, count), case = FIGURES[name], predicted_case()
    check_sheet(draw(*case), count)
    nothing = np.zeros_like(case[1])
    figure = draw(case[0], nothing, nothing, one_hot(nothing))
    pixels(figure)
    assert len(image_axes(figure)) == count
