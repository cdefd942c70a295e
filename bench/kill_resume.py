"""Kill a run at random moments until it is done: its weights equal those of a run never killed.

    python bench/kill_resume.py [--presets dcgan wgan-gp cgan-every-layer] [--kills 20]

Claim: at least 20 SIGKILLs at random moments, during saves too, on each of three presets, and the
final generator, average, discriminator and optimisers are equal, byte for byte, to those of a run
that was never killed. Exit code 1 when any of them is not.

How. This process imports torch and computes nothing with it, so that it has a single thread and
may fork (this is checked). Each child calls `saddlepoint.train`, or `saddlepoint.resume` where a
run is there, and is killed by SIGKILL after a delay drawn from a seeded generator: a new child is
as good as a new process, without seconds of imports. The nets are small and the lines of metrics
close together (`--tick-kimg`); with `train.checkpoint_minutes` at 0 each of them is a checkpoint,
so that a good part of the kills falls into a save. Delays are uniform from 0 to twice the mean
that lets the kills fall all over the run, from the first moments of a child on. After the last
kill the run is resumed to its end. A kill counts as "in a checkpoint" when it left a half-written
or half-removed checkpoint (`.tmp`, `.old`) that was not there before, and as "in another file"
when it left another temporary file.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy must start no thread before the forks

import argparse
import json
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # the first step of an optimiser would, in every child
from _bench import RESULTS, machine, machine_text, write_result

from saddlepoint import api
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sha256_of
from saddlepoint.core.runs import Run

PRESETS = ("dcgan", "wgan-gp", "cgan-every-layer")
FILES = ("generator", "ema", "discriminator", "optim")
LONGEST_SHARE = 0.5  # of what is left of the run: the most that one delay may cover


@dataclass
class Tally:
    """What the kills met."""

    kills: int = 0
    in_checkpoint: int = 0
    in_other_file: int = 0
    before_first_checkpoint: int = 0
    images_lost: int = 0


def fork(task: Callable[[], object]) -> int:
    """Run `task` in a child; -> its process id. The child's exit code is 0 unless it raises."""
    if len(os.listdir("/proc/self/task")) != 1:
        raise SystemExit("This process has more than one thread: forking it is not safe.")
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        task()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def finish(child: int) -> None:
    """Wait for a child that must end well."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 0:
        raise SystemExit(f"A run that was not killed ended with exit code {code}.")


def start_or_resume(preset: str, out: Path, settings: argparse.Namespace) -> None:
    """What a person does after each kill."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if (out / "config.json").is_file():
        api.resume(out, quiet=True)
        return
    shutil.rmtree(out, ignore_errors=True)  # killed before the run had begun
    changes = {
        "arch.generator_width": settings.width,
        "arch.discriminator_width": settings.width,
        "train.checkpoint_minutes": settings.checkpoint_minutes,
        "train.tick_kimg": settings.tick_kimg,
        "train.sample_kimg": settings.kimg / 4,
    }
    kimg, seed = settings.kimg, settings.seed
    api.train(preset, settings.data, out=out, seed=seed, kimg=kimg, changes=changes, quiet=True)


def temporary_files(out: Path) -> tuple[set[int], set[int]]:
    """Inodes of half checkpoints, and of other temporary files."""
    half, other = set(), set()
    for path in out.rglob(".*"):
        try:
            inode = path.stat().st_ino
        except FileNotFoundError:
            continue
        if path.parent.name == "checkpoints":
            half.add(inode)
        elif path.suffix == ".tmp" and "checkpoints" not in path.parts:
            other.add(inode)
    return half, other


def saved_images(out: Path) -> int:
    """Images of the newest checkpoint; 0 without one."""
    checkpoints = Run(out).checkpoints
    if not checkpoints:
        return 0
    return json.loads((checkpoints[-1] / "state.json").read_text())["n_images"]


def shown_images(out: Path) -> int:
    """Images of the newest whole line of metrics."""
    rows = Run(out).history.rows
    return int(rows[-1]["images"]) if rows else 0


def is_finished(out: Path, total: int) -> bool:
    """A kill may fall between the last checkpoint and the end of the process."""
    return out.is_dir() and saved_images(out) >= total


