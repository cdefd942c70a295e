"""Finds the files of the Inception network, checks their bytes, and only then opens them."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.core.errors import InputError
from saddlepoint.data.search import RemoteFile, candidate_folders, obtain, offline
from saddlepoint.evaluation.extractors._inception_net import (
    N_FEATURES,
    InceptionNet,
    unbiased_logits,
    with_weights,
)

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

    How its inner tensors are named is not known here, so its own program runs, which the pinned
    hash makes a known one. Used of it are `layers` (normalised images -> last pool) and the weight
    of `output`; the resize inside its `forward` is passed by.
    """

    def __init__(self, program: Any) -> None:
        super().__init__()
        self.layers: Any = program.layers
        self.output: Any = program.output

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [n, 3, 299, 299] -> pool3 [n, 2048] and logits without bias [n, 1008]."""
        # Unoptimised, for the optimiser waits for a second call and may then round differently.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]  # not in __all__
            pool3 = self.layers(x).float().reshape(len(x), N_FEATURES)
        return pool3, unbiased_logits(pool3, self.output.weight)


def find_file(weights: str) -> Path:
    """The file that `weights` names (itself, or the folder it lies in), or else the first one in
    the usual places, or else a download.

    Raises:
        InputError: no such file; or it is nowhere and cannot be downloaded.
    """
    if weights:
        named = Path(weights).expanduser()
        path = named if named.is_file() else _known_file(named)
        if path is None:
            known = ", ".join(file.name for file in FILES)
            raise InputError(
                f"weights={weights!r} is neither a file nor a folder with one of {known}; "
                f"leave it out to search the usual places."
            )
        return path
    for folder in candidate_folders("inception"):
        path = _known_file(folder)
        if path is not None:
            return path
    failures = []
    for file in FILES:
        try:
            return obtain("inception", [file])[file.name]
        except InputError as error:
            failures.append(error)
            if offline():
                break
    raise failures[0]


def at_hand() -> bool:
    """True when the weights lie in one of the usual places."""
    return any(_known_file(folder) for folder in candidate_folders("inception"))


def _known_file(folder: Path) -> Path | None:
    paths = [folder / file.name for file in FILES]
    return next((path for path in paths if path.is_file()), None)


def open_net(path: Path) -> tuple[InceptionNet | ScriptedNet, RemoteFile]:
    """-> the network in evaluation mode on the CPU, and which of `FILES` it is.

    What is opened are the very bytes whose hash was found right.

    Raises:
        InputError: unreadable, or other bytes than those of a known file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; mend that or move it."
        ) from None
    digest = hashlib.sha256(content).hexdigest()
    file = next((file for file in FILES if file.sha256 == digest), None)
    if file is None:
        known = " or ".join(f"{file.sha256} ({file.url})" for file in FILES)
        raise InputError(
            f"{path} is not the Inception network or is damaged: its {len(content):,} bytes have "
            f"sha256 {digest}, not {known}; replace it by one of these."
        )
    if file.name.endswith(".pth"):
        # weights_only: an unpickler that knows tensors and runs nothing else.
        return with_weights(torch.load(io.BytesIO(content), "cpu", weights_only=True)), file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole
        program = torch.jit.load(io.BytesIO(content), "cpu")
    return ScriptedNet(program).eval().requires_grad_(False), file
