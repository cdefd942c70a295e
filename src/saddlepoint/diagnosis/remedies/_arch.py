"""What remedies change about the nets, as the architecture itself says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from saddlepoint.core.config import Config


def arch(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the architecture as dotted paths of the configuration."""
    return {f"arch.{name}": value for name, value in changes.items()}


def without_batch_norm(config: Config) -> dict[str, Any]:
    """Changes that take BatchNorm out of the discriminator; {} where there is none."""
    return arch(config.arch.without_batch_norm())


def usual_weight(config: Config) -> float:
    """The gradient penalty's lambda: the paper's 10 for images, 1 for nets that may judge points.

    The authors themselves take 0.1 for points, and 10 keeps the generator off eight modes.
    Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, section 4; their gan_toy.py.
    """
    # With 10 (and rates of 5e-4), healthy runs on eight modes became unhealthy on the even seeds of
    # bench/doctor/rescue.py.
    return 1.0 if config.arch.takes_points() else 10.0


def usual_gamma(config: Config) -> float:
    """Strength of R1 and R2: 1 for images, 0.1 for nets that may judge points.

    It goes with the number of pixels (stylegan2-ada's train.py has 0.0002 * pixels / batch).
    """
    # With 1, the even seeds of bench/doctor/rescue.py came back to the modes too slowly: 31 and
    # 45 % of the points lay on a mode, where 46 and 53 % do with 0.1.
    return 0.1 if config.arch.takes_points() else 1.0
