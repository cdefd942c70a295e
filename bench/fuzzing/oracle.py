"""What a case must not do: each rule is one function, and all rules hold for every case."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fuzzing.case import Case
from fuzzing.equality import RunEnd, differences
from fuzzing.fingerprints import TRACEBACK, last_line, raised_at, stuck_at
from fuzzing.world import Snapshot

MOST_MEMORY = 4_000_000_000
CODES = {"doctor": (0, 1, 2, 3, 130)}
USUAL_CODES = (0, 1, 2, 130)
RUNNING = ("train", "resume")
USUAL_PLACES = ("cache", "home", "tmp", "runs", "lab-lecture", "lab-failures", "lab-claims")
"""Where a command may write although nobody names it."""
LEAVINGS = re.compile(r"(^|/)\.[^/]*\.(tmp|taken|old)(/|$)")
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
    """Every rule that was broken; [] for a case that went well."""
    return [fault for rule in CHECKS for fault in rule(case, outcome)]


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
def no_harm(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """What was there is as it was, apart from what the command may write."""
    for path, old in outcome.before.items():
        # A folder changes when something is made in it, which is no harm; its mode stays.
        if outcome.after.get(path) != old and not _within(path, case.writes):
            what = "gone" if path not in outcome.after else "changed"
            yield Fault("harm", f"{case.verb}: {_shape(path)} is {what} ({case.category})", path)
            return


@check
def nothing_left(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """No temporary file stays, unless the process was killed; then until the next command."""
    if outcome.code >= 0 and not outcome.hung:
        new = outcome.after.keys() - outcome.before.keys()
        left = sorted(path for path in new if LEAVINGS.search(path) or path.startswith("tmp/"))
        if left:
            yield Fault("leavings", f"{case.verb}: leaves {_shape(left[0])}", left[0])
            return
    if case.verb in RUNNING and any(after.code == 0 for _, after in outcome.then):
        new = outcome.last.keys() - outcome.before.keys()
        left = sorted(path for path in new if LEAVINGS.search(path) and _within(path, case.writes))
        if left:
            yield Fault("leavings", f"{case.verb}: stays for ever: {_shape(left[0])}", left[0])


@check
def no_stray(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """What is new lies where the command line or the verb says."""
    named = {part for word in case.argv for part in word.partition("=")[2::-2]}
    places = {*USUAL_PLACES, *(part.removeprefix("./").partition("/")[0] for part in named)}
    for path in sorted(outcome.after.keys() - outcome.before.keys()):
        top = path.partition("/")[0]
        if top not in places and not top.startswith(case.writes) and not LEAVINGS.search(path):
            yield Fault("stray", f"{case.verb}: makes {_shape(path)} ({case.category})", path)
            return


@check
def nothing_made_by_a_refusal(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """A command that is refused can be corrected and given again: nothing is in its way."""
    if outcome.code != 2 or case.fault is not None:
        return
    for path in sorted(outcome.after.keys() - outcome.before.keys()):
        # A half-prepared set is meant to stay, and is gone on with.
        if "/" not in path and path != "cache" and not path.endswith(".partial"):
            yield Fault("remains", f"{case.verb}: refused, and makes {_shape(path)}", path)
            return


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


@check
def no_dead_end(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """Where a command was stopped, one of those that a person would go on with ends well."""
    if not outcome.then or outcome.hung or outcome.code == 0:
        return
    for argv, after in outcome.then:
        for fault in (*no_traceback(case, after), *no_crash(case, after), *ends(case, after)):
            yield Fault(fault.kind, f"afterwards: {fault.fingerprint}", fault.detail)
        if after.code == 0 or "already reached" in after.stderr:
            return
        del argv
    last = [last_line(after.stderr) for _, after in outcome.then]
    shape = re.sub(r"\d+", "N", " | ".join(last))[:100]
    yield Fault("dead end", f"{case.verb}: {shape}", " | ".join(last)[:400])


@check
def as_if_never_stopped(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """A run that went on after a stop ends with the weights and rows of one never stopped."""
    done = outcome.code == 0 or any(after.code == 0 for _, after in outcome.then)
    if outcome.unstopped is None or not done:
        return  # whether it can go on is a question of its own
    for difference in differences(outcome.end, outcome.unstopped):
        yield Fault("unequal", f"{case.verb} ({case.category}): {difference}", str(case)[:300])


@check
def clear_state(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """A run that is over does not call itself running."""
    if case.verb not in RUNNING or outcome.code < 0 or outcome.hung:
        return
    files = [f"{place}/status.json" for place in case.writes]
    if all(outcome.before.get(file) == outcome.after.get(file) for file in files):
        return  # what an earlier kill left; this command has not come so far
    if outcome.status.get("state") == "running" and case.category in ("signals", "streams"):
        yield Fault("state", f"{case.verb}: over, and status.json says running", str(case)[:300])


@check
def no_line_lost(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """A resume with damage in metrics.jsonl alone keeps every line that is still whole."""
    touched = {step.get("path", "") for step in case.damage}
    if case.verb != "resume" or outcome.code != 0 or case.fault is not None:
        return
    if len(touched) != 1 or not (name := next(iter(touched))).endswith("metrics.jsonl"):
        return
    kept = _rows(b"\n".join(outcome.lines_after.values()))
    lost = [row for row in _rows(outcome.lines_before.get(name, b"")) if row not in kept]
    if lost:
        yield Fault("lost lines", "resume: whole lines of metrics are lost", f"{len(lost)} lines")


def _rows(content: bytes) -> list[int]:
    """The images of every whole line of metrics."""
    found = []
    for line in content.splitlines():
        try:
            found.append(json.loads(line)["images"])
        except (ValueError, RecursionError, KeyError, TypeError):
            continue
    return found


def _within(path: str, places: tuple[str, ...]) -> bool:
    usual = (*USUAL_PLACES, *places)
    return any(path == place or path.startswith(f"{place}/") for place in usual)


def _shape(path: str) -> str:
    """A path without what differs from case to case."""
    return re.sub(r"\d+", "N", path)[:80]
