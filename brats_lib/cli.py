"""The `brats` command."""

import argparse
import json
import os
import platform
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from brats_lib import __version__
from brats_lib.errors import BratsError
from brats_lib.files import home_path, make_folder, write_whole


def _phantom(arguments):
    from brats_lib.phantom import make_cohort

    cohort = make_cohort(arguments.out, cases=arguments.cases, seed=arguments.seed, workers=arguments.workers)
    print(f"{len(cohort)} phantom cases in {cohort.root}")


def _audit(arguments):
    from dataclasses import asdict

    from brats_lib.cases import Cohort
    from brats_lib.cases.audit import audit, summary

    cohort = Cohort.find(arguments.folder)
    findings = audit(cohort, workers=arguments.workers)
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        print(summary(findings, len(cohort)))
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def _fetch(arguments):
    if arguments.dataset == "inception":
        from brats_lib.studies.synthesis.features import fetch_inception

        print(f"The weights are in {fetch_inception(arguments.folder)}. Chapter 8 looks in runs/inception.")
        return
    from brats_lib.cases import fetch

    folder = {"brats2020": fetch.fetch_brats2020, "msd": fetch.fetch_msd}[arguments.dataset](arguments.folder)
    print(f"Cases are in {folder}. Next: make book DATA={shlex.quote(str(folder.resolve()))}")


def _export_nnunet(arguments):
    from brats_lib.book import runs
    from brats_lib.cases import Split, nnunet, split_cohort

    cohort = runs.find_cohort(arguments.data, arguments.seed)
    beside = Path(cohort.root) / "split.json"
    given, labelled = arguments.split or (beside if beside.is_file() else None), cohort.labelled()
    split = Split.load(given, labelled) if given else split_cohort(labelled, seed=arguments.seed)
    print(f"{cohort.source}; split {f'as in {given}' if given else f'drawn with seed {arguments.seed}'}")
    folder = nnunet.export(cohort, split, arguments.out, arguments.dataset_id, arguments.name, arguments.workers)
    train, val, test = len(split.train), len(split.val), len(split.test)
    print(f"{train} cases to train, {val} to validate (fold 0) and {test} to test in {folder}")
    if left := len(labelled) - len(split.names):
        print(f"{left} cases with a mask are in no subset of the split and were left out")


def _score(arguments):
    from brats_lib.cases import Cohort, Split
    from brats_lib.scores.evaluation import score_folder, write_scores

    truth, remarks = Cohort.find(arguments.truth), []
    names = Split.load(arguments.split, truth.labelled()).test if arguments.split else None
    scores = score_folder(arguments.predictions, truth, names, arguments.labels, remarks)
    print("".join(f"{remark}.\n" for remark in remarks), end="")
    write_scores(scores, arguments.out)
    print(scores.groupby("region", sort=False)[["dice", "hd95_mm"]].mean().round(3).to_string())
    print(f"{scores['case'].nunique()} cases, all scores in {arguments.out}")


def _prepare(arguments):
    from brats_lib.cases import MODALITIES
    from brats_lib.cases.scanner import need_libraries

    need_libraries()
    from brats_lib.cases.scanner import preparation

    given = {name: what for name in MODALITIES if (what := getattr(arguments, name)) is not None}
    if arguments.source is None and not given:
        advice = "Give `brats prepare FOLDER --out CASE` or `brats prepare --flair FILE --t1ce FILE --out CASE`"
        raise BratsError("brats prepare", "neither a folder nor files are named", "one of both", advice)
    preparation.case_folder(arguments.out)  # before minutes of work
    done = preparation.prepare(arguments.source, given, arguments.brain, lambda step: print(f"{step} ...", flush=True))
    for modality, series in done.scans.items():
        print(f"{modality}: {series.name} ({done.reasons[modality]})")
    case = preparation.save(done, arguments.out)
    for remark in done.remarks:
        print(f"  note: {remark}.")
    print(
        f"The case is {case}. Look at {case / 'preparation.html'} first; then: brats predict {case} --out predictions\n"
        'A wrong series? Options name another, such as --t1ce "series 7".'
    )


