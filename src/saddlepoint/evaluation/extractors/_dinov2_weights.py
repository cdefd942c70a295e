"""The published files of DINOv2's weights, opened only after their hash is checked."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch

from saddlepoint.data.search import RemoteFile
from saddlepoint.evaluation.extractors._dinov2_net import DinoNet, Shape, with_weights
from saddlepoint.evaluation.extractors._weights import identify, open_weights

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


def open_net(path: Path) -> tuple[DinoNet, str]:
    """-> the network in evaluation mode on the CPU, and its size by the hash of the file.

    Raises:
        InputError: unreadable, or not the bytes of a known file.
    """
    with open_weights(path) as content:
        file = identify(content, path, list(FILES.values()), "DINOv2")
    size = next(size for size, known in FILES.items() if known == file)
    return with_weights(SHAPES[size], safetensors.torch.load_file(path)), size
