"""Systems beside each other: points where the table says, pixels of errors as counted."""

import numpy as np
import pandas as pd
from figures.drawn import SOURCE, captions, check_plot, image_axes, texts

from brats_lib.figures import comparison
from brats_lib.labels import ED, ET


def test_every_system_lies_where_its_cost_and_dice_are():
    rows = [("One", 0.8, 1e3, 10), ("Two", 0.79, 1e6, 300), ("Ours", 0.9, 1e5, 3)]
    systems = pd.DataFrame(rows, columns=["title", "dice", "multiply_adds", "case_seconds"])
    figure = comparison.cost_against_dice(systems, SOURCE, ours=["Ours"])
    check_plot(figure)
    for axes, column in zip(figure.axes, ("multiply_adds", "case_seconds"), strict=True):
        points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_gid() == "system"]
        assert sorted(points) == sorted(zip(systems[column], systems["dice"], strict=True))
        names = {text.get_text(): text for text in axes.texts}
        assert set(names) == {"One", "Two", "Ours"}
        assert names["One"].get_color() == names["Two"].get_color() != names["Ours"].get_color()
        heights = sorted(text.get_position()[1] for text in names.values())
        assert min(np.diff(heights)) > 0.03


def test_errors_are_counted_for_each_system():
    image = np.zeros((60, 70), np.float32)
    image[5:55, 5:65] = np.random.default_rng(0).uniform(1, 2, (50, 60))
    truth, half = np.zeros((2, 60, 70), np.uint8)
    truth[20:30, 20:30] = ED
    half[20:30, 25:35] = ET
    figure = comparison.system_errors(image, truth, {"All": truth, "Half": half, "None": half * 0}, SOURCE, columns=2)
    assert captions(figure) == ["All", "Half", "None"]
    found = [text for text in texts(figure) if text.startswith("Dice of WT")]
    assert [text[-4:] for text in found] == ["1.00", "0.50", "0.00"]
    assert len(image_axes(figure)) == 3
