"""The facts of a run in words for a person; whatever is missing is left out."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.flat import flatten
from saddlepoint.core.history import History
from saddlepoint.core.runs import Run

SILENT_SECONDS = 300
"""A heartbeat comes with every tick, at most minutes apart: silence this long means a death."""


@dataclass(frozen=True)
class Facts:
    """One reading of a run folder, so that all parts of a page show the same moment."""

    run: Run
    document: dict[str, Any]
    status: dict[str, Any]
    history: History

    @classmethod
    def of(cls, run: Run) -> Facts:
        """Raises InputError when config.json is not JSON."""
        document = run.document if run.config_file.is_file() else {}
        return cls(run, document, run.status, run.history)

    @property
    def config(self) -> dict[str, Any]:
        return _mapping(self.document.get("config"))

    @property
    def data(self) -> dict[str, Any]:
        return _mapping(self.document.get("data"))

    @property
    def is_image(self) -> bool:
        """False for points in the plane, whose pictures are plots."""
        return len(_mapping(self.data.get("spec")).get("shape") or (1, 1, 1)) == 3

    @property
    def title(self) -> str:
        """`dcgan on fashion-mnist`."""
        preset = str(self.config.get("preset") or "custom")
        name = self.data.get("name")
        return f"{preset} on {name}" if name else preset

    @property
    def state(self) -> str:
        """running | finished | interrupted | failed | silent | not started."""
        state = str(self.status.get("state", "not started"))
        silence = time.time() - self.status.get("heartbeat", time.time())
        return "silent" if state == "running" and silence > SILENT_SECONDS else state

    @property
    def state_sentence(self) -> str:
        """The state with its cause."""
        error = self.status.get("error")
        return {
            "silent": "silent: marked as running, but no sign of life for five minutes",
            "failed": f"failed: {error}" if error else "failed",
        }.get(self.state, self.state)

    @property
    def n_images(self) -> int:
        return int(self.status.get("n_images") or (self.last("images") or 0))

    def known(self, column: str) -> np.ndarray:
        """The finite values of a column."""
        values = self.history[column]
        return values[np.isfinite(values)]

    def last(self, column: str) -> float | None:
        """The newest finite value of a column."""
        values = self.known(column)
        return float(values[-1]) if len(values) else None

    @property
    def distance(self) -> str:
        """The newest distance of the samples to the data; "" before it was measured."""
        value = self.last("sliced_wasserstein")
        return "" if value is None else f"{value:.3g}"

    def summary(self) -> dict[str, str]:
        """The tiles at the head of a page: label -> value."""
        resolved = _mapping(self.document.get("resolved"))
        train = _mapping(self.config.get("train"))
        rates = self.known("images_per_second")
        seconds = self.last("seconds")
        kimg = train.get("kimg")
        total = round(kimg * 1000) if isinstance(kimg, int | float) else 0
        # A treated or extended run may be past the budget that its configuration names.
        of = f" of {total:,}" if total > self.n_images else ""
        facts = {
            "Images shown": f"{self.n_images:,}{of}",
            "Time": "" if seconds is None else duration(seconds),
            "Images / second": f"{np.median(rates):,.0f}" if len(rates) else "",
            "Device": str(resolved.get("device") or train.get("device") or ""),
            "Parameters": ", ".join(f"{n:,} {name}" for name, n in self.parameters.items()),
            "Precision": str(resolved.get("precision") or train.get("precision") or ""),
            "Started from": str(_mapping(self.document.get("start")).get("from") or ""),
        }
        return {label: value for label, value in facts.items() if value}

    @property
    def parameters(self) -> dict[str, int]:
        """Net -> how many numbers it learns; {} for a run from before that was recorded."""
        return _mapping(self.document.get("parameters"))

    def bin_names(self, indices: Sequence[int]) -> list[str]:
        """Names of the bins that a finding says are missing: classes, or regions by number."""
        # Bins are classes only if the data is labelled; else they are regions.
        classes = [str(name) for name in self.data.get("classes") or []]
        last = next((row for row in reversed(self.history.rows) if "bins" in row), {})
        named = bool(last.get("bins_are_classes")) and max(indices) < len(classes)
        return [classes[i] if named else f"region {i}" for i in indices]

    def origin(self) -> dict[str, Any]:
        """Versions, commit, budgets: what it takes to repeat the run."""
        names = ("created", "start", "budgets", "versions", "resolved", "git_commit")
        known = {name: self.document[name] for name in names if name in self.document}
        return {"run_folder": str(self.run.path), **known}

    def commands(self) -> dict[str, str]:
        """What to do next: what for -> the exact command."""
        saddle, path = saddle_command(), shlex.quote(str(self.run.path))
        commands = {}
        # A running run must not be resumed: its process holds the lock.
        if self.state == "finished":
            commands["Train for ten more minutes"] = f"{saddle} resume {path} --minutes 10"
        elif self.state != "running":
            commands["Continue where it stopped"] = f"{saddle} resume {path}"
        if self.run.checkpoints:
            sample = f"{saddle} sample {path}"
            if self.is_image:
                commands["Draw other images"] = f"{sample} --seeds 100-163 --out samples.png"
                commands["Walk from image to image"] = (
                    f"{sample} --seeds 0-7 --interpolate --out walk.gif"
                )
            commands["10,000 samples for an evaluation"] = f"{sample} --n 10000 --out samples.npz"
        return commands


def saddle_command() -> str:
    """How a person calls `saddle` here: where it is not on the PATH, by its place in the venv."""
    script = Path(sys.executable).parent / "saddle"
    if shutil.which("saddle") or not script.is_file():
        return "saddle"
    # `make demo` installs into ./.venv, and a short command is more readily copied.
    inside = script.is_relative_to(Path.cwd())
    return shlex.quote(str(script.relative_to(Path.cwd()) if inside else script))


def duration(seconds: float) -> str:
    """`48 s`, `6 min 12 s`, `3 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def flat(document: Any) -> dict[str, str]:
    """Every leaf of a JSON document: dotted path -> value as a person types it."""
    return {path: as_typed(value) for path, value in flatten(document).items()}


def as_typed(value: Any) -> str:
    """A value of a JSON document as a person types it."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
