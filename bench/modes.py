"""The tables of finished `saddle lab modes`, for docs/benchmarks.md.

    saddle lab modes --seeds 0-9 --out LAB
    python bench/modes.py LAB [LAB ...]

The lab takes three hours on one core for the points; this script trains nothing, it reads the
numbers in LAB. Several folders may hold different data, so that Stacked-MNIST, which takes hours a
run, can join later.
"""

from __future__ import annotations

from pathlib import Path

from _bench import git_commit, machine, parser_with, write_result

from saddlepoint.lab.modes import told
from saddlepoint.reporting.modes import HEADS, about, table_rows
from saddlepoint.reporting.strings import ENGLISH


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("labs", nargs="+", type=Path, help="folders of finished labs")
    tables = {
        one.place.name: {"about": about(one, ENGLISH), "rows": table_rows(one, ENGLISH)}
        for lab in parser.parse_args().labs
        for one in told(lab)
    }
    heads = [ENGLISH(f"modes.{key}") for key in HEADS]
    for name, table in tables.items():
        print(name, *(" | ".join(row) for row in table["rows"]), sep="\n  ")
    found = {"machine": machine(), "git_commit": git_commit(), "heads": heads, "tables": tables}
    write_result("modes", found)


if __name__ == "__main__":
    main()
