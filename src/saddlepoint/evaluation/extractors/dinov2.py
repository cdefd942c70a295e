"""DINOv2 features: learned without labels, and closer to what people see than Inception's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch
from torch import Tensor

from saddlepoint.core.checks import one_of
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Extractor, Features, LoadedExtractor, Progress, no_progress
from saddlepoint.core.registry import register
from saddlepoint.evaluation.extractors._dinov2_net import DinoNet, Shape
from saddlepoint.evaluation.extractors._networks import LoadedNetwork, with_weights
from saddlepoint.evaluation.extractors._resize import antialiased_bicubic
from saddlepoint.evaluation.extractors._weights import (
    RemoteFile,
    find_weights,
    identify,
    in_usual_places,
    open_weights,
)

IMAGE_SIZE = 224
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
"""Of ImageNet's red, green and blue in 0..1."""
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
SHAPES = {
    "small": Shape(384, 12, 6),
    "base": Shape(768, 12, 12),
    "large": Shape(1024, 24, 16),
    "giant": Shape(1536, 40, 24, swiglu=True),
}
FILES = {
    size: RemoteFile(
        name="model.safetensors",
        url=f"https://huggingface.co/facebook/dinov2-{size}/resolve/main/model.safetensors",
        sha256=sha256,
    )
    for size, sha256 in (
        ("small", "ae1e99fcefd534ed978cdeb8326f08030c96e28b7a81ffcbc98a857c84d14be1"),
        ("base", "d73036b56966966d07975d696bde331762f37297e2f095de8cea0040c3aa0841"),
        ("large", "399fba97a95f22c36834418bc69373364a99af3a1153da1c0fb31db567c92e23"),
        ("giant", "917d3c470db999d32a312f8542149be91c7cbac61ee8fb4b67ae3d82b79ce21f"),
    )
}
"""By size. The hashes are those that huggingface.co shows on the pages of these files."""


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
                f"DINOv2 takes images, and {reference.name} holds points; use --features pixels."
            )
        path = find_weights(f"dinov2-{self.size}", [FILES[self.size]], self.weights)
        net, size = open_net(path)
        return LoadedDino(net, size, FILES[size].sha256, device)


class LoadedDino(LoadedNetwork):
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

    def run(self, images: Tensor) -> Features:
        """uint8 [n, h, w, c], c = 1 or 3, of any size -> vectors float32 [n, width]."""
        return Features(self.net(normalised(images).to(self.device)), None)


def normalised(images: Tensor) -> Tensor:
    """uint8 [n, h, w, 1 or 3] -> float32 [n, 3, 224, 224]; grey is repeated by broadcasting."""
    return (antialiased_bicubic(images, IMAGE_SIZE) / 255 - MEAN) / STD


def open_net(path: Path) -> tuple[DinoNet, str]:
    """-> the network in evaluation mode on the CPU, and its size by the hash of the file.

    Raises:
        InputError: unreadable, or not the bytes of a known file.
    """
    with open_weights(path) as content:
        file = identify(content, path, list(FILES.values()), "DINOv2")
    size = next(size for size, known in FILES.items() if known == file)
    return with_weights(lambda: DinoNet(SHAPES[size]), safetensors.torch.load_file(path)), size
