"""One picture of a user's, in the size and channels of a data set, as a preparation makes it."""

from __future__ import annotations

import os

import numpy as np

from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.paths import given_path
from saddlepoint.core.reading import read_bytes
from saddlepoint.data.decode import Recipe, decode, quiet_pillow
from saddlepoint.data.listing import Refused


def read_as(path: str | os.PathLike[str], spec: DataSpec) -> tuple[np.ndarray, list[str]]:
    """A picture file as an image of `spec`, uint8 [h, w, c], and what was done to it.

    The middle square of the picture, resized, as by `saddle data prepare`.

    Raises:
        InputError: absent, not a regular file, more than 64 MiB, damaged, or not a picture.
    """
    file = given_path(path)
    return as_image(read_bytes(file), spec, str(file))


def as_image(content: bytes, spec: DataSpec, name: str) -> tuple[np.ndarray, list[str]]:
    """The bytes of a picture file as `read_as` makes an image of them.

    Args:
        name: of the file, for errors.

    Raises:
        InputError: damaged or no picture.
    """
    recipe = Recipe(spec.size, "crop", "grey" if spec.channels == 1 else "rgb")
    try:
        with quiet_pillow():
            made = decode(content, recipe)
    except Refused as error:
        raise InputError(f"{name} cannot be used: {error}; give a PNG or JPEG.") from error
    notes, (width, height) = list(made.notes), made.source_size
    if (width, height) != (spec.size, spec.size):
        notes.append(f"{width}x{height} resized to {spec.size}x{spec.size}")
    return np.frombuffer(made.pixels, np.uint8).reshape(made.shape).copy(), notes
