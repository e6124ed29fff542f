"""Curves, dots, bars and diagrams: the numbers in them are the numbers given."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from figures.drawn import SOURCE, captions, check_plot, check_sheet, image_axes, marked, texts, tiny_case
from matplotlib.container import BarContainer

from brats_lib.figures import data, model, scores
from brats_lib.labels import to_classes
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
    assert len(figure.axes) == 4
    assert {line.get_xdata()[0] for line in marked(figure, "learning-rate drop")} == {4, 6}
    best = marked(figure, "best epoch")
    assert len(best) == 4 and {int(line.get_xdata()[0]) for line in best} == {4}
    (trivial,) = marked(figure, "background")
    assert trivial.get_ydata()[0] == 0.983 and trivial.axes.get_title(loc="left") == "Accuracy"
    check_plot(model.training_curves(history.head(1), SOURCE, 0.983))


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
    unprinted = scores.published_metrics(published.tail(1).assign(subset="test"), SOURCE)
    assert "paper" not in texts(unprinted) and "this run, test" in texts(unprinted)


def test_metric_distributions_have_a_dot_per_case():
    values = [0.1, 0.5, 0.6, 0.9, 0.7]
    frame = pd.DataFrame({"case": list("abcde"), "metric": "Dice WT", "value": values})
    figure = scores.metric_distributions(frame, SOURCE)
    check_plot(figure)
    (cloud,) = figure.axes[0].collections
    assert sorted(cloud.get_offsets()[:, 0]) == sorted(values)
    assert "0.600" in texts(figure)  # the median


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


def test_intensity_distributions_have_a_panel_per_modality():
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame({"modality": modality, "tissue": tissue, "intensity": rng.normal(size=30)})
        for modality in ("flair", "t1", "t1ce", "t2")
        for tissue in ("healthy brain", "ED")
    ]
    figure = data.intensity_distributions(pd.concat(frames, ignore_index=True), SOURCE)
    check_plot(figure)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["FLAIR", "T1", "T1ce", "T2"]


def test_batch_panel_shows_every_channel_and_the_mask_of_every_slice():
    volumes, mask = tiny_case()
    z = [14, 18, 22]
    images = np.stack([np.moveaxis(volumes[name][:, :, z], -1, 0) for name in ("flair", "t1ce")], axis=-1)
    labels = to_classes(np.moveaxis(mask[:, :, z], -1, 0))
    figure = data.batch_panel(images, labels, SOURCE)
    check_sheet(figure, 9)
    first = image_axes(figure)[0].images[0].get_array()
    np.testing.assert_array_equal(first, volumes["flair"][:, :, 14].T)


def test_preprocessing_steps_write_size_and_range():
    image = np.linspace(0, 1500, 20 * 30).reshape(20, 30)
    figure = data.preprocessing_steps([("As loaded", image), ("Scaled", image / 1500)], SOURCE)
    check_sheet(figure, 2)
    assert captions(figure) == ["1. As loaded", "2. Scaled"]
    assert {"20 × 30 pixels, 0 to 1,500", "20 × 30 pixels, 0 to 1"} <= set(texts(figure))


def test_augmentation_grid_starts_with_the_original():
    volumes, mask = tiny_case()
    original = volumes["flair"][:, :, 18], to_classes(mask[:, :, 18])
    flipped = original[0][::-1], original[1][::-1]
    figure = data.augmentation_grid({"flip": flipped}, original, SOURCE)
    check_sheet(figure, 2)
    assert captions(figure) == ["original", "flip"]


def test_flow_diagram_writes_the_numbers_of_the_recipe():
    figure = data.flow_diagram(SOURCE)
    check_plot(figure)
    written = " ".join(texts(figure))
    assert all(words in written for words in ("22 to 121,\n100 a patient", "128 × 128", "FLAIR and T1ce", "32 to 512"))


def layer(kind, size, channels, parameters=0, **attributes):
    """Something like a Keras layer, recognised by the name of its class."""
    made = type(kind, (), {"count_params": lambda self: parameters})()
    vars(made).update(attributes, output=SimpleNamespace(shape=(None, size, size, channels)))
    return made


def test_a_unet_is_drawn_from_its_layers():
    layers = [
        layer("InputLayer", 32, 2),
        layer("Conv2D", 32, 8, 152),
        layer("MaxPooling2D", 16, 8),
        layer("Conv2D", 16, 16, 1168),
        layer("Dropout", 16, 16, rate=0.2),
        layer("Conv2DTranspose", 32, 8, 520),
        layer("Concatenate", 32, 16),
        layer("Conv2D", 32, 8, 1160),
        layer("Conv2D", 32, 4, 36),
    ]
    network = SimpleNamespace(layers=layers)
    found = [(stage.size, stage.channels, stage.joins, stage.dropout) for stage in model.stages(network)]
    assert found == [(32, [2, 8], False, 0), (16, [16], False, 0.2), (32, [8, 8, 4], True, 0)]
    figure = model.unet_diagram(network, SOURCE)
    check_plot(figure)
    assert "3,036 parameters" in texts(figure)  # 152 + 1168 + 520 + 1160 + 36
    assert len(marked(figure, "skip")) == 1
    assert len(marked(figure, "feature maps")) == 6
    assert "16 × 16, dropout 0.2" in texts(figure)
