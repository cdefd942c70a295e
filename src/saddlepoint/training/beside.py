"""What a run does beside its steps: pictures, scores, checkpoints and the report."""

from __future__ import annotations

import time

import torch

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.training.device import synchronize
from saddlepoint.training.schedule import Schedule
from saddlepoint.training.scoring import CHEAP, CHUNK, N_CHEAP
from saddlepoint.training.state import placed

_FILES_SECONDS = 0.15
"""A grid as PNG, the cheap score and a checkpoint, once their images are there."""
REPORT_SECONDS = 4.0
"""The report and the end of the process, as measured on two slow cores (docs/log.md)."""


def seconds_beside(config: Config, dataset: Dataset, begun: int = 0) -> float:
    """From `begun` images to the end of the budget, on this machine, the report included.

    What a feature network takes for scores in training is not known before, and left out.
    """
    every = Schedule.of(config).sample
    n_due = -(-config.train.total_images // every) - begun // every + (begun == 0)
    return n_due * _seconds_when_due(config, dataset) + REPORT_SECONDS


@torch.no_grad()
def _seconds_when_due(config: Config, dataset: Dataset) -> float:
    device, spec = config.train.device, dataset.spec
    generator = placed(config.arch.generator(spec), config, spec).eval()
    z = torch.zeros(CHUNK, generator.latent_dim, device=device)
    labels = None
    if config.arch.conditioning != "none":
        labels = torch.zeros(CHUNK, dtype=torch.long, device=device)
    took = 0.0
    for _ in range(2):  # the first call chooses kernels
        synchronize(device)
        begun = time.monotonic()
        generator(z, labels)
        synchronize(device)
        took = time.monotonic() - begun
    n_images = N_CHEAP + config.train.n_samples
    if config.scoring.by != CHEAP:
        n_images += config.scoring.n
    return took / CHUNK * n_images + _FILES_SECONDS
