"""The lecture's remedies, as changes to a configuration that are there from the first step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.contracts import Player
from saddlepoint.core.findings import Finding
from saddlepoint.core.registry import get
from saddlepoint.core.texts import Text

Changes = Callable[[Config], dict[str, Any]]


def _twice_as_wide(player: Player) -> Changes:
    def changes(config: Config) -> dict[str, Any]:
        # Fully connected nets have a width for each layer, convolutional ones a single number.
        each, single = f"{player}_widths", f"{player}_width"
        widths = getattr(config.arch, each, None)
        if widths is None:
            return {f"arch.{single}": 2 * getattr(config.arch, single)}
        return {f"arch.{each}": tuple(2 * width for width in widths)}

    return changes


def _another_loss(config: Config) -> dict[str, Any]:
    # As the doctor's remedy has it: what is better depends on what the loss is now.
    collapse = "discriminator-wins" if config.loss.kind == "minimax" else "complete-mode-collapse"
    finding = Finding(
        name=collapse, severity="fatal", at_images=0, since_step=0, evidence=(), message=""
    )
    return get("remedy", "change-loss")().changes(config, finding) or {}


def _arch(changes: dict[str, Any]) -> dict[str, Any]:
    return {f"arch.{name}": value for name, value in changes.items()}


def _equal_rates(config: Config) -> dict[str, Any]:
    """Both players learn at the geometric mean of their rates."""
    rate = math.sqrt(config.optim_g.lr * config.optim_d.lr)
    return {"optim_g.lr": rate, "optim_d.lr": rate}


def _step_ratio(config: Config) -> dict[str, Any]:
    return {"train.n_critic": 1 if config.train.n_critic > 1 else 5}


REMEDIES: dict[str, tuple[Changes, Text]] = {
    "another-loss": (_another_loss, Text(en="another loss", vi="đổi hàm mất mát")),
    "stronger-g": (_twice_as_wide("generator"), Text(en="stronger G", vi="G mạnh hơn")),
    "stronger-d": (_twice_as_wide("discriminator"), Text(en="stronger D", vi="D mạnh hơn")),
    "fewer-layers": (
        lambda config: _arch(config.arch.weaker_discriminator()),
        Text(en="fewer layers of D", vi="bớt lớp của D"),
    ),
    "dropout": (lambda config: {"arch.dropout": 0.3}, Text(en="dropout in D", vi="dropout ở D")),
    "equal-rates": (_equal_rates, Text(en="equal learning rates", vi="tốc độ học bằng nhau")),
    "step-ratio": (_step_ratio, Text(en="ratio of steps", vi="tỉ lệ số bước")),
    "every-layer": (
        lambda config: _arch(config.arch.label_in_every_layer()),
        Text(en="label in every layer", vi="nhãn ở mọi lớp"),
    ),
}
"""Name -> what it changes in a configuration, {} where there is nothing to change; its words."""


def remedied(config: Config, remedy: str) -> Config | None:
    """The configuration with one remedy; None where that changes nothing."""
    treated = with_changes(config, REMEDIES[remedy][0](config))
    return None if treated == config else treated
