"""The lecture's failures as configurations that fail on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.reporting.failures import Case

CHECKS = 30
"""How often the doctor checks a short run, at least."""
WAYS = {"untreated": "advise", "treated": "treat"}
"""Folder of a run -> the doctor's mode in it."""


SMALL_MLP: dict[str, Any] = {
    "arch.generator_widths": (96, 96, 96),
    "arch.discriminator_widths": (96, 96, 96),
    "arch.latent_dim": 8,
}
SMALL_DCGAN: dict[str, Any] = {
    "arch.generator_width": 16,
    "arch.discriminator_width": 16,
    "arch.discriminator_residuals": 1,
    "arch.full_resolution": False,
    "arch.latent_dim": 16,
}


@dataclass(frozen=True, kw_only=True)
class Failure(Case):
    """A configuration that fails on purpose, and how."""

    name: str
    preset: str = "gan"
    data: str = "ring8"
    kimg: float = 480
    """Long enough, by default, for a cured run to draw points and not a smear."""
    rates: tuple[float, float]
    """Learning rates of generator and discriminator, which have Adam."""
    check_kimg: float = 2.5
    """Kimg between two checks, at most; it decides how soon a finding can come."""
    beta1: float = 0.5
    nets: dict[str, Any] = field(default_factory=lambda: SMALL_MLP)
    """What keeps them small: a run takes seconds."""
    changes: dict[str, Any] = field(default_factory=dict)
    """What makes it fail, and what keeps it small."""

    def config(self, way: str, seed: int) -> Config:
        """The configuration of one run; both ways start from the same one."""
        # Many checks: a finding needs several of them.
        check = min(self.check_kimg, self.kimg / CHECKS)
        small = {
            **self.nets,
            "train.tick_kimg": check,
            "doctor.probe_kimg": check,
            "doctor.mode": WAYS[way],
        }
        for player, lr in zip(("optim_g", "optim_d"), self.rates, strict=True):
            small[player] = {"kind": "adam", "lr": lr, "beta1": self.beta1}
        changes = {**small, **self.changes}
        return api.configure(self.preset, self.data, seed=seed, kimg=self.kimg, changes=changes)


