"""config.json: what was run, on which data, with which versions."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from saddlepoint import __version__
from saddlepoint.core import registry
from saddlepoint.core.checks import refuse_newer
from saddlepoint.core.config import SCHEMA, Config
from saddlepoint.core.config_json import from_json, to_json
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.ranks import here
from saddlepoint.core.runs import Run


def describe(
    config: Config,
    dataset: Dataset,
    rate: float | None,
    start: dict[str, Any] | None = None,
    expected: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of config.json at the start of a run.

    Args:
        rate: images per second measured for a budget in minutes, or None without one.
        start: what a warm start began with (`documents.Start`), or None.
        expected: the memory and the time that the run was expected to take, or None.
    """
    train = config.train
    return {
        "schema": SCHEMA,
        "config": to_json(config),
        "data": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "n": len(dataset),
            "spec": dataset.spec.to_json(),
            "classes": list(dataset.classes),
        },
        **({} if start is None else {"start": start}),
        "budgets": [budget_line(config, rate)],
        **({} if expected is None else {"expected": expected}),
        "treatments": [],
        "resolved": {
            "device": train.device,
            "precision": train.precision,
            "threads": train.threads,
            **among_ranks(),
        },
        "parameters": config.arch.n_parameters(dataset.spec),
        "versions": {
            "saddlepoint": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": _machine(train.device),
        "git_commit": _git_commit(),
        "plugins": registry.plugins(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def among_ranks() -> dict[str, Any]:
    """Of `resolved` in config.json: how many processes train, and which launch they belong to."""
    return {"ranks": here().size, "launch": here().launch}


def _machine(device: str) -> str:
    """System, processor, cores, and the GPU where one is used."""
    cores = f"{os.cpu_count()} cores"
    gpu = [torch.cuda.get_device_name(device)] if device.startswith("cuda") else []
    return ", ".join([platform.system(), platform.machine(), cores, *gpu])


def budget_line(config: Config, rate: float | None, begun_at: int = 0) -> dict[str, float | None]:
    """One entry of `budgets` in config.json: a budget and the images at which it was given."""
    measured = None if rate is None else round(rate, 1)
    minutes = config.train.minutes or None
    return {
        "kimg": config.train.kimg,
        "minutes": minutes,
        "images_per_second": measured,
        "schedule_kimg": config.train.schedule_kimg,
        "begun_at": begun_at,
    }


def _git_commit() -> str | None:
    """The commit of Saddlepoint's own checkout; None when it is installed from a wheel."""
    # The folder above src/: the commit of the user's own repository would be a wrong answer.
    folder = Path(__file__).parents[3]
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def read_config(run: Run) -> Config:
    """The Config of a run.

    Raises:
        InputError: a newer schema, or a field that is unknown or of the wrong type.
    """
    document = run.document
    match document:
        # What a resume reads later, in addition to the configuration itself.
        case {
            "schema": int(schema),
            "config": config,
            "data": {"fingerprint": str()},
            "budgets": list(),
        }:
            refuse_newer(run.path, schema, SCHEMA)
        case _:
            raise InputError(f"{run.config_file} is not the configuration of a run.")
    try:
        return from_json(config, path=f"{run.config_file}: config")
    except InputError as error:
        files = [plugin["file"] for plugin in document.get("plugins", [])]
        missing = [file for file in files if file not in (p["file"] for p in registry.plugins())]
        if not missing:
            raise
        raise InputError(
            f"{error} {run.path} was trained with a plug-in: add --plugins {missing[0]}."
        ) from error


def training_data(run: Run, config: Config | None = None) -> Dataset:
    """The data that a run was trained on.

    Args:
        config: the run's; read where it is not given.

    Raises:
        InputError: they are absent, or not what they were.
    """
    dataset = (config or read_config(run)).source.open()
    recorded = run.document["data"]["fingerprint"]
    if dataset.fingerprint != recorded:
        raise InputError(
            f"{run.path} was trained on data with fingerprint {recorded[:12]}, but {dataset.name} "
            f"now has {dataset.fingerprint[:12]}; restore the data."
        )
    return dataset
