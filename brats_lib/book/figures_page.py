"""The table that leads from every figure of the paper to ours."""

import yaml

__all__ = ["figures_table", "read_figures"]


def read_figures(path):
    """Read the list of the paper's figures.

    Parameters
    ----------
    path : Path
        `book/paper_figures.yml`: a list of mappings with `id`, `section`, `shows`, `page`, `claim` and `ours`.

    Returns
    -------
    list of dict
    """
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def figures_table(figures, claims):
    """Lay the paper's claims and this run's side by side.

    Parameters
    ----------
    figures : list of dict
        As read by `read_figures`.
    claims : dict of str
        Figure id to one sentence with this run's numbers, for those that have any.

    Returns
    -------
    str
        A MyST list-table with a link to every figure.
    """
    header = ("Paper", "Section", "What it shows", "The paper's claim", "This book")
    rows = [header] + [
        (
            f"[{_title(row['id'])}](#{row['id']})",
            str(row["section"]),
            row["shows"],
            row["claim"],
            " ".join(filter(None, (row["ours"], claims.get(row["id"])))),
        )
        for row in figures
    ]
    lines = [
        ":::{list-table} Every figure and table of the paper",
        ":name: table-paper-figures",
        ":header-rows: 1",
        ":widths: 9 9 24 26 32",
        ":class: paper-figures",
        "",
    ]
    for row in rows:
        lines += [f"{'* -' if i == 0 else '  -'} {' '.join(cell.split())}" for i, cell in enumerate(row)]
    return "\n".join([*lines, ":::", ""])


def _title(figure_id):
    """`paper-fig-04` -> `Fig. 4`, `paper-table-1` -> `Table 1`."""
    _, kind, number = figure_id.split("-")
    return f"{'Fig.' if kind == 'fig' else 'Table'} {int(number)}"
