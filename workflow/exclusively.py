"""Run a command while holding a lock: `exclusively.py LOCKFILE COMMAND...`.

The kernel drops the lock with the last process that holds it, so a killed build leaves nothing to clean up, unlike
Snakemake's own lock, which is a file.
"""

import fcntl
import os
import sys
import time
from pathlib import Path

PATIENCE = 5  # seconds; the processes of a build that was just killed may take a moment to go


def main():
    lock, *command = sys.argv[1:]
    Path(lock).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit(
                    f"Another `make book` is running in this folder ({Path.cwd()}). Wait for it to end, or stop it."
                )
            time.sleep(0.2)
    os.set_inheritable(descriptor, True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
