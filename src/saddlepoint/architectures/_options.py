"""What the families of nets have in common: fields that do not depend on the kind of layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.contracts import Architecture, Conditioning, Option, Player

MOST_WIDTH = 2**16
"""Of a layer. Beyond it, sizes of tensors overflow before they can be compared with the memory."""


@dataclass(frozen=True, kw_only=True)
class CommonOptions(Architecture):
    """Latent, label, and what a discriminator may be given against collapse and overfitting."""

    options = get_args(Option)

    latent_dim: int = 100
    """Length of z."""
    latent_scale: float = 1.0
    """What z is multiplied by on entry; a small z is drowned by the label beside it."""
    conditioning: Conditioning = "none"
    """How labels enter both nets."""
    embedding_dim: int = 32
    """Length of the label's vector with conditioning `embedding`."""
    label_scale: float = 1.0
    """Size of the label's vector beside an input; a small one is drowned by what it is beside."""
    dropout: float = 0.0
    """Dropout after each hidden layer of the discriminator; of whole channels in convolutions."""
    packing: int = 1
    """Items that the discriminator judges at once (PacGAN); more keep diversity up."""
    minibatch_stddev: bool = False
    """Tell the discriminator the standard deviation over its batch."""

    def __post_init__(self) -> None:
        # 0.95: with every feature dropped there is no gradient.
        at_least(self, 1, "latent_dim", "embedding_dim", most=MOST_WIDTH)
        at_least(self, 1, "packing", most=64)
        between(self, 0, 0.95, "dropout")
        between(self, 0, 100, "label_scale", "latent_scale")

    @property
    def judges_alone(self) -> bool:
        """The discriminator takes its images one by one, and the same way each time."""
        return self.packing == 1 and not self.minibatch_stddev and not self.dropout

    def without_dropout(self, player: Player) -> dict[str, Any]:
        """A part of `stronger`: the discriminator uses all of its features."""
        return {"dropout": 0.0} if player == "discriminator" and self.dropout else {}