FAILURES = {
    failure.name: failure
    for failure in (
        Failure(
            name="complete-collapse",
            title="Complete mode collapse: one image for every z",
            story=(
                "A generator without BatchNorm learns three hundred times as fast as its "
                "discriminator. It settles on the one image that the discriminator likes best, "
                "whatever z is, and the discriminator is too slow to notice that it always sees "
                "the same."
            ),
            expected=("complete-mode-collapse", "generator-wins"),
            data="digits",
            kimg=75,
            rates=(3e-4, 1e-6),
            changes={
                "arch.generator_norm": "none",
                "arch.generator_widths": (64, 64),
                "arch.discriminator_widths": (256, 128),
            },
        ),
        Failure(
            name="partial-collapse",
            title="Partial mode collapse: some of the modes are never drawn",
            story=(
                "Eight clusters on a circle, plain cross-entropy, a generator without BatchNorm. "
                "It covers some of the clusters and gives up the others: the discriminator judges "
                "one point at a time, so it cannot see that a cluster is empty."
            ),
            expected=("partial-mode-collapse",),
            rates=(1e-3, 1e-3),
            changes={
                "arch.generator_norm": "none",
                "arch.generator_widths": (96, 96),
                "arch.discriminator_widths": (512, 256),
            },
        ),
        Failure(
            name="discriminator-wins",
            title="The discriminator wins: the generator's gradient vanishes",
            story=(
                "The minimax loss as the theory writes it, and five steps of a fast discriminator "
                "for each step of a slow generator. log(1 - D) is flat where the discriminator is "
                "certain."
            ),
            expected=("discriminator-wins", "saturated-loss"),
            preset="gan-minimax",
            data="digits",
            kimg=150,
            check_kimg=5,
            rates=(1e-4, 1e-3),
            changes={"train.n_critic": 5},
        ),
        Failure(
            name="generator-wins",
            title="The generator wins: its teacher knows nothing",
            story=(
                "The discriminator learns two hundred times as slowly as the generator, so it is "
                "always behind: it rates fakes above real images, and the generator learns nothing "
                "about the data."
            ),
            expected=("generator-wins",),
            data="digits",
            kimg=75,
            rates=(1e-3, 5e-6),
        ),
        Failure(
            name="oscillation",
            title="Oscillation: round and round without end",
            story=(
                "Large learning rates and a momentum of 0.95, which suit a classifier. Each player "
                "overshoots the other, and the samples wander from mode to mode."
            ),
            expected=("oscillation", "learning-rate-too-high", "partial-mode-collapse"),
            rates=(5e-3, 5e-3),
            beta1=0.95,
        ),
        Failure(
            name="clipped-critic",
            title="A critic clipped until it has no capacity left",
            story=(
                "Weight clipping at 0.0003. Half of the weights sit at one of the two limits, the "
                "critic is flat and nearly linear, and it cannot tell the generator where the "
                "clusters are."
            ),
            expected=("lipschitz-violation",),
            rates=(2e-3, 2e-3),
            changes={
                "arch.discriminator_widths": (64, 64, 64),
                "loss": {"kind": "wasserstein", "clip": 3e-4},
                "train.n_critic": 2,
            },
        ),
        Failure(
            name="latent-ignored",
            title="z is ignored: one image for each label",
            story=(
                "A conditional generator whose z is scaled down to a hundredth, beside a label "
                "that is not. It draws one image per class, and nothing varies within a class."
            ),
            expected=("latent-ignored", "complete-mode-collapse", "partial-mode-collapse"),
            data="digits",
            kimg=75,
            rates=(1e-3, 1e-3),
            changes={"arch.conditioning": "onehot", "arch.latent_scale": 0.01},
        ),
        Failure(
            name="condition-forgotten",
            title="The one-hot condition is forgotten",
            story=(
                "The label is a one-hot vector beside the image, scaled down so far that the "
                "discriminator ignores it. So the generator may ignore it too: it draws any digit, "
                "whatever was asked for."
            ),
            expected=("condition-ignored",),
            data="digits",
            kimg=75,
            rates=(1e-3, 1e-3),
            changes={"arch.conditioning": "onehot", "arch.label_scale": 0.001},
        ),
        Failure(
            name="dcgan-discriminator-wins",
            title="DCGAN does not cure it: the discriminator wins",
            story=(
                "Convolutions and BatchNorm instead of fully connected layers, and the same "
                "mistake: the minimax loss, and five steps of a fast discriminator for each step "
                "of a slower generator."
            ),
            expected=("discriminator-wins", "saturated-loss"),
            preset="dcgan",
            data="digits",
            kimg=60,
            check_kimg=5,
            rates=(5e-4, 1e-3),
            nets=SMALL_DCGAN,
            changes={"loss": {"kind": "minimax"}, "train.n_critic": 5},
        ),
        Failure(
            name="wgan-gp-generator-wins",
            title="WGAN-GP does not cure it: the critic is left behind",
            story=(
                "A critic with a gradient penalty that learns two hundred times as slowly as the "
                "generator, and takes one step for each of its. What it measures is not a distance "
                "yet, so the generator is led nowhere."
            ),
            expected=("generator-wins",),
            preset="wgan-gp",
            data="digits",
            kimg=30,
            rates=(1e-3, 5e-6),
            nets=SMALL_DCGAN,
            changes={"train.n_critic": 1},
        ),
        Failure(
            name="cgan-condition-forgotten",
            title="The one-hot condition of a convolutional CGAN is forgotten",
            story=(
                "As planes beside the image, scaled down so far that the discriminator ignores "
                "them. A label that enters once, at the input, can be lost there."
            ),
            expected=("condition-ignored",),
            preset="cgan-onehot",
            data="digits",
            kimg=40,
            rates=(1e-3, 1e-3),
            nets=SMALL_DCGAN,
            changes={"arch.label_scale": 0.001},
        ),
    )
}
