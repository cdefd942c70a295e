"""Two processes on two cores against one process with two threads, and whether they train the same.

    python bench/ranks.py [--presets r3gan dcgan-r1 dcgan] [--seconds 6] [--rounds 3]

Claim: two ranks with a thread each, over gloo, are at least 0.9 times as fast as one process with
two threads at the same batch; and after 200 steps their weights are those of one process to 1e-6,
with BatchNorm and without. `--rounds 0` or `--steps 0` leaves out the speeds or the steps, and
keeps those of before. Speeds are measured in turn, each in processes of their own. The steps are
compared with narrow nets, in float32 and in float64: what differs in float32 alone is rounding,
which some recipes magnify from step to step.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from _bench import (
    git_commit,
    machine,
    machine_text,
    read_result,
    spread,
    table,
    three,
    write_result,
)
from safetensors.torch import load_file, save_file

from saddlepoint.api import configure
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.randomness import seed_torch
from saddlepoint.core.ranks import here
from saddlepoint.data.loader import DeviceData
from saddlepoint.training import budget, device, loop, steps, threads
from saddlepoint.training.launch import joined
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums

KINDS = ("float32", "float64")
RATES = {"one": ",.0f", "two": ",.0f", "ratio": ".2f"}
NARROW = {
    "arch.width": 16,
    "arch.generator_width": 8,
    "arch.discriminator_width": 8,
    "train.batch_size": 16,
}


def configured(preset: str, n_threads: int) -> Config:
    config = configure(preset, "fashion-mnist")
    train = replace(config.train, device="cpu", precision="fp32", threads=n_threads)
    return replace(config, train=device.resolve(train))


def rate(preset: str, seconds: float) -> float:
    """Images a second of all ranks."""
    n_threads = 2 // here().size
    with threads.use(n_threads):
        config = configured(preset, n_threads)
        return budget.images_per_second(config, config.source.open(), seconds)


def in_float64() -> None:
    """Every number of a step, in this process."""
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    as_batch = steps.as_batch
    steps.as_batch = lambda items: as_batch(items)._replace(images=as_batch(items).images.double())


def take_steps(preset: str, n: int, out: Path) -> None:
    config = configured(preset, 1)
    own = {name for name in NARROW if name.startswith("train") or hasattr(config.arch, name[5:])}
    config = with_changes(config, {name: NARROW[name] for name in own})
    dataset = config.source.open()
    with threads.use(1):
        seed_torch(0)
        state = TrainState.new(config, dataset.spec)
        data = DeviceData(dataset, "cpu", config.seed)
        loop.begin_together(state)
        for _ in range(n):
            loop.iterate(state, config, data, Sums())
    if here().leads:
        nets = state.nets.items()
        save_file(
            {f"{net}.{k}": t.contiguous() for net, n in nets for k, t in n.state_dict().items()},
            out,
        )


def child(given: argparse.Namespace) -> None:
    with joined() as ranks:
        if given.child == "rate":
            found = rate(given.presets[0], given.seconds)
            if ranks.leads:
                print(json.dumps(found))
            return
        if given.child == "float64":
            in_float64()
        take_steps(given.presets[0], given.steps, given.out)


def play(n: int, given: argparse.Namespace, preset: str, what: str, out: Path) -> str:
    """What rank 0 of n processes prints."""
    command = [sys.executable, __file__, "--child", what, "--presets", preset, "--out", str(out)]
    command += ["--seconds", str(given.seconds), "--steps", str(given.steps)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": n, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared["OMP_NUM_THREADS"] = 2 // n
    ranks = [
        subprocess.Popen(
            command,
            env=os.environ | {k: str(v) for k, v in (shared | {"RANK": rank}).items()},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(n)
    ]
    answers = [process.communicate()[0] for process in ranks]
    if any(process.returncode for process in ranks):
        raise SystemExit(f"{preset}, {what}: {n} processes failed.")
    return answers[0]


def greatest_difference(given: argparse.Namespace, preset: str, kind: str) -> float:
    """Between the weights of one process and of two, of any weight."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{n}.safetensors" for n in (1, 2)]
        for n, file in enumerate(files, 1):
            play(n, given, preset, kind, file)
        one, two = map(load_file, files)
        # The last bias of a relativistic discriminator has no gradient but rounding, which Adam
        # makes whole steps of; nothing depends on it.
        return max(
            float((one[k].double() - two[k].double()).abs().max())
            for k in one
            if k != "discriminator.head.bias"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Two processes against one with two threads.")
    parser.add_argument("--presets", nargs="+", default=["r3gan", "dcgan-r1", "dcgan"])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--child", choices=("rate", "float32", "float64"), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path(), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        child(given)
        return
    facts = machine()
    print(machine_text(facts), flush=True)
    before = read_result("ranks") or {"presets": {}}
    found: dict[str, dict[str, Any]] = before["presets"]
    for preset in given.presets if given.rounds else ():
        rates: dict[str, list[float]] = {"one": [], "two": []}
        for _ in range(given.rounds):
            for n, name in enumerate(rates, 1):
                rates[name].append(float(play(n, given, preset, "rate", Path())))
        ratios = [two / one for one, two in zip(rates["one"], rates["two"], strict=True)]
        found[preset] = {
            **found.get(preset, {}),
            **{name: spread(values) for name, values in rates.items()},
            "ratio": spread(ratios),
            "batch_size": configured(preset, 1).train.batch_size,
        }
        print(preset, {k: round(statistics.median(v), 2) for k, v in rates.items()}, flush=True)
        keep(facts, found)
    for preset in given.presets if given.steps else ():
        differs = {k: greatest_difference(given, preset, k) for k in KINDS}
        found.setdefault(preset, {})["differs"] = differs
        print(preset, differs, flush=True)
        keep(facts, found)
    print(rows(found))


def ranks(document: dict[str, Any]) -> str:
    """The section of docs/benchmarks.md."""
    return f"Images/s, median (least to greatest). {machine_text(document['machine'])}.\n\n" + rows(
        document["presets"]
    )


def keep(facts: dict[str, Any], found: dict[str, Any]) -> None:
    write_result("ranks", {"machine": facts, "commit": git_commit(), "presets": found})


def rows(presets: dict[str, Any]) -> str:
    head = ["preset", "batch", "one process, 2 threads", "two ranks, a thread each", "ratio"]
    head += ["greatest difference, float32", "float64"]
    return table(
        head,
        [
            [
                name,
                str(found.get("batch_size", "-")),
                *(three(found[n], form) if n in found else "-" for n, form in RATES.items()),
                *(f"{found['differs'][k]:.0e}" if "differs" in found else "-" for k in KINDS),
            ]
            for name, found in presets.items()
        ],
    )


if __name__ == "__main__":
    main()
