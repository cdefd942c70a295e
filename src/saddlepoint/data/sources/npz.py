"""Arrays of images in one .npz file."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.paths import given_path
from saddlepoint.core.registry import register
from saddlepoint.data.array_files import open_npz
from saddlepoint.data.arrays import image_dataset
from saddlepoint.data.listing import few


@register("npz")
@dataclass(frozen=True, kw_only=True)
class Npz(Source):
    """An .npz with `images` (or `arr_0`) uint8 [n, h, w, c], and `labels` int64 [n] if any."""

    path: str
    """The .npz file."""

    def open(self) -> Dataset:
        path = given_path(self.path)
        with open_npz(path) as arrays:
            key = next((key for key in ("images", "arr_0") if key in arrays), None)
            if key is None:
                raise InputError(
                    f"{self.path} has the keys {few(arrays) or '(none)'}, but `images` (or "
                    f"`arr_0`) is needed; save with np.savez(file, images=...)."
                )
            labels = arrays["labels"]() if "labels" in arrays else None
            return image_dataset(path.stem, arrays[key](), labels, where=self.path)
