"""Arrays of images in one .npz file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.paths import given_path
from saddlepoint.core.registry import register
from saddlepoint.data.arrays import checked_images, image_dataset

MOST_CLASSES = 100_000
"""Every number up to the largest label gets a class name: a stray label must not fill memory."""


@register("npz")
@dataclass(frozen=True, kw_only=True)
class Npz(Source):
    """An .npz with `images` (or `arr_0`) uint8 [n, h, w, c], and `labels` int64 [n] if any."""

    path: str
    """The .npz file."""

    def open(self) -> Dataset:
        images, labels = self._read()
        images = checked_images(self.path, images)
        labels = None if labels is None else self._checked_labels(labels, len(images))
        return image_dataset(Path(self.path).stem, images, labels)

    def _read(self) -> tuple[np.ndarray, np.ndarray | None]:
        try:
            path = given_path(self.path)
            # allow_pickle=False: a pickle could run any code.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                keys = [key for key in ("images", "arr_0") if key in archive]
                if not keys:
                    raise InputError(
                        f"{self.path} has the keys {', '.join(archive.files) or '(none)'}, but "
                        f"`images` (or `arr_0`) is needed; save with np.savez(file, images=...)."
                    )
                return archive[keys[0]], archive.get("labels")
        except FileNotFoundError:
            raise InputError(f"{self.path} does not exist; give the path of an .npz.") from None
        except (OSError, EOFError, TypeError, AttributeError, ValueError, BadZipFile) as error:
            if "pickle" in str(error):
                raise InputError(
                    f"{self.path} holds Python objects (pickle), which are never loaded; save "
                    f"plain arrays: `images` uint8 [n, h, w, c]."
                ) from None
            raise InputError(
                f"{self.path} is not a readable .npz ({error}); save it again with np.savez."
            ) from None

    def _checked_labels(self, labels: np.ndarray, n_images: int) -> np.ndarray:
        if labels.shape != (n_images,) or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"{self.path} holds labels {labels.dtype} {list(labels.shape)}, but they must be "
                f"whole numbers, one for each of the {n_images} images."
            )
        for label in (labels.min(), labels.max()):
            if not 0 <= label < MOST_CLASSES:
                raise InputError(
                    f"{self.path} holds the label {label}, but labels count the classes from 0 and "
                    f"must be below {MOST_CLASSES:,}; number the classes 0, 1, 2, ..."
                )
        return labels.astype(np.int64)
