"""Writes the tables made from bench/results/*.json between the markers of docs/benchmarks.md.

    python bench/report.py [--check]

No figure on that page is typed by hand. A section that was not measured on this machine is left
alone. With --check nothing is written, and the exit code is 1 if the page differs from the results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _bench import HERE, RESULTS, fill, parser_with, read_result
from doctor.tables import doctor, overhead, rescue
from evaluate_tables import evaluate, fid_factor
from gpu_tables import gpu, recipes
from quality_tables import families, lecture, modes, quality
from ranks import ranks
from robustness_tables import fuzz, kill_resume, soak
from speed_tables import expected, precision, threads, throughput
from studio_tables import game, studio

PAGE = HERE.parent / "docs" / "benchmarks.md"


def prepare() -> str | None:
    """The last lines that bench/prepare.py printed, as they are."""
    path = RESULTS / "prepare.txt"
    if not path.is_file():
        return None
    return f"```\n{path.read_text().strip()}\n```"


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "throughput": throughput,
    "throughput-float32": throughput,
    "throughput-avx512": throughput,
    "threads": threads,
    "precision": precision,
    "quality": quality,
    "quality-float32": quality,
    "quality-avx512": quality,
    "quality-conditional": quality,
    "quality-embedding": quality,
    "quality-onehot": quality,
    "kill-resume": kill_resume,
    "fuzz": fuzz,
    "soak": soak,
    "expected": expected,
    "evaluate": evaluate,
    "fid-factor": fid_factor,
    "lecture": lecture,
    "modes-ring8": modes,
    "modes-grid25": modes,
    "modes-stacked-mnist": modes,
    "modes-stacked-mnist-hard": modes,
    "families-labelled": families,
    "families-unlabelled": families,
    "doctor": doctor,
    "doctor-overhead": overhead,
    "doctor-rescue": rescue,
    "gpu": gpu,
    "many-recipes": recipes,
    "ranks": ranks,
    "studio": studio,
    "game": game,
}
"""Marker on the page and name of the JSON -> its table."""


def section(name: str) -> str | None:
    """The text between a section's markers; None if there is no result for it here."""
    if name == "prepare":
        return prepare()
    document = read_result(name)
    return None if document is None else TABLES[name](document)


def sections() -> dict[str, str | None]:
    return {name: section(name) for name in (*TABLES, "prepare")}


def main() -> int:
    parser = parser_with(__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    texts = sections()
    outdated = fill(PAGE, texts, check)
    if not check:
        kept = [name for name, text in texts.items() if text is None]
        print(f"{PAGE}: written; unchanged: {', '.join(kept) or 'none'}")
    return outdated


if __name__ == "__main__":
    raise SystemExit(main())
