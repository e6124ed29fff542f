"""Every planted fault is named by the finding that is for it, and clean cases are not accused."""

import numpy as np
import pytest
from conftest import LPS_AFFINE, tiny_volumes
from heads import phantom
from planted import CONTENT, FILES, TWINS, Patient

from brats_lib.cases.audit import audit

# Every second millimetre is enough for the audit, and four times as fast.
HALF = LPS_AFFINE @ np.diag([2.0, 2, 2, 1])
NAMES = ("P_1", "P_2", "P_3", "P_4")
# What the phantoms and the small cases have as they are.
KNOWN = {"spacing", "size", "no-et", "grids"}


@pytest.fixture(scope="module")
def patients():
    """Two phantoms."""
    patients = []
    for simulated in (phantom(1), phantom(0)):
        arrays = {modality: v[::2, ::2, ::2].astype(np.float32) for modality, v in simulated.volumes.items()}
        patients.append(Patient(arrays | {"seg": simulated.mask[::2, ::2, ::2]}, HALF))
    return patients


def named(root):
    """The problems that an audit names, at any of the cases."""
    return {finding.problem for finding in audit(root, workers=1)}


def kinds(table):
    return pytest.mark.parametrize(("kind", "plant", "codes"), table, ids=[row[0] for row in table])


@kinds(CONTENT)
def test_content_that_is_wrong_is_named(kind, plant, codes, patients, tmp_path):
    planted = patients[0].copy(other=patients[1])
    plant(planted)
    planted.write(tmp_path, NAMES[0])
    if codes and "duplicate-image" in codes:
        patients[1].copy().write(tmp_path, NAMES[1])
    problems = named(tmp_path) - KNOWN
    assert problems & codes if codes else not problems, problems


@kinds(TWINS)
def test_a_patient_that_comes_twice_is_named(kind, plant, codes, patients, tmp_path):
    twin = patients[1].copy()
    plant(twin)
    # The same mask would give the pair away, whatever the images have.
    twin.arrays["seg"] = np.zeros_like(twin.arrays["seg"])
    patients[1].copy().write(tmp_path, NAMES[0])
    twin.write(tmp_path, NAMES[1])
    assert named(tmp_path) & codes


@pytest.fixture
def small(tmp_path):
    """Four small cases on the disk."""
    cases = []
    for seed, name in enumerate(NAMES):
        volumes, mask = tiny_volumes(seed)
        cases.append(Patient({**volumes, "seg": mask}, LPS_AFFINE))
        cases[-1].write(tmp_path, name)
    return cases


@kinds(FILES)
def test_files_that_are_wrong_are_named(kind, plant, codes, small, tmp_path):
    plant(small[0], tmp_path)
    problems = named(tmp_path)
    assert problems & codes, problems


def test_phantoms_as_they_are_are_not_accused(patients, tmp_path):
    for name, patient in zip(NAMES, patients, strict=False):
        patient.copy().write(tmp_path, name)
    assert named(tmp_path) <= KNOWN


def test_small_cases_as_they_are_are_not_accused(small, tmp_path):
    assert named(tmp_path) <= KNOWN


def test_the_table_holds_what_was_asked_for():
    names = [kind for kind, _, codes in CONTENT + TWINS + FILES if codes]
    assert len(names) == len(set(names)) >= 76
