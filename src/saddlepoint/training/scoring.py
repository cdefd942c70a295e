"""Scores while a run trains, which decide on the best checkpoint and on stopping early."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from saddlepoint.core import images
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import finite
from saddlepoint.core.measures import Comparison, FeatureSet
from saddlepoint.evaluation.bank import OF_REFERENCE, bank_of
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.measure import measure
from saddlepoint.evaluation.metrics.sliced_wasserstein import sliced_wasserstein
from saddlepoint.evaluation.opened import FIRST_SEED
from saddlepoint.evaluation.sets import subset_of
from saddlepoint.sampling.latent_space import latents
from saddlepoint.training.state import TrainState

N_CHEAP = 512
CHUNK = 64
CHEAP = "sliced_wasserstein"


class Scorer:
    """Scores the averaged generator, always with the same latents and the same real images.

    Raises:
        InputError: `scoring.by` names no number that can rank checkpoints of this run.
    """

    def __init__(self, config: Config, dataset: Dataset, real: Tensor) -> None:
        """real: float32 [at least 512 or all, ...] in [-1, 1], for the cheap score."""
        self.config, self.scoring = config, config.scoring
        self.dataset, self.device = dataset, config.train.device
        self.real = real[:N_CHEAP]
        self.extractor, self.lower = None, True
        self.kept: dict[str, Any] = {}
        if self.scoring.by != CHEAP:
            self.extractor, _ = choose_extractor(self.scoring.features, dataset, self.device)
            chosen = subset_of(dataset, self.scoring.n, config.seed, {})
            self.real_features = bank_of(chosen, self.extractor).features
            # Real images stand in for fakes, without labels where the fakes will have none: a
            # number that cannot be taken is refused here and not at the first save.
            stand_in = self.real_features
            if config.arch.conditioning == "none":
                stand_in = replace(stand_in, labels=None)
            first = self._comparison(stand_in)
            possible, unfit = measure(first)
            # What depends on the real images alone is computed once a run, not once a score.
            self.kept = {name: first.shared[name] for name in OF_REFERENCE if name in first.shared}
            if not possible.get(self.scoring.by, {}).get("better"):
                known = ", ".join(name for name, number in possible.items() if number["better"])
                reason = unfit.get(self.scoring.by.replace("_", "-"))
                why = f" ({reason})" if reason else ""
                raise InputError(
                    f"scoring.by={self.scoring.by} cannot rank checkpoints here{why}; choose "
                    f"{CHEAP}, {known}."
                )
            self.lower = possible[self.scoring.by]["better"] == "lower"

    def score(self, state: TrainState) -> dict[str, float | None]:
        """Columns for a line of metrics: the cheap score, and the numbers of `saddle evaluate`."""
        cheap = sliced_wasserstein(self.real, self.generate(state, range(len(self.real))))
        row = {CHEAP: finite(round(cheap, 6))}
        if self.extractor is not None:
            # The seeds of `saddle evaluate`, so that a run's column and its score are comparable.
            seeds = range(FIRST_SEED, FIRST_SEED + len(self.real_features))
            made = self.generate(state, seeds).float().cpu()
            if self.dataset.spec.is_image:
                made = torch.from_numpy(images.to_uint8(made.numpy()))
            fake = FeatureSet(**self.extractor(made)._asdict(), labels=self._labels(seeds))
            values, _ = measure(self._comparison(fake))
            row |= {name: finite(round(number["value"], 6)) for name, number in values.items()}
        return row

    def rank(self, row: dict[str, Any]) -> float | None:
        """A number that is lower for a better score; None for a score that ranks nothing."""
        value = row.get(self.scoring.by)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return None
        # The best checkpoint has the lowest rank, so scores that should rise are negated.
        return value if self.scoring.by == CHEAP or self.lower else -value

    def exhausted(self, rows: list[dict[str, Any]], since: int = 0) -> bool:
        """True when none of the last `patience` scores is better than all before them.

        Args:
            since: images at which the budget was given. Only later scores use up patience: who
                extends a run that ended early wants more than its next score.
        """
        ranks = [rank for row in rows if (rank := self.rank(row)) is not None]
        later = sum(self.rank(row) is not None for row in rows if row["images"] > since)
        patience = self.scoring.patience
        if not patience or len(ranks) <= patience or later < patience:
            return False
        # As good as before is not progress.
        return min(ranks[-patience:]) >= min(ranks[:-patience])

    @torch.no_grad()
    def generate(self, state: TrainState, seeds: range) -> Tensor:
        """Items of the averaged generator, as the nets see them; label = seed mod n_classes."""
        z = latents(seeds, state.ema.latent_dim).to(self.device)
        labels = self._labels(seeds)
        if labels is None:
            return torch.cat([state.ema(part) for part in z.split(CHUNK)])
        parts = zip(z.split(CHUNK), labels.to(self.device).split(CHUNK), strict=True)
        return torch.cat([state.ema(*part) for part in parts])

    def _labels(self, seeds: range) -> Tensor | None:
        if self.config.arch.conditioning == "none":
            return None
        return torch.tensor(list(seeds)) % self.dataset.spec.n_classes

    def _comparison(self, fake: FeatureSet) -> Comparison:
        return Comparison(
            real=self.real_features,
            fake=fake,
            n_bootstrap=0,
            seed=self.config.seed,
            shared=dict(self.kept),
        )


def check_scoring(config: Config, dataset: Dataset) -> None:
    """Raises InputError as `Scorer` does, before the run has a folder; features are cached."""
    Scorer(config, dataset, torch.zeros(0))
