"""Precision and recall that each preset reaches on Fashion-MNIST in equal time.

    python bench/quality.py --presets dcgan dcgan-r1 --seeds 0 1 2 --minutes 7

Claims (7 minutes on 2 cores): dcgan at least 0.72 / 0.35, dcgan-r1 at least 0.77 / 0.65; samples
that show the class asked for: 95 % in every conditional preset, with a recall of 0.55; peak
memory while training under 1.2 GB.

Each run is one call of `saddlepoint.train` in its own process (so that its peak memory is its
own), into bench/results/runs/<preset>-<seed>; its wall clock is that of the whole call, warm-up
and report included. Then bench/_judge.py judges 10,000 images of seeds 1,000,000 to 1,009,999
(labels i mod 10) against the 10,000 test images. A run whose result is already in
bench/results/quality.json (quality-conditional.json for those with labels), with the same
configuration and budget, is not done again: the script can be stopped and restarted. After a
change of the judge, the runs are only judged again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import _judge
import numpy as np
from _bench import (
    RESULTS,
    machine,
    machine_text,
    parser_with,
    read_result,
    spread_text,
    write_result,
)
from _processes import in_own_process

from saddlepoint import api
from saddlepoint.core import images
from saddlepoint.core.config_json import to_json
from saddlepoint.data.loader import DeviceData
from saddlepoint.presets import PRESETS
from saddlepoint.sampling.sampler import load_sampler
from saddlepoint.training import device
from saddlepoint.training.loop import iterate
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums

DATA = "fashion-mnist"
FIRST_SEED, N_SAMPLES = 1_000_000, 10_000
N_SHOWN, COLUMNS = 80, 10
TRUNCATIONS = (0.9, 0.8, 0.7, 0.6)
FIGURES = ("precision", "recall", "coverage", "frechet", "label_accuracy")


def config_hash(preset: str, seed: int) -> str:
    """sha256 of the configuration without its budget."""
    document = to_json(api.configure(preset, DATA, seed=seed, kimg=1))
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def run_folder(preset: str, seed: int) -> Path:
    return RESULTS / "runs" / f"{preset}-{seed}"


def train(preset: str, seed: int, budget: dict[str, float], out: str) -> float:
    """Train one run and return the wall clock of the whole call, in seconds."""
    begun = time.perf_counter()
    api.train(preset, DATA, out=out, seed=seed, quiet=True, **budget)  # type: ignore[arg-type]
    return time.perf_counter() - begun


def train_in_own_process(preset: str, seed: int, budget: dict[str, float], out: Path) -> float:
    """`train` in its own process, after removing what an earlier attempt left."""
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    return in_own_process(train, preset, seed, budget, str(out))


def rate_at_rest(preset: str, kimg: float = 10) -> float:
    """Images a second of the steps alone, on all threads and an idle machine. The first fifth of
    the steps, which are slow, is not counted."""
    config = api.configure(preset, DATA, kimg=kimg)
    config = replace(config, train=device.resolve(config.train))
    dataset = config.source.open()
    state, sums = TrainState.new(config, dataset.spec), Sums()
    data = DeviceData(dataset, config.train.device, config.seed)
    begun, counted_from = time.perf_counter(), 0
    while state.n_images < config.train.total_images:
        iterate(state, config, data, sums)
        if not counted_from and state.n_images >= config.train.total_images / 5:
            sums.take()
            begun, counted_from = time.perf_counter(), state.n_images
    sums.take()
    return (state.n_images - counted_from) / (time.perf_counter() - begun)


def judge(out: Path) -> dict[str, Any]:
    """Sample the run, draw its grid and score it; then again with truncated latents."""
    sampler = load_sampler(out)
    seeds = range(FIRST_SEED, FIRST_SEED + N_SAMPLES)
    labels = [i % 10 for i in range(N_SAMPLES)] if sampler.conditional else None
    made = sampler.images(seeds, labels)
    truncated = {
        str(truncation): _judge.score(sampler.images(seeds, labels, truncation=truncation))
        for truncation in TRUNCATIONS
    }
    sheet = images.enlarge(images.grid(made[:N_SHOWN], COLUMNS))
    images.write_png(out.with_suffix(".png"), sheet)
    figures = _judge.score(made, None if labels is None else np.array(labels))
    return {**figures, "truncated": truncated, "judge_sha256": _judge.judge_hash()}


def measure(preset: str, seed: int, budget: dict[str, float]) -> dict[str, Any]:
    """One run, trained and judged."""
    out = run_folder(preset, seed)
    seconds = train_in_own_process(preset, seed, budget, out)
    run = api.Run(out)
    rows = run.history.rows
    return {
        "preset": preset,
        "seed": seed,
        "budget": budget,
        "config_sha256": config_hash(preset, seed),
        "kimg": rows[-1]["images"] / 1000,
        "wall_seconds": round(seconds, 1),
        "images_per_second": round(rows[-1]["images"] / rows[-1]["seconds"], 1),
        "memory_mb": max(row["memory_mb"] for row in rows),
        "git_commit": run.document["git_commit"],
        "machine": machine(),
        **judge(out),
    }


def is_same(row: dict[str, Any], preset: str, seed: int, budget: dict[str, float]) -> bool:
    """True when `row` is the result of just this run."""
    key = (row["preset"], row["seed"], row["budget"], row["config_sha256"])
    return key == (preset, seed, budget, config_hash(preset, seed))


def line(row: dict[str, Any]) -> str:
    figures = "  ".join(f"{name} {row[name]:.3f}" for name in FIGURES if name in row)
    return (
        f"{row['preset']} seed {row['seed']}: {figures}  ({row['kimg']:,.0f} kimg in "
        f"{row['wall_seconds']:.0f} s, {row['images_per_second']:,.0f} images/s, "
        f"{row['memory_mb']:,.0f} MiB)"
    )


def print_summary(rows: list[dict[str, Any]]) -> None:
    for preset in dict.fromkeys(row["preset"] for row in rows):
        of_preset = [row for row in rows if row["preset"] == preset]
        for name in (*FIGURES, "images_per_second", "memory_mb"):
            values = [row[name] for row in of_preset if name in row]
            if values:
                form = ",.0f" if name in ("images_per_second", "memory_mb") else ".3f"
                print(f"{preset} {name}: {spread_text(values, form)}")


def arguments() -> argparse.Namespace:
    parser = parser_with(__doc__)
    parser.add_argument("--presets", nargs="+", default=["dcgan", "dcgan-r1"], choices=PRESETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, default=7)
    budget.add_argument("--kimg", type=float)
    parser.add_argument(
        "--at-rest",
        action="store_true",
        help="only measure how fast each preset is on an idle machine",
    )
    parser.add_argument(
        "--judge-only", action="store_true", help="judge the existing runs again, train none"
    )
    parser.add_argument("--into", help="another result, and section of the page")
    parser.add_argument("--fresh", action="store_true", help="redo runs that have a result")
    return parser.parse_args()


def result_of(preset: str) -> str:
    """Two files: presets with labels are measured on another day than those without."""
    conditioning = api.configure(preset, DATA, kimg=1).arch.conditioning
    return "quality" if conditioning == "none" else "quality-conditional"


def main() -> None:
    chosen = arguments()
    budget = {"kimg": chosen.kimg} if chosen.kimg else {"minutes": chosen.minutes}
    print(machine_text(machine()), flush=True)
    done = []
    result = {preset: chosen.into or result_of(preset) for preset in chosen.presets}
    for name in dict.fromkeys(result.values()):
        presets = [preset for preset in chosen.presets if result[preset] == name]
        document = read_result(name) or {"yardstick": {}, "runs": []}
        document["machine"] = machine()
        if chosen.at_rest:
            measure_at_rest(name, document, presets)
            continue
        judge_real(name, document)
        if chosen.judge_only:
            done += judge_again(name, document)
            continue
        # Seed by seed, so that every preset has a first figure early.
        for seed in chosen.seeds:
            for preset in presets:
                done.append(one_run(name, document, preset, seed, budget, chosen.fresh))
    print_summary(done)


def measure_at_rest(name: str, document: dict[str, Any], presets: list[str]) -> None:
    for preset in presets:
        rate = round(rate_at_rest(preset), 1)
        document.setdefault("at_rest", {})[preset] = rate
        print(f"{preset}: {rate:,.0f} images/s at rest", flush=True)
    write_result(name, document)


def judge_real(name: str, document: dict[str, Any]) -> None:
    """Judge real images against real ones, unless this judge has done it."""
    if document["yardstick"].get("judge_sha256") != _judge.judge_hash():
        document["yardstick"] = {**_judge.yardstick(), "judge_sha256": _judge.judge_hash()}
        write_result(name, document)
    real = {figure: round(document["yardstick"][figure], 3) for figure in FIGURES[:-1]}
    accuracy = document["yardstick"]["judge_accuracy"]
    print(f"real against real: {real}; the judge's accuracy: {accuracy:.3f}", flush=True)


def judge_again(name: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    for index, row in enumerate(document["runs"]):
        document["runs"][index] = {**row, **judge(run_folder(row["preset"], row["seed"]))}
        write_result(name, document)
        print(line(document["runs"][index]), flush=True)
    return document["runs"]


def one_run(
    name: str,
    document: dict[str, Any],
    preset: str,
    seed: int,
    budget: dict[str, float],
    fresh: bool,
) -> dict[str, Any]:
    """The row of one run: the existing one, or a new one, by today's judge."""
    rows = document["runs"]
    old = [row for row in rows if is_same(row, preset, seed, budget)]
    row = old[0] if old and not fresh else measure(preset, seed, budget)
    if row["judge_sha256"] != _judge.judge_hash():
        row = {**row, **judge(run_folder(preset, seed))}
    # Read late: another process may have added its runs meanwhile.
    rows = (read_result(name) or document)["runs"]
    kept = [r for r in rows if (r["preset"], r["seed"]) != (preset, seed)]
    document["runs"] = [*kept, row]
    write_result(name, document)
    print(line(row), flush=True)
    return row


if __name__ == "__main__":
    main()
