"""Images a second of every preset in float32 and in bf16: what `precision=auto` is worth here.

    python bench/precision.py [--seconds 2] [--rounds 3] [--presets dcgan ...]

`auto` takes bf16 where the processor has instructions for it, by a rule and not by a timing: bf16
and float32 give other weights, and the same command has to give the same ones twice. This is the
timing: the two in turn, in a process each, so that neither helps the other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

from _bench import machine, machine_text, parser_with, spread, three, write_result

from saddlepoint.api import configure
from saddlepoint.presets import PRESETS
from saddlepoint.training import budget, device, threads

PRECISIONS = ("fp32", "bf16")


def rate(preset: str, precision: str, seconds: float) -> float:
    """Images a second, in this process."""
    data = "ring8" if preset == "gan-points" else "fashion-mnist"
    config = configure(preset, data, changes={"train.precision": precision, "train.device": "cpu"})
    config = replace(config, train=device.resolve(config.train))
    with threads.use(config.train.threads):
        return budget.images_per_second(config, config.source.open(), seconds)


def measured(preset: str, precision: str, seconds: float) -> float:
    """The same, in a new process that runs this file."""
    command = [sys.executable, __file__, "--presets", preset, "--seconds", str(seconds)]
    done = subprocess.run(
        [*command, "--child", precision], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(json.loads(done.stdout))


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=PRECISIONS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        print(json.dumps(rate(given.presets[0], given.child, given.seconds)))
        return
    facts = machine()
    print(machine_text(facts), flush=True)
    document: dict[str, Any] = {
        "machine": facts,
        "seconds": given.seconds,
        "rounds": given.rounds,
        "rows": [],
    }
    for preset in given.presets:
        found: dict[str, list[float]] = {name: [] for name in PRECISIONS}
        for _ in range(given.rounds):
            for name, rates in found.items():
                rates.append(measured(preset, name, given.seconds))
        ratio = spread([b / a for a, b in zip(found["fp32"], found["bf16"], strict=True)])
        batch = configure(preset, "digits" if preset != "gan-points" else "ring8").train.batch_size
        rates = {name: spread(values) for name, values in found.items()}
        row = {"preset": preset, "batch": batch, "rates": rates, "ratio": ratio}
        document["rows"].append(row)
        write_result("precision", document)
        print(f"{preset:<18}bf16 / fp32 {three(ratio, '.2f')}", flush=True)


if __name__ == "__main__":
    main()
