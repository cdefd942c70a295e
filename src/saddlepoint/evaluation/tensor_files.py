"""Tensors in the cache, each file with a hash of its content: a damaged one is made again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from saddlepoint.core.files import write_atomically
from saddlepoint.core.tensors import weights_sha256


def cached_tensors(file: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors in a file of the cache; computed and written when it is absent or damaged."""
    found = read_tensors(file)
    if found is not None:
        return found[0]
    made = {name: value.contiguous() for name, value in make().items()}
    write_tensors(file, made)
    return made


def write_tensors(file: Path, tensors: dict[str, Tensor], **facts: str) -> None:
    """Write tensors on the CPU, and facts about them, to a file of the cache."""
    file.parent.mkdir(parents=True, exist_ok=True)
    metadata = {**facts, "sha256": weights_sha256(tensors), "place": _place(file)}
    write_atomically(file, safetensors.torch.save(tensors, metadata))


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """The tensors and facts that `write_tensors` wrote; None when absent, damaged, or moved here
    from elsewhere in the cache."""
    try:
        # Copied, as fresh memory is aligned; products of unaligned tensors round differently.
        tensors = {name: t.clone() for name, t in safetensors.torch.load_file(file).items()}
        with safe_open(file, "pt") as opened:
            facts = opened.metadata() or {}
    except (OSError, SafetensorError):
        return None
    # A file copied here from another folder is intact, but it belongs to other content.
    intact = facts.get("sha256") == weights_sha256(tensors) and facts.get("place") == _place(file)
    return (tensors, facts) if intact else None


def _place(file: Path) -> str:
    """The folder is named after the images and the extractor, the file after its part in them."""
    return f"{file.parent.name}/{file.name}"
