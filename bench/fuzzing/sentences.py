"""What a command says when it does not do what it was asked for: one sentence that helps."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from fuzzing.case import Case
from fuzzing.fingerprints import TRACEBACK
from fuzzing.oracle import UNREPORTED, Fault, Outcome, check

WORDS = {1: "failed: ", 2: "error: ", 130: "interrupted"}
"""Exit code -> how the line begins that says why."""
LONGEST = 320
"""Characters, without what the user wrote on the command line."""
_EMPTY = re.compile(r" \(\s*\)|\(None\)|: *\.?$|^\W*$")
_PYTHON = re.compile(
    r"NoneType|\w+Path\(|<class |<\w+ object| object at 0x|\bdtype\(|\btensor\(|\btorch\.|\bnumpy\."
    r"|OrderedDict|\b[Ee]rrno\b|\bNone\b|\w+\(\) (?:got|takes|missing)"
    r"|\b(?:[A-Z][a-z]+)+(?:Error|Exception)\b"
)
"""What says something to a Python programmer only."""
INPUT = (
    *("arguments", "arrays", "preparing", "prepared data", "tiny sets", "weights", "permissions"),
    *("run folder: fields", "run folder: raw damage"),
)
"""Categories in which neither the machine nor a training is in trouble."""
_FAILED_RUN = re.compile("not finite|while writing|is complete and saved|Input/output error")
"""A training that diverges, one that has begun and can write its run or report no more, and a file
that the system itself fails to read, as those below /proc can be."""
_OF_A_PATH = re.compile(
    "Permission denied|No such file|Is a directory|Not a directory|File exists|name too long"
    "|Too many levels|Read-only file system"
)

_SHORTENED = re.compile(r"(\S+)\.\.\.(\S+): ")


@check
def a_sentence(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """A failure says why, in one line that begins as its exit code wants it."""
    if not _is_read(case, outcome):
        return
    lines = reasons(case, outcome)
    if not lines:
        yield Fault("no sentence", f"{case.verb}: exit code {outcome.code} without a reason", "")
    elif len(lines) > 1:
        yield Fault("no sentence", f"{case.verb}: two reasons", " | ".join(lines)[:300])
    elif not lines[0].startswith(WORDS[outcome.code]):
        said = f"{case.verb}: {lines[0].partition(':')[0]} with exit code {outcome.code}"
        yield Fault("exit code", said, lines[0][:300])


@check
def a_users_mistake(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """Where nothing but the input is wrong, only a training that diverges is a failed run."""
    if outcome.code != 1 or case.category not in INPUT or "--plugins" in case.argv or outcome.crash:
        return
    for line in reasons(case, outcome):
        if line.startswith("failed: ") and not _FAILED_RUN.search(line):
            shape = re.sub(r"['\"/\d(].*", "", line.removeprefix("failed: "))[:60]
            yield Fault("exit code", f"{case.verb}: 1 for a user's mistake: {shape}", line[:400])


@check
def a_good_sentence(case: Case, outcome: Outcome) -> Iterator[Fault]:
    """It has a reason in it, an end, a length that is read, and nothing of Python."""
    if not _is_read(case, outcome) or len(lines := reasons(case, outcome)) != 1:
        return
    line = lines[0]
    text = _without_users_words(line, case)

    def fault(what: str) -> Fault:
        shape = re.sub(r"['\"/\d`].*", "", text)[:60]
        return Fault("sentence", f"{case.verb}: {what}: {shape}", line[:400])

    # A word of megabytes would take the patterns hours, and is told by its length.
    python = None if "--plugins" in case.argv else _PYTHON.search(text[: 2 * LONGEST])
    if _EMPTY.search(line.partition(" ")[2]) and line != "interrupted.":
        yield fault("an empty reason")
    elif python:
        yield fault(f"speaks Python ({python[0]})")
    elif not line.endswith((".", "`", "?")):
        yield fault("has no end")
    elif len(text) > LONGEST:
        yield fault(f"over {LONGEST} characters")
    elif _OF_A_PATH.search(text) and not _names_a_path(line, case):
        yield fault("names no path")


def reasons(case: Case, outcome: Outcome) -> list[str]:
    """The lines that tell why a command did not do what it was asked for."""
    words = tuple(WORDS.values())
    lines = outcome.stderr.splitlines()
    found = [line for line in lines if line.startswith(words)]
    if not found and case.stderr == "pty":  # after what clears the progress display
        found = [line for line in lines if any(word in line for word in words)]
        found = [min((line[line.find(w) :] for w in words if w in line), key=len) for line in found]
    return found


def _is_read(case: Case, outcome: Outcome) -> bool:
    """Whether the command failed where somebody can read why."""
    if outcome.hung or outcome.code not in WORDS or TRACEBACK in outcome.stderr:
        return False
    if outcome.crash or UNREPORTED in outcome.stderr:
        return False  # told as what it is
    # A second Ctrl-C ends all at once.
    return case.stderr in ("file", "pty") and not (case.fault or {}).get("again")


def _without_users_words(line: str, case: Case) -> str:
    """A sentence may quote what it was given, however long that is."""
    given = _given(case)
    given |= {text for text in case.environment.values() if text}
    for word in sorted(given, key=len, reverse=True):
        if len(word) > 3:
            line = line.replace(word, "")
    return line


def _given(case: Case) -> set[str]:
    """The words of the command line, and the values of those that are `--flag=value`."""
    return {part for word in case.argv for part in (word, word.partition("=")[2])}


def _names_a_path(line: str, case: Case) -> bool:
    """A path has a slash in it, or is one that the case has named; a long one, by its two ends."""
    named = {os.path.basename(str(step.get("path", ""))) for step in case.damage} | _given(case)
    if "/" in line or any(name in line for name in named if len(name) > 2):
        return True
    ends = _SHORTENED.search(line)
    return ends is not None and any(
        name.startswith(ends[1]) and name.endswith(ends[2]) for name in named
    )
