"""python -m saddlepoint.sweeping.trial PARENT ARGV: `saddle ARGV` that does not outlive its sweep.

A sweep that is killed can tell nobody. Its trials see that their parent is gone, and then do what
they do at a Ctrl-C: save and stop.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

_SECONDS = 0.5


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    parent = int(sys.argv.pop(1))
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    runpy.run_module("saddlepoint", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
