"""The tables of finished `saddle lab modes`, for docs/benchmarks.md.

    saddle lab modes --seeds 0-9 --out LAB
    python bench/modes.py LAB [LAB ...]

The lab takes hours; this script trains nothing, it reads the numbers in LAB. They join those of
earlier calls in bench/results/modes-points.json and modes-images.json, run by run, so that further
losses, seeds and Stacked-MNIST can follow. Runs of a recipe that has changed since are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from _bench import git_commit, machine, parser_with, read_result, write_result

from saddlepoint.core.config_json import to_json
from saddlepoint.core.json_files import sha256_of_json
from saddlepoint.lab.beds import BEDS
from saddlepoint.lab.modes import POINTS, told, ways
from saddlepoint.reporting.modes import HEADS, Told, about, table_rows
from saddlepoint.reporting.strings import ENGLISH


def recipe(bed: str, way: str) -> str:
    """What all runs of a loss on a bed have in common, whatever their budget."""
    return sha256_of_json(to_json(BEDS[bed].config(0, None, ways()[way])))[:12]


def joined(kept: dict[str, Any], found: Iterable[Told]) -> dict[str, Any]:
    """The runs of earlier calls and those of these labs: {bed: {"real", "losses": {loss:
    {"recipe", "runs": {seed: numbers}}}}}; a new run takes the place of an old one."""
    for one in found:
        bed = one.place.name
        here = kept.setdefault(bed, {"losses": {}})
        here["real"] = one.real
        for way, runs in one.losses.items():
            of_way = here["losses"].setdefault(way, {"recipe": recipe(bed, way), "runs": {}})
            of_way["runs"] |= {str(run["seed"]): run for run in runs}
    return kept


def still_true(kept: dict[str, Any]) -> dict[str, Any]:
    """Without the runs of recipes that have changed."""
    for bed, here in kept.items():
        every = here["losses"].items()
        here["losses"] = {way: one for way, one in every if one["recipe"] == recipe(bed, way)}
    return kept


def tables(runs: dict[str, Any]) -> dict[str, Any]:
    """{bed: {"about", "rows"}}, with the losses in the lab's order."""
    made = {}
    for bed, here in runs.items():
        numbers = {way: one["runs"] for way, one in here["losses"].items()}
        losses = {
            way: sorted(numbers[way].values(), key=lambda run: run["seed"])
            for way in ways()
            if way in numbers
        }
        one = Told(place=BEDS[bed], real=here["real"], losses=losses)
        made[bed] = {"about": about(one, ENGLISH), "rows": table_rows(one, ENGLISH)}
    return made


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("labs", nargs="+", type=Path, help="folders of finished labs")
    found = [one for lab in parser.parse_args().labs for one in told(lab)]
    for points, name in ((True, "modes-points"), (False, "modes-images")):
        these = [one for one in found if (one.place.name in POINTS) == points]
        if not these:
            continue
        kept = (read_result(name) or {}).get("runs", {})
        runs = joined(still_true(kept), these)
        made = tables(runs)
        for bed, table in made.items():
            print(bed, *(" | ".join(row) for row in table["rows"]), sep="\n  ")
        facts = {"machine": machine(), "git_commit": git_commit()}
        facts["heads"] = [ENGLISH(f"modes.{key}") for key in HEADS]
        write_result(name, {**facts, "runs": runs, "tables": made})


if __name__ == "__main__":
    main()
