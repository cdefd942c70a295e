"""A configuration with whole components replaced, each by the defaults of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Architecture
from saddlepoint.core.registry import get

SWAPS = {"arch": "architecture", "loss": "loss", "optim_g": "optimizer", "optim_d": "optimizer"}
"""Field of a Config -> the group of what it can be replaced by."""


def with_components(
    config: Config, kinds: Mapping[str, str], penalties: Sequence[str] | None = None
) -> Config:
    """The configuration with other components.

    Args:
        kinds: a key of SWAPS -> registered name. What the configuration chose for its nets, such
            as how labels enter them, holds for the new ones too.
        penalties: names that replace all penalties, or ["none"]; None leaves them.

    Raises:
        InputError: there is no component of such a name.
    """
    for part, kind in kinds.items():
        component = get(SWAPS[part], kind)()
        if part == "arch":
            component = _as_chosen(component, config.arch)
        config = replace(config, **{part: component})
    if penalties is not None:
        names = [] if list(penalties) == ["none"] else penalties
        config = replace(config, penalties=tuple(get("penalty", name)() for name in names))
    return config


def _as_chosen(arch: Architecture, preset: Architecture) -> Architecture:
    """`arch` with what a preset chose for its own nets, as far as both have it."""
    # Otherwise a conditional preset would silently become an unconditional one.
    usual = type(preset)()
    chosen = {
        field.name: getattr(preset, field.name)
        for field in fields(preset)  # type: ignore[arg-type]  # every component is a dataclass
        if getattr(preset, field.name) != getattr(usual, field.name) and hasattr(arch, field.name)
    }
    return replace(arch, **chosen)  # type: ignore[type-var]  # every component is a dataclass
