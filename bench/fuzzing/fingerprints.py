"""Names of faults that are equal for equal causes, from what Python prints."""

from __future__ import annotations

import re
from pathlib import Path

TRACEBACK = "Traceback (most recent call last)"
_FRAME = re.compile(r'File "([^"]+)", line \d+,? in (\S+)')
_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)


def raised_at(text: str) -> str:
    """`ValueError at core/runs.py:history`, of the last traceback in a text."""
    last = text.rpartition(TRACEBACK)[2]
    error = next((m[1] for m in _RAISED.finditer(last) if m[1] != "During"), "?")
    return f"{error} at {_our_frame(last, -1)}"


def stuck_at(stacks: str) -> str:
    """faulthandler writes the innermost call first."""
    main = stacks.rpartition("Current thread")[2] or stacks
    return f"at {_our_frame(main, 0)}" if main else "somewhere"


def _our_frame(text: str, which: int) -> str:
    frames = _FRAME.findall(text)
    ours = [(path, name) for path, name in frames if "/saddlepoint/" in path]
    if not (ours or frames):
        return "?"
    path, name = (ours or frames)[which]
    return f"{path.rpartition('/saddlepoint/')[2] or Path(path).name}:{name}"


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:400] if lines else ""
