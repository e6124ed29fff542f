"""A thousand damaged small files and odd names: they are read, or refused with a message, and nothing else happens."""

import copy
import dataclasses
import functools
import json

import h5py
import numpy as np
import pytest
import yaml
from conftest import ROOT, write_case

from brats_lib.book import runs
from brats_lib.cases import Cohort, Split, split_cohort
from brats_lib.cases.nnunet import CLASS_ORDER, REGIONS, has_our_codes
from brats_lib.cli import main
from brats_lib.errors import BratsError
from brats_lib.phantom import VERSION, make_cohort
from brats_lib.prediction.trained import TrainedCard
from brats_lib.prediction.weights import ShippedCard
from brats_lib.recipes import NativeRecipe
from brats_lib.scores.readers import COLUMNS, TRUTH, read_ratings
from brats_lib.studies.synthesis.store import read_generator_card

ROUNDS = 90
# What may stand where something else is expected.
JUNK = (
    None, True, 0, -1, 1e999, float("nan"), 10**400, 0.5, "", "x", "\ud800", "a" * 9000, "../../x", "\x00", [], [[]],
    {}, ["x"], [None], {"x": None}, [1, "x"],
)  # fmt: skip
WHOLE = (
    b"", b"\x00" * 64, b"null", b"7", b'"x"', b"[]", b"{}", b"[" * 20000, b'{"a":' * 20000, b"9" * 5000,
    b"\xff\xfe\x00", b"a: &a [*a, *a]", b"- !!python/object:os.system x",
    b"? [x]\n: y", b"x,y\n\"", b"\n\n\n", b"2026-13-45", b"0x_",
)  # fmt: skip


def places(content, path=()):
    """Every place in nested lists and dicts."""
    yield path
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def with_junk(content, rng):
    """The same with one value replaced, removed or renamed."""
    content = copy.deepcopy(content)
    *way, last = list(places(content))[1:][rng.integers(len(list(places(content))) - 1)]
    holder = content
    for key in way:
        holder = holder[key]
    action = rng.integers(4)
    if action == 0:
        del holder[last]
    elif action == 1 and isinstance(holder, dict):
        holder[str(last) + "x"] = holder.pop(last)
    else:
        holder[last] = JUNK[rng.integers(len(JUNK))]
    return content


def damaged(content, dump, rng):
    """Bytes of a file that was written wrong, cut off or overwritten."""
    action = rng.integers(8)
    if action < 4 and not isinstance(content, bytes):
        return dump(with_junk(content, rng))
    data = bytearray(content if isinstance(content, bytes) else dump(content))
    start, stop = sorted(rng.integers(0, len(data) + 1, 2))
    if action < 5:
        return WHOLE[rng.integers(len(WHOLE))]
    if action == 5:
        return bytes(data[:start])
    if action == 6:
        return bytes(data[:start] + data[stop:])
    for place in rng.integers(0, len(data), rng.integers(1, 9)):
        data[place] = rng.integers(256)
    return bytes(data)


def as_json(content):
    return json.dumps(content).encode("utf-8", "surrogatepass")


def as_yaml(content):
    return yaml.safe_dump(content).encode("utf-8", "surrogatepass")


def small_cases(folder, names):
    for seed, name in enumerate(names):
        write_case(folder, name, seed, shape=(8, 8, 8))


def msd_folder(folder):
    (folder / "imagesTr").mkdir()
    (folder / "imagesTr" / "BRATS_001.nii.gz").write_bytes(b"")


def weights(folder):
    h5py.File(folder / "best.weights.h5", "w").close()


four_cases = functools.partial(small_cases, names=("P_1", "P_2", "P_3", "P_4"))
one_phantom = functools.partial(small_cases, names=("Phantom_001",))


def cases_of(path):
    return Cohort.find(path.parent)


def read_split(path):
    return runs.open_split(cases_of(path), path.parent / "run" / "split.json", 0)


