"""DINOv2 features: learned without labels, and closer to what people see than Inception's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from saddlepoint.core.checks import one_of
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Extractor, Features, LoadedExtractor, Progress, no_progress
from saddlepoint.core.registry import register
from saddlepoint.core.tensors import exact_float32
from saddlepoint.evaluation.extractors._dinov2_net import DinoNet
from saddlepoint.evaluation.extractors._dinov2_weights import FILES, open_net
from saddlepoint.evaluation.extractors._networks import in_batches
from saddlepoint.evaluation.extractors._resize import antialiased_bicubic
from saddlepoint.evaluation.extractors._weights import find_weights, in_usual_places

IMAGE_SIZE = 224
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
"""Of ImageNet's red, green and blue in 0..1."""
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


@register("dinov2")
@dataclass(frozen=True, kw_only=True)
class DinoV2(Extractor):
    """The class token of DINOv2 after the last normalisation: 384 to 1,536 numbers.

    Images are brought to 224 pixels by Pillow's antialiased bicubic filter, unrounded, and
    normalised by ImageNet's mean and standard deviation; grey is repeated. The weights are the
    safetensors files of huggingface.co/facebook/dinov2-*, checked by their sha256, and the network
    is that of `transformers` (one deviation from the authors' own code: `Embeddings.positions`).
    Papers: Oquab et al. 2024, https://arxiv.org/abs/2304.07193; as a judge of generated images,
    with ViT-L/14, Stein et al. 2023, https://arxiv.org/abs/2306.04675.
    """

    size: Literal["small", "base", "large", "giant"] = "small"
    """Weights to search for (88 MB, 346 MB, 1.2 GB, 4.6 GB); a file is recognised by its hash."""
    weights: str = ""
    """File of the weights, or its folder; empty searches the usual places, then downloads."""

    def __post_init__(self) -> None:
        one_of(self, tuple(FILES), "size")

    def unfit(self, reference: Dataset) -> str:
        if not reference.spec.is_image:
            return "the data are points"
        found = in_usual_places(f"dinov2-{self.size}", [FILES[self.size]])
        return "" if found else "its weights are not on this machine"

    def load(
        self, reference: Dataset, device: str, progress: Progress = no_progress
    ) -> LoadedExtractor:
        if not reference.spec.is_image:
            raise InputError(
                f"dinov2 takes images, and {reference.name} holds points; use --features pixels."
            )
        path = find_weights(f"dinov2-{self.size}", [FILES[self.size]], self.weights)
        net, size = open_net(path)
        return LoadedDino(net, size, FILES[size].sha256, device)


class LoadedDino(LoadedExtractor):
    """The network on a device.

    Args:
        sha256: of the file of its weights.
    """

    expensive = True

    def __init__(self, net: DinoNet, size: str, sha256: str, device: str) -> None:
        self.device = torch.device(device)
        self.net = net.to(self.device)
        self.batch_size = 8 if self.device.type == "cpu" else 64
        self.protocol: dict[str, Any] = {
            "kind": "dinov2",
            "size": size,
            "sha256": sha256,
            "resize": "clean",
            "pixels": IMAGE_SIZE,
            "layer": "class token",
            "dim": net.width,
        }

    def __call__(self, images: Tensor) -> Features:
        """uint8 [n, h, w, c], c = 1 or 3, of any size -> vectors float32 [n, width] on the CPU."""
        with exact_float32(self.device):
            return in_batches(images, self.batch_size, self._run)

    def _run(self, images: Tensor) -> Features:
        return Features(self.net(normalised(images).to(self.device)), None)


def normalised(images: Tensor) -> Tensor:
    """uint8 [n, h, w, 1 or 3] -> float32 [n, 3, 224, 224]; grey is repeated by broadcasting."""
    return (antialiased_bicubic(images, IMAGE_SIZE) / 255 - MEAN) / STD
