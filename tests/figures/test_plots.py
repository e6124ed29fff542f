"""Curves, dots, bars and diagrams: the numbers in them are the numbers given."""

import numpy as np
import pandas as pd
import pytest
from figures.drawn import SOURCE, captions, check_plot, check_sheet, image_axes, marked, predicted_case, texts
from matplotlib.container import BarContainer

from brats_lib.figures import data, model, scores
from brats_lib.labels import to_classes
from brats_lib.models import build
from brats_lib.recipes import PUBLISHED
from brats_lib.scores.calibration import reliability


def test_training_curves_mark_the_best_epoch_the_drops_and_the_trivial_accuracy():
    epochs = np.arange(1, 7)
    history = pd.DataFrame({"epoch": epochs, "learning_rate": [1e-3, 1e-3, 1e-3, 2e-4, 2e-4, 4e-5]})
    for measure, value in (("loss", 0.1), ("accuracy", 0.98), ("dice", 0.4), ("iou", 0.3)):
        history[measure] = value + 0.001 * epochs
        history[f"val_{measure}"] = value + 0.002 * epochs
    history["val_loss"] = [0.5, 0.3, 0.2, 0.1, 0.15, 0.2]
    figure = model.training_curves(history, SOURCE, background_accuracy=0.983)
    check_plot(figure)
    assert {line.get_xdata()[0] for line in marked(figure, "learning-rate drop")} == {4, 6}
    best = marked(figure, "best epoch")
    assert len(best) == 4 and {int(line.get_xdata()[0]) for line in best} == {4}
    (trivial,) = marked(figure, "background")
    assert trivial.get_ydata()[0] == 0.983 and trivial.axes.get_title(loc="left") == "Accuracy"


def test_published_metrics_stand_beside_the_paper_and_the_trivial_predictor():
    rows = [
        ("train", "accuracy", 0.991, 0.983, 0.9942),
        ("train", "dice_ed", 0.75, 0.0, np.nan),
        ("val", "accuracy", 0.989, 0.982, np.nan),
        ("val", "dice_ed", 0.70, 0.0, np.nan),
    ]
    published = pd.DataFrame(rows, columns=["subset", "metric", "value", "background", "paper"])
    figure = scores.published_metrics(published, SOURCE)
    check_plot(figure)
    assert sorted(line.get_xdata()[0] for line in marked(figure, "background")) == [0, 0, 0.982, 0.983]
    assert [line.get_xdata()[0] for line in marked(figure, "paper")] == [0.9942]
    assert {"0.9910", "0.7500", "0.9890", "0.7000"} <= set(texts(figure))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Accuracy", "Dice ED, as published"]


def test_region_scores_write_means_and_keep_the_penalty_in_view():
    frame = pd.DataFrame({"case": ["a", "b"], "region": "ET", "dice": [0.8, 0.0], "hd95_mm": [2.0, 373.13]})
    figure = scores.region_scores(frame, SOURCE)
    check_plot(figure)
    assert {"0.400", "187.6"} <= set(texts(figure))
    assert figure.axes[1].get_xlim()[1] > 373.13


def test_reliability_diagram_draws_frequencies_over_probabilities_and_counts_voxels():
    # 80 voxels of 5 % of which 10 % are tumour, 20 of 95 % of which all are: ECE (80 * .05 + 20 * .05) / 100.
    chance = np.repeat([0.05, 0.95], [80, 20])
    there = np.arange(100) < 8
    there[80:] = True
    table = reliability(chance, there)
    figure = scores.reliability_diagram({"WT": table, "ET": table}, SOURCE)
    check_plot(figure)
    line = marked(figure, "WT")[0]
    assert line.get_xdata() == pytest.approx([0.05, 0.95]) and line.get_ydata() == pytest.approx([0.1, 1])
    assert {"WT, ECE 0.0500", "ET, ECE 0.0500"} <= set(texts(figure))
    counted = marked(figure, "voxels ET")[0].get_data().values
    assert counted[[0, 9]].tolist() == [80, 20] and np.isnan(counted[1:9]).all()


def test_split_bars_are_as_long_as_the_counts():
    subsets, grades = ["train"] * 3 + ["val", "test"], ["HGG", "HGG", "LGG", None, "HGG"]
    figure = data.split_bars(pd.DataFrame({"case": list("abcde"), "subset": subsets, "grade": grades}), SOURCE)
    check_plot(figure)
    bars = [c for c in figure.axes[0].containers if isinstance(c, BarContainer)]
    assert [[bar.get_width() for bar in container] for container in bars] == [[2, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert {"3 patients, 60 %", "1 patient, 20 %"} <= set(texts(figure))


def test_tumour_volumes_show_medians_and_zeros():
    frame = pd.DataFrame({"case": list("abc"), "region": "ET", "volume_ml": [0.0, 15.0, 40.0]})
    figure = data.tumour_volumes(frame, SOURCE)
    check_plot(figure)
    assert "15.0 mL" in texts(figure)
    assert figure.axes[0].get_xlim()[0] < 0  # the case without the region is in view


def test_what_the_network_reads_is_drawn_slice_by_slice():
    volumes, mask, *_ = predicted_case()
    z = [14, 18, 22]
    images = np.stack([np.moveaxis(volumes[name][:, :, z], -1, 0) for name in ("flair", "t1ce")], axis=-1)
    labels = to_classes(np.moveaxis(mask[:, :, z], -1, 0))
    batch = data.batch_panel(images, labels, SOURCE)
    check_sheet(batch, 9)
    np.testing.assert_array_equal(image_axes(batch)[0].images[0].get_array(), volumes["flair"][:, :, 14].T)
    image, classes = images[1, ..., 0], labels[1]
    grid = data.augmentation_grid({"original": (image, classes), "flip": (image[::-1], classes[::-1])}, SOURCE)
    check_sheet(grid, 2)
    assert captions(grid) == ["original", "flip"]
    steps = data.preprocessing_steps([("As loaded", image), ("Scaled", image / image.max())], SOURCE)
    check_sheet(steps, 2)
    assert captions(steps) == ["1. As loaded", "2. Scaled"] and texts(steps).count("48 × 40 pixels, 0 to 1") == 1


def test_a_unet_is_drawn_from_its_layers():
    network = build(PUBLISHED)
    found = model.stages(network)
    assert [stage.size for stage in found] == [128, 64, 32, 16, 8, 16, 32, 64, 128]
    assert [stage.channels[-1] for stage in found] == [32, 64, 128, 256, 512, 256, 128, 64, 4]
    assert [stage.joins for stage in found] == [False] * 5 + [True] * 4
    assert [stage.dropout for stage in found if stage.dropout] == [0.2]
    figure = model.unet_diagram(network, SOURCE)
    check_plot(figure)
    assert {"7,759,908 parameters", "8 × 8, dropout 0.2"} <= set(texts(figure)) and len(marked(figure, "skip")) == 4
