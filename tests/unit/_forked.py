"""`saddle` in a child of this process: a process of its own, without the seconds of its imports."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from saddlepoint.cli.main import main
from saddlepoint.training import loop

PATIENCE = 300
"""Seconds until a wait is given up: far more than any takes on a machine without a free core."""


def wait_until(
    is_true: Callable[[], object], what: str = "waited in vain", seconds: float = PATIENCE
) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


class Saddle:
    """One command line at work in a child."""

    def __init__(
        self,
        *argv: object,
        before: Callable[[], object] = lambda: None,
        streams: tuple[int, int] | None = None,
    ) -> None:
        """
        Args:
            before: called in the child first, as to make it stop somewhere.
            streams: descriptors of its stdout and stderr; by default files, see `out` and `err`.
        """
        self.code: int | None = None
        """The exit code, or the negative number of a signal; None while it runs."""
        self.out = self.err = ""
        """What it has printed, once it has ended."""
        self._files = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        given = streams or (self._files[0].fileno(), self._files[1].fileno())
        with warnings.catch_warnings():
            # Python 3.12 warns where other threads run: those of a parallel test run do, and wait.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            _become([str(word) for word in argv], before, given)

    def over(self) -> bool:
        """Whether it has ended."""
        if self.code is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self._end(status)
        return self.code is not None

    def wait(self, seconds: float = PATIENCE) -> int:
        """-> its code; a command that hangs is killed."""
        try:
            wait_until(self.over, "the command hangs", seconds)
        finally:
            self.kill()
        assert self.code is not None
        return self.code

    def send(self, number: int) -> None:
        if not self.over():
            os.kill(self.pid, number)

    def kill(self) -> None:
        if not self.over():
            os.kill(self.pid, signal.SIGKILL)
            self._end(os.waitpid(self.pid, 0)[1])

    def _end(self, status: int) -> None:
        self.code = os.waitstatus_to_exitcode(status)
        for file in self._files:
            file.seek(0)
        self.out, self.err = (file.read().decode() for file in self._files)
        for file in self._files:
            file.close()


def _become(argv: list[str], before: Callable[[], object], streams: tuple[int, int]) -> None:
    """Never returns."""
    code = 99
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for number, fd in enumerate(streams, 1):
            os.dup2(fd, number)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - until the end of the process
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115 - as above
        sys.argv = ["saddle", *argv]
        before()
        code = main()
        code = code if _flushed() else 120  # as the interpreter has it
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _flushed() -> bool:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return False
    return True


class Gate:
    """A place where a child waits: `here` says that it is there, `go` lets it through."""

    def __init__(self, folder: Path) -> None:
        self.here, self.gone = folder / "here", folder / "go"

    def stop(self) -> None:
        """In the child."""
        self.here.touch()
        wait_until(self.gone.exists, "nobody opened the gate")

    def wait(self, child: Saddle) -> None:
        """Until the child is there."""
        wait_until(lambda: self.here.exists() or child.over(), "nobody came")
        assert self.here.exists(), child.err

    def open(self) -> None:
        self.gone.touch()

    def at_step(self, number: int) -> Callable[[], None]:
        """For `before`: the child waits before this step of its training."""

        def arrange() -> None:
            iterate, steps = loop.iterate, []

            def step(*given: Any) -> Any:
                steps.append(1)
                if len(steps) == number:
                    self.stop()
                return iterate(*given)

            loop.iterate = step

        return arrange


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def die_at(number: int, since: tuple[Any, str] | None = None) -> Callable[[], None]:
    """For `before`: SIGKILL in place of this one of its calls that change the disk.

    Args:
        since: module and name of the function with which counting begins.
    """

    def arrange() -> None:
        calls, counts = 0, since is None

        def begin(*given: Any) -> Any:
            nonlocal counts
            counts = True
            return function(*given)

        if since is not None:
            function = getattr(*since)
            setattr(*since, begin)

        def happens() -> None:
            nonlocal calls
            calls += counts
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)

        def hook(event: str, given: tuple[Any, ...]) -> None:
            changes = ("os.rename", "os.mkdir", "os.remove", "os.rmdir")
            writes = event == "open" and given[2] & _WRITES and given[0] != os.devnull
            if (event in changes or writes) and "__pycache__" not in str(given[0]):
                happens()

        fsync = os.fsync

        def counted(fd: int) -> None:
            happens()
            fsync(fd)

        os.fsync = counted
        # Python tells of each call before it is made; a hook stays until the process ends.
        sys.addaudithook(hook)

    return arrange
