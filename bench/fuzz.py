"""Play hostile cases against every verb: none may end in a traceback, a hang or a harmed file.

    python bench/fuzz.py --seed 7 --cases 10000 [--only CATEGORY] [--jobs 2] [--resume]
    python bench/fuzz.py --cases 300 --minutes 4      a new seed each time, which is printed
    python bench/fuzz.py --replay 7:4242              one case: what it is, what it said, its faults

A case is a function of (seed, index). This process imports the package once and forks for each
case, in a private mount namespace where everything but a scratch folder in memory is read-only; it
refuses to run where it cannot have one. Exit code 1 when a case shows a fault, 3 when none was
played, as the machine permits no namespace, 4 when the time was up before all were played. What is
tried is the package that this Python imports.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy must start no thread before the forks
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import contextlib
import gc
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path

import torch
import torch._dynamo  # the first step of an optimiser would, in every child
from _bench import (
    RESULTS,
    git_commit,
    machine,
    machine_text,
    parser_with,
    read_result,
    write_result,
)
from fuzzing import (
    afterwards,
    archives,
    documents,
    files,
    folders,
    inputs,
    inside,
    oracle,
    results,
    sandbox,
    sentences,
    sources,
    surroundings,
    tensors,
    words,
)
from fuzzing import case as cases
from fuzzing.player import Slot
from fuzzing.replay import replay
from fuzzing.warm import build

import saddlepoint

REGISTERED = (
    *(archives, documents, folders, inputs, sources, surroundings, tensors, words),
    *(afterwards, files, sentences),
)
"""Importing these registers the categories, the steps of damage and the rules."""
MOST_GROUPS = 40
LEAST_RESULT = 1000
"""Fewer cases are a test and no figure for the page."""
NOT_PLAYED = 3
SOME_PLAYED = 4
NUMBER = struct.Struct("I")
"""An index in the pipe from the parent: read and written whole, as it is so short."""


def play_cases(slot: Slot, settings: argparse.Namespace, queue: int, out: int) -> int:
    """Play the cases whose numbers come out of `queue`; one line of results each."""
    slot.open()
    while time.monotonic() < settings.deadline and (number := os.read(queue, NUMBER.size)):
        index = NUMBER.unpack(number)[0]
        case = cases.make_case(settings.seed, index)
        try:
            outcome = slot.play(case)
            faults = oracle.judge(case, outcome)
        except Exception as error:  # one case that the fuzzer itself cannot play ends no others
            where = traceback.format_exc(limit=-2)
            outcome = oracle.Outcome(code=0, stderr=where)
            faults = [oracle.Fault("fuzzer", f"{type(error).__name__}: {error}"[:80], where)]
        os.write(out, results.line_of(settings.seed, index, case, outcome, faults))
    return 0


def feed(queue: int, settings: argparse.Namespace, done: set[str]) -> None:
    """Write the numbers of the cases that are wanted; whichever slot is free takes the next."""
    seed, only = settings.seed, settings.only
    wanted = (i for i in count() if only is None or cases.category_of(seed, i) == only)
    with contextlib.suppress(BrokenPipeError):  # the time is up, and the slots are gone
        for index in islice(wanted, settings.cases):
            if f"{seed}:{index}" not in done:
                os.write(queue, NUMBER.pack(index))
    os.close(queue)


def warden(scratch: Path, settings: argparse.Namespace, done: set[str], out: int) -> int:
    """In a sandbox: build the world, then let the slots play. -> exit code"""
    sandbox.enter(scratch)
    begun = time.monotonic()
    usual = build(scratch)
    print(f"The world was made in {time.monotonic() - begun:.0f} s.", flush=True)
    gc.collect()
    gc.freeze()  # the children share these objects as long as nobody counts them
    inside.malloc_trim()
    if settings.replay:
        return replay(Slot(scratch, 0, usual), settings.replay, settings.shrink)
    children = []
    taken, given = os.pipe()
    settings.deadline = time.monotonic() + 60 * settings.minutes
    for number in range(settings.jobs):
        child = os.fork()
        if child == 0:
            sandbox.die_with_parent(signal.SIGKILL)
            os.close(given)
            slot = Slot(scratch, number, usual)
            _leave(lambda slot=slot: play_cases(slot, settings, taken, out))
        children.append(child)
    os.close(taken)
    feed(given, settings, done)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return max(map(abs, codes))


def _leave(task: Callable[[], int]) -> None:
    """End this child with what `task` returns; never come back into the parent's code."""
    code = 70
    try:
        code = task()
    except sandbox.NoSandbox as error:
        print(f"NOT PLAYED: {error}", file=sys.stderr)
        code = NOT_PLAYED
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        os._exit(code)


