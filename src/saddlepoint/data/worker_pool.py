"""Decodes the chunks of a preparation on all cores.

The workers are plain programs at the end of a pipe instead of `multiprocessing`, which would run
the user's own script again in every worker: a script that calls `train` at its top level would
train there too.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import astuple

from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.json_files import dumps, parse
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
            # Where none can be started, this process does the work.
            with contextlib.suppress(OSError):
                for _ in range(self.n_workers):
                    self.workers.append(_start_worker())
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
    progress = progress or (lambda done, of: None)
    progress(n_done, len(entries))
    many = bool(pool.workers) and len(entries) - n_done >= POOL_FROM
    results = _by_pool(work, todo, pool.workers) if many else _in_this_process(work, todo)
    for number, result in results:
        records[number] = result
        n_done += len(result)
        progress(n_done, len(entries))
    return [records[number] for number in range(len(chunks))]


def _in_this_process(
    work: Work, todo: dict[int, list[Entry]]
) -> Iterator[tuple[int, list[Record]]]:
    with contextlib.closing(Reader(work.kind, work.root)) as reader:
        for number, chunk in todo.items():
            yield number, run_chunk(work, reader, number, chunk)


def _by_pool(
    work: Work, todo: dict[int, list[Entry]], workers: list[subprocess.Popen[bytes]]
) -> Iterator[tuple[int, list[Record]]]:
    """One thread per worker sends it chunks and collects its answers."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in todo:
        waiting.put(number)
    answers: queue.SimpleQueue[tuple[int, dict]] = queue.SimpleQueue()

    def serve(worker: subprocess.Popen[bytes]) -> None:
        sent: list[int] = []
        try:
            while True:
                # One chunk ahead, so that a worker never waits for this thread: without it a busy
                # machine prepares a fifth fewer images a second.
                with contextlib.suppress(queue.Empty):
                    while len(sent) < 2:
                        sent.append(waiting.get_nowait())
                        _send(worker, work, sent[-1], todo[sent[-1]])
                if not sent:
                    return
                assert worker.stdout is not None
                answers.put((sent.pop(0), parse(worker.stdout.readline(), "a worker's answer")))
        except (OSError, ValueError, InputError):  # its pipe broke, or its answer is incomplete
            answers.put((-1, {}))

    threads = [threading.Thread(target=serve, args=(worker,), daemon=True) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        for _ in todo:
            number, answer = answers.get()
            if "errno" in answer:
                raise OSError(answer["errno"], answer["text"], str(work.scratch))
            if "records" not in answer:
                raise RunFailed(
                    "A worker of the preparation died (often for lack of memory); run the same "
                    "command again to go on from here, with fewer workers if it happens again."
                )
            yield number, records_from(answer["records"])
    finally:
        for worker in workers:
            worker.kill()  # so that no thread waits for an answer
        for thread in threads:
            thread.join()


def _send(worker: subprocess.Popen[bytes], work: Work, number: int, entries: list[Entry]) -> None:
    assert worker.stdin is not None
    where = (work.kind, str(work.root.absolute()), work.recipe, str(work.scratch.absolute()))
    message = dumps([where, number, [astuple(entry) for entry in entries]])
    worker.stdin.write(message.encode() + b"\n")
    worker.stdin.flush()


def _start_worker() -> subprocess.Popen[bytes]:
    # The worker finds this package where this process found it.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    command = [sys.executable, "-P", "-m", "saddlepoint.data.worker"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment)
