"""What a penalty on the discriminator's gradient asks of its layers, and how strong it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


def without_batch_norm(config: Config) -> dict[str, Any]:
    """Changes that take BatchNorm out of the discriminator; {} where there is none."""
    if getattr(config.arch, "discriminator_norm", None) != "batch":
        return {}
    found: dict[str, Any] = {"arch.discriminator_norm": "none"}
    if hasattr(config.arch, "init"):
        found["arch.init"] = "he"  # the paper's small weights count on BatchNorm to scale them
    return found


def is_fully_connected(config: Config) -> bool:
    """Nets that may be judging points, whose distances are about 1, where images have tens."""
    return hasattr(config.arch, "generator_widths")


def usual_weight(config: Config) -> float:
    """The gradient penalty's lambda: the paper's 10 for images. Fully connected nets get 1: the
    authors themselves take 0.1 for points, and 10 keeps the generator off eight modes.

    Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, section 4; their gan_toy.py.
    """
    return 1.0 if is_fully_connected(config) else 10.0


def usual_gamma(config: Config) -> float:
    """Strength of R1 and R2. It goes with the number of pixels (stylegan2-ada's train.py has
    0.0002 * pixels / batch), so fully connected nets, which may be judging points, get less."""
    return 0.1 if is_fully_connected(config) else 1.0
