"""`ema.safetensors`: one file with weights, architecture and data spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from saddlepoint.core.checkpoints import EMA, EXPORTED, damage, newest_intact
from saddlepoint.core.checks import refuse_newer
from saddlepoint.core.config_json import from_json, to_json
from saddlepoint.core.contracts import Architecture, DataSpec
from saddlepoint.core.documents import About
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import dumps, parse
from saddlepoint.core.renames import todays_config
from saddlepoint.core.runs import Run
from saddlepoint.core.shapes import shaped
from saddlepoint.core.tensors import load_tensors, misfit, weights_sha256
from saddlepoint.core.unfilled import unfilled

FORMAT = "saddlepoint-generator"
SCHEMA = 1
KEY = "saddlepoint"


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


def find_generator(path: Path) -> Path:
    """The file of weights of a run folder, of one of its checkpoints, of a folder that was
    exported, or the path itself.

    Of a run, the newest intact checkpoint is taken; damaged ones are named in a warning of the
    logger "saddlepoint".

    Raises:
        InputError: no run, no checkpoint yet, or a checkpoint that is damaged.
    """
    if (path / EXPORTED).is_file():
        return path / EXPORTED
    if path.is_dir() and (path / EMA).is_file():
        fault = damage(path, [EMA])
        if fault is not None:
            raise InputError(f"Checkpoint {path} is damaged ({fault}); use another one.")
        return path / EMA
    if path.is_dir():
        folder = newest_intact(Run.open(path), [EMA])
        if folder is None:
            raise InputError(f"{path} has no checkpoint yet; wait until training has saved one.")
        return folder / EMA
    return path


def read_generator_file(path: Path) -> GeneratorFile:
    """Read a file whose metadata are `GeneratorFile.metadata`.

    Raises:
        InputError: the file is absent, a pickle, damaged, of another kind, or of a newer schema.
    """
    weights, metadata = load_tensors(path)
    try:
        document = parse(metadata.get(KEY, "{}"), f"{path}: {KEY}")
    except InputError:
        document = {}
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(
            f"{path} is a safetensors file of another kind: it does not say how to build its "
            f"generator; name a run folder or an {EMA} that Saddlepoint wrote."
        )
    return _parse(path, document, weights)


def _parse(path: Path, document: dict[str, Any], weights: dict[str, Tensor]) -> GeneratorFile:
    # First of all: a newer file may have other fields.
    refuse_newer(path, document.get("schema"), SCHEMA)
    try:
        about: About = shaped(document, About, "its metadata")
        arch = from_json(todays_config(about["arch"]), Architecture, "arch")
        spec = from_json(about["spec"], DataSpec, "spec")
        arch.check(spec)
    except InputError as error:
        raise InputError(f"{path} is damaged: {error}") from error
    # safetensors does not check its content, and a flipped bit still gives plausible images.
    if weights_sha256(weights) != about["weights_sha256"]:
        raise InputError(
            f"{path} is damaged: its weights do not have the sha256 they were written with; use "
            "another checkpoint of its run."
        )
    if fault := _misfit(weights, arch, spec):
        raise InputError(
            f"{path} is damaged: its weights do not fit the architecture that it names ({fault}); "
            "use another checkpoint of its run."
        )
    return GeneratorFile(
        arch=arch,
        spec=spec,
        classes=tuple(about["classes"]),
        data=about["data"],
        n_images=about["n_images"],
        weights=weights,
    )


def _misfit(weights: dict[str, Tensor], arch: Architecture, spec: DataSpec) -> str:
    """As `tensors.misfit`, before memory is taken for a net of whatever size the file claims."""
    try:
        with unfilled():
            return misfit(weights, arch.generator(spec).state_dict())
    except RuntimeError as error:  # more values than any memory has addresses
        return str(error).splitlines()[0]
