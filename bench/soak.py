"""Run the verbs over and over: memory, handles, threads, temporary files and children stay flat.

    python bench/soak.py [--minutes 15] [--rounds 1000]

A round trains for about two seconds, then samples, evaluates, diagnoses and resumes that run, and
prepares a data set. Half of the time all rounds share one process, as in a notebook; in the other
half each command is a process of its own. The first rounds fill caches and count for nothing; of
the others a line is fitted to each quantity, and its slope is the result. Exit code 1 when a
command fails or a quantity grows.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from _bench import git_commit, machine, machine_text, parser_with, write_result

from saddlepoint.cli.main import main as saddle

NETS = ("--arch.generator-width", "8", "--arch.discriminator-width", "8")
PACE = ("--train.batch-size", "32", "--train.tick-kimg", "0.25", "--train.n-samples", "16")
FEATURES = ("--features", "pixels", "--n", "200", "--bootstrap", "10")
ROUND = (
    ("train", "dcgan", "--data", "digits", "--out", "run", "--kimg", "1", *NETS, *PACE),
    ("sample", "run", "--out", "grid.png"),
    ("sample", "run", "--out", "samples.npz", "--n", "100"),
    ("evaluate", "run", *FEATURES),
    ("doctor", "run", "--json"),
    ("resume", "run", "--kimg", "1.25"),
    ("data", "prepare", "run/samples", "--out", "prepared", "--size", "8", "--workers", "2"),
)
WARM_UP = 0.2
"""Share of the rounds that fill caches."""
MOST_GROWTH = {"memory_mb": 10.0, "peak_mb": math.inf}
"""By how much a quantity may grow in 100 rounds (700 commands). The peaks are told and not judged:
freed blocks that the C library keeps are in them."""
Row = dict[str, float]


def children_of(process: int) -> int:
    """Living children of all threads of a process."""
    folder = Path(f"/proc/{process}/task")
    return sum(len((task / "children").read_text().split()) for task in folder.iterdir())


def resident_mb() -> float:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def held_mb() -> float:
    """The same once the C library has given back what is free: what only grows here is a leak."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return resident_mb()


def in_this_process(argv: Sequence[str]) -> tuple[int, float]:
    """-> exit code, MiB that this process holds in memory afterwards."""
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        code = saddle(argv)
    return code, resident_mb()


def in_its_own(argv: Sequence[str]) -> tuple[int, float]:
    """-> exit code, MiB that the process has held at most."""
    command = [sys.executable, "-m", "saddlepoint", *argv]
    nowhere = subprocess.DEVNULL
    child = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, usage.ru_maxrss / 1024


WAYS = {"one process": in_this_process, "many processes": in_its_own}


def measured(temporary: Path, memory_mb: float) -> Row:
    """What must not grow. Handles and threads are those of this process."""
    return {
        "peak_mb": memory_mb,
        "memory_mb": held_mb(),
        "file handles": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "child processes": children_of(os.getpid()),
        "temporary files": sum(1 for _ in temporary.rglob("*")),
        "files of the cache": sum(1 for _ in Path(os.environ["XDG_CACHE_HOME"]).rglob("*")),
    }


def soak(run: Callable[[Sequence[str]], tuple[int, float]], seconds: float, most: int) -> list[Row]:
    """Rounds until the time is up. Raises SystemExit when a command fails."""
    rows: list[Row] = []
    end = time.monotonic() + seconds
    temporary = Path(tempfile.gettempdir())
    while len(rows) < most and (time.monotonic() < end or len(rows) < 5):
        memory = []
        for argv in ROUND:
            code, memory_mb = run(argv)
            memory.append(memory_mb)
            if code not in (0, 3):
                raise SystemExit(f"saddle {' '.join(argv)}: exit code {code}")
        for path in Path().iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        rows.append(measured(temporary, max(memory)))
    return rows


def slope(values: Sequence[float]) -> float:
    """Of the line through values at equal steps, by least squares; per 100 steps."""
    fitted = statistics.linear_regression(range(len(values)), values)
    return 100 * fitted.slope


def summary(rows: list[Row]) -> dict[str, Any]:
    """First and last value and slope of each quantity, after the warm-up."""
    kept = rows[int(WARM_UP * len(rows)) :]
    quantities = {}
    for name in rows[0]:
        values = [row[name] for row in kept]
        grows = slope(values)
        quantities[name] = {
            "first": round(values[0], 1),
            "last": round(values[-1], 1),
            "per_100_rounds": round(grows, 3) + 0.0,
            "flat": grows <= MOST_GROWTH.get(name, 0.0),
        }
    return {"rounds": len(rows), "commands": len(rows) * len(ROUND), "quantities": quantities}


def main() -> int:
    parser = parser_with(__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=10**6, help="at most so many of each kind")
    settings = parser.parse_args()
    facts = machine()
    print(machine_text(facts), flush=True)
    document: dict[str, Any] = {"machine": facts, "commit": git_commit(), "ways": {}}
    document["minutes"] = settings.minutes
    with tempfile.TemporaryDirectory(prefix="saddle-soak-") as folder:
        # Our own temporary folder and cache, so that what is left in them is ours.
        for name in ("tmp", "cache", "work"):
            (Path(folder) / name).mkdir()
        os.environ |= {"TMPDIR": f"{folder}/tmp", "XDG_CACHE_HOME": f"{folder}/cache"}
        tempfile.tempdir = None
        os.chdir(f"{folder}/work")
        for name, run in WAYS.items():
            rows = soak(run, 30 * settings.minutes, settings.rounds)
            document["ways"][name] = found = summary(rows)
            print(f"{name}: {found['rounds']} rounds, {found['commands']} commands")
            for quantity, row in found["quantities"].items():
                print(
                    f"  {quantity:<20}{row['first']:>9} -> {row['last']:>9}   "
                    f"{row['per_100_rounds']:+.3f} in 100 rounds"
                )
        os.chdir("/")
    write_result("soak", document)
    quantities = [row for way in document["ways"].values() for row in way["quantities"].values()]
    return int(not all(row["flat"] for row in quantities))


if __name__ == "__main__":
    raise SystemExit(main())
