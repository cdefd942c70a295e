"""Rate of `prepare` beside decoding and resizing alone, on the same files and cores.

    python bench/prepare.py FOLDER [--runs 3] [--size 64]

The peer is the least that any preparation must do: read each file, decode it with Pillow, resize
it by Lanczos and throw the pixels away, in as many processes, started in the same way. Both are
timed from the call to the return, the start of their processes included. The runs are paired,
each going first in turn, as other work on the machine comes and goes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

CHUNK = 128


def decode_and_resize(paths: list[str], size: int) -> int:
    """The peer's work on some files; -> bytes of pixels, so that nothing is optimised away."""
    n_bytes = 0
    for path in paths:
        with Image.open(path) as image:
            n_bytes += np.asarray(image.resize((size, size), Image.Resampling.LANCZOS)).nbytes
    return n_bytes


def cpu_seconds() -> float:
    """Used so far by this process and its children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def time_peer(paths: list[str], size: int, workers: int) -> tuple[float, float]:
    """Seconds by the clock and of all processors."""
    start, cpu = time.perf_counter(), cpu_seconds()
    chunks = [paths[at : at + CHUNK] for at in range(0, len(paths), CHUNK)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        assert sum(pool.map(decode_and_resize, chunks, [size] * len(chunks))) > 0
    return time.perf_counter() - start, cpu_seconds() - cpu


def time_ours(folder: Path, size: int, workers: int) -> tuple[float, float]:
    """Seconds by the clock and of all processors."""
    from saddlepoint.data.prepare import prepare  # here: every started process reads this file

    scratch = Path(tempfile.mkdtemp())
    start, cpu = time.perf_counter(), cpu_seconds()
    prepare(folder, scratch / "out", size=size, workers=workers)
    seconds = time.perf_counter() - start, cpu_seconds() - cpu
    shutil.rmtree(scratch)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--size", type=int, default=64)
    arguments = parser.parse_args()
    endings = {".jpg", ".jpeg", ".png"}
    paths = sorted(str(p) for p in arguments.folder.rglob("*") if p.suffix.lower() in endings)
    workers = len(os.sched_getaffinity(0))
    time_peer(paths, arguments.size, workers)  # reads the files into the cache
    time_ours(arguments.folder, arguments.size, workers)
    by_clock, by_cpu = [], []
    for run in range(arguments.runs):
        if run % 2:
            peer = time_peer(paths, arguments.size, workers)
            ours = time_ours(arguments.folder, arguments.size, workers)
        else:
            ours = time_ours(arguments.folder, arguments.size, workers)
            peer = time_peer(paths, arguments.size, workers)
        by_clock.append(peer[0] / ours[0])
        by_cpu.append(peer[1] / ours[1])
        print(
            f"run {run + 1}: prepare {len(paths) / ours[0]:,.0f} images/s, decode and resize alone "
            f"{len(paths) / peer[0]:,.0f} images/s, ratio {by_clock[-1]:.3f} "
            f"({by_cpu[-1]:.3f} by processor time)"
        )
    for name, ratios in (("by the clock", by_clock), ("by processor time", by_cpu)):
        print(
            f"ratio {name}: median {statistics.median(ratios):.3f}, "
            f"{min(ratios):.3f} to {max(ratios):.3f} over {len(ratios)} pairs"
        )
    print(
        f"{len(paths)} files, size {arguments.size}, {workers} workers; load "
        f"{os.getloadavg()[0]:.1f}; {platform.machine()}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
