"""Kill a run wherever it may be, resume it, and compare it with a run that was never killed.

    python bench/kill_resume.py [--random 100] [--calls 200] [--jobs 2] [--only treated]

Claim: a SIGKILL at any of 100 random moments, or at any of the first 200 calls of rename, fsync and
mkdir, on each of three small runs, one of which is treated on the way, changes nothing: resumed,
each run ends with the weights, optimisers, lines of metrics, findings, treatments, scores and
pictures of a run never killed. Exit code 1 when anything differs or a run cannot be resumed.

How. This process imports torch and computes nothing with it, so that it has a single thread and may
fork (this is checked). Each child calls `saddlepoint.train`, or `saddlepoint.resume` where a run is
there, as a person would: a new child is as good as a new process, without seconds of imports. Nets
are small, and with `train.checkpoint_minutes` at 0 each line of metrics is followed by a
checkpoint, so that most calls and many moments lie in a save. Random moments are uniform over the
whole time of a child, from its first instruction to its last; a third of the resumed runs is killed
once more. At calls a child kills itself in place of the call; it writes no report, which would
take half of the time. A kill counts as "in a checkpoint" when it left a half-written or
half-removed one.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # none before the forks

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects
import torch._dynamo
from _bench import git_commit, machine, machine_text, parser_with, write_result
from _contents import contents, differing

from saddlepoint import api
from saddlepoint.core import registry
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.runs import Run
from saddlepoint.lab.failures import FAILURES

IMPORTED = (plotly.graph_objects, torch._dynamo)  # once, and not in every child
CALLS = ("replace", "rename", "fsync", "mkdir")
"""Of the module os: after any of them the folder is another."""
_SMALL = {
    "train.batch_size": 16,
    "train.checkpoint_minutes": 0,
    "train.device": "cpu",
    "train.n_samples": 4,
    "train.threads": 1,
    "train.tick_kimg": 0.064,
    "train.sample_kimg": 0.192,
    "doctor.probe_kimg": 0.128,
}
_DCGAN = {"arch.generator_width": 4, "arch.discriminator_width": 4}
_MLP = {"arch.generator_widths": (16,), "arch.discriminator_widths": (16,)}


def _healthy(preset: str) -> Config:
    return with_changes(api.configure(preset, "digits", kimg=0.64), {**_SMALL, **_DCGAN})


def _treated() -> Config:
    """The lecture's complete collapse in small, with the doctor in treat mode."""
    often = {"train.tick_kimg": 0.4, "train.sample_kimg": 1.6, "doctor.probe_kimg": 0.4}
    changes = {**_SMALL, **_MLP, **often, "train.kimg": 8}
    return with_changes(FAILURES["complete-collapse"].config("treated", 0), changes)


RUNS: dict[str, Callable[[], Config]] = {
    "dcgan": lambda: _healthy("dcgan"),
    "cgan-every-layer": lambda: _healthy("cgan-every-layer"),
    "treated": _treated,
}


class Kill(NamedTuple):
    run: str
    call: int
    """The number of the call to be killed at; 0: at a random moment."""
    number: int


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
        sys.stdout.flush()
        os._exit(code)


