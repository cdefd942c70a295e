"""Images a second of our whole training loop, beside the tutorials' loop and beside bare steps.

    python bench/throughput.py [--nets paper preset upsample] [--seconds 42] [--rounds 3]
        [--into NAME]

Claims: (1) 2.3 times the tutorials' loop (bench/tutorial_loop.py) on the paper's nets and 3.7 times
on the upsample nets with bf16, 1.7 and 2.7 without, with identical nets and batch size; (2) the
whole loop costs at most 5 % more than bare forward, backward and optimiser.
Preset dcgan on Fashion-MNIST at 32x32, batch 64, with each of the nets that are asked for
(tutorial_loop.NETS): the ratio depends on them, so no single choice speaks for all.

    tutorial  the loop of bench/tutorial_loop.py
    ours      training.loop.train as `saddle train` runs it, with metrics, grids and checkpoints in
              a temporary run folder. Timed from the first to the last line of metrics; nine
              lines, one grid, one score and one checkpoint fall in between, as they do in any 42
              seconds of a run of seven minutes. Fewer --seconds are quicker, and charge the loop
              with more of them than it has; the figure without them stands beside it.
    bare      forward, backward and optimiser of the same nets with our settings (bf16 where the
              machine has it, channels_last, fused Adam, fakes shared, the discriminator frozen in
              the generator's step), on tensors made beforehand: no data, no average, no metrics

Each candidate runs in a process of its own, in turn (A B C A B C ...): the thread pools, memory
arenas and kernel caches of one must not help or hurt another. Start-up and a few steps of warming
up are not timed for any of them. Ratios are taken within a round, as the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _bench import (
    DATA,
    machine,
    machine_text,
    parser_with,
    read_result,
    spread,
    three,
    write_result,
)
from PIL import Image
from tutorial_loop import BATCH_SIZE, NETS, SIZE, images_per_second, tutorial_steps

from saddlepoint.api import configure
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.runs import Run
from saddlepoint.data.sources.mnist import FashionMnist
from saddlepoint.training import budget, device, loop
from saddlepoint.training.interrupt import StopRequest
from saddlepoint.training.monitor import Monitor
from saddlepoint.training.stages import Stage
from saddlepoint.training.state import TrainState

CANDIDATES = ("tutorial", "ours", "bare")
N_TICKS = 10


def fashion_mnist_32() -> Path:
    """Fashion-MNIST resized to 32x32, made once."""
    path = DATA / f"fashion-mnist-{SIZE}.npz"
    if not path.is_file():
        dataset = FashionMnist(split="train").open()
        images = np.empty((len(dataset), SIZE, SIZE, 1), np.uint8)
        for index, image in enumerate(dataset.images):
            small = Image.fromarray(np.array(image[..., 0]))
            images[index, ..., 0] = np.asarray(
                small.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
            )
        DATA.mkdir(exist_ok=True)
        partial = path.with_suffix(".part.npz")
        np.savez(partial, images=images, labels=dataset.labels)  # type: ignore[arg-type]
        partial.replace(path)
    return path


def our_config(nets: str) -> tuple[Config, Dataset]:
    """The preset with the named nets, on the resized data."""
    config = configure("dcgan", str(fashion_mnist_32()))
    config = replace(config, arch=NETS[nets], train=device.resolve(config.train))
    assert config.train.batch_size == BATCH_SIZE  # that of the peer
    assert not config.penalties  # the bare steps have none
    return config, config.source.open()


def run_ours(nets: str, seconds: float) -> dict[str, float]:
    """The real loop over about `seconds` between its first and its last line of metrics."""
    config, dataset = our_config(nets)
    rate = budget.images_per_second(config, dataset, min(3.0, seconds))
    tick = max(BATCH_SIZE, round(rate * seconds / (N_TICKS - 1))) / 1000
    sizes = {"kimg": N_TICKS * tick, "tick_kimg": tick, "sample_kimg": N_TICKS // 2 * tick}
    config = replace(config, train=replace(config.train, **sizes))
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", "")
        state = TrainState.new(config, dataset.spec)
        begun = time.perf_counter()
        loop.train(run, Stage(config, 0, True), dataset, state, Monitor(quiet=True), StopRequest())
        whole = time.perf_counter() - begun
        rows = run.history.rows
    spans = [
        (b["images"] - a["images"], b["seconds"] - a["seconds"], "sliced_wasserstein" in a)
        for a, b in pairwise(rows)
    ]
    plain = [(images, taken) for images, taken, saved in spans if not saved]
    return {
        "images_per_second": sum(s[0] for s in spans) / sum(s[1] for s in spans),
        "without_snapshot": sum(s[0] for s in plain) / sum(s[1] for s in plain),
        "whole_call": state.n_images / whole,
        "memory_mb": max(row["memory_mb"] for row in rows),
    }


def bare_steps(nets: str, n_batches: int = 16) -> Iterator[int]:
    """Train for ever on the same few batches; after each step, the number of real images in it."""
    config, dataset = our_config(nets)
    torch.manual_seed(0)
    state = TrainState.new(config, dataset.spec)
    generator, discriminator = state.generator, state.discriminator
    bf16 = config.train.precision == "bf16"
    shape = (n_batches, BATCH_SIZE, generator.latent_dim)
    latents = torch.randn(shape)
    reals = [torch.rand(BATCH_SIZE, 1, SIZE, SIZE) * 2 - 1 for _ in range(n_batches)]
    reals = [real.contiguous(memory_format=torch.channels_last) for real in reals]
    while True:
        for z, real in zip(latents, reals, strict=True):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                fake = generator(z)
            state.optim_d.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                real_logits = discriminator(real).float()
                fake_logits = discriminator(fake.detach()).float()
            config.loss.discriminator(real_logits, fake_logits).mean().backward()
            state.optim_d.step()

            state.optim_g.zero_grad(set_to_none=True)
            discriminator.requires_grad_(False)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                fake_logits = discriminator(fake).float()
            config.loss.generator(fake_logits).mean().backward()
            discriminator.requires_grad_(True)
            state.optim_g.step()
            yield BATCH_SIZE


def run_candidate(name: str, nets: str, seconds: float) -> dict[str, float]:
    """One measurement, in this process."""
    if name == "ours":
        return run_ours(nets, seconds)
    steps = tutorial_steps(nets) if name == "tutorial" else bare_steps(nets)
    return {"images_per_second": images_per_second(steps, seconds)}


def in_own_process(name: str, nets: str, seconds: float) -> dict[str, float]:
    """One measurement, in a new process that runs this file."""
    command = [sys.executable, __file__, "--one", name, "--nets", nets, "--seconds", str(seconds)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(answer.splitlines()[-1])


def measure(nets: str, seconds: float, n_rounds: int) -> list[dict[str, dict[str, float]]]:
    """Round by round, each candidate once."""
    rounds = []
    for number in range(n_rounds):
        rounds.append({name: in_own_process(name, nets, seconds) for name in CANDIDATES})
        rates = {name: rounds[-1][name]["images_per_second"] for name in CANDIDATES}
        shown = ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
        print(
            f"{nets} nets, round {number + 1}: {shown} images/s; ours / tutorial "
            f"{rates['ours'] / rates['tutorial']:.2f}, overhead over bare "
            f"{100 * (rates['bare'] / rates['ours'] - 1):+.1f} %",
            flush=True,
        )
    return rounds


def summary(rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Medians and spreads over the rounds, and the ratios taken within each of them."""

    def column(name: str, figure: str = "images_per_second") -> list[float]:
        return [r[name][figure] for r in rounds]

    ours, bare = column("ours"), column("bare")
    plain = column("ours", "without_snapshot")
    rates = {name: column(name) for name in CANDIDATES}
    rates["ours, whole call"] = column("ours", "whole_call")
    pairs = zip(ours, column("tutorial"), strict=True)
    return {
        "images_per_second": {name: spread(values) for name, values in rates.items()},
        "ratio_ours_to_tutorial": spread([a / b for a, b in pairs]),
        "overhead_percent": spread(overheads(ours, bare)),
        "overhead_percent_without_snapshot": spread(overheads(plain, bare)),
        "memory_mb": statistics.median(column("ours", "memory_mb")),
    }


