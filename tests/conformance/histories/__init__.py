"""Example histories of the detectors, one file for each, found by its name.

A file has two functions: `healthy()`, histories that must stay silent (traps among them), and
`unhealthy()`, histories in which the failure is found. A detector from elsewhere brings them as
classmethods of its own.
"""

from __future__ import annotations

import importlib
from typing import Any

from saddlepoint.core.findings import Detector
from saddlepoint.core.history import History


def healthy(detector: Detector) -> list[History]:
    """Histories that must stay silent."""
    return _owner(detector).healthy()


def unhealthy(detector: Detector) -> list[History]:
    """Histories in which the failure is found."""
    return _owner(detector).unhealthy()


def _owner(detector: Detector) -> Any:
    if hasattr(detector, "unhealthy"):
        return detector
    return importlib.import_module(f"{__name__}.{detector.kind.replace('-', '_')}")
