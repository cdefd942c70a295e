"""Inception features: what FID, KID, IS and most published numbers are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from saddlepoint.core.checks import one_of
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Extractor, Features, Progress, no_progress
from saddlepoint.core.registry import register
from saddlepoint.evaluation.extractors._inception_net import IMAGE_SIZE, N_FEATURES
from saddlepoint.evaluation.extractors._inception_weights import FILES, open_net
from saddlepoint.evaluation.extractors._networks import LoadedNetwork
from saddlepoint.evaluation.extractors._resize import antialiased_bicubic, tf1_bilinear
from saddlepoint.evaluation.extractors._weights import find_weights, in_usual_places

RESIZES = {"tf1": tf1_bilinear, "clean": antialiased_bicubic}
Resize = Literal["tf1", "clean"]


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
                f"inception takes grey or colour images, and an item of {reference.name} has "
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
