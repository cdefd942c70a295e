"""The label enters every layer, and the discriminator sees wrong ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import arch

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("stronger-conditioning")
@dataclass(frozen=True, kw_only=True)
class StrongerConditioning(Remedy):
    """A label beside the input alone is easily ignored; in every layer it is not.

    Papers: Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637; Reed et al. 2016,
    https://arxiv.org/abs/1605.05396, section 4.1 (wrong labels among the fakes).
    """

    wrong_label_fraction: float = 0.25
    """Share of the fakes that are real images beside a wrong label."""

    advice = (
        "Bring the label into every layer of the generator and into the discriminator's last one "
        "(projection), and show the discriminator real images beside wrong labels."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        if config.arch.conditioning == "none":
            return None
        found = arch(config.arch.label_in_every_layer() | config.arch.raised("label_scale", 1.0))
        # Wrong labels make the label matter: label accuracy 0.54 without them, 0.68 with a quarter
        # (docs/log.md, "How does a sample come to show the class that was asked for?").
        if config.train.wrong_label_fraction < self.wrong_label_fraction:
            found["train.wrong_label_fraction"] = self.wrong_label_fraction
        return found or None