def _predict(arguments):
    from brats_lib.cases import MODALITIES, Cohort
    from brats_lib.prediction.networks import open_network
    from brats_lib.prediction.predict import loose_case, predict_cases

    files = {modality: path for modality in MODALITIES if (path := getattr(arguments, modality)) is not None}
    if (arguments.cases is None) == (not files):
        found = "a folder and single files are named" if files else "neither a folder nor single files are named"
        advice = "Give `brats predict FOLDER --out DIR` or `brats predict --flair FILE --t1ce FILE --out DIR`"
        raise BratsError("brats predict", found, "one of both", advice)
    if arguments.name and not files:
        raise BratsError("--name", "it goes with single files", "a folder without --name", "Leave --name out")
    if arguments.part is not None and files:
        raise BratsError("--part", "it goes with a folder", "single files without --part", "Leave --part out")
    cases = [loose_case(files, arguments.name)] if files else _part(list(Cohort.find(arguments.cases)), arguments.part)
    network = open_network(arguments.network, arguments.engine)
    outcome = predict_cases(cases, arguments.out, network)
    for name, record in outcome.records.items():
        regions = ", ".join(f"{region} {ml:.1f} mL" for region, ml in record["volumes_ml"]["regions"].items())
        print(f"{name}: {regions}{' (was there already)' if name in outcome.kept else ''}")
        for note in outcome.notes.get(name, ()):
            print(f"  note: {note}.")
        for warning in record["warnings"]:
            print(f"  warning: {warning}.")
    print(
        f"{len(outcome.records)} of {len(cases)} case{'s' * (len(cases) != 1)} in {arguments.out}, by network"
        f" '{network.card.name}' on {network.engine} ({network.precision}): {network.card.intended_use}."
    )
    for message in outcome.failed.values():
        print(f"brats: {message}", file=sys.stderr)
    if outcome.failed and len(cases) > 1:
        print(f"brats: {len(outcome.failed)} of {len(cases)} cases could not be segmented, see above", file=sys.stderr)
        return 1
    return 2 if outcome.failed else 0


def _part(cases, part):
    """Every n-th case from the i-th on, of a part "i/n"; all without one."""
    if part is None:
        return cases
    # Nine digits are more than there are cases; Python refuses to read thousands.
    match = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", part)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        advice = "Give, for example, --part 3/40 to the third of 40 jobs"
        raise BratsError("--part", f"it is '{part}'", "two numbers i/n with i from 1 to n", advice)
    return cases[int(match[1]) - 1 :: int(match[2])]


def _train(arguments):
    make_folder(arguments.out)  # before Keras is loaded, which takes seconds
    from brats_lib.book import runs
    from brats_lib.recipes import PUBLISHED
    from brats_lib.slices.batches import SliceBatches
    from brats_lib.slices.cache import build_cache
    from brats_lib.training.devices import count_devices
    from brats_lib.training.fitting import train

    profile = runs.read_profile(arguments.profile, ("batch_slices", "slices_per_epoch", "epochs", "precision"))
    # First, so that processes that train together have joined before anything is computed.
    devices = count_devices("all")
    run = _open_run(arguments, profile)
    cache = build_cache(run.cohort.labelled(), PUBLISHED, run.path("cache"))
    batch = (profile["batch_slices"] or PUBLISHED.volumes_per_batch * PUBLISHED.slices) * devices
    learning = SliceBatches(cache, run.split.train, batch, True, run.seed, profile["slices_per_epoch"])
    scored = SliceBatches(cache, run.split.val, batch, False)
    result = train(
        PUBLISHED, learning, scored, arguments.out, epochs=profile["epochs"], seed=run.seed,
        precision=profile["precision"], devices="all", data_fingerprint=run.fingerprint,
    )  # fmt: skip
    print(f"{devices} devices, {result.seconds:.0f} s; kept: epoch {result.best_epoch} of {len(result.history)}")


def _tune(arguments):
    from brats_lib.studies import tuning

    # Before the phantoms and the slices, which take longer to fail.
    study = tuning.open_study(arguments.storage)
    plan, cases, folder = _plan_of(arguments)

    def tell(trial):
        short = {key: f"{value:.3g}" if isinstance(value, float) else value for key, value in trial.params.items()}
        values = ", ".join(f"{name} {value}" for name, value in short.items())
        score = "" if trial.value is None else f" {trial.value:.4f}"
        print(f"trial {trial.number}: {trial.state.name.lower()}{score} ({values})", flush=True)

    tuning.search(study, plan, cases, folder / "trainings", arguments.trials, report=tell)
    table = tuning.trials_table(study)
    complete = table[table["state"] == "complete"]
    if len(complete):
        best = complete.loc[complete["score"].idxmax()]
        print(f"{len(table)} trials in {arguments.storage}; the best is {best['number']} with {best['score']:.4f}")
    if arguments.out:
        write_whole(arguments.out, table.to_csv(index=False))


