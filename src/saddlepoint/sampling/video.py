"""Films as MP4: H.264, which every browser and presentation plays; by PyAV, an extra."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import whole_file


def require_video(path: Path) -> None:
    """Raises InputError unless an MP4 can be made here."""
    if find_spec("av") is None:
        raise InputError(
            f"--out {path}: an .mp4 needs PyAV; install it with `pip install "
            "'saddlepoint[video]'`, or write a .gif."
        )


def write_mp4(path: Path, frames: Sequence[np.ndarray], milliseconds: int = 80) -> None:
    """uint8 [h, w, c] of one size -> an MP4 file, whole or absent.

    Raises:
        InputError: PyAV is not installed, or was built without H.264.
    """
    require_video(path)
    av: Any = import_module("av")
    if "libx264" not in av.codecs_available:
        raise InputError(
            f"--out {path}: this PyAV cannot write H.264; install PyPI's, or write a .gif."
        )
    height, width = frames[0].shape[:2]
    with whole_file(path) as file, av.open(file, "w", format="mp4") as film:
        stream = film.add_stream("libx264", Fraction(1000, milliseconds))
        # Its colours are stored for squares of four pixels.
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "16"}
        for frame in frames:
            colour = np.broadcast_to(frame, (height, width, 3))
            even = np.pad(colour, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            film.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        film.mux(stream.encode())
