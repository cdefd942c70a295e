"""`ema.safetensors`: one file with weights, architecture and data spec."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from saddlepoint.core.checks import refuse_newer
from saddlepoint.core.config_json import from_json, to_json
from saddlepoint.core.contracts import Architecture, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sha256_of
from saddlepoint.core.json_files import dumps, parse, read_json
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
    weights: Mapping[str, Tensor]

    def metadata(self) -> dict[str, str]:
        """The metadata that makes a safetensors file of the weights enough to sample from."""
        document = {
            "format": FORMAT,
            "schema": SCHEMA,
            "arch": to_json(self.arch),
            "spec": self.spec.to_json(),
            "classes": list(self.classes),
            "data": self.data,
            "n_images": self.n_images,
            "weights_sha256": weights_sha256(self.weights),
        }
        # A single key: safetensors writes several in random order, but equal runs should write
        # equal files.
        return {KEY: dumps(document)}


def read_generator_file(path: Path) -> GeneratorFile:
    """Read a file whose metadata are `GeneratorFile.metadata`.

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
        document = parse(metadata.get(KEY, "{}"), f"{path}: {KEY}")
    except InputError:
        document = {}
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(
            f"{path} is a safetensors file of another kind: it does not say how to build its "
            f"generator; name a run folder or an {FILE_NAME} that Saddlepoint wrote."
        )
    return _parse(path, document, weights)


def newest_intact(run: Run, files: Sequence[str] | None = (FILE_NAME,)) -> Path | None:
    """The newest checkpoint without `damage`; damaged ones are named in a warning.

    Returns:
        Its folder, or None when the run has no checkpoint yet.

    Raises:
        InputError: none is intact, or one was written by a newer version of Saddlepoint.
    """
    checkpoints = run.checkpoints
    for folder in reversed(checkpoints):
        fault = damage(folder, files)
        if fault is None:
            return folder
        log.warning("Checkpoint %s is damaged (%s); using the one before.", folder, fault)
    if checkpoints:
        raise InputError(
            f"{run.path}: none of its checkpoints is intact; it can be neither sampled nor resumed."
        )
    return None


def damage(checkpoint: Path, files: Sequence[str] | None = (FILE_NAME,)) -> str | None:
    """What is wrong with a checkpoint; None when its files are as they were written.

    Args:
        files: the names to verify; None verifies every file of the checkpoint.

    Raises:
        InputError: written by a newer version of Saddlepoint.
    """
    try:
        document = read_json(checkpoint / "state.json", dict[str, Any])
        # The hashes are in here, so without it nothing can be verified.
        expected = dict(document["files"])
        schema = int(document["schema"])
    except (OSError, InputError, ValueError, KeyError, TypeError):
        return "state.json is missing or unreadable"
    refuse_newer(checkpoint, schema, SCHEMA)
    for name in expected if files is None else files:
        try:
            if sha256_of(checkpoint / name) != expected.get(name):
                return f"{name} does not have the sha256 it was written with"
        except (InputError, OSError) as error:
            return f"{name} cannot be read: {error}"
    return None


def _parse(path: Path, document: dict[str, Any], weights: dict[str, Tensor]) -> GeneratorFile:
    # First of all: a newer file may have other fields.
    refuse_newer(path, document.get("schema"), SCHEMA)
    try:
        arch = todays_config(document["arch"])
        spec = document["spec"]
        classes = tuple(str(name) for name in document["classes"])
        n_images = int(document["n_images"])
        data = str(document["data"])
        expected = document["weights_sha256"]
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise InputError(f"{path} is damaged: its metadata is incomplete ({error}).") from error
    # safetensors does not check its content, and a flipped bit still gives plausible images.
    if weights_sha256(weights) != expected:
        raise InputError(
            f"{path} is damaged: its weights do not have the sha256 they were written with; use "
            "another checkpoint of its run."
        )
    return GeneratorFile(
        arch=from_json(arch, Architecture, f"{path}: arch"),
        spec=from_json(spec, DataSpec, f"{path} is damaged: spec"),
        classes=classes,
        data=data,
        n_images=n_images,
        weights=weights,
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
