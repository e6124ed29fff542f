"""`python -m brats_lib.book stage RUN OUT`, `... check HTML` and `... exercises`, in the root of the repository."""

import argparse
import sys
from pathlib import Path

from brats_lib.book.check import check_html
from brats_lib.book.exercises import make_exercises
from brats_lib.book.stage import stage
from brats_lib.book.tables import read_figures
from brats_lib.errors import BratsError


def _check(html: Path) -> int:
    required = [row["id"] for row in read_figures(Path("book", "paper_figures.yml"))]
    problems = check_html(html, required, private=[Path.cwd(), Path.home()])
    if problems:
        print(*problems, f"{len(problems)} problem(s) in the pages of {html}", sep="\n", file=sys.stderr)
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m brats_lib.book", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("stage", help="copy a run's notebooks and the prose to where the book is built")
    command.add_argument("run", type=Path, help="folder of the run, such as runs/workshop")
    command.add_argument("out", type=Path, help="folder to write; replaced if it is there")
    help_text = "look for blank images, broken links and missing figures in built pages"
    commands.add_parser("check", help=help_text).add_argument("html", type=Path)
    commands.add_parser("exercises", help="make notebooks/exercises of notebooks/solutions")
    arguments = parser.parse_args()
    try:
        if arguments.command == "check":
            return _check(arguments.html)
        if arguments.command == "exercises":
            make_exercises("notebooks/solutions", "notebooks/exercises")
        else:
            stage(arguments.run, arguments.out)
        return 0
    except BratsError as error:
        print(f"book: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
