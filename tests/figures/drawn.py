"""What a drawn figure looks like: pixels, panels and texts."""

import functools
import warnings

import numpy as np
from conftest import tiny_volumes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from brats_lib.figures.plots import REGION_MARKS
from brats_lib.labels import one_hot, to_classes

SOURCE = "3 test heads"
Z = 18  # a slice of `predicted_case` with every label


@functools.cache
def predicted_case():
    """Four modalities as float, true labels, predicted ones, and probabilities of the classes."""
    images, truth = tiny_volumes(seed=2)
    images = {name: image.astype(np.float32) for name, image in images.items()}
    prediction = np.roll(truth, 3, axis=0)
    return images, truth, prediction, one_hot(to_classes(prediction)).astype(np.float16)


def pixels(figure):
    """The figure as drawn, uint8 (rows, columns, 3)."""
    figure.set_dpi(60)  # the tests need no more, and it is quicker
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def panel(image, axes):
    """The part of the pixels of a figure that one axes takes."""
    box, height = axes.get_window_extent(), image.shape[0]
    return image[round(height - box.y1) : round(height - box.y0), round(box.x0) : round(box.x1)]


def texts(figure):
    """Every text of a figure."""
    return [text.get_text() for text in figure.findobj(Text)]


def captions(figure):
    """The headings over the panels, in order."""
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_gid() == "caption"]


def image_axes(figure):
    """The axes that show an image."""
    return [axes for axes in figure.axes if axes.images]


def axes_of(figure, heading):
    """The panel under a heading."""
    return next(axes for axes in image_axes(figure) if any(text.get_text() == heading for text in axes.texts))


def hex_colours(image):
    """The different colours of an array of uint8 (..., 3 or 4), opacity aside, as ``{"#rrggbb"}``."""
    return {to_hex(colour / 255) for colour in np.unique(image[..., :3].reshape(-1, 3), axis=0)}


def check_sheet(figure, panels):
    """A figure that says where its images come from and shows something different in each panel."""
    image = pixels(figure)
    assert SOURCE in " ".join(texts(figure))
    assert "Radiological view: the patient's left (L) is on the viewer's right." in " ".join(texts(figure))
    shown = image_axes(figure)
    assert len(shown) == panels
    for axes in shown:
        assert panel(image, axes).std() > 1, axes.get_title()


def marked(figure, gid):
    """The artists of a figure that bear a name."""
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def points(axes, region):
    """Where the marks of a region are, as lists along x and y."""
    colour, marker = REGION_MARKS[region]
    (line,) = [line for line in axes.lines if line.get_marker() == marker and line.get_color() == colour]
    return list(line.get_xdata()), list(line.get_ydata())


def check_plot(figure):
    """A white figure with ink on it that says where its data come from, laid out without complaint."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        image = pixels(figure)
    assert (image[0, 0] == 255).all() and image.std() > 5
    assert SOURCE in texts(figure)
