"""The tables of a whole `saddle lab lecture`, for docs/benchmarks.md.

    saddle lab lecture --kimg 60 --faces-kimg 12 --seeds 0-2 --faces FOLDER --out LAB
    python bench/lecture.py LAB

They show how the families rank on each seed. The lab takes about two hours on one core; this script
trains nothing, it reads the scores in LAB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _bench import machine, parser_with, write_result

from saddlepoint import api
from saddlepoint.lab.lecture import FACES, FASHION

SHOWN = ("precision", "recall", "coverage", "fid", "label_accuracy")


def table_of(folder: Path) -> dict[str, Any]:
    """One application: its protocol, and each family's numbers, seed by seed."""
    runs = sorted(path for path in folder.iterdir() if path.is_dir())
    compared = api.compare(runs)
    rows = [
        {
            "name": row["name"],
            "kimg": max(row["kimg"]),
            "values": {
                name: row["values"][name]["each"] for name in SHOWN if name in row["values"]
            },
        }
        for row in compared["rows"]
    ]
    protocol = compared["protocol"]
    return {
        "features": protocol["features"]["kind"],
        "n_real": protocol["n_real"],
        "n_fake": protocol["n_fake"],
        "rows": rows,
    }


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("lab", type=Path, help="the lab's folder")
    lab = parser.parse_args().lab
    applications = [one for one in (FASHION, FACES) if (lab / one.name).is_dir()]
    tables = {one.title: table_of(lab / one.name) for one in applications}
    for title, table in tables.items():
        print(title)
        for row in table["rows"]:
            print(f"  {row['name']}: fid {row['values']['fid']}")
    write_result("lecture", {"machine": machine(), "tables": tables})


if __name__ == "__main__":
    main()
