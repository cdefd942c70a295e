"""What a case must not do: each rule is one function, and all rules hold for every case."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fuzzing.case import Case
from fuzzing.equality import RunEnd
from fuzzing.fingerprints import TRACEBACK, last_line, raised_at, stuck_at
from fuzzing.world import Snapshot

MOST_MEMORY = 4_000_000_000
MOST_SECONDS = 60.0
"""Of judging one case: a pattern can take hours on what a case has said."""
CODES = {"doctor": (0, 1, 2, 3, 130)}
USUAL_CODES = (0, 1, 2, 130)
RUNNING = ("train", "resume")
# Tab and line feed are no danger; escape, bell, carriage return and the C1 set are.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")
_PLANTED = re.compile("\x1b\\]0;|\x07")
UNREPORTED = "; add --debug to see where."
"""How a sentence ends when no crash report could be written."""


@dataclass
class Outcome:
    """What came of one command."""

    code: int
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    hung: str = ""
    """Why it was killed for not ending, or ''."""
    stacks: str = ""
    crash: str = ""
    """The crash report that the command wrote, or ''."""
    before: Snapshot = field(default_factory=dict)
    after: Snapshot = field(default_factory=dict)
    last: Snapshot = field(default_factory=dict)
    """After the commands in `then`."""
    then: list[tuple[tuple[str, ...], Outcome]] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)
    """status.json of the run that was written, after the command."""
    lines_before: dict[str, bytes] = field(default_factory=dict)
    lines_after: dict[str, bytes] = field(default_factory=dict)
    """metrics.jsonl and what lies beside it."""
    end: RunEnd | None = None
    """What the run is in the end, if it is one."""
    unstopped: RunEnd | None = None
    """What it is in the end where nothing happens to it."""


class Fault(NamedTuple):
    kind: str
    fingerprint: str
    """Equal for equal causes: what was raised and our function that raised it."""
    detail: str


Check = Callable[[Case, Outcome], Iterator[Fault]]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def judge(case: Case, outcome: Outcome) -> list[Fault]:
    """Every rule that was broken; [] for a case that went well.

    Raises:
        TimeoutError: after MOST_SECONDS.
    """
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    try:
        return [fault for rule in CHECKS for fault in rule(case, outcome)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"its rules took more than {MOST_SECONDS:g} s")


@check
def no_traceback(case: Case, outcome: Outcome) -> Iterator[Fault]:
    for name, text in (("stdout", outcome.stdout), ("stderr", outcome.stderr)):
        if "Exception ignored" in text:
            yield Fault("traceback", f"{case.verb}: ignored at the end", last_line(text))
        elif TRACEBACK in text:
            yield Fault("traceback", raised_at(text), f"on {name}: {last_line(text)}")


@check
def no_crash(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """The net at the top of the command line hides no fault from this one."""
    if outcome.crash:
        yield Fault("crash", raised_at(outcome.crash), last_line(outcome.stderr))
    elif UNREPORTED in outcome.stderr:
        said = last_line(outcome.stderr)
        yield Fault("crash", re.sub(r"['\"/\d].*", "", said)[:80], said)


@check
def right_code(case: Case, outcome: Outcome) -> Iterator[Fault]:
    if outcome.hung or TRACEBACK in outcome.stderr + outcome.stdout:
        return  # told as what it is
    allowed = case.codes or CODES.get(case.verb, USUAL_CODES)
    unread = case.stderr not in ("file", "pty")
    told = unread or "stdout cannot be written" in outcome.stderr
    if case.stdout == "full" and outcome.code == 1 and told:
        return  # whatever it did, it could not answer
    if outcome.code not in allowed:
        said = last_line(outcome.stderr) or last_line(outcome.stdout)
        yield Fault(
            "exit code",
            f"{case.verb}: {outcome.code}, not one of {allowed} ({case.category})",
            said[:300],
        )
    elif outcome.code == 0 and case.says and case.says not in outcome.stderr:
        yield Fault(
            "silence", f"{case.verb}: does not say {case.says!r} ({case.category})", str(case)[:300]
        )


@check
def ends(case: Case, outcome: Outcome) -> Iterator[Fault]:
    if outcome.hung:
        yield Fault("hang", f"{case.verb} {stuck_at(outcome.stacks)}", outcome.hung)


@check
def strict_json(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """One document, in a failure, too: there it tells the exit code and the sentence."""
    if not case.as_json or outcome.hung or outcome.code < 0 or (case.fault or {}).get("again"):
        return
    if case.stdout not in ("file", "pty") or case.stderr == "same":
        return  # cut short, or mixed with the sentences
    if {"--help", "-h", "--version", "-V"} & set(case.argv):
        return

    def fault(what: str, detail: str) -> Fault:
        return Fault("json", f"{case.verb}: {what} ({case.category})", detail[:300])

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    try:
        document = json.loads(outcome.stdout, parse_constant=refuse)
        outcome.stdout.encode()  # a lone surrogate cannot be written to a file
    except (ValueError, RecursionError) as error:
        yield fault("stdout is not strict JSON", f"{error}: {outcome.stdout[:200]}")
        return
    if outcome.code in (1, 2):
        told = document if isinstance(document, dict) else {}
        if told.get("exit_code") != outcome.code or not told.get("error"):
            yield fault("the document does not tell the error", outcome.stdout)


@check
def no_control_characters(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """Names and labels of others reach a terminal escaped."""
    for name, text, kind in (
        ("stdout", outcome.stdout, case.stdout),
        ("stderr", outcome.stderr, case.stderr),
    ):
        # On a terminal the progress display moves the cursor: there only a planted text counts.
        as_terminal = kind == "pty" or "FORCE_COLOR" in case.environment
        found = (_PLANTED if as_terminal else _CONTROL).search(text)
        if found:
            line = next((line for line in text.split("\n") if found[0] in line), "")
            shape = " ".join(re.findall(r"[a-z]{2,}", line.partition(found[0])[0])[:5])
            yield Fault("control characters", f"{case.verb}: {shape} ({name})", repr(line[:300]))
            return


@check
def little_memory(case: Case, outcome: Outcome) -> Iterator[Fault]:
    if outcome.memory_bytes > MOST_MEMORY:
        gigabytes = outcome.memory_bytes / 1e9
        yield Fault("memory", f"{case.verb} ({case.category})", f"{gigabytes:.1f} GB")
