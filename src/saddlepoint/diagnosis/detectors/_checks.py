"""How detectors read a history: the looks that have what they need, and what lasts among them.

Nothing here knows a clock or a budget: persistence is counted in looks and in rounds of the game. A
round is one step of each player; a critic's extra steps count half a round each, as they teach half
of the game.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from saddlepoint.core.findings import Detector, Evidence, Finding, Severity
from saddlepoint.core.runs import History

WIRING = (
    "double-sigmoid",
    "saturated-loss",
    "range-mismatch",
    "real-fake-leak",
    "mixed-batch-norm",
    "generator-frozen",
    "discriminator-frozen",
    "optimizer-mixup",
    "wrong-gradient-penalty",
    "batch-norm-with-gradient-penalty",
    "wrong-sign",
    "learning-rate-too-high",
    "train-eval-mismatch",
    "broken-resume",
)
"""Faults of how a loop is written: what they lead to is not reported beside them."""


class Checks:
    """The rows of a history, from a step on, in which every named column has a finite value."""

    def __init__(self, history: History, *names: str, after: float = 0) -> None:
        """after: rounds that are not looked at."""
        kept = [
            (row, rounds)
            for row, rounds in zip(history.rows, _rounds(history.rows), strict=True)
            if rounds >= after and all(_is_there(row.get(name)) for name in names)
        ]
        self.rows: list[dict[str, Any]] = [row for row, _ in kept]
        self.rounds = np.array([rounds for _, rounds in kept], dtype=np.float64)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> np.ndarray:
        """float64 [looks]; NaN where an optional column is absent."""
        values = [row.get(name) for row in self.rows]
        return np.array([v if _is_number(v) else np.nan for v in values], dtype=np.float64)

    def lists(self, name: str) -> np.ndarray:
        """float64 [looks, items] of a column that holds a list."""
        return np.array([row[name] for row in self.rows], dtype=np.float64)

    @property
    def steps(self) -> np.ndarray:
        """float64 [looks]: generator steps."""
        return np.array([_step(row) for row in self.rows], dtype=np.float64)

    def lasting(self, ill: np.ndarray, m: int, k: int, rounds: float = 0) -> int | None:
        """The index from which on a state lasts, or None where it does not.

        It begins to last at an ill look by which m of the last k were ill and the first of them
        was `rounds` rounds ago. Gaps of up to k - m healthy looks do not end it, so that a
        finding does not come and go with every look.
        """
        if not ill.any():
            return None
        last = int(np.flatnonzero(ill)[-1])
        too_few = last + 1 < k or ill[last + 1 - k : last + 1].sum() < m
        if too_few or len(ill) - 1 - last > k - m:
            return None
        first, gap = last, 0
        for index in range(last, -1, -1):
            if ill[index]:
                first, gap = index, 0
            else:
                gap += 1
                if gap > k - m:
                    break
        return first if self.rounds[last] - self.rounds[first] >= rounds else None

    def window(self, k: int, rounds: float) -> int | None:
        """The index of the first of the last looks that are at least k and span at least `rounds`
        rounds; None where there are not so many."""
        first = len(self) - k
        while first >= 0 and self.rounds[-1] - self.rounds[first] < rounds:
            first -= 1
        return first if first >= 0 else None

    def finding(
        self,
        detector: Detector,
        first: int,
        severity: Severity,
        message: str,
        evidence: tuple[Evidence, ...],
        missing: tuple[int, ...] = (),
    ) -> Finding:
        """The detector's finding as of the last look, true since look `first`."""
        return Finding(
            name=detector.kind,
            severity=severity,
            at_images=int(self.rows[-1].get("images") or 0),
            since_step=int(self.steps[first]),
            evidence=evidence,
            message=message,
            missing=missing,
        )


def loss_family(history: History) -> str:
    """The registered loss that was recognised at most checks; "unknown" where none was."""
    seen = [row["loss_family"] for row in history.rows if row.get("loss_family")]
    return max(dict.fromkeys(seen), key=seen.count, default="unknown")


def ever(history: History, name: str) -> bool:
    """Whether a yes-or-no column was 1 at any look; some are measured at the first ones only."""
    return any(row.get(name) == 1 for row in history.rows)


def gains(values: np.ndarray, since: int, least: float, floor: float = 0.0) -> bool:
    """True when a quantity that should rise still does: the median of the newer half of its
    values since an index is above that of the older half by more than the share `least`, and by
    more than `floor`: near 0 any noise is a large share."""
    window = values[since:]
    window = window[np.isfinite(window)]
    if len(window) < 4:
        return False
    older, newer = np.median(window[: len(window) // 2]), np.median(window[len(window) // 2 :])
    return bool(newer > older + max(least * abs(older), floor))


def entropy(shares: np.ndarray) -> np.ndarray:
    """In nats, over the last axis; 0 log 0 is 0."""
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return -(shares * logs).sum(-1)


def shares(counts: np.ndarray) -> np.ndarray:
    """Rows of counts as shares of their sum; a row without any count is all zeros."""
    totals = counts.sum(-1, keepdims=True)
    return counts / np.where(totals > 0, totals, 1.0)


def _rounds(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Rounds of the game by each row: generator steps, and half of the critic's steps beyond."""
    found, more = [], 0.0
    for row in rows:
        d, g = row.get("steps_d"), row.get("steps_g")
        if _is_number(d) and _is_number(g):
            more += max(0.0, d - g) / 2  # type: ignore[operator]  # both are numbers
        found.append(_step(row) + more)
    return found


def _step(row: Mapping[str, Any]) -> float:
    step = row.get("step")
    return float(step) if step is not None and _is_number(step) else 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_there(value: Any) -> bool:
    return isinstance(value, list) or _is_number(value)
