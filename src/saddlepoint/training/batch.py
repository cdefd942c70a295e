"""`--batch auto`: the greatest batch that fits into memory and, on a CPU, is worth its size."""

from __future__ import annotations

from dataclasses import replace

import torch

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import is_memory
from saddlepoint.core.limits import in_words
from saddlepoint.training.budget import images_per_second
from saddlepoint.training.memory import need_of

_SECONDS = 0.7
"""That each size is timed for, after its first steps."""
_GAIN = 1.15
"""On a CPU, twice the batch has to train so many times as many images per second: it halves the
number of steps, and smaller differences are those of measurement."""
_MOST = 2**20  # as in core.config.Train


def greatest(config: Config, dataset: Dataset) -> tuple[Config, str]:
    """The configuration with the batch found, and a sentence that says why it is that one.

    The batch that the configuration has is doubled, or halved, as often as needed. Sizes that fit
    by the estimate are tried.
    """
    own = size = config.train.batch_size
    while not _fits(config, dataset, size) and _can_be_halved(config, size):
        size //= 2
    rates = {size: _rate(config, dataset, size)}
    while not rates[size] and _can_be_halved(config, size):
        size //= 2
        rates[size] = _rate(config, dataset, size)
    while not (against := _against(config, dataset, 2 * size, rates)):
        size *= 2
    speeds = ", ".join(f"{n:,}: {rate:,.0f}" for n, rate in sorted(rates.items()) if rate)
    said = f"Batch {size:,}: {2 * size:,} {against} (images per second: {speeds})."
    if size != own:
        change = f"{size // own} times fewer" if size > own else f"{own // size} times more"
        said += (
            f" Learning rates stay those of batch {own:,}, and a budget in images has {change} "
            "steps."
        )
    return _with(config, size), said


def _against(config: Config, dataset: Dataset, size: int, rates: dict[int, float]) -> str:
    """Why a batch twice as large as the last one is not taken; "" where it is. Notes its rate."""
    if size > min(len(dataset), _MOST):
        return f"are more than the {min(len(dataset), _MOST):,} that are possible"
    need = need_of(_with(config, size), dataset)
    if need is not None and not need.fits:
        need_and_left = f"{in_words(need.total)} of memory, but {in_words(need.left)} are available"
        return f"need about {need_and_left}"
    rates[size] = _rate(config, dataset, size)
    if not rates[size]:
        return "need more memory than there is"
    on_cpu = torch.device(config.train.device).type == "cpu"
    if on_cpu and rates[size] < _GAIN * rates[size // 2]:
        return "are not worth their steps"
    return ""


def _fits(config: Config, dataset: Dataset, size: int) -> bool:
    need = need_of(_with(config, size), dataset)
    return need is None or need.fits


def _can_be_halved(config: Config, size: int) -> bool:
    half = size // 2
    return half >= 2 and half % config.train.accumulate == 0


def _rate(config: Config, dataset: Dataset, size: int) -> float:
    """Images per second; 0 where a step needs more memory than there is."""
    try:
        return images_per_second(_with(config, size), dataset, _SECONDS)
    except (MemoryError, RuntimeError) as error:
        if not is_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return 0.0


def _with(config: Config, size: int) -> Config:
    return replace(config, train=replace(config.train, batch_size=size))
