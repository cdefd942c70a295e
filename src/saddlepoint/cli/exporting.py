"""saddle export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from saddlepoint.cli.flags import command, load_named_plugin, print_json
from saddlepoint.core.streams import answer


@command("For other programs: saddle export RUN --format onnx|safetensors|... --out FILE.")
def export(
    model: Annotated[Path, tyro.conf.Positional],
    format: str,
    out: Path,
    licence: str = "unknown",
    push: str | None = None,
    plugins: Path | None = None,
    json: bool = False,
) -> None:
    """Write a trained generator, or the log of a run, in a format that other programs read.

    Args:
        model: The run's folder, one of its checkpoints, an ema.safetensors, or hf://owner/name.
        format: onnx (.onnx), torchscript (.pt), safetensors (a folder with a model card, or the
            weights alone as .safetensors); of a run also tensorboard, trackio (a folder).
        out: A file of that suffix, or a new folder; replaces a file of that name.
        licence: Of the weights, as model hubs name licences: apache-2.0, cc-by-4.0.
        push: Also send it to this model of a hub, owner/name, private where it is new (default:
            nothing is sent).
        plugins: The Python file that the run was trained with (default: none).
        json: One JSON document on stdout.
    """
    from saddlepoint import api

    load_named_plugin(plugins)
    written = api.export(model, out, format=format, licence=licence, push=push)
    if json:
        print_json({"out": str(written)})
    else:
        answer(written)
