"""What a run is after a command, and after those that go on with it: each rule is one function."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from fuzzing import commands
from fuzzing.case import Case
from fuzzing.equality import differences
from fuzzing.fingerprints import last_line
from fuzzing.oracle import RUNNING, Fault, Outcome, check, ends, no_crash, no_traceback


@check
def no_dead_end(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """Where a command was stopped, one of those that a person would go on with ends well."""
    if not outcome.then or outcome.hung or outcome.code == 0:
        return
    for argv, after in outcome.then:
        for fault in (*no_traceback(case, after), *no_crash(case, after), *ends(case, after)):
            yield Fault(fault.kind, f"afterwards: {fault.fingerprint}", fault.detail)
        if after.code == 0 or "already reached" in after.stderr or _was_whole(argv, outcome):
            return
    last = [last_line(after.stderr) for _, after in outcome.then]
    shape = re.sub(r"\d+", "N", " | ".join(last))[:100]
    yield Fault("dead end", f"{case.verb}: {shape}", " | ".join(last)[:400])


def _was_whole(argv: Sequence[str], outcome: Outcome) -> bool:
    """A folder of samples gets its name when it is whole; a stop after that has lost nothing, and
    the same command is right to refuse the name."""
    out = argv[argv.index("--out") + 1] if argv[0] == "sample" else ""
    pictures = [path for path in outcome.after if path.startswith(f"{out}/seed")]
    return bool(out) and len(pictures) == commands.FOLDER_OF


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
