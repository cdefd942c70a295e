"""Tensors in the cache, each file with a hash of its content: a damaged one is made again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import safetensors.torch
from torch import Tensor

from saddlepoint.core.errors import InputError, words
from saddlepoint.core.files import cache_folder, remove_leftovers, write_atomically
from saddlepoint.core.ranks import here, sharing
from saddlepoint.core.streams import tell
from saddlepoint.core.tensors import load_tensors, weights_sha256


def cached_tensors(file: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors in a file of the cache; computed and written when it is absent or damaged. Of
    several ranks that do this `together` the first alone reads and writes."""
    ranks = sharing()
    found = read_tensors(file) if ranks.leads else None
    if ranks.told(found is not None, long=True):
        return ranks.given(None if found is None else found[0])
    made = {name: value.contiguous() for name, value in make().items()}
    write_tensors(file, made)
    return made


def write_tensors(file: Path, tensors: dict[str, Tensor], **facts: str) -> None:
    """Write tensors on the CPU, and facts about them, to a file of the cache; where it cannot be
    written, a warning says so once. Of several ranks the first alone writes."""
    if not here().leads:
        return
    metadata = {**facts, "sha256": weights_sha256(tensors), "place": _place(file)}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(file.parent)
        write_atomically(file, safetensors.torch.save(tensors, metadata))
    except (OSError, InputError) as error:
        _warn(words(error) if isinstance(error, OSError) else str(error).rstrip("."))


@cache
def _warn(why: str) -> None:
    tell(
        f"warning: what was computed is not kept in the cache {cache_folder()} ({why}): the next "
        "call computes it again. XDG_CACHE_HOME names another folder."
    )


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """The tensors and facts that `write_tensors` wrote; None when absent, damaged, or moved here
    from elsewhere in the cache."""
    try:
        loaded, facts = load_tensors(file)
    except (OSError, InputError):
        return None
    # Copied, as fresh memory is aligned; products of unaligned tensors round differently.
    tensors = {name: tensor.clone() for name, tensor in loaded.items()}
    # A file copied here from another folder is intact, but it belongs to other content.
    intact = facts.get("sha256") == weights_sha256(tensors) and facts.get("place") == _place(file)
    return (tensors, facts) if intact else None


def _place(file: Path) -> str:
    """The folder is named after the images and the extractor, the file after its part in them."""
    return f"{file.parent.name}/{file.name}"
