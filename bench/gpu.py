"""What a GPU adds: speed of the steps, the same bits twice, the measures equal to the CPU's.

    bash bench/gpu.sh                       # one call of under ten minutes on a machine with a GPU
    python bench/gpu.py --device cpu --presets dcgan --seconds 1 --n 500    # tried without one

For each preset: images/s of the steps at its own batch size and at 512, in bf16 and float32, beside
the loop of bench/tutorial_loop.py on the same device (float32, Pillow images through a DataLoader).
Then two runs of the same command end with the same weights; a generator gives the same images of
the same seeds on the device and on the CPU, but for rounding; all pairs of n x 2,048 features give
the same neighbours and counts on both. It exits with 1 where one of these is not so. Writes
bench/results/gpu.json.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from _bench import machine, table, write_result
from _evaluate_candidates import K, features
from tutorial_loop import images_per_second, tutorial_steps

from saddlepoint import api
from saddlepoint.core.measures import Comparison, FeatureSet
from saddlepoint.data.loader import DeviceData
from saddlepoint.evaluation.metrics._pairwise import pairwise
from saddlepoint.sampling.latent_space import latents
from saddlepoint.training.device import has_fast_bf16, resolve
from saddlepoint.training.loop import iterate
from saddlepoint.training.state import TrainState
from saddlepoint.training.steps import Sums

DATA = "fashion-mnist"
PRESETS = ("dcgan", "dcgan-r1", "wgan-gp", "cgan-every-layer")
WARM_UP_STEPS = 20


def trained(changes: dict[str, Any], go_on: Callable[[int], bool]) -> tuple[TrainState, float]:
    """A state after steps of a preset as long as `go_on(step)`, and its images/s."""
    preset = str(changes.pop("preset"))
    config = api.configure(preset, DATA, kimg=1000, changes=changes)
    config = replace(config, train=resolve(config.train))
    dataset = config.source.open()
    state, sums = TrainState.new(config, dataset.spec), Sums()
    data = DeviceData(dataset, config.train.device, config.seed)
    step, begun, counted_from = 0, time.perf_counter(), 0
    while go_on(step):
        iterate(state, config, data, sums)
        step += 1
        if step == WARM_UP_STEPS:
            sums.take()  # waits for the device
            begun, counted_from = time.perf_counter(), state.n_images
    sums.take()
    return state, (state.n_images - counted_from) / (time.perf_counter() - begun)


def rate(device: str, seconds: float, **changes: Any) -> float:
    """Images/s over about `seconds`. The queue of a device is short against that."""
    until = time.perf_counter() + seconds
    changes["train.device"] = device
    return trained(changes, lambda step: step <= WARM_UP_STEPS or time.perf_counter() < until)[1]


def twenty_steps(device: str) -> TrainState:
    changes = {"preset": "cgan-every-layer", "train.device": device}
    return trained(changes, lambda step: step < 20)[0]


def same_twice(first: TrainState, second: TrainState) -> bool:
    """Every weight and buffer of both nets is equal."""
    return all(
        torch.equal(a, b)
        for net in ("generator", "discriminator")
        for a, b in zip(
            getattr(first, net).state_dict().values(),
            getattr(second, net).state_dict().values(),
            strict=True,
        )
    )


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
    names = ("n_balls", "covered", "inside_fake", "nearest_real")
    equal = all(torch.equal(getattr(found, name), getattr(expected, name)) for name in names)
    return equal, seconds


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--n", type=int, default=10_000, help="images a side of the pairs")
    asked = parser.parse_args()
    name = torch.cuda.get_device_name() if asked.device == "cuda" else asked.device
    tutorial = images_per_second(tutorial_steps("preset", asked.device), asked.seconds)
    rates = {}
    precisions = ("bf16", "fp32") if has_fast_bf16(asked.device) else ("fp32",)
    for preset in asked.presets:
        for batch in (0, 512):
            for precision in precisions:
                own = {"train.batch_size": batch} if batch else {}
                changes = {"preset": preset, "train.precision": precision, **own}
                found = rate(asked.device, asked.seconds, **changes)
                rates[f"{preset}, batch {batch or 'of the preset'}, {precision}"] = found
                print(f"{preset} batch {batch or 'own'} {precision}: {found:,.0f}", flush=True)
    equal, seconds = same_pairs(asked.device, asked.n)
    first, second = twenty_steps(asked.device), twenty_steps(asked.device)
    checks = {
        "the same command twice gives the same weights": same_twice(first, second),
        "the same images as on the CPU": same_images(first, asked.device),
        "pairs as on the CPU": equal,
    }
    document = {"machine": machine(), "device": name, "tutorial": tutorial, "rates": rates}
    document |= {"n": asked.n, "pairs_seconds": seconds, "checks": checks}
    write_result("gpu", document)
    print(f"{name}; tutorial loop {tutorial:,.0f} images/s; pairs of {asked.n:,}: {seconds:.2f} s")
    rows = [[row, f"{value:,.0f}", f"{value / tutorial:.2f}"] for row, value in rates.items()]
    print(table(["run", "images/s", "of the tutorial loop"], rows))
    for check, holds in checks.items():
        print(f"{check}: {'yes' if holds else 'NO'}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
