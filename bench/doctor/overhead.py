"""What the doctor costs: its share of the processor's time in a run of ours.

    python bench/doctor/overhead.py [--lines 24]

Every call of the doctor (its hooks, its checks, its detectors) is timed inside one run of each
preset, with the lines of metrics as dense as in a run of the usual length. Time of the processor
and not of the clock, because two runs side by side differ by more than the doctor costs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from _bench import machine, machine_text, write_result  # beside this folder

import saddlepoint as sp
from saddlepoint.diagnosis.doctor import Doctor
from saddlepoint.diagnosis.observe.hooks import Safety
from saddlepoint.training import loop

AIM = 3.0
RUNS = {
    "dcgan on fashion-mnist": ("dcgan", "fashion-mnist", 3.0),
    "wgan-gp on fashion-mnist": ("wgan-gp", "fashion-mnist", 3.0),
    "cgan-embedding on fashion-mnist": ("cgan-embedding", "fashion-mnist", 3.0),
    "gan on ring8": ("gan", "ring8", 10.0),
}
"""Name -> preset, data, kimg between two lines of metrics in a run of the preset's own budget."""


class Clock:
    """Adds up the processor's time inside a function."""

    def __init__(self) -> None:
        self.seconds, self.calls = 0.0, 0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.process_time()
            result = function(*args, **kwargs)
            self.seconds += time.process_time() - begun
            self.calls += 1
            return result

        return timed


def measure(preset: str, data: str, tick: float, kimg: float) -> dict[str, float]:
    """Percent of the training's time, and what one check takes."""
    whole, checks, steps = Clock(), Clock(), Clock()
    kept = (Safety.__call__, Doctor._check, loop.iterate)
    Safety.__call__ = whole.around(kept[0])  # type: ignore[method-assign]  # put back below
    # Replaced while it is measured, and put back below: only so is every call of it timed.
    Doctor._check = checks.around(kept[1])  # type: ignore[method-assign]
    loop.iterate = steps.around(kept[2])
    try:
        with tempfile.TemporaryDirectory() as folder:
            changes = {"train.tick_kimg": tick, "train.device": "cpu"}
            out = Path(folder) / "run"
            sp.train(preset, data=data, kimg=kimg, changes=changes, out=out, quiet=True)
    finally:
        Safety.__call__, Doctor._check, loop.iterate = kept  # type: ignore[method-assign]
    step = steps.seconds / steps.calls
    return {
        "percent": 100 * whole.seconds / steps.seconds,
        "steps": steps.calls,
        "step_ms": 1000 * step,
        "checks": checks.calls,
        "check_ms": 1000 * checks.seconds / checks.calls,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=int, default=24, help="lines of metrics in each run")
    given = parser.parse_args()
    torch.set_num_threads(1)  # a second thread's waiting would count as work
    facts = machine()
    print(machine_text(facts), flush=True)
    runs = {}
    for name, (preset, data, tick) in RUNS.items():
        figures = runs[name] = measure(preset, data, tick, given.lines * tick)
        print(
            f"{name}: {figures['percent']:.1f} % of the steps' time; {figures['checks']} checks of "
            f"{figures['check_ms']:.0f} ms in {figures['steps']} steps of {figures['step_ms']:.0f} "
            "ms",
            flush=True,
        )
    document = {"machine": facts, "aim_percent": AIM, "runs": runs}
    write_result("doctor-overhead", document)


if __name__ == "__main__":
    main()
