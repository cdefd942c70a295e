"""A process that decodes chunks: `python -m saddlepoint.data.worker`, started by `pool`.

It reads JSON lines from stdin, first the work and then chunks, and answers each chunk with one
line. When its parent is gone, killed or not, its stdin ends, and so does it.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import Any

from saddlepoint.data.archive import Reader
from saddlepoint.data.chunks import Work, run_chunk
from saddlepoint.data.decode import Recipe
from saddlepoint.data.listing import Entry


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    kind, root, recipe, scratch = json.loads(sys.stdin.buffer.readline())
    work = Work(kind, Path(root), Recipe(*recipe), Path(scratch))
    reader = Reader(work.kind, work.root)
    for line in sys.stdin.buffer:
        number, entries = json.loads(line)
        answer: dict[str, Any]
        try:
            records = run_chunk(work, reader, number, [Entry(*entry) for entry in entries])
            answer = {"records": records}
        except OSError as error:  # no space left, say; damaged images never come here
            answer = {"errno": error.errno, "text": error.strerror}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
