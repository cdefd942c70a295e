"""What happens in a child between its fork and its end: it becomes `saddle` with all its faults."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import errno
import faulthandler
import fcntl
import gc
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

from fuzzing import sandbox
from fuzzing.case import Case, Step

NOBODY = 65534
GIBIBYTE = 2**30
MOST_PROCESSES = 16
"""More than this is a case that would bring the machine down (`--workers 100000`)."""
TOO_MANY_PROCESSES = 99
USUAL = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TERM": "xterm",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONPATH": "",
}
_EVENTS = {
    "os.rename": "rename",
    "os.mkdir": "mkdir",
    "os.remove": "remove",
    "os.rmdir": "remove",
    "open": "open",
    "os.truncate": "write",
}
"""Names of Python's audit events (they come before the call is made) and ours."""


def become(case: Case, world: Path, streams: tuple[int, int, int], hangs: int) -> None:
    """Run one command line as a process of its own would; never returns.

    Args:
        streams: stdin, stdout, stderr; -1 is closed.
        hangs: a file descriptor that gets the stacks at SIGUSR1.
    """
    os.setsid()
    sandbox.die_with_parent(signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Copied to high numbers first, as one stream's old number may be another one's new one.
    copies = [fd if fd < 0 else fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in streams]
    kept = fcntl.fcntl(hangs, fcntl.F_DUPFD, 200)
    for number, fd in enumerate(copies):
        if fd >= 0:
            os.dup2(fd, number)
        else:
            with contextlib.suppress(OSError):
                os.close(number)
    os.closerange(3, kept)
    os.closerange(kept + 1, 4096)
    faulthandler.register(signal.SIGUSR1, file=kept, all_threads=True)
    os.chdir(world)
    tell = os.environ.get("SADDLE_FUZZ_MODULES")
    _set_environment(case, world)
    _set_streams()
    if case.user:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        sandbox.die_with_parent(signal.SIGKILL)  # setuid forgets it
    _set_limits(case)
    _watch_events(case.fault, str(world))
    gc.enable()
    sys.argv = ["saddle", *case.argv]
    _run_as_main(tell)


def _set_environment(case: Case, world: Path) -> None:
    where = {"HOME": f"{world}/home", "TMPDIR": f"{world}/tmp", "XDG_CACHE_HOME": f"{world}/cache"}
    path = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    wanted = {**USUAL, **path, **where, **case.environment}
    os.environ.clear()
    for name, text in wanted.items():
        if text is not None:
            os.environ[name] = text.replace("{world}", str(world))
    tempfile.tempdir = None  # the parent's choice was made for its own environment


def _set_streams() -> None:
    """sys.stdin and its kin as the interpreter makes them; None where the stream is closed."""
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8").partition(":")[0]
    sys.stdin = _stream(0, "r", encoding, "surrogateescape")
    sys.stdout = _stream(1, "w", encoding, "strict")
    sys.stderr = _stream(2, "w", encoding, "backslashreplace")
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr


def _stream(number: int, mode: str, encoding: str, errors: str) -> Any:
    try:
        os.fstat(number)
    except OSError:
        return None
    line = number == 2 or os.isatty(number)
    file = open(number, mode, encoding=encoding, errors=errors, closefd=False)  # noqa: SIM115 - the child keeps it
    file.reconfigure(line_buffering=line)
    return file


def _set_limits(case: Case) -> None:
    limits = {"AS": 4 * GIBIBYTE, "CORE": 0, **case.limits}
    # What torch has mapped before the command does anything is not the command's doing.
    with open("/proc/self/statm") as file:
        limits["AS"] += int(file.read().split()[0]) * resource.getpagesize()
    for name, value in limits.items():
        hard = value if name != "AS" else resource.RLIM_INFINITY
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, hard))


def _watch_events(fault: Step | None, world: str) -> None:
    """Count the process's calls to the system by Python's audit hooks, and strike at the n-th."""
    counts = {"processes": 0, "events": 0}
    strike = None if fault is None else _striker(fault)
    wanted = None if fault is None else fault["event"]
    last = -1 if fault is None else int(fault["at"])

    def happens(event: str) -> None:
        if strike is not None and wanted in ("any", event):
            counts["events"] += 1
            if counts["events"] == last:
                strike()

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        if name == "subprocess.Popen":
            counts["processes"] += 1
            if counts["processes"] > MOST_PROCESSES:
                os._exit(TOO_MANY_PROCESSES)
        event = _EVENTS.get(name)
        if event == "open":
            # Only what is opened to be written: reading source files counts for nothing.
            writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            own = str(arguments[0]) == os.devnull or "__pycache__" in str(arguments[0])
            event = "open" if writes and not own else None
        if event is not None:
            happens(event)

    real_fsync = os.fsync

    def fsync(fd: int) -> None:
        happens("fsync")
        real_fsync(fd)

    os.fsync = fsync
    sys.addaudithook(hook)


def _striker(fault: Step) -> Any:
    kind = fault["strike"]
    if kind == "clock":
        real, jump = time.time, float(fault["seconds"])

        def forward() -> None:
            time.time = lambda: real() + jump

        return forward
    if kind in errno.errorcode.values():
        number = getattr(errno, kind)

        def fail() -> None:
            raise OSError(number, os.strerror(number), fault.get("path"))

        return fail

    def send() -> None:
        os.kill(os.getpid(), getattr(signal, kind))
        if fault.get("again"):
            os.kill(os.getpid(), getattr(signal, kind))

    return send


def _run_as_main(tell: str | None) -> None:
    """What the `saddle` script and the end of the interpreter do, without the latter's half second.

    An exception that nobody caught is printed; the streams are flushed, and one that cannot be is
    exit code 120.
    """
    code: Any = 1
    uncaught: BaseException | None = None
    try:
        from saddlepoint.cli.main import main

        code = main()
    except SystemExit as stop:
        code = stop.code
    except BaseException as error:
        uncaught = error
        with contextlib.suppress(BaseException):
            sys.excepthook(type(error), error, error.__traceback__)
    if isinstance(code, str):
        with contextlib.suppress(BaseException):
            print(code, file=sys.stderr)
    if tell:
        with open(tell, "a") as opened:
            opened.write(json.dumps(sorted(sys.modules)) + "\n")
    number = 0 if code is None else code if isinstance(code, int) else 1
    # Modules that only the forking process had imported tidy up here and must not fail.
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]  # joins the threads that are no daemons
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    if not _flushed(sys.stdout, told=True) or not _flushed(sys.stderr, told=False):
        number = 120
    if isinstance(uncaught, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(number & 0xFF)


def _flushed(stream: TextIO | None, told: bool) -> bool:
    try:
        if stream is not None and not stream.closed:
            stream.flush()
    except BaseException as error:
        if told:
            with contextlib.suppress(BaseException):
                print(f"Exception ignored in: {stream!r}", file=sys.stderr)
                traceback.print_exception(error)
        return False
    return True


def malloc_trim() -> None:
    """Give freed memory back before the forks share it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
