"""Checkpoints: safetensors and JSON, complete or absent, verified by sha256 when read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from saddlepoint.core.checkpoints import (
    healthy_until,
    newest_intact,
    read_state,
    recorded,
    write_state,
)
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sync_folder, temporary_name, write_atomically
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of, snapshot_name
from saddlepoint.core.tensors import load_tensors, misfit
from saddlepoint.sampling.generator_file import GeneratorFile
from saddlepoint.training.moment import Moment, restore_optimizer
from saddlepoint.training.state import TrainState

# One to continue from, and another in case that one is damaged.
KEEP_NEWEST = 2
KEEP_MEANWHILE = 4
"""Of a run that goes on: a finding holds since long before it is found, for a fifth of a run."""
KEEP_TO_TREAT = 12
"""A treated run goes back to the last healthy checkpoint, so it needs older ones, too."""


def save(run: Run, moment: Moment, config: Config, dataset: Dataset, score: float | None) -> Path:
    """Write a moment as a folder that is complete or absent, then delete old checkpoints.

    Args:
        score: lower is better; None where none is due, as when the run is stopped.

    Raises:
        OSError: the disk is full or gone; earlier checkpoints are intact.
    """
    images_per_step = config.train.batch_size * config.train.n_critic
    target = run.checkpoints_folder / snapshot_name(moment.n_images, images_per_step)
    partial = temporary_name(target)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        # Everything goes into a hidden folder, which becomes the checkpoint by one rename.
        files = {}
        for name, tensors in moment.nets.items():
            about = GeneratorFile(
                arch=config.arch,
                spec=dataset.spec,
                classes=dataset.classes,
                data=dataset.name,
                n_images=moment.n_images,
                weights=tensors,
            )
            extra = None if name == "discriminator" else about.metadata()
            files[f"{name}.safetensors"] = safetensors.torch.save(tensors, metadata=extra)
        files["optim.safetensors"] = safetensors.torch.save(moment.optimizers)
        for name, content in files.items():
            write_atomically(partial / name, content)
        # Last, with the hashes of all the others: without state.json the folder counts as damaged.
        write_state(
            partial,
            n_images=moment.n_images,
            n_steps=moment.n_steps,
            n_treatments=moment.n_treatments,
            score=score,
        )
        if os.path.lexists(target):  # from before the run was rolled back
            remove(target)
        os.replace(partial, target)
        sync_folder(run.checkpoints_folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    # Afterwards: for a moment the disk holds a checkpoint too many, never one too few.
    is_done = moment.n_images >= config.train.total_images
    newest = KEEP_NEWEST if is_done else KEEP_MEANWHILE
    _prune(run, KEEP_TO_TREAT if config.doctor.mode == "treat" else newest)
    return target


def load_newest(run: Run, state: TrainState) -> bool:
    """Load the newest intact checkpoint into `state`; damaged ones are named in a warning.

    Returns:
        False when the run has no checkpoint yet.

    Raises:
        InputError: checkpoints exist but none is intact, or one has a newer schema.
    """
    folder = newest_intact(run)
    if folder is None:
        return False
    saved = read_state(folder)
    # A treatment may have changed the shapes of the nets or the kind of the optimisers.
    if saved.get("n_treatments", 0) != state.n_treatments:
        _load_what_fits(folder, state)
    else:
        _load_all(folder, state)
    state.n_images = saved["n_images"]
    state.n_steps = saved["n_steps"]
    return True


def _load_what_fits(folder: Path, state: TrainState) -> None:
    """Load a checkpoint from before a treatment: the nets whose shapes are still the same.

    The others start afresh. So do the optimisers: their moments point where the run went wrong.
    """
    for name, net in state.nets.items():
        kept, _ = load_tensors(folder / f"{name}.safetensors")
        if not misfit(kept, net.state_dict()):
            net.load_state_dict(kept)


def _load_all(folder: Path, state: TrainState) -> None:
    for name, net in state.nets.items():
        kept, _ = load_tensors(folder / f"{name}.safetensors")
        if fault := misfit(kept, net.state_dict()):
            raise InputError(
                f"{folder}: the weights of the {name} do not fit the run's config.json ({fault}); "
                "restore the configuration that the run was started with."
            )
        net.load_state_dict(kept)
    tensors, _ = load_tensors(folder / "optim.safetensors")
    if fault := misfit(tensors, _moments_like(state, tensors), finite=False):
        raise InputError(f"{folder}/optim.safetensors does not fit the run's optimisers ({fault}).")
    for player, optimizer in state.optimizers.items():
        restore_optimizer(optimizer, state.nets[player], tensors, player)


def _moments_like(state: TrainState, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the file of the optimisers must hold, on the meta device: all moments of each parameter
    of which it has any (one that never had a gradient has none)."""
    begun, found = {path.rpartition("/")[0] for path in tensors}, {}
    for player, optimizer in state.optimizers.items():
        # One step of another optimiser of its kind tells which moments it keeps.
        probe = torch.zeros(2, requires_grad=True)
        probe.grad = torch.zeros(2)
        twin = type(optimizer)([probe], **optimizer.defaults)
        twin.step()
        for name, parameter in state.nets[player].named_parameters():
            for key, value in twin.state[probe].items():
                if (path := f"{player}/{name}") in begun:
                    shape = parameter.shape if value.ndim else ()
                    found[f"{path}/{key}"] = torch.empty(shape, dtype=value.dtype, device="meta")
    return found


def _prune(run: Run, newest: int) -> None:
    """Delete all but the newest checkpoints with a score, the best one, the last ones from before
    each finding, and what is newer.

    A checkpoint without a score was asked for by the clock or by a stop, and bridges the time to
    the next one that has one. So after each of these the same are left, whoever stopped the run.
    """
    checkpoints = run.checkpoints
    scores = {folder: recorded(folder, "score") for folder in checkpoints}
    scored = [folder for folder, score in scores.items() if score is not None]
    newer = checkpoints[checkpoints.index(scored[-1]) + 1 :] if scored else checkpoints
    keep = {*scored[-newest:], *newer[-KEEP_NEWEST:]}
    if scored:
        # Of equal scores the earliest.
        keep.add(min(scored, key=lambda folder: scores[folder]))
    keep |= _healthy(run, scored)
    for folder in checkpoints:
        if folder not in keep:
            remove(folder)


def _healthy(run: Run, scored: list[Path]) -> set[Path]:
    """Of each finding the newest checkpoint that did not show it: where its remedies start from."""
    since: dict[str, int] = {}
    for line in run.findings:
        if line["event"] == "found":
            # It may have come and gone before.
            first = since.get(line["name"], line["since_step"])
            since[line["name"]] = min(first, line["since_step"])
    limits = {healthy_until(run, step) for step in since.values()}
    before = [[folder for folder in scored if images_of(folder) <= limit] for limit in limits]
    return {folders[-1] for folders in before if folders}


def remove(folder: Path) -> None:
    """Delete a checkpoint. Renamed first, so that a kill leaves no partial folder of that name."""
    # Another name than that of a checkpoint that is being written in its place.
    doomed = temporary_name(folder.with_name(f"{folder.name}.old"))
    shutil.rmtree(doomed, ignore_errors=True)  # of a killed process that had this one's number
    os.replace(folder, doomed)
    if doomed.is_dir():
        shutil.rmtree(doomed, ignore_errors=True)
    else:  # a file or pipe that somebody put in its place
        doomed.unlink()
