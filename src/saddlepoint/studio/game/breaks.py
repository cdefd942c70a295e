"""Games that fail as the lecture says GANs fail, and what fixes each of them.

The settings were found by playing (docs/log.md); `bench/game.py --breaks` plays them again.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Break:
    """A failure to be seen; its texts are `game.break-NAME`, `-story` and `-mend`."""

    name: str
    setup: dict[str, str]
    """What makes a game fail, from its first move on."""
    mend: dict[str, str]
    """The remedy: settings that are changed in the middle of the game. Where one of them belongs
    to nets or data, another game begins with them, from the same seed."""
    findings: tuple[str, ...]
    """What the doctor may call it."""
    moves: int = 750
    """After which it can be seen and the doctor has named it."""
    mended: int = 750
    """Moves of the remedy after which it has worked."""


BREAKS = (
    Break(
        name="complete-collapse",
        setup={"r1": "0", "width_g": "4", "n_critic": "3"},
        mend={"width_g": "64", "n_critic": "1", "r1": "0.1"},
        findings=("complete-mode-collapse", "partial-mode-collapse"),
        moves=500,
    ),
    Break(
        name="partial-collapse",
        setup={"r1": "0", "width_g": "6", "n_critic": "2"},
        mend={"width_g": "64", "n_critic": "1", "r1": "0.1"},
        findings=("partial-mode-collapse",),
        moves=600,
    ),
    Break(
        name="mode-cycle",
        setup={"r1": "0", "lr_g": "0.001", "lr_d": "0.0001"},
        mend={"lr_d": "0.002", "r1": "0.1"},
        findings=("oscillation",),
        mended=1500,
    ),
    Break(
        name="discriminator-wins",
        setup={"loss": "minimax", "r1": "0", "n_critic": "5", "lr_g": "0.00003", "lr_d": "0.005"},
        mend={"loss": "non-saturating", "n_critic": "1", "r1": "0.1"}
        | {"lr_g": "0.002", "lr_d": "0.002"},
        findings=("discriminator-wins", "saturated-loss"),
        moves=350,
        mended=1000,
    ),
    Break(
        name="generator-wins",
        setup={"r1": "0", "lr_g": "0.001", "lr_d": "0.00001"},
        mend={"lr_d": "0.002", "r1": "0.1"},
        findings=("generator-wins", "divergence"),
        moves=500,
    ),
    Break(
        name="oscillation",
        setup={"r1": "0", "lr_g": "0.005", "lr_d": "0.005", "beta1": "0.95"},
        mend={"beta1": "0.5", "lr_g": "0.001", "lr_d": "0.001", "r1": "0.1"},
        findings=("oscillation", "divergence", "learning-rate-too-high"),
        mended=1000,
    ),
    Break(
        name="clipped-critic",
        setup={"loss": "wasserstein", "clip": "0.0002", "n_critic": "2", "r1": "0"},
        mend={"clip": "0", "gp": "1", "n_critic": "3", "lr_d": "0.005"},
        findings=("lipschitz-violation",),
        moves=500,
        mended=1250,
    ),
    Break(
        name="unbounded-critic",
        setup={"loss": "wasserstein", "r1": "0"},
        mend={"gp": "1", "n_critic": "3"},
        findings=("divergence", "lipschitz-violation", "oscillation"),
    ),
    Break(
        name="latent-ignored",
        setup={"labels": "onehot", "latent_scale": "0.01"},
        mend={"latent_scale": "1"},
        findings=("latent-ignored",),
        moves=500,
        mended=500,
    ),
    Break(
        name="condition-forgotten",
        setup={"labels": "onehot", "label_scale": "0.001"},
        mend={"label_scale": "1"},
        findings=("condition-ignored",),
        mended=500,
    ),
)
