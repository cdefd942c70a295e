"""Files of latents: what `saddle project` finds, and `saddle sample --latents` makes images of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.core.paths import given_path
from saddlepoint.data.array_files import open_npz


def read_latents(path: Path) -> tuple[Tensor, list[int] | None]:
    """The latents of an .npz, float32 [n, d], and their labels, if it has any.

    Keys: `z` float [n, d], and `labels` int64 [n]. Whether they fit a model, `Sampler` checks.

    Raises:
        InputError: no such file, damaged, or arrays of another kind.
    """
    with open_npz(given_path(path)) as arrays:
        if "z" not in arrays:
            raise InputError(
                f"--latents {path} has no array `z`; give the latents.npz of `saddle project`, or "
                "save np.savez(file, z=...)."
            )
        z = arrays["z"]()
        labels = arrays["labels"]() if "labels" in arrays else None
    if z.dtype.kind != "f" or z.ndim != 2 or not len(z):
        raise InputError(f"--latents {path}: z is {_kind(z)}, but floats [n, d] are needed.")
    if labels is None:
        return torch.from_numpy(z.astype(np.float32)), None
    if labels.dtype.kind not in "iu" or labels.shape != (len(z),):
        raise InputError(
            f"--latents {path}: labels is {_kind(labels)}, but whole numbers [{len(z)}] are needed."
        )
    return torch.from_numpy(z.astype(np.float32)), [int(label) for label in labels]


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {list(array.shape)}"


def write_latents(path: Path, z: Tensor, labels: list[int] | None) -> None:
    """z float32 [n, d] and its labels, as `read_latents` reads them."""
    arrays = {"z": z.numpy()} | ({} if labels is None else {"labels": np.array(labels, np.int64)})
    np.savez(path, **arrays)  # type: ignore[arg-type]  # its stub takes the names for its own flag
