"""results.json: all that a sweep has found, from which its page is drawn."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from saddlepoint.core.config_json import to_json
from saddlepoint.evaluation.verdicts import mean_over
from saddlepoint.reporting.facts import saddle_command
from saddlepoint.sweeping.carrying_out import Plan, Sweeping
from saddlepoint.sweeping.space import Range, Settings

SCHEMA = 1


def results_of(sweeping: Sweeping, command: str) -> dict[str, Any]:
    """The document: what was asked, every trial with its trainings, and the best.

    A trial is ranked by its mean over all seeds; one without all of them has no mean.

    Args:
        command: that goes on with the sweep, or makes it again.
    """
    plan = sweeping.plan
    trials = [_trial(sweeping, number) for number in range(len(sweeping.folder.trials))]
    best = best_of(trials, plan.lower)
    return {
        "schema": SCHEMA,
        "command": command,
        "asked": plan.asked,
        "preset": plan.base.preset,
        "data": to_json(plan.base.source)["kind"],
        "objective": plan.objective,
        "better": "lower" if plan.lower else "higher",
        "seeds": list(plan.seeds),
        "logarithmic": [
            path for path, one in plan.space.items() if isinstance(one, Range) and one.log
        ],
        "n_trials": plan.n_trials,
        "trials": trials,
        "best": best,
        "best_command": None if best is None else _command(plan, trials[best]["settings"]),
    }


def _trial(sweeping: Sweeping, number: int) -> dict[str, Any]:
    plan, folder = sweeping.plan, sweeping.folder
    settings = folder.trials[number]["settings"]
    runs = []
    for seed in plan.seeds:
        found = sweeping.outcome(number, seed)
        runs.append(
            {
                "run": str(folder.run(number, seed).path),
                "seed": seed,
                "state": found.state,
                "why": found.why,
                "score": found.score,
                "scores": [
                    [images, found.scores.get(place)]
                    for place, images in enumerate(found.at_images, 1)
                ],
                "images": found.images,
                "seconds": found.seconds,
                "command": _command(plan, settings, seed),
            }
        )
    scores = [run["score"] for run in runs if run["score"] is not None]
    mean, low, high = mean_over(scores) if len(scores) == len(runs) else (None, None, None)
    interval = None if low is None else [low, high]
    return {
        "number": number + 1,
        "settings": settings,
        "mean": mean,
        "interval": interval,
        "runs": runs,
    }


def _command(plan: Plan, settings: Settings, seed: int | None = None) -> str:
    """The command that trains these settings, without a folder."""
    config = plan.config(settings, plan.seeds[0] if seed is None else seed)
    return f"{saddle_command()} {shlex.join(plan.words_of(config))}"


def best_of(trials: Sequence[dict[str, Any]], lower: bool) -> int | None:
    """Index of the trial with the best mean; None while none has one."""
    ranked = [number for number, trial in enumerate(trials) if trial["mean"] is not None]
    sign = 1 if lower else -1
    return min(ranked, key=lambda number: sign * trials[number]["mean"], default=None)
