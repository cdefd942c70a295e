"""The columns of metrics.jsonl: what the doctor and the figures read. No torch in here."""

from __future__ import annotations

from typing import Any

import numpy as np


class History:
    """The columns of metrics.jsonl as numpy arrays; a value absent from a line is NaN."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> np.ndarray:
        """float64 [ticks]; a list (such as the doctor's bins) counts as absent here."""
        # NaN, not a gap: all columns stay aligned with `images`.
        return np.array([_number(row.get(name)) for row in self.rows], dtype=np.float64)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
