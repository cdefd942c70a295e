"""A batch in more parts, where a step of the whole of it needs more memory than there is."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from saddlepoint.core.checkpoints import recorded
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json
from saddlepoint.core.errors import RunFailed
from saddlepoint.core.json_files import write_json
from saddlepoint.core.ranks import here
from saddlepoint.core.runs import Run
from saddlepoint.training.monitor import Monitor
from saddlepoint.training.state import TrainState


def in_more_parts(
    run: Run, config: Config, state: TrainState, fault: str, monitor: Monitor
) -> Config:
    """The configuration to go on with from `state`, written to config.json, so that a resume goes
    on with it as well.

    Args:
        state: of the last checkpoint, or new.
        fault: what the allocator said.

    Raises:
        RunFailed: the parts are as small as they can be.
    """
    config, said = _written(run, config, state, state.n_images, fault)
    run.rewind(state.n_images)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # in pieces of the sizes that did not fit
    monitor.say(said)
    return config


def ended_for_more_parts(run: Run, config: Config, state: TrainState, fault: str) -> RunFailed:
    """The same for several ranks, one of which has ended and with it the connection of all: the
    configuration is that of the next start, and the sentence says so.

    Args:
        state: as the last step left it, whatever its values are.
        fault: which rank, and what its allocator said.
    """
    newest = run.checkpoints[-1:]
    n_images = recorded(newest[0], "n_images") if newest else 0
    said = _written(run, config, state, n_images, fault)[1]
    return RunFailed(
        f"{said} `saddle resume {run.path}`, started like this run, does that, and `torchrun "
        "--max-restarts 3` by itself."
    )


def _written(
    run: Run, config: Config, state: TrainState, n_images: int, fault: str
) -> tuple[Config, str]:
    """The configuration with more parts, which is that of config.json now, and a sentence."""
    train, has_norm, n_ranks = config.train, _has_batch_norm(state), here().size
    parts = more_parts(train.batch_size // n_ranks, train.accumulate, 2 if has_norm else 1)
    if parts is None:
        raise RunFailed(
            f"A step with the batch of {train.batch_size:,} in {train.accumulate:,} parts needs "
            f"more memory than there is ({fault}), and it has no smaller ones; lower "
            "--train.batch-size or the widths of the networks (--arch). The last checkpoint is "
            "intact."
        )
    document = run.document
    config = replace(config, train=replace(train, accumulate=parts))
    document["config"] = to_json(config)
    line = {"at_images": n_images, "accumulate": [train.accumulate, parts]}
    document["out_of_memory"] = [*document.get("out_of_memory", []), line]
    write_json(run.config_file, document)
    sizes = train.batch_size // train.accumulate, train.batch_size // parts
    said = (
        f"Out of memory ({fault}). From {n_images:,} images on, each batch of "
        f"{train.batch_size:,} is computed in {parts} parts of {sizes[1]:,} instead of "
        f"{train.accumulate}, and their gradients are added (train.accumulate {parts})."
    )
    if has_norm:
        said += f" BatchNorm sees {sizes[1]:,} images at a time, which changes results."
    return config, said


def more_parts(batch_size: int, parts: int, least: int) -> int | None:
    """At least twice as many equal parts, of `least` images or more; None where there are none."""
    numbers = range(2 * parts, batch_size // least + 1)
    return next((n for n in numbers if batch_size % n == 0), None)


def _has_batch_norm(state: TrainState) -> bool:
    modules = (module for net in state.nets.values() for module in net.modules())
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in modules)
