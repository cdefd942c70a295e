"""The lecture's failures on demand: each is trained untreated and treated, and both are shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.registry import unknown
from saddlepoint.core.runs import Run
from saddlepoint.lab.folders import claim, train_once
from saddlepoint.reporting.failures import Shown, write_failures

LOOKS = 30
"""The doctor's looks in a run."""
WAYS = {"untreated": "advise", "treated": "treat"}
"""Folder of a run -> the doctor's mode in it."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A configuration that fails on purpose, and how."""

    name: str
    title: str
    story: str
    """What is done wrong, and what the lecture says of it."""
    expected: tuple[str, ...]
    """Findings that would be right."""
    preset: str = "gan"
    data: str = "ring8"
    kimg: float
    changes: dict[str, Any] = field(default_factory=dict)
    """What makes it fail, and what keeps it small."""

    def config(self, way: str, seed: int) -> Config:
        """The run's configuration; both ways start alike."""
        small = {
            "arch.generator_widths": (96, 96, 96),
            "arch.discriminator_widths": (96, 96, 96),
            "arch.latent_dim": 8,
            "train.tick_kimg": self.kimg / LOOKS,
            "doctor.probe_kimg": self.kimg / LOOKS,
        }
        changes = {**small, **self.changes, "doctor.mode": WAYS[way]}
        return with_changes(
            api.configure(self.preset, self.data, seed=seed, kimg=self.kimg), changes
        )


def _adam(lr: float, beta1: float = 0.5) -> dict[str, Any]:
    return {"kind": "adam", "lr": lr, "beta1": beta1}


FAILURES = {
    failure.name: failure
    for failure in (
        Failure(
            name="complete-collapse",
            title="Complete mode collapse: one image for every z",
            story=(
                "A generator without BatchNorm learns three hundred times as fast as its "
                "discriminator. It runs to the one image that the discriminator likes best, "
                "whatever z is, and the discriminator is too slow to say that this is always the "
                "same."
            ),
            expected=("complete-mode-collapse", "generator-wins"),
            data="digits",
            kimg=75,
            changes={
                "arch.generator_norm": "none",
                "arch.generator_widths": (64, 64),
                "arch.discriminator_widths": (256, 128),
                "optim_g": _adam(3e-4),
                "optim_d": _adam(1e-6),
            },
        ),
        Failure(
            name="partial-collapse",
            title="Partial mode collapse: some of the modes are never drawn",
            story=(
                "Eight clusters on a circle, plain cross-entropy, a generator without BatchNorm. "
                "It serves some of the clusters and gives up the others: the discriminator judges "
                "one point at a time, so nothing tells it that a cluster has no visitor."
            ),
            expected=("partial-mode-collapse",),
            kimg=75,
            changes={
                "arch.generator_norm": "none",
                "arch.generator_widths": (96, 96),
                "arch.discriminator_widths": (512, 256),
                "optim_g": _adam(1e-3),
                "optim_d": _adam(1e-3),
            },
        ),
        Failure(
            name="discriminator-wins",
            title="The discriminator wins: the generator's gradient vanishes",
            story=(
                "The minimax loss as the theory writes it, and five steps of a fast discriminator "
                "for each of a slow generator. log(1 - D) is flat where the discriminator is sure."
            ),
            expected=("discriminator-wins", "saturated-loss"),
            preset="gan-minimax",
            data="digits",
            kimg=150,
            changes={
                "optim_g": _adam(1e-4),
                "optim_d": _adam(1e-3),
                "train.n_critic": 5,
            },
        ),
        Failure(
            name="generator-wins",
            title="The generator wins: its teacher knows nothing",
            story=(
                "The discriminator learns two thousand times as slowly as the generator, so it "
                "stays as it was drawn. The generator satisfies it at once and learns nothing of "
                "the data."
            ),
            expected=("generator-wins", "weak-discriminator", "complete-mode-collapse"),
            kimg=75,
            changes={"optim_g": _adam(2e-3), "optim_d": _adam(1e-6)},
        ),
        Failure(
            name="oscillation",
            title="Oscillation: round and round without an end",
            story=(
                "Large learning rates and a momentum of 0.95, good for a classifier. Each player "
                "overshoots the other, and what is drawn wanders from mode to mode."
            ),
            expected=("oscillation", "learning-rate-too-high", "partial-mode-collapse"),
            kimg=75,
            changes={"optim_g": _adam(5e-3, 0.95), "optim_d": _adam(5e-3, 0.95)},
        ),
        Failure(
            name="clipped-critic",
            title="A critic clipped until it has no capacity left",
            story=(
                "Weight clipping at 0.001. Half of the weights sit at one of the two ends, the "
                "critic is flat and nearly linear, and it cannot tell the generator where the "
                "clusters are."
            ),
            expected=("lipschitz-violation",),
            kimg=150,
            changes={
                "arch.discriminator_widths": (64, 64, 64),
                "loss": {"kind": "wasserstein", "clip": 1e-3},
                "optim_g": _adam(2e-3),
                "optim_d": _adam(2e-3),
                "train.n_critic": 2,
            },
        ),
        Failure(
            name="latent-ignored",
            title="z is ignored: one image for each label",
            story=(
                "A conditional generator whose z comes in a hundred times smaller than the label "
                "beside it. It draws each class once, and nothing varies within it."
            ),
            expected=("latent-ignored", "complete-mode-collapse", "partial-mode-collapse"),
            data="digits",
            kimg=75,
            changes={
                "arch.conditioning": "onehot",
                "arch.latent_scale": 0.01,
                "optim_g": _adam(1e-3),
                "optim_d": _adam(1e-3),
            },
        ),
        Failure(
            name="condition-forgotten",
            title="The one-hot condition is forgotten",
            story=(
                "The label stands beside the image as a one-hot vector that is too small to be "
                "heard. The discriminator does not look at it, so the generator need not either: "
                "it draws any digit, whatever was asked for."
            ),
            expected=("condition-ignored",),
            data="digits",
            kimg=75,
            changes={
                "arch.conditioning": "onehot",
                "arch.label_scale": 0.001,
                "optim_g": _adam(1e-3),
                "optim_d": _adam(1e-3),
            },
        ),
    )
}


