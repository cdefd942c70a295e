"""Features of a network in an ONNX file, from any framework."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Extractor, Features, LoadedExtractor, Progress, no_progress
from saddlepoint.core.registry import register
from saddlepoint.evaluation.extractors._networks import LoadedNetwork
from saddlepoint.evaluation.extractors._resize import antialiased_bicubic

BATCH_SIZE = 32
"""Images in a batch, where the file does not fix it."""


@register("onnx")
@dataclass(frozen=True, kw_only=True)
class Onnx(Extractor):
    """The first output of a network in an ONNX file, float32 [n, d], run on the CPU.

    The network must have one input, float32 [n, c, h, w], and gets values in [-1, 1]. If its input
    fixes height and width, images are resized by Pillow's antialiased bicubic filter; if it fixes
    three channels, grey is repeated.
    """

    weights: str = ""
    """The .onnx file, with its weights inside; required."""

    def unfit(self, reference: Dataset) -> str:
        return "" if self.weights else "no file is given"

    def load(
        self, reference: Dataset, device: str, progress: Progress = no_progress
    ) -> LoadedExtractor:
        path = Path(self.weights).expanduser()
        if not path.is_file():
            raise InputError(
                f"--features onnx: {self.weights or 'no file'!r} is not a file; give the network: "
                "--features model.onnx."
            )
        if not reference.spec.is_image:
            raise InputError(f"{path} takes images, and {reference.name} holds points.")
        # Hashed and opened from the same bytes: the file cannot change in between.
        content = path.read_bytes()
        session = _session(path, content)
        layout = _layout(path, session.get_inputs(), reference.spec)
        return LoadedOnnx(session, layout, path, hashlib.sha256(content).hexdigest(), reference)


class Layout(NamedTuple):
    """What the network expects as input."""

    name: str
    batch_size: int
    channels: int
    size: int | None
    """Height and width in pixels, or None for any."""


def _session(path: Path, content: bytes) -> Any:
    """Open the bytes that were hashed."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            f"{path}: networks in ONNX files need the package onnxruntime; "
            "pip install 'saddlepoint[onnx]'."
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: its warnings are about its own optimisations
    options.intra_op_num_threads = torch.get_num_threads()
    options.use_deterministic_compute = True
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen kinds without a common base
        raise InputError(
            f"{path} cannot be opened by onnxruntime ({_first_line(error)}); export it as ONNX "
            "again, with its weights in the same file (external_data=False)."
        ) from None


def _layout(path: Path, inputs: list[Any], spec: DataSpec) -> Layout:
    shape = inputs[0].shape if len(inputs) == 1 else []
    if len(shape) != 4 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{i.name}: {i.type} {i.shape}" for i in inputs)
        raise InputError(
            f"{path} takes {found}, but it must take one input, float32 [n, c, h, w]; export it "
            "again with that input."
        )
    n, channels, *sides = (length if isinstance(length, int) else None for length in shape)
    size, other = sides[0] or sides[1], sides[1] or sides[0]
    if size != other:
        raise InputError(f"{path} takes images of {size} x {other}, but they must be square.")
    if channels not in (None, spec.channels, 3):
        raise InputError(
            f"{path} takes images with {channels} channel(s), but these have {spec.channels}; "
            "convert one of the two."
        )
    return Layout(inputs[0].name, n or BATCH_SIZE, channels or spec.channels, size)


class LoadedOnnx(LoadedNetwork):
    """The network, and how images are converted to its input.

    Raises:
        InputError: it fails on images of the reference's shape, or does not return one vector per
            image.
    """

    expensive = True

    def __init__(
        self, session: Any, layout: Layout, path: Path, sha256: str, reference: Dataset
    ) -> None:
        self.session, self.layout, self.path = session, layout, path
        self.batch_size = layout.batch_size
        self.output: str = session.get_outputs()[0].name
        # Run once now: a network that does not fit is refused before anything is extracted.
        blank = torch.zeros(layout.batch_size, *reference.images.shape[1:], dtype=torch.uint8)
        self.protocol: dict[str, Any] = {
            "kind": "onnx",
            "sha256": sha256,
            "resize": "clean" if layout.size else "none",
            "pixels": layout.size,
            "channels": layout.channels,
            "layer": self.output,
            "dim": self.run(blank).vectors.shape[1],
        }

    def run(self, images: Tensor) -> Features:
        size, channels = self.layout.size, self.layout.channels
        x = antialiased_bicubic(images, size) if size else images.permute(0, 3, 1, 2).float()
        x = (x / 127.5 - 1).expand(-1, channels, -1, -1).contiguous()
        try:
            (seen,) = self.session.run([self.output], {self.layout.name: x.numpy()})
        except Exception as error:  # as in _session
            raise InputError(
                f"{self.path} fails on float32 {list(x.shape)}: {_first_line(error)}."
            ) from None
        if not isinstance(seen, np.ndarray) or seen.ndim != 2 or len(seen) != len(x):
            raise InputError(
                f"{self.path} returns {list(np.shape(seen))} for float32 {list(x.shape)}, but its "
                "first output must be one vector per image, [n, d]; export it so."
            )
        return Features(torch.from_numpy(seen.astype(np.float32)), None)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
