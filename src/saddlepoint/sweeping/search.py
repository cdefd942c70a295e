"""Optuna, without its storage: what to try next, and what is not worth going on with.

All that it is told lies in the run folders, so it is told anew each time: there is no database
beside them to be damaged or to disagree with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from saddlepoint.core.errors import InputError
from saddlepoint.core.randomness import derive_seed
from saddlepoint.sweeping.space import Choices, Range, Settings, Space, settings_of, size_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

LEAST_TO_PRUNE = 4
"""Finished runs before one is compared with their median: of fewer it says little."""
FIRST_PLACE = 3
"""At which a run may be ended: the scores before are of a generator that has learnt little."""
_MOST_ATTEMPTS = 20


@dataclass(frozen=True)
class Tried:
    """A trial as the search sees it."""

    settings: Settings
    mean: float | None
    """Of the objective over its seeds; None for a trial that was ended early."""
    scores: Mapping[int, float] = field(default_factory=dict)
    """Place -> score on the way, of its first seed."""


def require_optuna(what: str) -> None:
    """Raises InputError where Optuna is not installed.

    Args:
        what: needs it; begins the sentence.
    """
    try:
        import optuna
    except ImportError as error:
        raise InputError(f"{what} needs Optuna; pip install 'saddlepoint[sweep]'.") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it would tell of every trial


def propose(space: Space, past: Sequence[Tried], seed: int, lower: bool) -> Settings:
    """The settings to try next: a function of what was tried before, and of the seed.

    Args:
        lower: whether a lower objective is better.
    """
    known, found = [tried.settings for tried in past], Settings()
    for attempt in range(_MOST_ATTEMPTS):
        found = _ask(space, past, derive_seed(seed, f"sweep-{len(past)}", attempt), lower)
        # Trained again it would give the same numbers.
        if found not in known:
            return found
    if size_of(space) is not None:
        return next(settings for settings in settings_of(space) if settings not in known)
    return found


def hopeless_at(
    scores: Mapping[int, float], others: Sequence[Mapping[int, float]], lower: bool
) -> int | None:
    """The first place at which a run's best score so far is worse than the median of the others
    there; None while it is worth going on.

    Args:
        scores: place -> score of a run that goes on.
        others: those of finished runs with the same seed.
    """
    from optuna.pruners import MedianPruner

    pruner = MedianPruner(n_startup_trials=LEAST_TO_PRUNE, n_warmup_steps=FIRST_PLACE)
    study = _study(lower)
    study.add_trials([_trial({}, {}, {**one}, one[max(one)]) for one in others if one])
    so_far: dict[int, float] = {}
    for place in sorted(scores):
        so_far[place] = scores[place]
        if pruner.prune(study, _trial({}, {}, so_far, None)):
            return place
    return None


def _ask(space: Space, past: Sequence[Tried], seed: int, lower: bool) -> Settings:
    distributions = {path: _distribution(one) for path, one in space.items()}
    study = _study(lower, seed % 2**32)
    study.add_trials(
        [
            _trial(_as_params(space, one.settings), distributions, {**one.scores}, one.mean)
            for one in past
        ]
    )
    chosen = study.ask(distributions).params
    return {path: _from_param(one, chosen[path]) for path, one in space.items()}


def _study(lower: bool, seed: int = 0) -> Any:
    import optuna

    require_optuna("A search")
    sampler = optuna.samplers.TPESampler(seed=seed)
    return optuna.create_study(sampler=sampler, direction="minimize" if lower else "maximize")


def _trial(
    params: dict[str, Any],
    distributions: dict[str, BaseDistribution],
    scores: dict[int, float],
    mean: float | None,
) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    return create_trial(
        params=params,
        distributions=distributions,
        intermediate_values=scores,
        value=mean,
        state=TrialState.PRUNED if mean is None else TrialState.COMPLETE,
    )


def _distribution(one: Choices | Range) -> BaseDistribution:
    from optuna import distributions

    if isinstance(one, Choices):
        # By place: a choice of Optuna's cannot be a list.
        return distributions.CategoricalDistribution(range(len(one.values)))
    if one.whole:
        return distributions.IntDistribution(int(one.low), int(one.high), log=one.log)
    return distributions.FloatDistribution(one.low, one.high, log=one.log)


def _as_params(space: Space, settings: Settings) -> dict[str, Any]:
    return {
        path: one.values.index(settings[path]) if isinstance(one, Choices) else settings[path]
        for path, one in space.items()
    }


def _from_param(one: Choices | Range, value: Any) -> Any:
    return one.values[value] if isinstance(one, Choices) else one.nearest(value)
