"""Saddlepoint: train GANs, see why they fail, fix them, and trust the numbers.

Public names load on first use, so `import saddlepoint` and `saddle --help` do not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saddlepoint.api import (
        Run,
        compare,
        configure,
        evaluate,
        export,
        project,
        report,
        resume,
        sample,
        sweep,
        train,
    )
    from saddlepoint.core.config import Config
    from saddlepoint.core.errors import InputError, Interrupted, RunFailed
    from saddlepoint.diagnosis.doctor import Doctor
    from saddlepoint.evaluation.arrays import score_features, score_images

__version__ = "0.1.0"

# As the imports above: only those of the api, which are the most, are not listed again.
_HOMES = {
    "Config": "saddlepoint.core.config",
    "Doctor": "saddlepoint.diagnosis.doctor",
    "InputError": "saddlepoint.core.errors",
    "Interrupted": "saddlepoint.core.errors",
    "RunFailed": "saddlepoint.core.errors",
    "score_features": "saddlepoint.evaluation.arrays",
    "score_images": "saddlepoint.evaluation.arrays",
}

__all__ = [
    "Config",
    "Doctor",
    "InputError",
    "Interrupted",
    "Run",
    "RunFailed",
    "__version__",
    "compare",
    "configure",
    "evaluate",
    "export",
    "project",
    "report",
    "resume",
    "sample",
    "score_features",
    "score_images",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'saddlepoint' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "saddlepoint.api")), name)


def __dir__() -> list[str]:
    return __all__
