"""What a claim is, and what it works with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import RunFailed
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Text
from saddlepoint.data.resolve import resolve
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.folders import LabFolder
from saddlepoint.reporting.pictures import Picture

Numbers = dict[str, Any]
"""What `measure` returns: plain JSON values."""

DEFAULT_MINUTES = 3.0
"""For all seeds of a claim, on two cores; the settings of every claim are made for it."""


class Work:
    """One seed of one claim: its folder, its randomness, its data."""

    def __init__(self, lab: LabFolder, name: str, seed: int, data: str, threads: int) -> None:
        self.lab, self.name, self.seed, self.data, self.threads = lab, name, seed, data, threads
        self.folder = lab.out / name / f"seed-{seed}"

    @cached_property
    def dataset(self) -> Dataset:
        """The data that was asked for, opened."""
        return resolve(self.data).open()

    def random(self, purpose: str) -> torch.Generator:
        """Random numbers of this seed for one purpose."""
        return torch.Generator().manual_seed(derive_seed(self.seed, purpose, 0))

    def train(self, config: Config, name: str) -> Run:
        """Train a run inside this seed's folder, or go on with it after a kill.

        Raises:
            RunFailed: it could not be trained to the end.
        """
        run = self.try_to_train(config, name)
        if run.status.get("state") != "finished":
            raise RunFailed(f"{run.path}: {run.status.get('error', 'not finished')}")
        return run

    def try_to_train(self, config: Config, name: str) -> Run:
        """As `train`, for a claim to which a run that fails is a result like any other."""
        config = replace(config, train=replace(config.train, threads=self.threads))
        return self.lab.train_to_the_end(config, f"{self.name}/{self.folder.name}/{name}", None)

    def inside(self, path: Path) -> str:
        """A path as `Photo.file` takes it."""
        return str(path.relative_to(self.lab.out))


@dataclass(frozen=True, kw_only=True)
class Claim(ABC):
    """A sentence of the lecture that can be tried; the fields are the settings.

    The docstring of this package says how to write one.
    """

    group: ClassVar[str] = "claim"
    kind: ClassVar[str]
    """The registered name."""
    chapter: ClassVar[str]
    sentence: ClassVar[Text]
    varied: ClassVar[Text]
    held: ClassVar[Text]
    meaning: ClassVar[Text]
    scaled: ClassVar[tuple[str, ...]] = ()
    """Fields that `--minutes` stretches, such as the number of steps."""
    default_data: ClassVar[str] = ""
    """The name of a data set that `--data` replaces; "" where the claim makes its own."""
    exact: ClassVar[bool] = False
    """Computed and not trained, so that all seeds would give the same."""

    @abstractmethod
    def measure(self, work: Work) -> Numbers:
        """Train and measure one seed."""

    @abstractmethod
    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        """What decides, from the numbers of all seeds; the first is the claim's main number."""

    @abstractmethod
    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        """What the numbers look like."""

    def stretched(self, factor: float) -> Self:
        """The claim with a budget of `factor` times its own."""
        now = {name: getattr(self, name) for name in self.scaled}
        # A count stays a count, and there is at least one step.
        longer = {
            name: max(1, round(value * factor)) if isinstance(value, int) else value * factor
            for name, value in now.items()
        }
        return replace(self, **longer)

    @property
    def settings(self) -> dict[str, Any]:
        """The fields as JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def small_dcgan(width: int) -> dict[str, Any]:
    """Fields of DCGAN nets that train in seconds; the width is that of the narrowest stages."""
    return {
        "arch.generator_width": width,
        "arch.discriminator_width": width,
        "arch.discriminator_residuals": 0,
        "arch.full_resolution": False,
    }


def parameters(*nets: nn.Module) -> int:
    """How many numbers nets learn."""
    return sum(p.numel() for net in nets for p in net.parameters())


def last_distance(run: Run) -> float | None:
    """Of the samples to the data, at the end; None where it was never measured."""
    distance = run.history["sliced_wasserstein"]
    known = distance[np.isfinite(distance)]
    return float(known[-1]) if len(known) else None


def over_seeds(seeds: Sequence[Numbers], name: str) -> list[Any]:
    """One number of every seed."""
    return [numbers[name] for numbers in seeds]


def means(rows: Sequence[Sequence[float]]) -> tuple[list[float], list[float], list[float]]:
    """Mean, lowest and highest over seeds, of curves of equal length: for a line with its band."""
    columns = list(zip(*rows, strict=True))
    return (
        [sum(column) / len(column) for column in columns],
        [min(column) for column in columns],
        [max(column) for column in columns],
    )
