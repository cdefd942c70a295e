"""`ema.safetensors`: one file with weights, architecture and data spec."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from saddlepoint.core.config_json import from_json, to_json
from saddlepoint.core.contracts import Architecture, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sha256_of
from saddlepoint.core.renames import todays_config
from saddlepoint.core.runs import Run
from saddlepoint.core.tensors import weights_sha256

FORMAT = "saddlepoint-generator"
SCHEMA = 1
KEY = "saddlepoint"
FILE_NAME = "ema.safetensors"
log = logging.getLogger("saddlepoint")


@dataclass(frozen=True, kw_only=True)
class GeneratorFile:
    """The checked content of one file."""

    arch: Architecture
    spec: DataSpec
    classes: tuple[str, ...]
    data: str
    """Name of the data set it was trained on."""
    n_images: int
    """Real images shown to its discriminator."""
    weights: dict[str, Tensor]


def generator_metadata(
    arch: Architecture,
    spec: DataSpec,
    classes: Sequence[str],
    data: str,
    n_images: int,
    weights: Mapping[str, Tensor],
) -> dict[str, str]:
    """The metadata that makes a safetensors file enough to sample from.

    A single key: safetensors writes several in random order, but equal runs should write equal
    files.
    """
    document = {
        "format": FORMAT,
        "schema": SCHEMA,
        "arch": to_json(arch),
        "spec": spec.to_json(),
        "classes": list(classes),
        "data": data,
        "n_images": n_images,
        "weights_sha256": weights_sha256(weights),
    }
    return {KEY: json.dumps(document)}


def read_generator_file(path: Path) -> GeneratorFile:
    """Read a file written with `generator_metadata`.

    Raises:
        InputError: the file is absent, a pickle, damaged, of another kind, or of a newer schema.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; name a run folder or an ema.safetensors file.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict, it cannot be iterated
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}).") from error
    except SafetensorError as error:
        raise InputError(_why_unreadable(path)) from error
    try:
        document = json.loads(metadata.get(KEY, "{}"))
    except ValueError:
        document = {}
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(
            f"{path} is a safetensors file of another kind: it does not say how to build its "
            f"generator; name a run folder or an {FILE_NAME} that Saddlepoint wrote."
        )
    schema = document.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise InputError(
            f"{path} has schema {schema}, this version of Saddlepoint knows {SCHEMA}; update it."
        )
    return _parse(path, document, weights)


def newest_intact(run: Run) -> Path:
    """The generator file of the newest intact checkpoint; damaged ones are named in a warning.

    Raises:
        InputError: there is no checkpoint yet, or none is intact.
    """
    checkpoints = run.checkpoints
    if not checkpoints:
        raise InputError(f"{run.path} has no checkpoint yet; wait until training has saved one.")
    for folder in reversed(checkpoints):
        fault = damage(folder)
        if fault is None:
            return folder / FILE_NAME
        log.warning("Checkpoint %s is damaged (%s); using the one before.", folder, fault)
    raise InputError(
        f"{run.path}: none of its {len(checkpoints)} checkpoints is intact; it cannot be sampled."
    )


def damage(checkpoint: Path, files: Sequence[str] | None = (FILE_NAME,)) -> str | None:
    """What is wrong with a checkpoint; None when its files are as they were written.

    Args:
        files: the names to verify; None verifies every file of the checkpoint.

    Raises:
        InputError: written by a newer version of Saddlepoint.
    """
    try:
        document = json.loads((checkpoint / "state.json").read_text())
        expected = dict(document["files"])
        schema = int(document["schema"])
    except (OSError, ValueError, KeyError, TypeError):
        return "state.json is missing or unreadable"
    if schema > SCHEMA:
        raise InputError(
            f"{checkpoint} has schema {schema}, this version of Saddlepoint knows {SCHEMA}; "
            "update it."
        )
    for name in expected if files is None else files:
        try:
            if sha256_of(checkpoint / name) != expected.get(name):
                return f"{name} does not have the sha256 it was written with"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror or error}"
    return None


def _parse(path: Path, document: dict[str, Any], weights: dict[str, Tensor]) -> GeneratorFile:
    try:
        arch = todays_config(document["arch"])
        spec = DataSpec.from_json(document["spec"])
        classes = tuple(str(name) for name in document["classes"])
        n_images = int(document["n_images"])
        data = str(document["data"])
        expected = document["weights_sha256"]
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise InputError(f"{path} is damaged: its metadata is incomplete ({error}).") from error
    if weights_sha256(weights) != expected:
        raise InputError(
            f"{path} is damaged: its weights do not have the sha256 they were written with; use "
            "another checkpoint of its run."
        )
    built: Any = from_json(arch, Architecture, f"{path}: arch")
    return GeneratorFile(
        arch=built, spec=spec, classes=classes, data=data, n_images=n_images, weights=weights
    )


def _why_unreadable(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(9)
    # Zip archives, which torch.save writes, begin with PK, bare pickles with the byte 0x80. The
    # 8-byte length of a safetensors header may look like either, but a brace follows it.
    if head[8:] != b"{" and (head[:2] == b"PK" or head[:1] == b"\x80"):
        return (
            f"{path} is a pickle (.pt, .pth or .pkl): pickles can run any code and are never "
            "loaded; use a safetensors file that Saddlepoint wrote."
        )
    return f"{path} is damaged or truncated; use another checkpoint of its run."
