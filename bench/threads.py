"""Images a second beside a busy program: how the threads of a step wait for each other.

    python bench/threads.py [--preset dcgan] [--seconds 4] [--rounds 3]

Claim: beside one busy core our training is faster than with PyTorch's own way to wait, with the
same bits, and alone it loses nothing. Each candidate trains the preset on Fashion-MNIST in a
process of its own, in turn, alone and beside a Python loop that only burns one core:

    spin   as PyTorch does by default: a thread that waits for the others spins
    ours   training.threads.SharedCores: the fastest way to share the cores that keeps the bits
    one    a single thread (--threads 1), which waits for nobody and has other last bits

On a machine that does other work, give the bench (as root) a scheduling group that the rest hardly
counts beside: `setsid sh -c 'echo -20 > /proc/self/autogroup; python bench/threads.py'`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from _bench import machine, machine_text, spread, three, write_result

from saddlepoint.api import configure
from saddlepoint.training import budget, device, threads

CANDIDATES = ("spin", "ours", "one")


def rate(preset: str, candidate: str, seconds: float) -> float:
    """Images a second of one candidate, in this process."""
    config = configure(preset, "fashion-mnist")
    n_threads = 1 if candidate == "one" else len(os.sched_getaffinity(0))
    train = replace(config.train, device="cpu", precision="fp32", threads=n_threads)
    config = replace(config, train=device.resolve(train))
    dataset = config.source.open()
    if candidate != "ours":
        threads._CROWDED = math.inf
    with threads.use(n_threads):
        return budget.images_per_second(config, dataset, seconds)


@contextlib.contextmanager
def beside_busy_core() -> Iterator[None]:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.5)
        yield
    finally:
        busy.kill()
        busy.wait()


def measured(given: argparse.Namespace, candidate: str, busy: bool) -> float:
    command = [sys.executable, __file__, "--preset", given.preset, "--child", candidate]
    command += ["--seconds", str(given.seconds)]
    with beside_busy_core() if busy else contextlib.nullcontext():
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description="Images a second beside a busy program.")
    parser.add_argument("--preset", default="dcgan")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=CANDIDATES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        print(json.dumps(rate(given.preset, given.child, given.seconds)))
        return
    facts = machine()
    print(machine_text(facts))
    rates: dict[str, dict[str, list[float]]] = {"alone": {}, "busy": {}}
    for _ in range(given.rounds):
        for where, found in rates.items():
            for candidate in CANDIDATES:
                value = measured(given, candidate, busy=where == "busy")
                found.setdefault(candidate, []).append(round(value, 1))
                print(f"{where:<6}{candidate:<6}{value:,.0f} images/s", flush=True)
    document = {
        "machine": facts,
        "settings": {k: v for k, v in vars(given).items() if k != "child"},
        "images_per_second": {
            where: {name: spread(values) for name, values in found.items()}
            for where, found in rates.items()
        },
    }
    write_result("threads", document)
    for where, found in document["images_per_second"].items():
        for name, figures in found.items():
            print(f"{where:<6}{name:<6}{three(figures, '.0f')}")


if __name__ == "__main__":
    main()
