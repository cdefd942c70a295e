"""One line of metrics.jsonl: the one synchronisation with the device."""

from __future__ import annotations

import math
import resource
import sys
from typing import Any

import torch
from torch import Tensor

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Batch
from saddlepoint.core.errors import RunFailed
from saddlepoint.core.ranks import here
from saddlepoint.core.runs import Run
from saddlepoint.training import steps
from saddlepoint.training.schedule import progress
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums


class NotFinite(RunFailed):
    """A value is not finite: no step after it can train anything."""


def tick_row(
    state: TrainState, config: Config, real: Batch, fake: Tensor, sums: Sums
) -> dict[str, float]:
    """One line of metrics.jsonl: means over the tick, and gradient norms and diversity of its last
    step."""
    sums.add("grad_norm_d", steps.gradient_norm(state.discriminator))
    sums.add("grad_norm_g", steps.gradient_norm(state.generator))
    whole = here().whole
    spread = whole(real.images).std(0).mean().clamp_min(1e-3)  # one image, again, has none
    sums.add("diversity", whole(fake.float()).std(0).mean() / spread)
    scheduled = progress(config, state.n_images)
    return {
        "images": state.n_images,
        "step": state.n_steps,
        **sums.take(),
        "lr_g": config.optim_g.lr_at(scheduled),
        "lr_d": config.optim_d.lr_at(scheduled),
        "memory_mb": peak_memory_mb(config.train.device),
    }


def peak_memory_mb(device: str) -> float:
    """Peak memory in MiB: of the device for cuda, else of this process."""
    if device.startswith("cuda"):
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB on Linux
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def fail_unless_finite(row: dict[str, Any], run: Run) -> None:
    """Stop before a value that is not finite reaches a checkpoint; the last line records it."""
    finite = {n: v for n, v in row.items() if isinstance(v, list | str) or math.isfinite(v)}
    bad = [name for name in row if name not in finite]
    if bad:
        images = int(row["images"])
        run.append_metrics({**finite, "nonfinite": 1.0})
        reason = f"{', '.join(bad)} not finite at {images:,} images"
        run.write_status("failed", images, error=reason)
        raise NotFinite(
            f"{reason}: training stopped; the last checkpoint in {run.checkpoints_folder} is from "
            "before. Lower the learning rates (--optim-g.lr, --optim-d.lr) and train again."
        )
