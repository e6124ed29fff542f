"""Run a rule of the Snakefile for `make`: `run.py RULE`, alone in this folder, after the data have been looked at.

What a person gave with `make` arrives in the environment and is handed on as arguments, so that no shell reads it: a
folder may be called whatever a folder can be called. Only CONFIG and OPTIONS are lists of words, quoted as in a shell.
"""

import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from explain import explain_all

LOCK = Path("runs", ".lock")
PATIENCE = 5  # seconds; the processes of a build that was just killed may take a moment to go


def hold(lock):
    """Take a lock, which this process and those it starts hold until the last of them ends.

    The kernel drops it then, so a killed build leaves nothing to clean up. Snakemake's own lock, a file, would stay.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        sys.exit(f"{lock.absolute()} cannot be written ({error.strerror}). Runs need a folder that you may write to.")
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit(f"Another `make` is at work in this folder ({Path.cwd()}). Wait for it to end, or stop it.")
            time.sleep(0.2)
    os.set_inheritable(descriptor, True)


def call(*command):
    """Run a program to its end, through Ctrl+C, which reaches it too and after which it tidies up."""
    try:
        process = subprocess.Popen(command, close_fds=False)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run ({error.strerror}). Install it, or leave ENV and SNAKEMAKE out.")
    signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def words(name):
    """The words of a variable."""
    try:
        return shlex.split(os.environ.get(name, ""))
    except ValueError as error:
        sys.exit(f"{name}={os.environ[name]} cannot be split into words: {error}.")


def main():
    (rule,) = sys.argv[1:]
    profile, data = os.environ["PROFILE"], os.environ.get("DATA", "")
    config, options = words("CONFIG"), words("OPTIONS")
    hold(LOCK)
    if call("brats", "check", "--quick", f"--profile={profile}", f"--data={data}"):
        sys.exit(2)
    status = call(
        os.environ["SNAKEMAKE"], rule, "--snakefile", "workflow/Snakefile", "--cores", os.environ["CORES"],
        "--resources", f"gpu={os.environ['GPUS']}", "--nolock", "--rerun-incomplete", "--quiet", "host", "rules",
        # As a path, for Snakemake takes what it can for a number, 2020_01 for 202001.
        "--config", f"profile=workflow/params/{profile}.yaml", *config, *options,
    )  # fmt: skip
    if status:
        explain_all(Path("runs", profile, "logs"))
        sys.exit(1)


if __name__ == "__main__":
    main()