TABLE = b"Grade,BraTS_2020_subject_ID\r\nHGG,P_1\r\nHGG,P_2\r\nLGG,P_3\r\nLGG,P_4\r\n"
RATINGS = (",".join(COLUMNS) + f"\nA,P_1,{TRUTH},4,good,2026-01-01T00:00:00,1\n").encode()
SPLIT = {"train": ["P_1", "P_2"], "val": ["P_3"], "test": ["P_4"], "seed": 0, "stratified_by": None}
TRAINING = {
    "settings": {"recipe": dataclasses.asdict(NativeRecipe()), "train": {"names": ["P_1"]}, "val": {"names": ["P_2"]}},
    "epochs": 3, "finished": True, "made_with": "Keras", "computes_in": "float32",
}  # fmt: skip
PROFILE = yaml.safe_load((ROOT / "workflow" / "params" / "smoke.yaml").read_text())
MARK = {"simulated": True, "stream": "cohort", "seed": 0, "version": VERSION}
MSD = {"modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}}
NNUNET = {"channel_names": {"0": "FLAIR"}, "labels": REGIONS, "regions_class_order": CLASS_ORDER}
CARD = json.loads((ROOT / "brats_lib" / "prediction" / "weights" / "phantom.json").read_text())
GENERATOR = {"recipe": {}, "compression": {}, "weights": {}}

# Kind: name of the file, its content, how that is written, what lies beside it, and who reads it.
FILES = {
    "phantom.json of a cohort": ("phantom.json", MARK, as_json, one_phantom, lambda path: cases_of(path).source),
    "phantom.json of our own": ("phantom.json", MARK, as_json, one_phantom, lambda path: make_cohort(path.parent, 1)),
    "split.json beside the cases": ("split.json", SPLIT, as_json, four_cases, read_split),
    "split.json": ("split.json", SPLIT, as_json, None, Split.read),
    "dataset.json of MSD": ("dataset.json", MSD, as_json, msd_folder, cases_of),
    "dataset.json of nnU-Net": ("dataset.json", NNUNET, as_json, None, lambda path: has_our_codes(path.parent)),
    "profile": ("workflow/params/smoke.yaml", PROFILE, as_yaml, None, lambda path: runs.read_profile("smoke")),
    "training.json": ("training.json", TRAINING, as_json, weights, lambda path: TrainedCard.read(path.parent)),
    "card of a network": ("card.json", CARD, as_json, None, ShippedCard.read),
    "card of a generator": ("card.json", GENERATOR, as_json, None, read_generator_card),
    "name_mapping.csv": ("name_mapping.csv", TABLE, bytes, four_cases, lambda path: split_cohort(cases_of(path))),
    "ratings": ("ratings.csv", RATINGS, bytes, None, read_ratings),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_read_or_refused(kind, tmp_path, monkeypatch):
    name, content, dump, prepare, read = FILES[kind]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if prepare:
        prepare(tmp_path)
    path.write_bytes(dump(content))
    read(path)
    rng, refused = np.random.default_rng(0), 0
    for _ in range(ROUNDS):
        data = damaged(content, dump, rng)
        path.write_bytes(data)
        try:
            read(path)
        except BratsError:
            refused += 1
        except Exception as error:
            pytest.fail(f"{type(error).__name__}: {error} after {data[:300]!r}", pytrace=True)
    assert refused > ROUNDS / 10


NAMES = (
    "case²", "№ 7", "Ⅷ_①", "x" * 240, "a\nb", "-rf", "--out=x", "it's \"quoted\"", "$(touch x)", "`id`;&|", "🧠",
    "\u202eabc", "CON", "nul.txt", "a b", "%s%n{0}", "é", "e\u0301",
    "007", "nan", "1e5", "\udcff\udcfe", "*?[x]", "<b>x",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_cases_of_odd_names_are_audited_and_split_or_left_out(name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "cases"
    try:
        small_cases(root, ("P_1", "P_2", "P_3", name))
    except OSError as error:
        pytest.skip(f"this file system has no such names: {error.strerror}")
    cohort = Cohort.find(root)
    assert len(cohort) == 4 or (len(cohort) == 3 and cohort.skipped)
    split_cohort(cohort).save(tmp_path / "split.json")
    assert sorted(Split.load(tmp_path / "split.json", cohort).names) == sorted(cohort.names)
    assert main(["audit", str(root), "--workers", "1"]) in (0, 1)
    assert main(["audit", str(root), "--workers", "1", "--json"]) in (0, 1)
    assert "Traceback" not in "".join(capfd.readouterr())