def kill_once(task: Callable[[], object], delay: float, out: Path, tally: Tally) -> None:
    """Start a child, kill it after `delay` seconds, and note where that caught it."""
    half, other = temporary_files(out)
    child = fork(task)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return  # it had just ended: no kill
    if code != -signal.SIGKILL:
        raise SystemExit(f"{out}: resuming ended with exit code {code}.")
    now_half, now_other = temporary_files(out)
    tally.kills += 1
    tally.in_checkpoint += bool(now_half - half)
    tally.in_other_file += bool(now_other - other)
    tally.before_first_checkpoint += saved_images(out) == 0
    tally.images_lost += max(0, shown_images(out) - saved_images(out))


def weights(out: Path) -> dict[str, str]:
    """sha256 of each file of the last checkpoint."""
    last = Run(out).checkpoints[-1]
    return {name: sha256_of(last / f"{name}.safetensors") for name in FILES}


def torture(preset: str, settings: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One preset: the reference, the killed run, the comparison."""
    reference, killed = folder / f"{preset}-reference", folder / f"{preset}-killed"
    begun = time.time()
    finish(fork(lambda: start_or_resume(preset, reference, settings)))
    whole = time.time() - begun
    rows = Run(reference).history.rows
    total = int(rows[-1]["images"])
    start_up = (reference / "samples" / "reals.png").stat().st_mtime - begun
    print(
        f"{preset}: {whole:.1f} s without a kill ({start_up:.1f} s before the first step), "
        f"{total:,} images",
        flush=True,
    )

    draw = random.Random(f"{settings.seed} {preset}")
    tally = Tally()
    begun = time.perf_counter()
    while tally.kills < settings.kills and not is_finished(killed, total):
        left = (1 - saved_images(killed) / total) * rows[-1]["seconds"]
        mean = start_up + left / (settings.kills - tally.kills + 2)
        delay = min(draw.uniform(0, 2 * mean), start_up + LONGEST_SHARE * left)
        kill_once(lambda: start_or_resume(preset, killed, settings), delay, killed, tally)
        print(
            f"  kill {tally.kills}: after {delay:.2f} s, {saved_images(killed):,} images saved",
            flush=True,
        )
    if not is_finished(killed, total):
        finish(fork(lambda: start_or_resume(preset, killed, settings)))
    seconds = time.perf_counter() - begun
    expected, found = weights(reference), weights(killed)
    equal = {name: found[name] == expected[name] for name in FILES}
    return {
        "preset": preset,
        "images": total,
        "seconds_uninterrupted": round(whole, 2),
        "seconds_killed": round(seconds, 2),
        **vars(tally),
        "equal": equal,
        "sha256": expected,
    }


def print_table(results: list[dict[str, Any]]) -> None:
    print(" | ".join(("preset", "kills", "in a checkpoint", "in another file", *FILES)))
    for row in results:
        equal = ["equal" if row["equal"][name] else "DIFFERS" for name in FILES]
        counts = (row["kills"], row["in_checkpoint"], row["in_other_file"])
        print(" | ".join(map(str, (row["preset"], *counts, *equal))))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kimg", type=float, default=40)
    parser.add_argument("--tick-kimg", type=float, default=0.128)
    parser.add_argument("--checkpoint-minutes", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: its own choice")
    parser.add_argument("--width", type=int, default=16, help="of both nets")
    parser.add_argument("--seed", type=int, default=0, help="of the runs and of the delays")
    return parser.parse_args()


def main() -> int:
    settings = arguments()
    facts = machine()
    print(machine_text(facts), flush=True)
    folder = RESULTS / "kill-resume"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    results = []
    for preset in settings.presets:
        try:
            results.append(torture(preset, settings, folder))
        except InputError as error:
            raise SystemExit(str(error)) from error
    print_table(results)
    enough = all(row["kills"] >= settings.kills for row in results)
    equal = all(all(row["equal"].values()) for row in results)
    document = {"machine": facts, "settings": vars(settings), "presets": results}
    write_result("kill-resume", document)
    if not enough:
        print("Too few kills: a run ended before them; raise --kimg.")
    return 0 if equal and enough else 1


if __name__ == "__main__":
    sys.exit(main())
