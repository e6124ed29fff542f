"""nilearn's plots and viewer: sides, colours, size, and no need of the web."""

import base64
import html
import io
import json
import re

import numpy as np
from bs4 import BeautifulSoup
from conftest import LPS_AFFINE, tiny_volumes
from figures.drawn import SOURCE, hex_colours, panel, pixels, texts
from matplotlib.image import imread

from brats_lib.figures import nilearn_views
from brats_lib.labels import COLOURS, ED, ET, NCR


def test_the_panel_puts_the_patients_left_on_the_right():
    volume, mask = np.zeros((2, 60, 60, 60), np.float32)
    volume[5:55, 5:55, 5:55] = 100
    volume[10, 10, 10] = 50  # the window needs two levels
    mask[40:50, 25:35, 25:35] = ET  # at the patient's left
    figure = nilearn_views.nilearn_panel(volume, mask.astype(np.uint8), LPS_AFFINE, SOURCE)
    image = pixels(figure)
    written = " ".join(texts(figure))
    assert all(name in written for name in (SOURCE, "plot_anat", "plot_epi", "plot_img", "plot_roi"))
    axes = [axes for axes in figure.axes if {"L", "R"} <= {text.get_text() for text in axes.texts}][-1]
    axial = panel(image, axes).astype(int)
    letters = {text.get_text(): text.get_window_extent().x0 for text in axes.texts}
    assert letters["R"] < letters["L"]
    tumour = np.argwhere((axial[..., 0] > 100) & (axial[..., 2] < 0.75 * axial[..., 0]))
    assert len(tumour) > 20 and tumour[:, 1].mean() > 0.55 * axial.shape[1]


def page_of(viewer):
    return BeautifulSoup(viewer._repr_html_(), "html.parser").iframe["srcdoc"]


def test_the_viewer_has_a_title_the_labels_own_colours_and_no_need_of_the_web():
    volumes, mask = tiny_volumes(shape=(64, 60, 56))
    viewer = nilearn_views.interactive_view(volumes["t1ce"], mask, LPS_AFFINE, title='A "tiny" head')
    assert BeautifulSoup(viewer._repr_html_(), "html.parser").iframe["title"] == 'A "tiny" head'
    assert not re.findall(r"(?:src|href)\s*=\s*[\"']?https?:", html.unescape(viewer.html))
    assert len(viewer.html) < 1_000_000
    coded = re.findall(r"base64,([A-Za-z0-9+/=]{200,})", page_of(viewer))
    sprites = [imread(io.BytesIO(base64.b64decode(text)), format="png") for text in coded]
    # The one that is transparent where there is no label.
    (overlay,) = [sprite for sprite in sprites if sprite.shape[2:] == (4,) and (sprite[..., 3] == 0).any()]
    colours = (255 * overlay[overlay[..., 3] > 0]).round().astype(int)
    assert hex_colours(colours) == {COLOURS[label] for label in (NCR, ED, ET)}


def test_the_viewer_opens_in_the_tumour_at_the_patients_left():
    volume, mask = np.zeros((2, 64, 60, 56), np.float32)
    volume[4:60, 4:56, 4:52] = 100
    volume[4:60:2] += 5
    mask[44:50, 20:26, 20:26] = ET  # x grows to the patient's left: right of the middle on screen
    page = page_of(nilearn_views.interactive_view(volume, mask, LPS_AFFINE, "left"))
    assert re.search(r'"radiological":\s*true', page)
    cut = json.loads(re.search(r'"numSlice":\s*(\{[^}]*\})', page).group(1))
    # The brain starts at 4, less a margin of 4, and every second voxel is kept.
    assert 44 / 2 <= cut["X"] <= 50 / 2
    assert 20 / 2 <= cut["Z"] <= 26 / 2