def failures(
    out: Path,
    cases: Sequence[str] = (),
    kimg: float | None = None,
    minutes: float | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> Path:
    """Train both ways and report; what an earlier call finished in `out` is not done again.

    Args:
        cases: only these; by default all.
        kimg: the budget of each run, in place of the case's own.
        minutes: or its wall clock.

    Returns:
        The page.

    Raises:
        InputError: an unknown case, or `out` holds a lab of other settings.
    """
    api.check_budget(kimg, minutes)
    for name in cases:
        if name not in FAILURES:
            raise InputError(unknown("failure", name, FAILURES))
    claim(out, {"kimg": kimg, "minutes": minutes, "seed": seed})
    shown = []
    chosen = [FAILURES[name] for name in cases or FAILURES]
    for number, failure in enumerate(chosen, 1):
        if not quiet:
            print(f"Failure {number} of {len(chosen)}: {failure.name}", file=sys.stderr)
        if kimg is not None:
            failure = replace(failure, kimg=kimg)
        runs = {way: out / failure.name / way for way in WAYS}
        for way, folder in runs.items():
            _train(failure.config(way, seed), folder, minutes, quiet)
        shown.append(
            Shown(
                title=failure.title,
                story=failure.story,
                expected=failure.expected,
                untreated=Run(runs["untreated"]),
                treated=Run(runs["treated"]),
            )
        )
    return write_failures(shown, out / "report.html")


def _train(config: Config, folder: Path, minutes: float | None, quiet: bool) -> None:
    """A run that dies is a result here, as one that ends."""
    if Run(folder).status.get("state") == "failed":
        return
    try:
        train_once(
            folder, lambda: api.train(config, out=folder, minutes=minutes, quiet=quiet), quiet
        )
    except RunFailed as failure:
        if not quiet:
            print(f"failed: {failure}", file=sys.stderr)
