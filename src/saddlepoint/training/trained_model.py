"""A trained model to start from: found where `--from` says, and kept in the folder of the new run,
so that the run can be resumed when the original is gone."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from saddlepoint.core.checkpoints import EXPORTED, damage, newest_intact
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sha256_of, whole_folder, write_atomically
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.core.tensors import load_tensors
from saddlepoint.sampling.generator_file import GeneratorFile, read_generator_file
from saddlepoint.sampling.hub import model_path

GENERATOR, DISCRIMINATOR = "generator.safetensors", "discriminator.safetensors"
PLAYERS = (GENERATOR, DISCRIMINATOR)
_KIMG = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """Weights of a model that has been trained, with what they were trained as."""

    origin: str
    """Where they are from, as `--from` takes it; of a run with the checkpoint: `runs/a@60`."""
    about: GeneratorFile
    discriminator: dict[str, Tensor] | None
    """None where the generator came alone."""

    def keep_in(self, run: Run) -> dict[str, Any]:
        """Write the weights into the run's folder `start`.

        Returns:
            What config.json says of them: `documents.Start`.

        Raises:
            OSError: the disk is full or gone.
        """
        weights = dict(self.about.weights)
        files = {GENERATOR: safetensors.torch.save(weights, metadata=self.about.metadata())}
        if self.discriminator is not None:
            files[DISCRIMINATOR] = safetensors.torch.save(self.discriminator)
        # Of a process that was killed before it wrote config.json.
        shutil.rmtree(run.start_folder, ignore_errors=True)
        with whole_folder(run.start_folder) as partial:
            for name, content in files.items():
                write_atomically(partial / name, content)
        return {
            "from": self.origin,
            "data": self.about.data,
            "n_images": self.about.n_images,
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }


def find(model: str) -> TrainedModel:
    """The model that `--from` names: both players of a run or checkpoint, the generator of a file.

    Args:
        model: RUN (its newest intact checkpoint), RUN@KIMG (that one; 0: what the run itself
            started from), a checkpoint's folder, or a file such as ema.safetensors.

    Raises:
        InputError: it is absent, damaged, a pickle, of another kind, not finite, or the run has no
            such checkpoint.
        RunFailed: it is on a hub that cannot be reached.
    """
    path = model_path(model)
    run, at, kimg = model.rpartition("@")
    if at and run and not path.exists():
        return _of_run_at(run, kimg)
    if (path / "config.json").is_file() and not (path / EXPORTED).is_file():
        run = Run.open(path)
        folder = newest_intact(run, PLAYERS)
        if folder is None:
            raise InputError(
                f"--from {model}: it has no checkpoint yet; wait until training has saved one."
            )
        return _of_checkpoint(folder, f"{path}@{kimg_of(folder)}")
    if (path / "state.json").is_file():
        return _of_checkpoint(path, model)
    if not path.exists():
        raise InputError(f"--from {model}: there is no such run or file; check the path.")
    if path.is_dir() and not (path / EXPORTED).is_file():
        raise InputError(f"--from {model}: the folder holds no run and no model.")
    file = path / EXPORTED if path.is_dir() else path
    return TrainedModel(origin=model, about=read_generator_file(file), discriminator=None)


def kept_by(run: Run) -> TrainedModel | None:
    """What a run started from, as its folder keeps it; None for a run from random weights.

    Raises:
        InputError: the files are absent, or not those that were kept.
    """
    start = run.document.get("start")
    if start is None:
        return None
    for name, sha256 in start["files"].items():
        if sha256_of(run.start_folder / name) != sha256:
            raise InputError(
                f"{run.start_folder / name} is not the file that the run started from; restore it."
            )
    return _read(run.start_folder, start["from"], DISCRIMINATOR in start["files"])


def _of_run_at(path: str, kimg: str) -> TrainedModel:
    run = Run.open(path)
    if not _KIMG.fullmatch(kimg):
        raise InputError(f"--from {path}@{kimg}: after @ comes a checkpoint's kimg, such as @60.")
    images = round(1000 * float(kimg))
    if images == 0:
        start = kept_by(run)
        if start is None:
            raise InputError(f"--from {path}@0: that run started from random weights.")
        return replace(start, origin=f"{path}@0")
    folders = {images_of(folder): folder for folder in run.checkpoints}
    if images not in folders:
        known = ", ".join(kimg_of(folder) for folder in folders.values()) or "none"
        raise InputError(f"--from {path}@{kimg}: the run has no such checkpoint (kept: {known}).")
    return _of_checkpoint(folders[images], f"{path}@{kimg}")


def _of_checkpoint(folder: Path, origin: str) -> TrainedModel:
    if fault := damage(folder, PLAYERS):
        raise InputError(f"Checkpoint {folder} is damaged ({fault}); use another one.")
    return _read(folder, origin, True)


def _read(folder: Path, origin: str, both: bool) -> TrainedModel:
    about = read_generator_file(folder / GENERATOR)
    weights = load_tensors(folder / DISCRIMINATOR)[0] if both else None
    for name, value in (weights or {}).items():
        if not value.isfinite().all():
            raise InputError(f"{folder / DISCRIMINATOR}: {name} has values that are not finite.")
    return TrainedModel(origin=origin, about=about, discriminator=weights)


def kimg_of(checkpoint: Path) -> str:
    """As it is written after @: `60`, or `60.512`."""
    return f"{images_of(checkpoint) / 1000:.3f}".rstrip("0").rstrip(".")
