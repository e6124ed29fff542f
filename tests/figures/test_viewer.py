"""Tests of the viewer: each panel holds the slices that it says, in the book's colours."""

import base64
import io
import re

import numpy as np
from matplotlib.image import imread

from brats_lib.figures.style import rgba
from brats_lib.figures.viewer import case_viewer
from brats_lib.labels import COLOURS


def test_panels_hold_every_second_slice_around_the_tumour_and_begin_at_the_largest():
    volume = np.zeros((40, 40, 30), np.float32)
    volume[10:30, 8:28] = np.random.default_rng(0).uniform(1, 2, (20, 20, 30))
    truth, found = np.zeros(volume.shape, np.uint8), np.zeros(volume.shape, np.uint8)
    truth[12:16, 10:12, 11:14] = 4
    truth[16, 10, 12] = 2
    found[20, 20, 15] = 1
    page = case_viewer(volume, {"Truth": truth, "<ours>": found}, "Case <1>")
    # From 8 below slice 11 to 8 above slice 15, even like 12, where the true tumour is largest: 4, 6, ... 22.
    assert "--slices: 10; --slice: 4;" in page and 'max="9" value="4"' in page
    assert page.count('class="picture"') == 3 and "Case &lt;1&gt;" in page and "&lt;ours&gt;" in page
    for labels, encoded in zip((truth, found), re.findall("png;base64,([^)]*)", page), strict=True):
        image = np.round(255 * imread(io.BytesIO(base64.b64decode(encoded)))).astype(int)
        # The brain's box with a margin of 7 voxels: columns 3 to 36, rows 1 to 34.
        strip = np.concatenate([labels[3:37, 1:35, z].T for z in range(4, 23, 2)])
        assert image.shape == (*strip.shape, 4)
        for label in (0, 1, 2, 4):
            colours = np.unique(image[strip == label], axis=0).tolist()
            expected = [0, 0, 0, 0] if label == 0 else rgba(COLOURS[label], 0.6).tolist()
            assert colours in ([], [expected])


def test_a_case_without_a_tumour_begins_in_the_middle():
    volume = np.ones((12, 12, 40), np.float32)
    page = case_viewer(volume, {"Truth": np.zeros(volume.shape, np.uint8)}, "Case")
    assert "--slices: 9; --slice: 4;" in page  # 12, 14, ... 28 around slice 20
