"""The streams of a command: stdout carries its answer and nothing else, stderr what a person reads
meanwhile, and losing either harms nothing."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TextIO, cast


def printable(text: str, lines: bool = False) -> str:
    """`text` without control characters: escape, bell and the like become `\\x1b`, `\\x07`.

    Names of files, classes and labels are not to be trusted; whatever prints one calls this.

    Args:
        lines: keep line feeds, for a text of several lines.
    """
    return "".join(
        c if c.isprintable() or (lines and c == "\n") else c.encode("unicode_escape").decode()
        for c in text
    )


class Surviving:
    """A text stream that never raises: after the first error whatever is written is dropped."""

    def __init__(self, stream: TextIO | None) -> None:
        # Python has None for a stream that was closed before it started.
        self._stream = stream or _nowhere()
        self.error: OSError | None = None
        """Why the stream was lost."""
        self.used = False
        """Whether anything was written to it, or would have been."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self.used = True
        with self._losing():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._losing():
            self._stream.flush()

    @contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = error
            with contextlib.suppress(OSError), open(os.devnull, "w") as nowhere:
                # What is still buffered would fail once more when the interpreter ends.
                os.dup2(nowhere.fileno(), self._stream.fileno())


@cache
def _nowhere() -> TextIO:
    # The descriptor stays open: whoever looks for files that were left open finds none.
    return open(os.open(os.devnull, os.O_WRONLY), "w", closefd=False)


class _Warnings(logging.Handler):
    """Warnings of the package, which name files and what stands in them."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(record.getMessage())


_answers: Surviving | None = None


@contextmanager
def command_streams() -> Iterator[Surviving]:
    """While it holds, `print` writes to stderr, whoever calls it; yields the stream of answers.

    A plug-in that prints thus cannot damage the JSON document of a command.
    """
    global _answers
    _fill_descriptors()
    before = _answers, sys.stdout, sys.stderr
    _answers, errors = Surviving(sys.stdout), Surviving(sys.stderr)
    with contextlib.suppress(AttributeError, OSError):  # a test's stream; one that is closed
        _answers.reconfigure(errors="backslashreplace")
    sys.stdout = sys.stderr = cast(TextIO, errors)
    warnings, log = _Warnings(logging.WARNING), logging.getLogger("saddlepoint")
    log.addHandler(warnings)
    try:
        yield _answers
    finally:
        log.removeHandler(warnings)
        _answers.flush()
        errors.flush()
        _answers, sys.stdout, sys.stderr = before


def _fill_descriptors() -> None:
    """Or the next file that is opened would be number 2, and get what libraries write to stderr."""
    with contextlib.suppress(OSError):  # where none can be opened, no other file can be either
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(number)


_is_silent = False


def silence(wanted: bool) -> None:
    """Whether `answer` and `tell` say nothing: of several processes that train, one speaks."""
    global _is_silent
    _is_silent = wanted


def answers() -> TextIO:
    """The stream of a command's answer; outside of a command plain stdout."""
    return _nowhere() if _is_silent else cast(TextIO, _answers or sys.stdout)


def answer(text: object) -> None:
    """Print the answer of a command, or a part of it."""
    print(printable(str(text), lines=True), file=answers())


def tell(text: str) -> None:
    """Print a line on stderr."""
    if _is_silent:
        return
    print(printable(text), file=sys.stderr)
