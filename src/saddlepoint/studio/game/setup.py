"""How a game in the plane is set up: a handful of fields -> a Config, and their text in a URL."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_type_hints

from saddlepoint import presets
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core import registry
from saddlepoint.core.checks import MOST_SEED, at_least, between
from saddlepoint.core.config import Config, Ema
from saddlepoint.core.contracts import AdversarialLoss, Conditioning, Penalty
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import parse
from saddlepoint.core.shapes import shaped
from saddlepoint.data.sources.mixtures import Grid25, Mixture, Ring8
from saddlepoint.losses.gradient_penalties import R1, GradientPenalty
from saddlepoint.studio.game.drawn import Drawn, points_from
from saddlepoint.training.optimizers import Adam

LATENT_DIM = 2
"""Of two dimensions the generator can be drawn whole: a grid of latents and where it takes it."""
SPREADS = {"ring8": 0.05, "grid25": 0.15}
"""Standard deviation of the clusters: those of the data sets, 0.01 and 0.05, would be dots."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A game before its first move. Equal setups and equal moves give equal bits."""

    data: Literal["ring8", "grid25", "drawn"] = "ring8"
    """The real points: a data set of the package, or points that were drawn."""
    points: str = ""
    """Drawn points: base64url of two bytes a point, (byte - 128) / 100 a coordinate."""
    seed: int = 0
    """Of first weights and of every draw."""
    loss: str = "non-saturating"
    """A registered loss."""
    clip: float = 0.0
    """Weight clipping, of losses that have it; 0: none."""
    gp: float = 0.0
    """Weight of the gradient penalty; 0: none."""
    target: float = 1.0
    """The norm that the gradient penalty asks for."""
    r1: float = 0.1
    """Gamma of R1; 0: none."""
    lr_g: float = 2e-3
    """The generator's learning rate."""
    lr_d: float = 2e-3
    """The discriminator's learning rate."""
    beta1: float = 0.5
    """Adam's momentum, of both players."""
    n_critic: int = 1
    """Discriminator steps before each generator step, where both play."""
    batch: int = 128
    """Points in one step of either player."""
    noise: float = 0.0
    """Standard deviation of noise on all that the discriminator sees."""
    width_g: int = 64
    """Width of the generator's two hidden layers."""
    width_d: int = 64
    """Width of the discriminator's two hidden layers."""
    stddev: bool = False
    """The discriminator sees the standard deviation of its batch."""
    labels: Conditioning = "none"
    """How a label, the cluster of each point, enters both nets."""
    latent_scale: float = 1.0
    """What z is multiplied by on entry."""
    label_scale: float = 1.0
    """Size of the label's vector beside an input."""

    def __post_init__(self) -> None:
        registry.get("loss", self.loss)
        at_least(self, 0, "seed", most=MOST_SEED)
        between(self, 0, 1, "clip")
        between(self, 0, 1000, "gp", "r1")
        between(self, 0, 10, "target", "noise")
        between(self, 1e-7, 1, "lr_g", "lr_d")
        between(self, 0, 0.99, "beta1")
        # A frame has to be ready in a thirtieth of a second.
        between(self, 1, 20, "n_critic")
        between(self, 2, 512, "batch")
        between(self, 2, 256, "width_g", "width_d")
        between(self, 0, 100, "latent_scale", "label_scale")
        if self.labels == "every-layer":
            raise InputError("labels=every-layer needs BatchNorm, which the game does without.")
        if self.labels != "none" and self.data == "drawn":
            raise InputError("Drawn points have no labels; use labels=none, ring8 or grid25.")
        points_from(self.points)

    def source(self) -> Mixture:
        """The real points, as a mixture whose density is known."""
        if self.data == "drawn":
            return Drawn(points=self.points)
        std = SPREADS[self.data]
        return Ring8(std=std) if self.data == "ring8" else Grid25(std=std)

    def config(self) -> Config:
        """The same as a configuration of the package, whose own steps then play it."""
        base = presets.gan_points(self.source())
        arch = Mlp(
            latent_dim=LATENT_DIM,
            generator_widths=(self.width_g, self.width_g),
            discriminator_widths=(self.width_d, self.width_d),
            generator_norm="none",
            minibatch_stddev=self.stddev,
            conditioning=self.labels,
            latent_scale=self.latent_scale,
            label_scale=self.label_scale,
        )
        train = replace(
            base.train,
            batch_size=self.batch,
            n_critic=self.n_critic,
            instance_noise=self.noise,
            # A game has no end that penalties could fade towards, as they do in the preset.
            final_penalty_factor=1.0,
            device="cpu",
            precision="fp32",
        )
        return replace(
            base,
            seed=self.seed,
            arch=arch,
            loss=self._loss(),
            penalties=self._penalties(),
            optim_g=Adam(lr=self.lr_g, beta1=self.beta1, beta2=0.9),
            optim_d=Adam(lr=self.lr_d, beta1=self.beta1, beta2=0.9),
            ema=Ema(halflife=0),
            train=train,
        )

    def _loss(self) -> AdversarialLoss:
        loss = registry.get("loss", self.loss)
        clips = any(field.name == "clip" for field in dataclasses.fields(loss))
        return loss(clip=self.clip) if clips else loss()

    def _penalties(self) -> tuple[Penalty, ...]:
        wanted: list[Penalty] = []
        if self.gp:
            wanted.append(GradientPenalty(weight=self.gp, target=self.target))
        if self.r1:
            wanted.append(R1(gamma=self.r1, every=1))
        return tuple(wanted)

    def with_texts(self, texts: Mapping[str, str]) -> Setup:
        """A copy with fields as they stand in a URL: `{"lr_d": "0.01", "loss": "hinge"}`.

        Raises:
            InputError: an unknown field, or a wrong type or range.
        """
        hints, values = get_type_hints(Setup), dict[str, Any]()
        for name, text in texts.items():
            if name not in hints:
                raise InputError(registry.unknown("setting of the game", name, hints))
            is_text = hints[name] not in (int, float, bool)
            value = text if is_text else parse(text, f"setting {name}")
            values[name] = shaped(value, hints[name], name)
        return replace(self, **values)


FIXED = (
    *("data", "points", "seed", "width_g", "width_d"),
    *("stddev", "labels", "latent_scale", "label_scale"),
)
"""What a game keeps from its first move on: the nets or the data would be others."""
