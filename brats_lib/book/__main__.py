"""`python -m brats_lib.book stage RUN OUT` and `... check HTML`, both in the root of the repository."""

import argparse
import sys
from pathlib import Path

from brats_lib.book import check_html, read_figures, stage
from brats_lib.errors import BratsError


def _check(arguments):
    required = [row["id"] for row in read_figures(Path("book", "paper_figures.yml"))]
    problems = check_html(arguments.html, required, private=[Path.cwd(), Path.home()])
    if problems:
        print(
            "\n".join(problems),
            f"{len(problems)} problem(s) in the pages of {arguments.html}",
            sep="\n",
            file=sys.stderr,
        )
    return 1 if problems else 0


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m brats_lib.book", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("stage", help="copy a run's notebooks and the prose to where the book is built")
    command.add_argument("run", type=Path, help="folder of the run, such as runs/workshop")
    command.add_argument("out", type=Path, help="folder to write; replaced if it is there")
    command.set_defaults(do=lambda arguments: stage(arguments.run, arguments.out) and 0)
    command = commands.add_parser(
        "check",
        help="look for blank images, broken links and missing figures in built pages",
    )
    command.add_argument("html", type=Path)
    command.set_defaults(do=_check)
    arguments = parser.parse_args(argv)
    try:
        return arguments.do(arguments)
    except BratsError as error:
        print(f"book: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
