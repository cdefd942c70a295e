"""Inception features: what FID, KID, IS and most published numbers are computed from."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from saddlepoint.core.checks import one_of
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Extractor, Features, Progress, no_progress
from saddlepoint.core.registry import register
from saddlepoint.evaluation.extractors._inception_net import (
    IMAGE_SIZE,
    N_FEATURES,
    InceptionNet,
    unbiased_logits,
)
from saddlepoint.evaluation.extractors._networks import LoadedNetwork, with_weights
from saddlepoint.evaluation.extractors._resize import antialiased_bicubic, tf1_bilinear
from saddlepoint.evaluation.extractors._weights import (
    RemoteFile,
    find_weights,
    identify,
    in_usual_places,
    open_weights,
)

RESIZES = {"tf1": tf1_bilinear, "clean": antialiased_bicubic}
Resize = Literal["tf1", "clean"]
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


@register("inception")
@dataclass(frozen=True, kw_only=True)
class Inception(Extractor):
    """The last pool (2,048 features) and the 1,008 logits of Inception as of 5 December 2015.

    Paper: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567.
    """

    resize: Resize = "tf1"
    """How images are brought to 299 pixels: `tf1` as FID was defined, `clean` as in clean-fid."""
    weights: str = ""
    """File of the weights; empty searches the usual places, then downloads."""

    def __post_init__(self) -> None:
        one_of(self, tuple(RESIZES), "resize")

    def unfit(self, reference: Dataset) -> str:
        if not reference.spec.is_image:
            return "the data are points"
        return "" if in_usual_places("inception", FILES) else "its weights are not on this machine"

    def load(
        self, reference: Dataset, device: str, progress: Progress = no_progress
    ) -> LoadedInception:
        spec = reference.spec
        if not spec.is_image or spec.channels not in (1, 3):
            raise InputError(
                f"Inception takes grey or colour images, and an item of {reference.name} has "
                f"shape {spec.shape}; choose another extractor."
            )
        net, file = open_net(find_weights("inception", FILES, self.weights))
        return LoadedInception(net, self.resize, file.sha256, device, file=file.name)


class LoadedInception(LoadedNetwork):
    """The network on a device.

    Args:
        net: float32 [n, 3, 299, 299] -> (pool3 [n, 2048], logits [n, 1008]), in evaluation mode.
        sha256: of the file of its weights.
        file: name under which that file is published.
    """

    expensive = True
    batch_size = 8
    """Images in a batch on a CPU, where more are not faster; on other devices it is 64."""

    def __init__(
        self, net: nn.Module, resize: Resize, sha256: str, device: str, file: str = ""
    ) -> None:
        self.device = torch.device(device)
        on_cpu = self.device.type == "cpu"
        self.batch_size = self.batch_size if on_cpu else 64
        # On a CPU channels last saves a third of the time.
        self.layout = torch.channels_last if on_cpu else torch.contiguous_format
        self.net = net.to(self.device)
        self.net.to(memory_format=self.layout)  # type: ignore[call-overload]  # stubs lack it
        self.resize = RESIZES[resize]
        self.protocol: dict[str, Any] = {
            "kind": "inception",
            "sha256": sha256,
            "resize": resize,
            "layer": "pool3",
            "dim": N_FEATURES,
            "file": file,
        }

    def run(self, images: Tensor) -> Features:
        """uint8 [n, h, w, c], c = 1 or 3, of any size -> vectors float32 [n, 2048] (at least 0)
        and logits float32 [n, 1008] without bias."""
        if images.dtype != torch.uint8 or images.dim() != 4 or images.shape[3] not in (1, 3):
            raise ValueError(
                f"images must be uint8 [n, h, w, 1 or 3], not {images.dtype} {images.shape}"
            )
        x = (self.resize(images.to(self.device), IMAGE_SIZE) - 128) / 128
        x = x.expand(-1, 3, -1, -1).contiguous(memory_format=self.layout)
        return Features(*self.net(x))


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
