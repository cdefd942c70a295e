"""Finds the files of DINOv2 and checks their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import safetensors.torch
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.data.search import RemoteFile, locate, obtain

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


def find_file(size: str, weights: str) -> Path:
    """The file that `weights` names (itself, or the folder it lies in), or else the one of that
    size in the usual places, or else a download.

    Raises:
        InputError: no such file; or it is nowhere and cannot be downloaded.
    """
    named = Path(weights).expanduser()
    if weights and named.is_file():
        return named
    return obtain(f"dinov2-{size}", [FILES[size]], path=weights)[FILES[size].name]


def at_hand(size: str) -> bool:
    """True when the weights of that size lie in one of the usual places."""
    return locate(f"dinov2-{size}", [FILES[size].name]) is not None


def open_file(path: Path) -> tuple[str, dict[str, Tensor]]:
    """-> the size that the file's hash says it is of, and its tensors.

    Raises:
        InputError: unreadable, or other bytes than those of a known file.
    """
    try:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            n_bytes = content.tell()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; mend that or move it."
        ) from None
    for size, file in FILES.items():
        if file.sha256 == digest:
            return size, safetensors.torch.load_file(path)
    known = " or ".join(f"{file.sha256} ({file.url})" for file in FILES.values())
    raise InputError(
        f"{path} is not DINOv2 or is damaged: its {n_bytes:,} bytes have sha256 {digest}, not "
        f"{known}; replace it by one of these."
    )
