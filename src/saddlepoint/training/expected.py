"""What a run is going to take, said in its first line and recorded in config.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from saddlepoint.core.config import Config, Train
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.limits import in_words


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Memory within 15 % (docs/log.md); time as it was in the first seconds of this machine."""

    n_bytes: int | None = None
    """The most memory of this process, or of its GPU; None where it cannot be known before."""
    seconds: float | None = None
    """From here to the end of the run, its report included; None where nothing measured it."""

    def to_json(self) -> dict[str, Any]:
        """The entry `expected` of config.json."""
        megabytes = None if self.n_bytes is None else round(self.n_bytes / 1e6)
        seconds = None if self.seconds is None else round(self.seconds, 1)
        return {"memory_mb": megabytes, "seconds": seconds}

    def said(self, config: Config, dataset: Dataset) -> str:
        """`dcgan on digits (1,797 items): 40 kimg at batch 64, about 440 MB and 55 s on 2 threads
        (cpu, fp32)`."""
        train = config.train
        amounts = [] if self.n_bytes is None else [in_words(round(self.n_bytes, -7))]
        amounts += [] if self.seconds is None else [duration(self.seconds)]
        about = f", about {' and '.join(amounts)}" if amounts else ""
        return (
            f"{config.preset or 'custom'} on {dataset.name} ({len(dataset):,} items): "
            f"{train.total_images / 1000:g} kimg at batch {_batch(train)}{about}{_where(train)}"
        )


def duration(seconds: float) -> str:
    """55 s, 6.5 min, 42 min, 3.2 h: no more digits than an expectation has."""
    if seconds < 100:
        return f"{5 * max(1, round(seconds / 5))} s"
    minutes = seconds / 60
    if minutes < 100:
        return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"


def _batch(train: Train) -> str:
    parts = f" in {train.accumulate} parts" if train.accumulate > 1 else ""
    return f"{train.batch_size:,}{parts}"


def _where(train: Train) -> str:
    kind = f"({train.device}, {train.precision})"
    if torch.device(train.device).type != "cpu":
        return f" {kind}"
    return f" on {train.threads} thread{'s' * (train.threads != 1)} {kind}"
