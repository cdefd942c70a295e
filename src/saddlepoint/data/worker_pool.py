"""Decodes the chunks of a preparation on all cores.

The workers are plain programs at the end of a pipe instead of `multiprocessing`, which would run
the user's own script again in every worker: a script that calls `train` at its top level would
train there too.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import astuple

from saddlepoint.core.errors import RunFailed
from saddlepoint.data.archive import Reader
from saddlepoint.data.chunks import Record, Work, read_records, records_from, run_chunk, split
from saddlepoint.data.listing import Entry

POOL_FROM = 512
"""Fewer images than this are decoded by this process, in less time than a worker takes to start."""


class WorkerPool:
    """Worker processes, which end with the `with` block.

    They start while the source is still being listed: starting one takes as long as decoding a
    thousand small images.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> WorkerPool:
        if self.n_workers > 1:
            self.workers = [_start_worker() for _ in range(self.n_workers)]
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.communicate()


def decode_all(
    work: Work,
    entries: list[Entry],
    pool: WorkerPool,
    progress: Callable[[int, int], None] | None,
) -> list[list[Record]]:
    """Decode what is not yet in the scratch folder; -> the records of every chunk, in order.

    Raises:
        RunFailed: a worker died; finished chunks are kept.
        OSError: the scratch folder cannot be written.
    """
    chunks = split(entries)
    records: dict[int, list[Record]] = {}
    for number, chunk in enumerate(chunks):
        done = read_records(work.scratch, number)
        if done is not None and [r.name for r in done] == [e.name for e in chunk]:
            records[number] = done
    n_done = sum(len(done) for done in records.values())
    todo = {number: chunk for number, chunk in enumerate(chunks) if number not in records}
    if progress is not None:
        progress(n_done, len(entries))
    many = bool(pool.workers) and len(entries) - n_done >= POOL_FROM
    results = _by_pool(work, todo, pool.workers) if many else _in_this_process(work, todo)
    for number, result in results:
        records[number] = result
        n_done += len(result)
        if progress is not None:
            progress(n_done, len(entries))
    return [records[number] for number in range(len(chunks))]


def _in_this_process(
    work: Work, todo: dict[int, list[Entry]]
) -> Iterator[tuple[int, list[Record]]]:
    reader = Reader(work.kind, work.root)
    try:
        for number, chunk in todo.items():
            yield number, run_chunk(work, reader, number, chunk)
    finally:
        reader.close()


def _by_pool(
    work: Work, todo: dict[int, list[Entry]], workers: list[subprocess.Popen[bytes]]
) -> Iterator[tuple[int, list[Record]]]:
    """As many threads as workers, each of which hands a chunk to a worker that is free."""
    free: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
    for worker in workers:
        free.put(worker)

    def run(number: int) -> tuple[int, list[Record]]:
        worker = free.get()
        try:
            return number, _run_chunk_in(worker, work, number, todo[number])
        finally:
            free.put(worker)

    threads = ThreadPoolExecutor(len(workers))
    try:
        for future in as_completed([threads.submit(run, number) for number in todo]):
            yield future.result()
    finally:
        for worker in workers:
            worker.kill()  # so that no thread waits for an answer
        threads.shutdown(cancel_futures=True)


def _run_chunk_in(
    worker: subprocess.Popen[bytes], work: Work, number: int, entries: list[Entry]
) -> list[Record]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    where = (work.kind, str(work.root.absolute()), work.recipe, str(work.scratch.absolute()))
    message = json.dumps([where, number, [astuple(entry) for entry in entries]])
    try:
        worker.stdin.write(message.encode() + b"\n")
        worker.stdin.flush()
        answer = json.loads(worker.stdout.readline())
    except (OSError, ValueError):  # its pipe broke, or its answer is incomplete
        raise RunFailed(
            "A worker of the preparation died (often for lack of memory); run the same "
            "command again to go on from here, with fewer workers if it happens again."
        ) from None
    if "errno" in answer:
        raise OSError(answer["errno"], answer["text"], str(work.scratch))
    return records_from(answer["records"])


def _start_worker() -> subprocess.Popen[bytes]:
    # The worker finds this package where this process found it.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    command = [sys.executable, "-P", "-m", "saddlepoint.data.worker"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment)