def report(settings: argparse.Namespace, path: Path, seconds: float) -> int:
    """Print counts and groups, write the JSON; -> exit code."""
    source, records = results.read(path)
    found = results.summary(list(records.values()))
    grouped = results.groups(records.values())
    document = {
        "machine": machine(),
        "commit": git_commit(),
        "seed": settings.seed,
        "source": source,
        "seconds": round(seconds, 1),
        **found,
        "groups": grouped,
    }
    if settings.cases >= LEAST_RESULT and settings.only is None:
        # The last two seeds stand side by side, each with its commit.
        others = (read_result("fuzz") or {}).get("plays", [])
        kept = [play for play in others if play["seed"] != settings.seed][-1:]
        write_result("fuzz", {"plays": [*kept, document]})
    print(*results.table(found), sep="\n")
    all_played = found["cases"] >= settings.cases
    wanted = "" if all_played else f" of {settings.cases:,}"
    print(
        f"seed {settings.seed}: {found['cases']:,}{wanted} cases in {seconds:.0f} s, "
        f"{found['faulty']:,} with a fault, {len(grouped)} different; peak "
        f"{found['peak_memory_mb']:,} MiB"
    )
    for row in grouped[:MOST_GROUPS]:
        print(f"{row['n']:>5} x {row['kind']}: {row['fingerprint']!a}")
        print(f"        python bench/fuzz.py --replay {row['cases'][0]}")
    if found["faulty"]:
        return 1
    return 0 if all_played else SOME_PLAYED


def arguments() -> argparse.Namespace:
    parser = parser_with(__doc__)
    parser.add_argument("--seed", type=int, help="by default a new one, which is printed")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--only", choices=list(cases.CATEGORIES))
    parser.add_argument("--minutes", type=float, default=1e6, help="of playing, at most")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--resume", action="store_true", help="play only what has no result yet")
    parser.add_argument("--replay", metavar="SEED:INDEX")
    parser.add_argument("--shrink", action="store_true", help="with --replay: the smallest case")
    settings = parser.parse_args()
    if settings.seed is None:
        settings.seed = random.SystemRandom().randrange(10**6)
    return settings


def main() -> int:
    settings = arguments()
    print(f"seed {settings.seed}, {saddlepoint.__file__}. {machine_text(machine())}", flush=True)
    torch.set_num_threads(1)
    name = "" if settings.only is None else f"-{settings.only.replace(' ', '-')}"
    path = RESULTS / "fuzz" / f"{settings.seed}{name}.jsonl"
    package = Path(saddlepoint.__file__).parent
    # A worker that a case starts has to import it from there, too.
    os.environ["PYTHONPATH"] = str(package.parent)
    source = results.source_hash(package, Path(cases.__file__).parent)
    before, records = results.read(path)
    if settings.resume and before not in ("", source):
        print("The package has changed since that start; begin anew without --resume.")
        return 2
    done = set(records) if settings.resume else set()
    out = os.open("/dev/null", os.O_WRONLY)
    if not settings.replay:
        # Opened before the sandbox: a descriptor keeps the mount that it was opened by.
        out = results.begin(path, source, keep=bool(done))
    scratch = Path(tempfile.mkdtemp(prefix="saddle-fuzz-"))
    if len(os.listdir("/proc/self/task")) != 1:
        raise SystemExit("This process has more than one thread: forking it is not safe.")
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        _leave(lambda: warden(scratch, settings, done, out))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child has it too, and ends; then we report
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    shutil.rmtree(scratch, ignore_errors=True)
    if settings.replay or code in (NOT_PLAYED, 70):
        return code
    return report(settings, path, time.monotonic() - begun)


if __name__ == "__main__":
    sys.exit(main())
