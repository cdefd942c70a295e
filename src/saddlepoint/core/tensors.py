"""Tensors whose values have to be exact: full precision, a hash that names them, files of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.core.limits import available_memory
from saddlepoint.core.reading import open_regular, require_regular


def require_device(device: str, name: str, instead: str = "cpu") -> None:
    """Raises InputError unless this machine has the device and can compute on it.

    Args:
        name: `--device`; what it is called where it was given.
    """
    try:
        place = torch.device(device)
        # A name that torch knows may have no hardware here, and `meta` takes tensors but has no
        # values: only a value that comes back tells.
        torch.zeros(1, device=place).item()
    except (RuntimeError, AssertionError, ImportError, ValueError) as error:
        raise InputError(f"{name} {device} is not available here; use {instead}.") from error
    if place.type == "cpu" and place.index:
        raise InputError(f"{name} {device}: there is one cpu; use cpu.")


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """No autocast, no TF32 or bfloat16 in convolutions and matrix products, no search for a faster
    algorithm; the caller's settings come back afterwards.

    TF32 keeps 10 bits: too few for distances, and a GPU would draw other images than a CPU.
    """
    cudnn, mkldnn, cuda = torch.backends.cudnn, torch.backends.mkldnn, torch.backends.cuda
    # A search for the fastest algorithm may end differently each time, and so may the last bits.
    settings: list[tuple[Any, str, Any]] = [(cudnn, "benchmark", False)]
    settings.append((cudnn, "deterministic", True))
    if hasattr(cudnn, "conv"):  # PyTorch 2.9 and newer; it forbids to mix these with allow_tf32
        for owner in (cudnn.conv, mkldnn.conv, cuda.matmul, mkldnn.matmul):
            settings.append((owner, "fp32_precision", "ieee"))
    else:
        settings.append((cudnn, "allow_tf32", False))
        settings.append((cuda.matmul, "allow_tf32", False))
    before = [getattr(owner, name) for owner, name, _ in settings]
    try:
        for owner, name, value in settings:
            setattr(owner, name, value)
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        for (owner, name, _), value in zip(settings, before, strict=True):
            setattr(owner, name, value)


def weights_sha256(weights: Mapping[str, Tensor]) -> str:
    """sha256 of names and values, so that a file on its own can tell that it is damaged."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        # The shape and type as well: the same bytes in another shape are other weights.
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file, on the CPU, and its metadata.

    Raises:
        InputError: the file is absent, not a regular file, too large, a pickle or damaged.
    """
    # The library holds the header against the size of the file, so no tensor is larger than it.
    require_regular(path, available_memory())
    try:
        with safe_open(path, framework="pt") as file:
            # No dict: it cannot be iterated.
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise InputError(_why_unreadable(path)) from error
    except OSError as error:
        # The library maps the file into memory, and gives its errors no number.
        raise InputError(
            f"{path} cannot be mapped into memory ({error}); copy it to an ordinary disk."
        ) from error


def misfit(tensors: Mapping[str, Tensor], like: Mapping[str, Tensor], finite: bool = True) -> str:
    """What keeps tensors from being the weights of a net; "" for nothing.

    Args:
        like: the net's own, whose values do not matter: they may be on the meta device.
        finite: whether NaN and infinity are refused.
    """
    for name in sorted(tensors.keys() ^ like.keys()):
        return f"{name} is {'missing' if name in like else 'no weight of it'}"
    for name, wanted in like.items():
        given = tensors[name]
        if (given.shape, given.dtype) != (wanted.shape, wanted.dtype):
            return f"{name} is {_kind(given)}, not {_kind(wanted)}"
        if finite and not given.isfinite().all():
            return f"{name} has values that are not finite"
    return ""


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _why_unreadable(path: Path) -> str:
    with open_regular(path) as file:
        head = file.read(9)
    # Zip archives, which torch.save writes, begin with PK, bare pickles with the byte 0x80. The
    # 8-byte length of a safetensors header may look like either, but a brace follows it.
    if head[8:] != b"{" and (head[:2] == b"PK" or head[:1] == b"\x80"):
        return (
            f"{path} is a pickle (.pt, .pth or .pkl): pickles can run any code and are never "
            "loaded; use a safetensors file that Saddlepoint wrote."
        )
    return f"{path} is damaged or truncated; use another checkpoint of its run."
