"""The tables of finished `saddle lab modes`, for docs/benchmarks.md.

    saddle lab modes --seeds 0-9 --out LAB
    python bench/modes.py LAB [LAB ...]

The lab takes hours; this script trains nothing, it reads the numbers in LAB. They join those of
earlier calls in bench/results/modes-DATA.json, run by run, so that further losses and seeds can
follow. Runs of a recipe that has changed since are dropped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _bench import git_commit, machine, parser_with, read_result, write_result

from saddlepoint.core.config_json import to_json
from saddlepoint.core.json_files import sha256_of_json
from saddlepoint.lab.beds import BEDS
from saddlepoint.lab.modes import told, ways
from saddlepoint.reporting.modes import HEADS, Coverage, Told, about, table_rows
from saddlepoint.reporting.strings import ENGLISH

Losses = dict[str, dict[str, Any]]
"""{loss: {"recipe": hash, "runs": {seed: numbers}}}."""


def recipe(bed: str, way: str) -> str:
    """What all runs of a loss on a bed have in common, whatever their budget."""
    return sha256_of_json(to_json(BEDS[bed].config(0, None, ways()[way])))[:12]


def joined(kept: Losses, found: Told) -> Losses:
    """The runs of earlier calls and those of a lab; a new run takes the place of an old one."""
    for way, runs in found.losses.items():
        of_way = kept.setdefault(way, {"recipe": recipe(found.place.name, way), "runs": {}})
        of_way["runs"] |= {str(run["seed"]): run for run in runs}
    return kept


def still_true(bed: str, kept: Losses) -> Losses:
    """Without the runs of recipes that have changed."""
    return {way: one for way, one in kept.items() if one["recipe"] == recipe(bed, way)}


def table(bed: str, real: Coverage, kept: Losses) -> dict[str, Any]:
    """Its text, heads and rows, with the losses in the lab's order."""
    losses = {
        way: sorted(kept[way]["runs"].values(), key=lambda run: run["seed"])
        for way in ways()
        if way in kept
    }
    one = Told(place=BEDS[bed], real=real, losses=losses)
    heads = [ENGLISH(f"modes.{key}") for key in HEADS]
    return {"about": about(one, ENGLISH), "heads": heads, "rows": table_rows(one, ENGLISH)}


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("labs", nargs="+", type=Path, help="folders of finished labs")
    for found in (one for lab in parser.parse_args().labs for one in told(lab)):
        bed = found.place.name
        kept = (read_result(f"modes-{bed}") or {}).get("losses", {})
        losses = joined(still_true(bed, kept), found)
        made = table(bed, found.real, losses)
        facts = {"machine": machine(), "git_commit": git_commit(), "data": bed}
        write_result(f"modes-{bed}", {**facts, **made, "losses": losses})
        print(bed, *(" | ".join(row) for row in made["rows"]), sep="\n  ")


if __name__ == "__main__":
    main()
