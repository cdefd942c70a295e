"""Play the cases of suites.py and keep their histories.

    nice -n 10 python bench/doctor/run.py [--only PART] [--seeds 0-9] [--minutes M]

It can be stopped and started again at any time: what is in bench/doctor/histories is not played
again. Seeds are the outer loop, so every case has a first run before any has a second. Even seeds
are for tuning, odd ones for the report.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import play
import play_images
import store
import torch
from image_suites import ImageCase, image_cases
from suites import Case, cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--seeds", default="0-9", help="first and last seed")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this long")
    parser.add_argument("--every-loss", action="store_true", help="each case with all four losses")
    given = parser.parse_args()
    torch.set_num_threads(1)
    first, _, last = given.seeds.partition("-")
    until = time.monotonic() + 60 * given.minutes
    for seed in range(int(first), int(last or first) + 1):
        done = store.played()
        for case in [*cases(seed, given.every_loss), *image_cases()]:
            if given.only in case.name and (case.name, seed) not in done:
                if time.monotonic() > until:
                    return
                played(case, seed)


def played(case: Case | ImageCase, seed: int) -> None:
    """Play one case and keep it."""
    started = time.monotonic()
    record: dict[str, Any] = {"case": case.name, "suite": case.suite, "seed": seed}
    if isinstance(case, Case):
        record |= {"steps": case.steps, **play.play(case, seed)}
    else:
        record |= play_images.play(case, seed)
    seconds = time.monotonic() - started
    store.keep(record)
    print(f"{case.name} seed {seed}: {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
