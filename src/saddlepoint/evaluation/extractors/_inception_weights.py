"""The published files of Inception's weights, opened only after their hash is checked."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.data.search import RemoteFile
from saddlepoint.evaluation.extractors._inception_net import (
    N_FEATURES,
    InceptionNet,
    unbiased_logits,
)
from saddlepoint.evaluation.extractors._networks import with_weights
from saddlepoint.evaluation.extractors._weights import identify, open_weights

_TENSORS = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
_PROGRAM = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
_GITHUB = "https://github.com"
_NVIDIA = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics"
FILES = (
    RemoteFile(
        name="pt_inception-2015-12-05-6726825d.pth",
        url=f"{_GITHUB}/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        sha256=_TENSORS,
    ),
    RemoteFile(
        name="weights-inception-2015-12-05-6726825d.pth",
        url=f"{_GITHUB}/toshas/torch-fidelity/releases/download/v0.2.0/"
        "weights-inception-2015-12-05-6726825d.pth",
        sha256=_TENSORS,
    ),
    RemoteFile(
        name="inception-2015-12-05.pt", url=f"{_NVIDIA}/inception-2015-12-05.pt", sha256=_PROGRAM
    ),
)
"""The first two are the same bytes under two names; the third is TorchScript. Best first."""


class ScriptedNet(nn.Module):
    """NVIDIA's TorchScript of the same network, behind the interface of `InceptionNet`.

    Its tensors have unknown names, so its own program runs; the pinned hash makes it a known
    one. Only `layers` (normalised images -> last pool) and the weight of `output` are used; the
    resize in its `forward` is skipped.
    """

    def __init__(self, program: Any) -> None:
        super().__init__()
        self.layers: Any = program.layers
        self.output: Any = program.output

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [n, 3, 299, 299] -> pool3 [n, 2048] and logits without bias [n, 1008]."""
        # Unoptimised: the optimiser starts at the second call, which may then round differently.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]  # not in __all__
            pool3 = self.layers(x).float().reshape(len(x), N_FEATURES)
        return pool3, unbiased_logits(pool3, self.output.weight)


def open_net(path: Path) -> tuple[InceptionNet | ScriptedNet, RemoteFile]:
    """-> the network in evaluation mode on the CPU, and which of `FILES` it is.

    Raises:
        InputError: unreadable, or not the bytes of a known file.
    """
    # Hashed and opened from the same copy: the file cannot be replaced in between.
    with open_weights(path) as opened:
        content = io.BytesIO(opened.read())
    file = identify(content, path, FILES, "the Inception network")
    content.seek(0)
    if file.name.endswith(".pth"):
        # weights_only: an unpickler that knows tensors and runs nothing else.
        return with_weights(InceptionNet, torch.load(content, "cpu", weights_only=True)), file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole
        program = torch.jit.load(content, "cpu")
    return ScriptedNet(program).eval().requires_grad_(False), file
