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


def time_peer(paths: list[str], size: int, workers: int) -> float:
    """Seconds."""
    start = time.perf_counter()
    chunks = [paths[at : at + CHUNK] for at in range(0, len(paths), CHUNK)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        assert sum(pool.map(decode_and_resize, chunks, [size] * len(chunks))) > 0
    return time.perf_counter() - start


def time_ours(folder: Path, size: int, workers: int) -> float:
    """Seconds."""
    from saddlepoint.data.prepare import prepare  # here: every started process reads this file

    scratch = Path(tempfile.mkdtemp())
    start = time.perf_counter()
    prepare(folder, scratch / "out", size=size, workers=workers)
    seconds = time.perf_counter() - start
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
    ratios = []
    for run in range(arguments.runs):
        if run % 2:
            peer = time_peer(paths, arguments.size, workers)
            ours = time_ours(arguments.folder, arguments.size, workers)
        else:
            ours = time_ours(arguments.folder, arguments.size, workers)
            peer = time_peer(paths, arguments.size, workers)
        ratios.append(peer / ours)
        print(
            f"run {run + 1}: prepare {len(paths) / ours:,.0f} images/s, decode and resize alone "
            f"{len(paths) / peer:,.0f} images/s, ratio {peer / ours:.3f}"
        )
    print(
        f"ratio: median {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f} "
        f"over {len(ratios)} pairs; {len(paths)} files, size {arguments.size}, {workers} workers; "
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
