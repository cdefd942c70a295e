"""What a GPU adds: speed of the steps, the same bits twice, the measures equal to the CPU's.

    bash bench/gpu.sh                       # one call of under ten minutes on a machine with a GPU
    python bench/gpu.py --device cpu --presets dcgan --seconds 1 --rounds 1 --n 500    # without one

Images/s of each preset at its own batch size, several rounds, all in turn:

    graphs    our steps as training runs them: CUDA graphs, replayed
    eager     our steps with --train.graphs off
    bare      bench/bare_step.py: the same arithmetic as one graph and nothing else
    tutorial  the loop of bench/tutorial_loop.py on the same device (float32, Pillow images through
              a DataLoader, nets of `dcgan`); one figure for all presets

Then float32, a batch of 512 and compiled nets for some presets, in one round each. Checked: two
runs of one command end with the same weights; a run that is killed and resumed has those of one
never killed; replayed and eager steps have the same weights, in bf16 and in float32; no step waits
for the device; a generator gives the same images of the same seeds on the device and on the CPU,
but for rounding; all pairs of n x 2,048 features give the same neighbours and counts on both. It
exits with 1 where one of these is not so. Writes bench/results/gpu.json.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from _bench import machine, parser_with, spread, table, write_result
from _evaluate_candidates import K, features
from bare_step import BareStep
from tutorial_loop import images_per_second, tutorial_steps

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.measures import Comparison, FeatureSet
from saddlepoint.core.runs import Run
from saddlepoint.data.loader import DeviceData
from saddlepoint.evaluation.metrics._pairwise import pairwise
from saddlepoint.presets import PRESETS
from saddlepoint.sampling.latent_space import latents
from saddlepoint.training.device import cuda_stream, resolve
from saddlepoint.training.graphs import Graphs
from saddlepoint.training.loop import iterate
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums

DATA = "fashion-mnist"
OURS = tuple(name for name in PRESETS if not name.endswith(("-paper", "-points")))
"""Those whose nets are our choice, for images."""
MORE = ("dcgan", "dcgan-r1", "wgan-gp", "cgan-every-layer")
"""Presets that are also measured in other precisions and at a larger batch."""
WARM_UP_STEPS = 20
BURST = 100
"""Steps between two waits for the device; training waits once a tick."""
CHECKED = "dcgan-r1"


def configured(preset: str, device: str, **changes: Any) -> Config:
    config = api.configure(preset, DATA, kimg=1000, changes={"train.device": device, **changes})
    return replace(config, train=resolve(config.train))


def our_steps(config: Config) -> tuple[TrainState, Callable[[], None]]:
    """A new state, and what moves it by one step."""
    dataset = config.source.open()
    state, sums = TrainState.new(config, dataset.spec), Sums()
    data = DeviceData(dataset, config.train.device, config.seed)
    graphs = Graphs.of(state, config)

    def advance() -> None:
        iterate(state, config, data, sums, graphs)

    return state, advance


def rate(config: Config, advance: Callable[[], None], seconds: float) -> float:
    """Images/s over about `seconds`, after some steps that are not timed."""
    for _ in range(WARM_UP_STEPS):
        advance()
    wait(config)
    begun, n_steps = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        for _ in range(BURST):
            advance()
        n_steps += BURST
        wait(config)
    taken = time.perf_counter() - begun
    return n_steps * config.train.batch_size * config.train.n_critic / taken


def wait(config: Config) -> None:
    if config.train.device.startswith("cuda"):
        torch.cuda.synchronize(config.train.device)


def candidates(preset: str, device: str, seconds: float) -> dict[str, float]:
    """Images/s of one preset at its own batch size, each way."""
    graphed = configured(preset, device)
    eager = configured(preset, device, **{"train.graphs": "off"})
    bare = BareStep(graphed, graphed.source.open())
    return {
        "graphs": rate(graphed, our_steps(graphed)[1], seconds),
        "eager": rate(eager, our_steps(eager)[1], seconds),
        "bare": rate(graphed, bare.advance, seconds),
    }


def after(steps: int, preset: str, device: str, **changes: Any) -> TrainState:
    state, advance = our_steps(configured(preset, device, **changes))
    for _ in range(steps):
        advance()
    return state


def same_state(first: TrainState, second: TrainState) -> bool:
    """Every weight and buffer of the three nets is equal."""
    return all(
        torch.equal(a, b)
        for name in first.nets
        for a, b in zip(
            first.nets[name].state_dict().values(),
            second.nets[name].state_dict().values(),
            strict=True,
        )
    )


def waits(device: str) -> int:
    """How often 40 steps wait for the device; torch counts them itself."""
    if device == "cpu":
        return 0
    _, advance = our_steps(configured(CHECKED, device))
    for _ in range(WARM_UP_STEPS):
        advance()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        for _ in range(40):
            advance()
        torch.cuda.set_sync_debug_mode("default")
    return sum("called a synchronizing" in str(one.message) for one in seen)


@torch.no_grad()
def same_images(state: TrainState, device: str) -> bool:
    """Images of 64 seeds, in [-1, 1], differ by less than a twentieth of a grey level."""
    z, labels = latents(range(64), state.ema.latent_dim), torch.arange(64) % 10
    there = state.ema(z.to(device), labels.to(device)).cpu()
    here = deepcopy(state.ema).cpu()(z, labels)
    return bool((there - here).abs().max() < 2 / 255 / 20)


def same_pairs(device: str, n: int) -> tuple[bool, float]:
    """Whether neighbours and counts are those of the CPU, and seconds on the device."""
    sides = [torch.from_numpy(features(n, side)) for side in ("real", "fake")]

    def on(where: str) -> Any:
        real, fake = (FeatureSet(vectors=side) for side in sides)
        return pairwise(Comparison(real=real, fake=fake, k=K, n_bootstrap=0, device=where))

    on(device)
    begun = time.perf_counter()
    found = on(device)
    seconds = time.perf_counter() - begun
    expected = on("cpu")
    names = ("n_balls", "covered", "inside_fake")
    equal = all(torch.equal(getattr(found, name), getattr(expected, name)) for name in names)
    return equal, seconds


def whole_runs(device: str, kimg: float) -> dict[str, bool]:
    """Runs of the command itself, one of them killed in the middle and resumed."""
    command = [sys.executable, "-m", "saddlepoint"]
    sizes = {"--kimg": kimg, "--train.tick-kimg": kimg / 40, "--train.sample-kimg": kimg / 20}
    settings = ["--data", DATA, "--train.device", device, "--quiet"]
    settings += [str(part) for pair in sizes.items() for part in pair]
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / name for name in ("first", "second", "killed")]
        training = [
            subprocess.Popen([*command, "train", CHECKED, *settings, "--out", str(run)])
            for run in runs
        ]
        killed = runs[-1]
        while training[-1].poll() is None and len(list(killed.glob("checkpoints/0*"))) < 2:
            time.sleep(0.01)
        training[-1].kill()
        for process in training:
            process.wait()
        was_killed = training[-1].returncode != 0
        subprocess.run([*command, "resume", str(killed), "--quiet"], check=True)
        first, second, resumed = (final_weights(run) for run in runs)
    return {
        "the same command twice gives the same weights": first == second,
        "killed and resumed gives the weights of a run never killed": was_killed
        and first == resumed,
    }


def final_weights(run: Path) -> dict[str, bytes]:
    newest = Run.open(run).checkpoints[-1]
    return {file.name: file.read_bytes() for file in newest.glob("*.safetensors")}


def checks(device: str, kimg: float) -> dict[str, bool]:
    found = whole_runs(device, kimg)
    preset = "cgan-every-layer"
    for precision in ("bf16", "fp32"):
        fixed = {"train.precision": precision}
        replayed = after(20, preset, device, **fixed)
        eager = after(20, preset, device, **fixed, **{"train.graphs": "off"})
        found[f"replayed and eager steps give the same weights, {precision}"] = same_state(
            replayed, eager
        )
    found["no step waits for the device"] = waits(device) == 0
    found["the same images as on the CPU"] = same_images(replayed, device)
    return found


def main() -> int:
    parser = parser_with(__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--presets", nargs="+", default=OURS)
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n", type=int, default=10_000, help="images a side of the pairs")
    parser.add_argument("--kimg", type=float, default=400, help="budget of the runs of the checks")
    asked = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", "src")
    device = asked.device
    name = torch.cuda.get_device_name() if device == "cuda" else device
    with cuda_stream(device):
        document = measured(asked, name)
    write_result("gpu", document)
    show(document)
    return 0 if all(document["checks"].values()) else 1


def measured(asked: argparse.Namespace, name: str) -> dict[str, Any]:
    device, seconds = asked.device, asked.seconds
    facts, begun = machine(), time.perf_counter()
    found = checks(device, asked.kimg)
    found["pairs as on the CPU"], pairs_seconds = same_pairs(device, asked.n)
    print({**found, "seconds so far": round(time.perf_counter() - begun)}, flush=True)
    rounds: list[dict[str, Any]] = []
    for number in range(asked.rounds):
        tutorial = images_per_second(tutorial_steps("preset", device), 2 * seconds)
        rounds.append({"tutorial": tutorial})
        for preset in asked.presets:
            rounds[-1][preset] = candidates(preset, device, seconds)
            rates = ", ".join(f"{k} {v:,.0f}" for k, v in rounds[-1][preset].items())
            print(f"round {number + 1}: {preset}: {rates}; tutorial {tutorial:,.0f}", flush=True)
    more = {}
    ways: list[tuple[str, dict[str, Any]]] = [
        ("its own batch, fp32", {"train.precision": "fp32"}),
        ("batch 512", {"train.batch_size": 512}),
        ("batch 512, fp32", {"train.batch_size": 512, "train.precision": "fp32"}),
        ("its own batch, nets compiled", {"train.compile": True}),
    ]
    for preset in (p for p in asked.presets if p in MORE):
        for way, changes in ways:
            config = configured(preset, device, **changes)
            found_rate = rate(config, our_steps(config)[1], seconds)
            more[f"{preset}, {way}"] = found_rate
            print(f"{preset}, {way}: {found_rate:,.0f}", flush=True)
    return {
        "machine": facts,
        "device": name,
        "rounds": rounds,
        "more": more,
        "n": asked.n,
        "pairs_seconds": pairs_seconds,
        "checks": found,
        "seconds": time.perf_counter() - begun,
    }


def show(document: dict[str, Any]) -> None:
    rounds = document["rounds"]
    print(f"{document['device']}; pairs of {document['n']:,}: {document['pairs_seconds']:.2f} s")
    rows = []
    for preset in (name for name in rounds[0] if name != "tutorial"):
        figures = [
            spread([one[preset][way] for one in rounds])["median"]
            for way in ("graphs", "eager", "bare")
        ]
        times = spread([one[preset]["graphs"] / one["tutorial"] for one in rounds])["median"]
        share = spread([one[preset]["graphs"] / one[preset]["bare"] for one in rounds])["median"]
        rows.append([preset, *(f"{f:,.0f}" for f in figures), f"{times:.1f}", f"{share:.2f}"])
    head = ["preset", "graphs", "eager", "bare", "times the tutorial", "of the bare step"]
    print(table(head, rows))
    print(table(["run", "images/s"], [[k, f"{v:,.0f}"] for k, v in document["more"].items()]))
    for check, holds in document["checks"].items():
        print(f"{check}: {'yes' if holds else 'NO'}")


if __name__ == "__main__":
    raise SystemExit(main())
