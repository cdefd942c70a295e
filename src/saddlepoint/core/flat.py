"""Nested JSON as one level of dotted paths. No torch in here."""

from __future__ import annotations

from typing import Any


def flatten(document: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted path -> leaf: `train.n_critic`, `penalties.0.gamma`; a list of plain values is one."""
    if isinstance(document, list) and any(isinstance(item, dict | list) for item in document):
        document = dict(enumerate(document))
    if not isinstance(document, dict):
        return {prefix.rstrip("."): document}
    leaves: dict[str, Any] = {}
    for name, value in document.items():
        leaves |= flatten(value, f"{prefix}{name}.")
    return leaves
