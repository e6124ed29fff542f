"""Every planted fault is named by the finding that is for it, and clean cases are not accused."""

import numpy as np
import pytest
from conftest import LPS_AFFINE, tiny_volumes
from heads import phantom
from planted import CONTENT, FILES, TWINS, Patient

from brats_lib.cases.audit import audit
from brats_lib.errors import BratsError

# Every second millimetre is enough for the audit, and four times as fast.
HALF = LPS_AFFINE @ np.diag([2.0, 2, 2, 1])
NAMES = ("P_1", "P_2", "P_3", "P_4")
# What the phantoms and the small cases have as they are.
KNOWN = {"spacing", "size", "no-et", "grids"}


@pytest.fixture(scope="module")
def patients():
    """Two phantoms."""
    found = []
    for index in (1, 0):
        volumes = {modality: v[::2, ::2, ::2].astype(np.float32) for modality, v in phantom(index).volumes.items()}
        found.append(Patient.of(volumes, phantom(index).mask[::2, ::2, ::2], HALF))
    return found


def named(root):
    """The problems that an audit names, at any of the cases."""
    try:
        return {finding.problem for finding in audit(root, workers=1, progress=False)}
    except BratsError:
        return {"refused"}


def ids(table):
    return [row[0] for row in table]


def test_phantoms_as_they_are_are_not_accused(patients, tmp_path):
    for name, patient in zip(NAMES, patients, strict=False):
        patient.copy().write(tmp_path, name)
    assert named(tmp_path) <= KNOWN


@pytest.mark.parametrize(("kind", "plant", "codes"), CONTENT, ids=ids(CONTENT))
def test_content_that_is_wrong_is_named(kind, plant, codes, patients, tmp_path):
    planted = patients[0].copy(other=patients[1])
    plant(planted)
    planted.write(tmp_path, NAMES[0])
    if codes and "duplicate-image" in codes:
        patients[1].copy().write(tmp_path, NAMES[1])
    found = named(tmp_path) - KNOWN
    assert found & codes if codes else not found, found


@pytest.mark.parametrize(("kind", "plant", "codes"), TWINS, ids=ids(TWINS))
def test_a_patient_that_comes_twice_is_named(kind, plant, codes, patients, tmp_path):
    twin = patients[1].copy()
    plant(twin)
    # The same mask would give the pair away, whatever the images have.
    twin.arrays["seg"] = np.zeros_like(twin.arrays["seg"])
    patients[1].copy().write(tmp_path, NAMES[0])
    twin.write(tmp_path, NAMES[1])
    assert named(tmp_path) & codes


def small(seed):
    return Patient.of(*tiny_volumes(seed), LPS_AFFINE)


def test_small_cases_as_they_are_are_not_accused(tmp_path):
    for seed, name in enumerate(NAMES):
        small(seed).write(tmp_path, name)
    assert named(tmp_path) <= KNOWN


@pytest.mark.parametrize(("kind", "plant", "spoil", "codes"), FILES, ids=ids(FILES))
def test_files_that_are_wrong_are_named(kind, plant, spoil, codes, tmp_path):
    for seed, name in enumerate(NAMES):
        patient = small(seed)
        if name == NAMES[0] and plant:
            plant(patient)
        patient.write(tmp_path, name)
        if name == NAMES[0] and spoil:
            spoil(patient, tmp_path)
    found = named(tmp_path)
    assert found & codes, found


def test_the_table_holds_what_was_asked_for():
    kinds = [row[0] for row in CONTENT + TWINS + FILES]
    unnamed = [kind for kind, _, codes in CONTENT if codes is None]
    assert len(kinds) == len(set(kinds)) >= 81 and len(unnamed) <= 5
