"""A process that decodes chunks: `python -m saddlepoint.data.worker`, started by `worker_pool`.

It reads one chunk from each line of stdin and answers with one line, both JSON. When its parent
ends, killed or not, its stdin ends, and so does it.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from pathlib import Path
from typing import Any

from saddlepoint.core.errors import words
from saddlepoint.core.json_files import dumps, parse
from saddlepoint.data.archive import Reader
from saddlepoint.data.chunks import Work, run_chunk
from saddlepoint.data.decode import Recipe
from saddlepoint.data.listing import Entry


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent
    reader: Reader | None = None
    for line in sys.stdin.buffer:
        (kind, root, recipe, scratch), number, entries = parse(line, "a chunk of work")
        work = Work(kind, Path(root), Recipe(*recipe), Path(scratch))
        reader = reader or Reader(kind, work.root)
        try:
            records = run_chunk(work, reader, number, [Entry(*entry) for entry in entries])
            answer: dict[str, Any] = {"records": records}
        except OSError as error:  # a full disk; damaged images end as records
            answer = {"errno": error.errno, "text": words(error)}
        sys.stdout.buffer.write(dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
