"""How detectors read a history: the checks that have what they need, and what lasts among them.

A check is a row at which the doctor measured. Persistence is counted in checks and in update steps,
never in seconds or in shares of a budget: a detector does not know how long the run will be. An
update step is one step of each player; a critic's extra steps count half each, because they train
half of the game.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from saddlepoint.core.findings import Detector, Evidence, Finding, Severity
from saddlepoint.core.history import History
from saddlepoint.diagnosis.columns import COLUMNS


class Checks:
    """The rows of a history, after a warm-up, in which every named column has a finite value."""

    def __init__(self, history: History, *names: str, after: float = 0) -> None:
        """after: update steps of the warm-up, which is left out."""
        # An absent column is not evidence: a row without one of them is not a check here.
        kept = [
            (row, updates)
            for row, updates in zip(history.rows, _updates(history.rows), strict=True)
            if updates >= after and all(_is_there(row.get(name)) for name in names)
        ]
        # Lists of another length than the newest are of other data: a folder was mixed up by hand.
        lists = [{len(row[n]) for n in names if isinstance(row[n], list)} for row, _ in kept]
        alike = [len(sizes) < 2 and sizes == lists[-1] for sizes in lists]
        kept = list(itertools.compress(kept, alike))
        self.rows: list[dict[str, Any]] = [row for row, _ in kept]
        self.updates = np.array([updates for _, updates in kept], dtype=np.float64)
        """float64 [checks]: update steps by each check."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> np.ndarray:
        """float64 [checks]; NaN where the column is absent, so that no comparison holds there."""
        values = [row.get(name) for row in self.rows]
        return np.array([v if _is_number(v) else np.nan for v in values], dtype=np.float64)

    def lists(self, name: str) -> np.ndarray:
        """float64 [checks, items] of a column that holds a list."""
        return np.array([row[name] for row in self.rows], dtype=np.float64)

    @property
    def steps(self) -> np.ndarray:
        """float64 [checks]: generator steps."""
        return np.array([_step(row) for row in self.rows], dtype=np.float64)

    def since(self, unhealthy: np.ndarray, m: int, k: int, updates: float = 0) -> int | None:
        """The index of the check since which a state lasts, or None where it does not.

        It lasts once m of the last k checks are unhealthy and the first of them was `updates`
        update steps ago. Up to k - m healthy checks in between do not end it, so that a finding
        does not come and go with every check.

        Args:
            unhealthy: bool [checks].
        """
        at = np.flatnonzero(unhealthy)
        if len(at) == 0 or at[-1] + 1 < k or len(unhealthy) - 1 - at[-1] > k - m:
            return None
        last = int(at[-1])
        # A gap of more than k - m healthy checks ends what was before it.
        ends = np.flatnonzero(np.diff(at) - 1 > k - m)
        first = int(at[ends[-1] + 1] if len(ends) else at[0])
        enough = unhealthy[last + 1 - k : last + 1].sum() >= m
        return first if enough and self.updates[last] - self.updates[first] >= updates else None

    def window(self, k: int, updates: float) -> int | None:
        """The index of the first of the last checks that are at least k and span at least this
        many update steps; None where there are too few."""
        # Few checks are noise, and many checks within few steps have seen little training.
        first = len(self) - k
        while first >= 0 and self.updates[-1] - self.updates[first] < updates:
            first -= 1
        return first if first >= 0 else None

    def evidence(
        self,
        name: str,
        low: float | None = None,
        high: float | None = None,
        *,
        value: float | None = None,
        note: str | None = None,
    ) -> Evidence:
        """A column as evidence: its value at the last check, beside the healthy range.

        Args:
            value: instead of the last one, such as a median.
            note: for a number that is not a column; a column is explained in columns.py.
        """
        return Evidence(
            name=name,
            value=float(self[name][-1] if value is None else value),
            healthy=(low, high),
            note=COLUMNS[name] if note is None else note,
        )

    def known(self, *items: Evidence) -> tuple[Evidence, ...]:
        """Those of the items that have a value: an absent column is not evidence."""
        return tuple(item for item in items if math.isfinite(item.value))

    def finding(
        self,
        detector: Detector,
        first: int,
        message: str,
        *evidence: Evidence,
        severity: Severity = "fatal",
        missing: tuple[int, ...] = (),
    ) -> Finding:
        """The detector's finding as of the last check, true since check `first`."""
        return Finding(
            name=detector.kind,
            severity=severity,
            # A foreign loop need not say how many images it has shown.
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


def halves(values: np.ndarray) -> tuple[float, float] | None:
    """Medians of the older and of the newer half; None where fewer than four are finite."""
    values = values[np.isfinite(values)]
    if len(values) < 4:
        return None
    # Medians, as a single check may be far off.
    middle = len(values) // 2
    return float(np.median(values[:middle])), float(np.median(values[middle:]))


def rises(values: np.ndarray, least: float, floor: float = 0.0) -> bool:
    """Whether a quantity that should rise does: its newer half lies above its older half by more
    than the share `least`, and by more than `floor` (near 0 any noise is a large share)."""
    found = halves(values)
    return found is not None and found[1] > found[0] + max(least * abs(found[0]), floor)


def entropy(shares: np.ndarray) -> np.ndarray:
    """In nats, over the last axis; 0 log 0 is 0."""
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return -(shares * logs).sum(-1)


def shares(counts: np.ndarray) -> np.ndarray:
    """Rows of counts as shares of their sum; a row without any count is all zeros."""
    totals = counts.sum(-1, keepdims=True)
    return counts / np.where(totals > 0, totals, 1.0)


def _updates(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Update steps by each row: generator steps, and half of the critic's steps beyond them."""
    # By generator steps alone, a run with many critic steps would be judged late.
    found, extra = [], 0.0
    for row in rows:
        d, g = row.get("steps_d"), row.get("steps_g")
        if _is_number(d) and _is_number(g):
            extra += max(0.0, d - g) / 2  # type: ignore[operator]  # both are numbers
        found.append(_step(row) + extra)
    return found


def _step(row: Mapping[str, Any]) -> float:
    step = row.get("step")
    return float(step) if step is not None and _is_number(step) else 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_there(value: Any) -> bool:
    return isinstance(value, list) or _is_number(value)
