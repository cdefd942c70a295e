"""What a command may do to the files around it: each rule is one function."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fuzzing.case import Case
from fuzzing.oracle import RUNNING, Fault, Outcome, check

USUAL_PLACES = (
    "cache",
    "home",
    "tmp",
    "runs",
    "lab-lecture",
    "lab-failures",
    "lab-claims",
    "lab-modes",
    "sweep",
)
"""Where a command may write although nobody names it."""
LEAVINGS = re.compile(r"(^|/)\.[^/]*\.(tmp|taken|old)(/|$)")


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


def _within(path: str, places: tuple[str, ...]) -> bool:
    usual = (*USUAL_PLACES, *places)
    return any(path == place or path.startswith(f"{place}/") for place in usual)


def _shape(path: str) -> str:
    """A path without what differs from case to case."""
    return re.sub(r"\d+", "N", path)[:80]