def overheads(ours: list[float], bare: list[float]) -> list[float]:
    """By how many percent the bare steps are faster, round by round."""
    return [100 * (b / a - 1) for a, b in zip(ours, bare, strict=True)]


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--seconds", type=float, default=42, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--into", help="another result, and section of the page")
    parser.add_argument("--one", choices=CANDIDATES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(run_candidate(arguments.one, arguments.nets[0], arguments.seconds)))
        return
    facts = machine()
    print(machine_text(facts), flush=True)
    fashion_mnist_32()
    # Nets that are not asked for keep their figures, so that one pair can be measured again.
    name = arguments.into or ("throughput" if facts["bf16"] else "throughput-float32")
    document: dict[str, Any] = read_result(name) or {}
    document |= {"machine": facts, "seconds": arguments.seconds, "n_rounds": arguments.rounds}
    document.setdefault("nets", {})
    for nets in arguments.nets:
        rounds = measure(nets, arguments.seconds, arguments.rounds)
        figures = summary(rounds)
        document["nets"][nets] = {"rounds": rounds, **figures}
        write_result(name, document)
        ratio, overhead = figures["ratio_ours_to_tutorial"], figures["overhead_percent"]
        print(
            f"{nets} nets: ours / tutorial {three(ratio, '.2f')}; "
            f"overhead over bare {three(overhead, '.1f')} %",
            flush=True,
        )


if __name__ == "__main__":
    main()