def _sweep(arguments):
    from brats_lib.studies import tuning

    plan, cases, folder = _plan_of(arguments)
    factors = arguments.factor or (tuning.BASELINE, *tuning.FACTORS)
    scores, _ = tuning.sweep(plan, cases, folder, factors, arguments.seed or [0])
    print(tuning.mean_scores(scores).round(4).to_string(index=False))


def _plan_of(arguments):
    """Plan, cases and folder of a profile's hyper-parameter study, as notebook 11 has them."""
    from brats_lib.book import runs
    from brats_lib.studies import tuning

    profile = runs.read_profile(arguments.profile, tuning.SIZES)
    run = _open_run(arguments, profile)
    plan = tuning.plan_of(**{key: profile[key] for key in tuning.SIZES})
    return plan, tuning.prepare(run.cohort, run.split, plan, run.path("tuning")), run.path("tuning")


def _open_run(arguments, profile):
    from brats_lib.book import runs

    wanted = {key: profile[key] for key in ("max_cases", "phantom_cases", "seed")}
    return runs.open_run(arguments.profile, arguments.data, **wanted)


def _weights(arguments):
    from brats_lib.book.runs import find_root
    from brats_lib.prediction.networks import describe, offered
    from brats_lib.prediction.weights import card_markdown, read_card

    if arguments.name is not None:
        card = read_card(arguments.name)
        print(f"{card.name}{' (default)' if card.default else ''}\n\n{card_markdown(card, cite=False)}", end="")
        return
    networks, problems = offered(find_root() / "runs")
    summaries = [describe(network).summary() for network in networks.values()]
    print("\n\n".join(summaries))
    for problem in problems:
        print(f"\nA trained network is left out: {problem}")


def _app(arguments):
    from brats_lib.app.launch import launch

    return launch(arguments.data, arguments.port, not arguments.no_browser)


def _check(arguments):
    if arguments.workshop:
        return _check_workshop(arguments)
    from brats_lib.book import readiness, runs

    profile = runs.read_profile(arguments.profile)
    root = runs.find_data(arguments.data)
    free = shutil.disk_usage(runs.find_root()).free / 2**30
    print(f"brats_lib {__version__}, Python {platform.python_version()}, {free:.0f} GiB free")
    if not arguments.quick:
        from brats_lib.training import devices

        print(", ".join(f"{key} {value}" for key, value in devices.describe().items()))
    record, summary = readiness.describe_data(arguments.profile, profile, root)
    print(summary)
    readiness.save_record(arguments.profile, record)


def _check_workshop(arguments):
    from brats_lib.book.workshop import workshop_items

    missing = 0
    for ready, line in workshop_items(arguments.profile, arguments.data):
        print("ready " if ready else "TO DO ", line, flush=True)
        missing += not ready
    print(f"{missing} of these to do before the workshop." if missing else "This machine is ready for the workshop.")
    return 1 if missing else 0


