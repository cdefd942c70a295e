"""Play one case: copy the world, do the damage, fork, wait, and collect what came of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fuzzing import damage, inside, oracle, sandbox, world
from fuzzing.case import Case
from fuzzing.equality import RunEnd, end_of
from fuzzing.oracle import Outcome
from fuzzing.streams import Streams

BLOCKED_SECONDS = 8.0
"""Without a tick of processor time for so long, a process waits for something that never comes."""
LEAST_LIMIT = 6.0
"""Processor seconds that every command may take. A fork spares it two seconds of imports, so ten
times what a person usually waits for is far above this."""
TIMES_USUAL = 10
LONGEST_SECONDS = 180.0
DISTURBED = ("signals", "streams", "clocks", "disks and environment")
"""Categories whose cases change nothing that a run is computed from."""
SLOTS = "slots"
CRASH_REPORTS = "saddle-crash-*.txt"


@dataclass
class Slot:
    """The place where one process plays its cases, one after the other."""

    scratch: Path
    number: int
    usual: dict[str, float] = field(default_factory=dict)
    """Verb -> processor seconds of its usual call."""
    unstopped: dict[tuple[str, ...], RunEnd | None] = field(default_factory=dict)
    """Command line -> what its run is in the end, where nothing happens to it."""

    @property
    def world(self) -> Path:
        """The same path in every slot, as records hold absolute paths: each sees its own folder."""
        return self.scratch / "world"

    @property
    def template(self) -> Path:
        return self.scratch / "template"

    @property
    def folder(self) -> Path:
        return self.scratch / SLOTS / str(self.number)

    def open(self) -> None:
        """Lay this slot's own folder over the path of the world."""
        own = self.folder / "world"
        own.mkdir(parents=True)
        sandbox._call("unshare", sandbox.CLONE_NEWNS)
        sandbox.mount(str(own), self.world, None, sandbox.MS_BIND)

    def play(self, case: Case) -> Outcome:
        """The whole case, with the commands that follow it."""
        unstopped = self.unstopped_end(case)
        named = [str(case), *(word for argv in case.then for word in argv)]
        world.copy_parts(self.template, self.world, named)
        try:
            damage.apply(self.world, case.damage)
            if case.user:
                _give_away(self.world, case)
            before, lines = world.snapshot(self.world), _lines(self.world)
            outcome = self.run(case)
            outcome.before, outcome.after = before, world.snapshot(self.world)
            outcome.lines_before, outcome.lines_after = lines, _lines(self.world)
            outcome.status = _status(self.world, case)
            for argv in case.then:
                after = self.run(replace(Case(argv=argv), user=case.user))
                outcome.then.append((argv, after))
            if case.then:
                outcome.last = world.snapshot(self.world)
            if unstopped is not None:
                outcome.end, outcome.unstopped = end_of(self.world / case.writes[0]), unstopped
            return outcome
        finally:
            for place in damage.mounted(self.world, case.damage):
                with contextlib.suppress(OSError):
                    sandbox.unmount(place)

    def unstopped_end(self, case: Case) -> RunEnd | None:
        """What a run that the case disturbs from outside has to be in the end."""
        if case.category not in DISTURBED or case.verb not in oracle.RUNNING or case.damage:
            return None
        argv = tuple(word for word in case.argv if word not in ("--json", "--quiet"))
        if argv not in self.unstopped:
            world.copy_parts(self.template, self.world, argv)
            self.run(Case(argv=argv))
            self.unstopped[argv] = end_of(self.world / case.writes[0])
        return self.unstopped[argv]

    def run(self, case: Case) -> Outcome:
        """One command in the world as it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        hangs = self.folder / "hangs"
        streams = Streams(case, self.folder)
        with open(hangs, "wb") as stacks:
            sys.stdout.flush()
            sys.stderr.flush()
            begun = time.monotonic()
            child = os.fork()
            if child == 0:
                try:
                    inside.become(case, self.world, streams.given, stacks.fileno())
                finally:
                    os._exit(98)
            streams.close_given()
            limit = TIMES_USUAL * self.usual.get(case.verb, 0.0)
            limit = max(LEAST_LIMIT, limit, case.work)
            hung = self._wait(child, streams, limit)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # its workers, if it left some
        _, status, usage = os.wait4(child, 0)
        return Outcome(
            code=os.waitstatus_to_exitcode(status),
            stdout=streams.text("stdout"),
            stderr=streams.text("stderr"),
            seconds=time.monotonic() - begun,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            memory_bytes=usage.ru_maxrss * 1024,
            hung=hung,
            stacks=hangs.read_text(errors="replace") if hung else "",
            crash=_taken_crash_report(self.world),
        )

    def _wait(self, child: int, streams: Streams, limit: float) -> str:
        """Wait for the end, reading what must be read; -> why the child was killed, or ''."""
        handle = os.pidfd_open(child)
        begun = stirred = time.monotonic()
        last_cpu = 0.0
        try:
            while True:
                ready = streams.wait(handle, 0.25)
                if ready:
                    return ""
                now = time.monotonic()
                cpu, state = _cpu_of(child)
                if cpu > last_cpu or state not in "SD":
                    last_cpu, stirred = cpu, now
                why = ""
                if cpu > limit:
                    why = f"over {limit:.0f} s of processor time"
                elif now - stirred > BLOCKED_SECONDS:
                    why = f"blocked for {BLOCKED_SECONDS:.0f} s"
                elif now - begun > LONGEST_SECONDS:
                    why = f"over {LONGEST_SECONDS:.0f} s"
                if why:
                    os.kill(child, signal.SIGUSR1)  # faulthandler writes the stacks
                    time.sleep(0.3)
                    os.killpg(child, signal.SIGKILL)
                    return why
        finally:
            streams.drain()
            os.close(handle)


def _cpu_of(process: int) -> tuple[float, str]:
    """Processor seconds of a process so far, and the letter of its state."""
    with open(f"/proc/{process}/stat") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"), words[0]


def _taken_crash_report(folder: Path) -> str:
    """The newest crash report that the command has left; '' for none. All are removed."""
    text = ""
    for path in [*folder.glob(CRASH_REPORTS), *folder.glob(f"tmp/{CRASH_REPORTS}")]:
        text = path.read_text(errors="replace")
        path.unlink()
    return text


def _give_away(folder: Path, case: Case) -> None:
    """Let the unprivileged user own the world, apart from what the case gave to somebody."""
    kept = {str(folder / step["path"]) for step in case.damage if step["do"] == "owner"}
    os.chown(folder, inside.NOBODY, inside.NOBODY)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            if path not in kept:
                os.chown(path, inside.NOBODY, inside.NOBODY, follow_symlinks=False)


def _lines(folder: Path) -> dict[str, bytes]:
    """All that lies beside each metrics.jsonl, to find kept lines in."""
    found = {}
    for path in folder.glob("*/*jsonl*"):
        if path.is_file() and path.stat().st_size < world.MOST_HASHED:
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def _status(folder: Path, case: Case) -> dict[str, Any]:
    """status.json of the run that the case writes, as far as it can be read."""
    for place in case.writes:
        file = folder / place / "status.json"
        # A pipe would wait for ever, and a file that was made to grow would fill the memory.
        if not file.is_file() or file.stat().st_size > world.MOST_HASHED:
            continue
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return {}
