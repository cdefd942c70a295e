"""What a run folder says of one training of a sweep: its scores, and how it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from saddlepoint.core.runs import Run

State = Literal["waiting", "running", "finished", "ill", "pruned", "stopped", "failed"]
"""waiting: not begun. ill: ended at a fatal finding. pruned: ended, as others were better at that
point. stopped: asked to stop by somebody, or killed; it can be resumed. failed: it cannot go on."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One training, as of now."""

    state: State
    why: str = ""
    """The finding, or the error."""
    scores: dict[int, float] = field(default_factory=dict)
    """Place among the scores on the way, from 1 -> the objective there."""
    at_images: list[int] = field(default_factory=list)
    """Images at each of the scores."""
    images: int = 0
    seconds: float = 0.0

    @property
    def score(self) -> float | None:
        """The objective at the end; None for a training that did not get there."""
        return self.scores[max(self.scores)] if self.state == "finished" and self.scores else None

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to train."""
        return self.state in ("finished", "ill", "pruned")


def outcome_of(run: Run, objective: str, *, pruned: bool, ends_ill: bool) -> Outcome:
    """What the folder says; nothing of it depends on the process that trains.

    Args:
        objective: the column of the scores.
        pruned: whether the sweep has ended it.
        ends_ill: whether a fatal finding ends it.
    """
    if not run.config_file.is_file():
        return Outcome(state="waiting")
    status = run.status
    rows = run.history.rows
    scored = [row for row in rows if objective in row]
    values = {place: row[objective] for place, row in enumerate(scored, 1)}
    numbers = {
        place: float(value)
        for place, value in values.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
    last = rows[-1] if rows else {}
    state, why = _state_of(run, status.get("state", ""), str(status.get("error", "")), ends_ill)
    if pruned and state != "ill":
        state, why = "pruned", ""
    if state == "finished" and len(scored) not in numbers:
        state, why = "failed", f"its {objective} is not a number"
    return Outcome(
        state=state,
        why=why,
        scores=numbers,
        at_images=[int(row["images"]) for row in scored],
        images=int(last.get("images", 0)),
        seconds=float(last.get("seconds", 0.0)),
    )


def _state_of(run: Run, state: str, error: str, ends_ill: bool) -> tuple[State, str]:
    fatal = fatal_finding(run) if ends_ill else ""
    if fatal:
        return "ill", fatal
    match state:
        case "finished":
            return "finished", ""
        case "failed":
            return "failed", error
        case "running":
            return "running", ""
    return "stopped", ""


def fatal_finding(run: Run) -> str:
    """The first fatal finding of a run that does not treat itself; "" without one."""
    mode = run.document.get("config", {}).get("doctor", {}).get("mode")
    if mode == "treat":  # it goes back and on from there, or gives up and says so
        return ""
    fatal = (line["name"] for line in run.findings if line.get("severity") == "fatal")
    return next(fatal, "")
