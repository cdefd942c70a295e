"""Tables in a terminal. Long cells fold inside their column, so that columns stay columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from saddlepoint.core.streams import answers, printable


def print_table(
    rows: Iterable[Sequence[str]], header: Sequence[str] = (), right: Collection[int] = ()
) -> None:
    """Print a table as a part of a command's answer.

    Args:
        right: indices of the columns that are aligned to the right.
    """
    rows = [*rows]
    console = Console(file=answers(), highlight=False)
    if not console.is_terminal:
        console.width = 1000  # whoever reads a pipe gets every row on one line
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=bool(header))
    for index, name in enumerate(header or rows[0]):
        # The first column names the row and stays whole; the others give way.
        table.add_column(
            Text(name if header else ""),
            justify="right" if index in right else "left",
            no_wrap=index == 0,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(printable(cell, lines=True)) for cell in row))
    console.print(table)
