"""Stacks written as cases for nnU-Net: what it reads is what the other systems of chapter 10 read."""

import numpy as np
from conftest import tiny_volumes

from brats_lib.cases import MODALITIES, Cohort
from brats_lib.slices.stacks import make_stack
from experiments.nnunet.cases import write_case


def test_a_written_case_reads_back_as_the_stack_in_its_place_in_the_volume(tmp_path):
    volumes, mask = tiny_volumes()
    stack = make_stack("one", [volumes[modality] for modality in MODALITIES], mask)
    write_case(stack, tmp_path)
    case = Cohort.find(tmp_path)["one"]
    assert case.shape == (48, 40, 36)
    np.testing.assert_array_equal(case.mask(), mask)
    for index, modality in enumerate(MODALITIES):
        volume = case.volume(modality)
        np.testing.assert_array_equal(volume[stack.box], stack.images[..., index])
        assert not volume[volumes[modality] == 0].any()
