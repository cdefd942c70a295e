"""Files, pipes whose readers leave, and terminals, in the place of a child's streams."""

from __future__ import annotations

import os
import pty
import select
import tty
from pathlib import Path

from fuzzing.case import Case

MOST_OUTPUT = 4 * 2**20


class Streams:
    """The three standard streams of a child, as its case wants them."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.folder = folder
        self.buffers = {"stdout": b"", "stderr": b""}
        self.left: dict[str, int] = {}
        self.masters: dict[int, str] = {}
        stdin = -1 if case.stdin == "closed" else os.open("/dev/null", os.O_RDONLY)
        out = self._make("stdout", case.stdout)
        err = out if case.stderr == "same" else self._make("stderr", case.stderr)
        self.given = (stdin, out, err)

    def _make(self, name: str, kind: str) -> int:
        if kind == "closed":
            return -1
        if kind == "full":
            return os.open("/dev/full", os.O_WRONLY)
        if kind == "pty":
            master, slave = pty.openpty()
            tty.setraw(slave)
            self.masters[master], self.left[name] = name, MOST_OUTPUT
            return slave
        if kind.startswith("pipe:"):
            master, slave = os.pipe()
            self.masters[master], self.left[name] = name, int(kind.partition(":")[2])
            if self.left[name] == 0:
                self._leave(master)
            return slave
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        return os.open(self.folder / name, flags, 0o666)

    def close_given(self) -> None:
        for fd in set(self.given):
            if fd >= 0:
                os.close(fd)

    def wait(self, handle: int, seconds: float) -> bool:
        """True when the child has ended."""
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        for master in self.masters:
            poll.register(master, select.POLLIN)
        for fd, _ in poll.poll(seconds * 1000):
            if fd == handle:
                return True
            self._read(fd)
        return False

    def drain(self) -> None:
        """Read what is left; a terminal hands it over a moment after the process has ended."""
        for master in list(self.masters):
            poll = select.poll()
            poll.register(master, select.POLLIN)
            while master in self.masters and poll.poll(200):
                self._read(master)
        for master in list(self.masters):
            self._leave(master)

    def _read(self, master: int) -> None:
        name = self.masters[master]
        try:
            got = os.read(master, min(65536, self.left[name]))
        except OSError:  # a terminal whose other side is gone
            got = b""
        self.buffers[name] += got
        self.left[name] -= len(got)
        if not got or self.left[name] <= 0:
            self._leave(master)

    def _leave(self, master: int) -> None:
        os.close(master)
        del self.masters[master]

    def text(self, name: str) -> str:
        file = self.folder / name
        content = self.buffers[name]
        if file.exists():
            with open(file, "rb") as opened:
                content = opened.read(MOST_OUTPUT)
            file.unlink()
        return content.decode(errors="surrogateescape")
