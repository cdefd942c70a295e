"""Features of a network in an ONNX file, from any framework."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Extractor, LoadedExtractor, Progress, no_progress
from saddlepoint.core.paths import given_path
from saddlepoint.core.registry import register
from saddlepoint.evaluation.extractors._networks import GivenNetwork, first_line
from saddlepoint.evaluation.extractors._resize import antialiased_bicubic


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
        path = given_path(self.weights)
        if not path.is_file():
            raise InputError(f"{self.weights!r} is not a file; give one: --features model.onnx.")
        if not reference.spec.is_image:
            raise InputError(f"{path} takes images, and {reference.name} holds points.")
        return LoadedOnnx(path, reference)


def _session(path: Path, content: bytes) -> Any:
    """Open the bytes that were hashed."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            f"{path} needs the package onnxruntime; pip install 'saddlepoint[onnx]'."
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: its warnings are about its own optimisations
    options.intra_op_num_threads = torch.get_num_threads()
    options.use_deterministic_compute = True
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen kinds without a common base
        raise InputError(
            f"{path} cannot be opened by onnxruntime ({first_line(error)}); export it again, with "
            "its weights in the same file (external_data=False)."
        ) from None


def _input_shape(
    path: Path, inputs: list[Any], spec: DataSpec
) -> tuple[int | None, int, int | None]:
    """-> images in a batch, channels, height and width; None where any number will do."""
    shape = inputs[0].shape if len(inputs) == 1 else []
    if len(shape) != 4 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{i.name}: {i.type} {i.shape}" for i in inputs)
        raise InputError(f"{path} takes {found}; export it with one input, float32 [n, c, h, w].")
    n, channels, *sides = (length if isinstance(length, int) else None for length in shape)
    size, other = sides[0] or sides[1], sides[1] or sides[0]
    if size != other:
        raise InputError(f"{path} takes images of {size} x {other}, but they must be square.")
    if channels not in (None, spec.channels, 3):
        raise InputError(
            f"{path} takes {channels} channel(s), and these images have {spec.channels}; convert "
            "one of the two."
        )
    return n, channels or spec.channels, size


class LoadedOnnx(GivenNetwork):
    """The network, and how images are converted to its input.

    Raises:
        InputError: it fails on images of the reference's shape, or does not return one vector per
            image.
    """

    def __init__(self, path: Path, reference: Dataset) -> None:
        # Hashed and opened from the same bytes: the file cannot change in between.
        content = path.read_bytes()
        self.name, self.session = str(path), _session(path, content)
        inputs = self.session.get_inputs()
        n, self.channels, self.size = _input_shape(path, inputs, reference.spec)
        self.batch_size = n or self.batch_size
        self.input, self.layer = inputs[0].name, self.session.get_outputs()[0].name
        # Run once now: a network that does not fit is refused before anything is extracted.
        blank = torch.zeros(self.batch_size, *reference.images.shape[1:], dtype=torch.uint8)
        self.protocol: dict[str, Any] = {
            "kind": "onnx",
            "sha256": hashlib.sha256(content).hexdigest(),
            "resize": "clean" if self.size else "none",
            "pixels": self.size,
            "channels": self.channels,
            "layer": self.layer,
            "dim": self.run(blank).vectors.shape[1],
        }

    def prepared(self, images: Tensor) -> Tensor:
        shown = images.permute(0, 3, 1, 2).float()
        x = antialiased_bicubic(images, self.size) if self.size else shown
        return (x / 127.5 - 1).expand(-1, self.channels, -1, -1).contiguous()

    def output(self, x: Tensor) -> object:
        (seen,) = self.session.run([self.layer], {self.input: x.numpy()})
        return torch.from_numpy(np.asarray(seen, np.float32))