def _parser():
    parser = argparse.ArgumentParser(prog="brats", description="Brain-tumour segmentation on BraTS MRI.")
    parser.add_argument("--version", action="version", version=f"brats_lib {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, run, help):
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(run=run)
        return sub.add_argument

    def workers(add):
        add("--workers", type=int, help="processes (default: one per core)")

    def data(add):
        add("--data", default="", help="folder of cases (default: $BRATS_DATA, data/, else phantoms)")

    def study(add):
        add("--profile", default="workshop", help="whose sizes and seed are taken (default: workshop)")
        data(add)

    add = command("phantom", _phantom, "simulate a cohort of phantom patients")
    add("out", type=home_path, help="folder to write to")
    add("--cases", type=int, default=24, help="number of patients (default: 24)")
    add("--seed", type=int, default=0, help="same seed, same patients (default: 0)")
    workers(add)

    add = command("audit", _audit, "check a folder of cases for anything that would break or bias a run")
    add("folder", type=home_path)
    add("--json", action="store_true", help="findings as JSON")
    workers(add)

    add = command("fetch", _fetch, "download a data set")
    add("dataset", choices=["brats2020", "msd", "inception"], help="BraTS 2020, MSD Task01, Inception-v3")
    add("folder", type=home_path)

    add = command("score", _score, "score predicted masks against true ones, per case and region")
    add("predictions", type=home_path, help="folder of <case>_seg.nii.gz, <case>-seg.nii.gz or <case>.nii.gz")
    add("truth", type=home_path, help="folder of cases with masks")
    add("--out", type=home_path, default=Path("scores.csv"))
    add("--split", type=home_path, help="score the test cases of this split.json only (default: all cases)")
    add(
        "--labels",
        choices=["brats", "brats2023", "nnunet"],
        help="what 1, 2, 4 or 1, 2, 3 mean in predictions: NCR, ED, ET; the same with 3 for ET; or ED, NCR, ET as in"
        " MSD and `brats export-nnunet` (default: what nnU-Net's dataset.json, the numbers and the truth's names tell)",
    )

    add = command(
        "prepare", _prepare, "make a case of a scan with skull: DICOM or NIfTI, each modality on its own grid"
    )
    add("source", nargs="?", type=home_path, help="folder of the DICOM images of one study, or of NIfTI files")
    add("--out", type=home_path, required=True, help="folder of the case, and its name")
    for modality in ("flair", "t1", "t1ce", "t2"):
        add(
            f"--{modality}",
            metavar="WHICH",
            help=f"number of the {modality} series, or its file, where headers mislead",
        )
    add("--brain", default="average", choices=["average", "deepbet"], help="what finds the brain (default: average)")

    add = command("predict", _predict, "segment the tumours of one case, of a folder of cases, or of single files")
    add("cases", nargs="?", type=home_path, help="folder of a case or of cases, in any BraTS or MSD naming")
    add("--out", type=home_path, required=True, help="folder that gets <case>_seg.nii.gz and <case>.json")
    add("--part", metavar="I/N", help="every N-th case of the folder only, from the I-th on: one of N jobs")
    for modality in ("flair", "t1", "t1ce", "t2"):
        add(f"--{modality}", type=home_path, metavar="FILE", help=f"{modality} image, in place of a folder")
    add("--name", help="of the output for single files (default: what the first file's name says)")
    network = "a network of `brats weights`, the path of a card, or the folder of a training (default: the default one)"
    add("--network", help=network)
    engine = "what computes (default: Keras on a GPU, else OpenVINO where it is installed)"
    add("--engine", default="auto", choices=["auto", "openvino", "keras"], help=engine)

    add = command("train", _train, "train the published recipe on all devices, of several processes too")
    add("out", type=home_path, help="folder of the training, on a disk that all processes see")
    study(add)

    add = command("sweep", _sweep, "train the published recipe with one hyper-parameter changed at a time")
    study(add)
    add("--factor", action="append", help="this one only; may be given several times (default: all)")
    add("--seed", type=int, action="append", help="of the trainings; may be repeated (default: 0)")

    add = command("tune", _tune, "search for hyper-parameters; several processes may share a storage")
    add("storage", help="file of the study, or a database's URL such as postgresql://user@host/base")
    add("--trials", type=int, required=True, help="trials that this process takes on")
    add("--out", type=home_path, help="CSV file that gets all trials of the study")
    study(add)

    add = command("export-nnunet", _export_nnunet, "write cases and split in the raw format of nnU-Net v2")
    add("out", type=home_path, help="folder that gets nnUNet_raw and nnUNet_preprocessed")
    data(add)
    add("--dataset-id", type=int, default=501, help="nnU-Net's number of the data set (default: 501)")
    add("--name", default="BraTS", help="nnU-Net's name of the data set (default: BraTS)")
    add("--split", type=home_path, help="obey this split.json (default: the one beside the cases, or a draw)")
    add("--seed", type=int, default=0, help="of the draw and of the phantoms (default: 0)")
    workers(add)

    add = command("weights", _weights, "list the networks that ship with the package, or print the card of one")
    add("name", nargs="?", help="a network of the list, or the path of a card")

    add = command("app", _app, "segment cases and own scans in the browser, on this machine alone")
    data(add)
    add("--port", type=int, default=8501, help="where it listens on localhost (default: 8501)")
    add("--no-browser", action="store_true", help="do not open a browser")

    add = command("check", _check, "say whether a run can start: versions, device, data, disk")
    add("--profile", default="workshop", help="smoke, workshop or paper (default: workshop)")
    data(add)
    add("--quick", action="store_true", help="leave the device out, which takes seconds to ask")
    add("--workshop", action="store_true", help="say item by item whether this machine is ready for a workshop")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `brats` command: 0 done, 1 done with findings, 2 the input cannot be used, 130 interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except BratsError as error:
        print(f"brats: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        expected, advice = "a place that can be read and written", "Check the path, its permissions and the free space"
        print(f"brats: {BratsError(error.filename, str(error.strerror), expected, advice)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("brats: interrupted; what was finished is kept", file=sys.stderr)
        return 130
