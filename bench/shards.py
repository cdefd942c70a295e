"""How long training waits for data in shards, and what reading them costs the step.

    python bench/shards.py [--preset dcgan-r1] [--seconds 10] [--rounds 3] [--threads 1]

Claim: under 2 % of a step's time is spent waiting for data that do not fit on the device. Each
candidate trains the preset on Fashion-MNIST in turn, the same items in the same order:

    resident   all data on the device, as data that fit are held
    folder     24 shards in a folder, four of them a window, none of the data held on the device
    http       the same behind an address, from a server of this machine

Waiting is the time in which the step that asks for a batch has none ready. What decoding costs
otherwise, as it shares cores and the interpreter with the step, shows in the step's time.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from _bench import machine, machine_text, spread, table, three, write_result

from saddlepoint.api import configure
from saddlepoint.core.config import Config
from saddlepoint.data import order
from saddlepoint.data.loader import DeviceData
from saddlepoint.data.resolve import resolve
from saddlepoint.data.shards.opening import open_shards
from saddlepoint.data.shards.writing import write_shards
from saddlepoint.training import device, threads
from saddlepoint.training.loop import iterate
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums

N_SHARDS, IN_WINDOW = 24, 4
UNTIMED = 5


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder, from a server in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    server = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def steps(config: Config, place: str, resident: bool, seconds: float) -> tuple[float, float]:
    """Seconds of a step, and of waiting in it, while training for about `seconds`."""
    dataset = open_shards(place)
    most = None if resident else 0
    data = DeviceData(dataset, config.train.device, config.seed, max_resident_bytes=most)
    state, sums = TrainState.new(config, dataset.spec), Sums()
    for _ in range(UNTIMED):
        iterate(state, config, data, sums)
    before = data._ahead.seconds_waited if data._ahead else 0.0
    n, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        iterate(state, config, data, sums)
        device.synchronize(config.train.device)
        n += 1
    waited = data._ahead.seconds_waited - before if data._ahead else 0.0
    return (time.perf_counter() - begun) / n, waited / n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="dcgan-r1")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    dataset = resolve("fashion-mnist").open()
    order.WINDOW_BYTES = dataset.images.nbytes * IN_WINDOW // N_SHARDS
    config = configure(given.preset, "fashion-mnist")
    config = replace(config, train=device.resolve(replace(config.train, threads=given.threads)))
    found: dict[str, list[tuple[float, float]]] = {"resident": [], "folder": [], "http": []}
    with tempfile.TemporaryDirectory() as scratch, threads.use(config.train.threads):
        facts = machine()
        print(machine_text(facts))
        begun = time.perf_counter()
        write_shards(dataset, Path(scratch), N_SHARDS, {"source": dataset.name, "options": {}})
        print(f"{len(dataset):,} pictures written in {time.perf_counter() - begun:.0f} s")
        with served(Path(scratch)) as address:
            places = {"resident": scratch, "folder": scratch, "http": address}
            for _ in range(given.rounds):
                for name, place in places.items():
                    resident = name == "resident"
                    found[name].append(steps(config, place, resident, given.seconds))
    rows = []
    for name, values in found.items():
        step, waited = ([1000 * value[i] for value in values] for i in range(2))
        share = [100 * w / s for s, w in zip(step, waited, strict=True)]
        cells = (three(spread(step), ".1f"), three(spread(waited), ".2f"))
        rows.append([name, *cells, three(spread(share), ".2f")])
    print(table(["data", "ms a step", "ms waiting", "% waiting"], rows))
    write_result("shards", {"machine": facts, "preset": given.preset, "found": found})


if __name__ == "__main__":
    main()