def ended(child: int) -> int:
    """Wait for a child; -> its exit code, or the negative number of a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def go_on(name: str, out: Path, report: bool = True) -> None:
    """What a person does after each kill: the same command, or `saddle resume`."""
    if not report:
        api.Run.report = lambda run: run.report_file  # type: ignore[method-assign]
    run = Run(out)
    if not run.config_file.is_file():
        api.train(RUNS[name](), out=out, quiet=True)
    elif run.status.get("state") != "finished" or (report and not run.report_file.is_file()):
        api.resume(out, quiet=True)


def die_at(number: int, counts: Counter[str]) -> None:
    """From here on this process is killed in place of call `number`; 0: the calls are counted."""

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            counts[name] += 1
            if counts.total() == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **more)

        return call

    for name in CALLS:
        setattr(os, name, counted(name, getattr(os, name)))


def half_checkpoints(out: Path) -> int:
    return len(list(out.glob("checkpoints/.*")))


def play(kill: Kill, folder: Path, reference: dict[str, Any], seconds: float) -> dict[str, Any]:
    """One kill, and the way to the end from there."""
    out = folder / f"{kill.run}-{kill.call}-{kill.number}"
    draw = random.Random(f"{kill.run} {kill.number}")
    result: dict[str, Any] = {"run": kill.run, "call": kill.call, "kills": 0, "half": 0}

    def killed_child(report: bool = True) -> None:
        if kill.call:
            die_at(kill.call, Counter())
        go_on(kill.run, out, report)

    attempts = 1 + (not kill.call and draw.random() < 1 / 3)
    for _ in range(attempts):
        child = fork(lambda: killed_child(report=not kill.call))
        if not kill.call:
            time.sleep(draw.uniform(0, seconds))
            os.kill(child, signal.SIGKILL)
        code = ended(child)
        if code not in (0, -signal.SIGKILL):
            return {**result, "differs": [f"exit code {code}"]}
        result["kills"] += code != 0  # otherwise it had just ended
        result["half"] += half_checkpoints(out) > 0
    code = ended(fork(lambda: go_on(kill.run, out, report=not kill.call)))
    if code:
        return {**result, "differs": [f"exit code {code} when resumed"]}
    expected = reference | ({"report": False} if kill.call else {})
    differs = differing(contents(out), expected)
    if not differs:
        shutil.rmtree(out)
    return {**result, "differs": differs}


def work(
    kills: Sequence[Kill],
    folder: Path,
    references: dict[str, tuple[dict[str, Any], float]],
    to: Path,
) -> None:
    """Play kills one after the other; a line of the file each."""
    with open(to, "w") as file:
        for kill in kills:
            result = play(kill, folder, *references[kill.run])
            file.write(json.dumps(result) + "\n")
            file.flush()
            if result["differs"]:
                print(f"{kill}: {result['differs']}", flush=True)


def measure(name: str, folder: Path) -> tuple[dict[str, Any], float, Counter[str]]:
    """A run never killed: contents, seconds and calls."""
    out = folder / name
    begun = time.monotonic()
    if ended(fork(lambda: go_on(name, out))):
        raise SystemExit(f"{name} cannot be trained.")
    seconds = time.monotonic() - begun

    def count() -> None:
        counts: Counter[str] = Counter()
        die_at(0, counts)
        go_on(name, folder / f"{name}-counted", report=False)
        (folder / f"{name}.calls").write_text(json.dumps(counts))

    ended(fork(count))
    return contents(out), seconds, Counter(json.loads((folder / f"{name}.calls").read_text()))


def summary(name: str, results: list[dict[str, Any]], reference: dict[str, Any]) -> dict[str, Any]:
    own = [one for one in results if one["run"] == name]
    at_calls = [one for one in own if one["call"]]
    at_random = [one for one in own if not one["call"]]
    return {
        "run": name,
        "images": reference["state"]["n_images"],
        "treatments": len(reference["document"].get("treatments", [])),
        "at_random": sum(one["kills"] for one in at_random),
        "at_calls": sum(one["kills"] for one in at_calls),
        "in_a_checkpoint": sum(one["half"] for one in own),
        "runs": len(own),
        "different": sum(bool(one["differs"]) for one in own),
    }


def arguments() -> argparse.Namespace:
    parser = parser_with(__doc__)
    parser.add_argument("--random", type=int, default=100, help="kills at random moments, a run")
    parser.add_argument("--calls", type=int, default=200, help="kills at its first calls")
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args()


def main() -> int:
    settings = arguments()
    for group in registry.HOMES:
        registry.names(group)
    facts = machine()
    print(machine_text(facts), flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="saddle-kills-") as temporary:
        folder = Path(temporary)
        references: dict[str, tuple[dict[str, Any], float]] = {}
        kills: list[Kill] = []
        for name in settings.only:
            expected, seconds, calls = measure(name, folder)
            references[name] = expected, seconds
            total = calls.total()
            print(f"{name}: {seconds:.1f} s without a kill, {total} calls {dict(calls)}")
            kills += [Kill(name, 0, n) for n in range(settings.random)]
            kills += [Kill(name, n, n) for n in range(1, min(settings.calls, total) + 1)]
        random.Random(0).shuffle(kills)  # every job has its share of the long runs
        files = [folder / f"{job}.jsonl" for job in range(settings.jobs)]
        children = [
            fork(lambda: work(kills[job :: settings.jobs], folder, references, file))  # noqa: B023 - it runs at once
            for job, file in enumerate(files)
        ]
        codes = [ended(child) for child in children]
        results = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        if any(codes) or len(results) != len(kills):
            raise SystemExit(f"Only {len(results)} of {len(kills)} kills were played.")
    rows = [summary(name, results, references[name][0]) for name in settings.only]
    for row in rows:
        print(row)
    document = {"machine": facts, "commit": git_commit(), "settings": vars(settings), "runs": rows}
    write_result("kill-resume", {**document, "minutes": round((time.monotonic() - begun) / 60, 1)})
    return 1 if any(row["different"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
