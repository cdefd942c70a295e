"""TorchScript: for programs that have PyTorch, in Python or C++, and not this package."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from saddlepoint.core.errors import RunFailed
from saddlepoint.core.files import write_atomically
from saddlepoint.core.registry import register
from saddlepoint.exporting.contract import Format, Leaving
from saddlepoint.exporting.network import about, inputs, network, require_equal


@register("torchscript")
@dataclass(frozen=True, kw_only=True)
class TorchScript(Format):
    """One .pt file for `torch.jit.load`, with inputs and output as in the format `onnx`.

    Such a file holds a pickle, so nothing here loads one: what is written is compared with PyTorch
    in memory. PyTorch has declared TorchScript deprecated; where ONNX will do, take that.
    """

    suffixes = (".pt",)

    def write(self, leaving: Leaving, out: Path) -> None:
        content = io.BytesIO()
        # All of it is deprecated, and the only way to TorchScript.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = _traced(leaving)
            require_equal(
                leaving.sampler,
                torch.inference_mode()(lambda given: traced(*given.values())),
                "The TorchScript network",
            )
            torch.jit.save(traced, content, _extra_files=about(leaving))
        write_atomically(out, content.getvalue())


def _traced(leaving: Leaving) -> Any:
    sampler = leaving.sampler
    given = tuple(inputs(sampler, 2).values())
    try:
        return torch.jit.trace(network(sampler), given, check_trace=False)
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        raise RunFailed(
            f"PyTorch cannot trace this architecture ({reason}); export it as safetensors."
        ) from error
