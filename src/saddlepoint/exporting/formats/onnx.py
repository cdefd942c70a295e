"""ONNX: for any program with an ONNX runtime, without this package and without PyTorch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.errors import RunFailed
from saddlepoint.core.files import write_atomically
from saddlepoint.core.registry import register
from saddlepoint.exporting.contract import Format, Leaving
from saddlepoint.exporting.network import about, inputs, network, output_name, require_equal


@register("onnx")
@dataclass(frozen=True, kw_only=True)
class Onnx(Format):
    """One .onnx file with its weights inside.

    Inputs: `z` float32 [n, latent_dim], `label` int64 [n] for a conditional model, `truncation`
    float32 [] in (0, 1]; n is free. Output: `images` float32 [n, c, h, w] in [-1, 1], or `points`
    float32 [n, 2]. Classes and the like are in its metadata, as JSON. It is run in onnxruntime and
    compared with PyTorch before it is written.
    """

    suffixes = (".onnx",)
    needs = ("onnx", "onnxscript", "onnxruntime")
    extra = "onnx"

    def write(self, leaving: Leaving, out: Path) -> None:
        sampler = leaving.sampler
        content = _exported(leaving)
        session = _session(content)

        def run(given: dict[str, Tensor]) -> Tensor:
            fed = {name: value.numpy() for name, value in given.items()}
            (made,) = session.run([output_name(sampler)], fed)
            return torch.from_numpy(np.asarray(made))

        require_equal(sampler, run, "The ONNX network")
        write_atomically(out, content)


def _exported(leaving: Leaving) -> bytes:
    import onnx

    sampler = leaving.sampler
    # Two: exporters take a batch of one for a constant.
    given = inputs(sampler, 2)
    n = torch.export.Dim("n")
    free = {name: {} if name == "truncation" else {0: n} for name in given}
    try:
        with _quietly():
            # The exporter that PyTorch maintains; the one before it (dynamo=False) is deprecated.
            program = torch.onnx.export(
                network(sampler),
                tuple(given.values()),
                dynamo=True,
                dynamic_shapes=tuple(free.values()),
                input_names=list(given),
                output_names=[output_name(sampler)],
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().partition("\n")[0]
        raise RunFailed(
            f"PyTorch cannot turn this architecture into ONNX ({reason}); export it as safetensors."
        ) from error
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, about(leaving))
    return model.SerializeToString()


def _session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: its warnings are about its own optimisations
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])


@contextmanager
def _quietly() -> Iterator[None]:
    """What the exporter says of itself (deprecations, torchvision) helps nobody here."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
