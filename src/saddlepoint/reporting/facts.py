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
from saddlepoint.reporting.strings import ENGLISH, Words

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

    def title(self, words: Words = ENGLISH) -> str:
        """`dcgan on fashion-mnist`."""
        preset = str(self.config.get("preset") or "custom")
        name = self.data.get("name")
        return words("facts.title", preset=preset, data=name) if name else preset

    @property
    def state(self) -> str:
        """running | finished | interrupted | failed | silent | not started."""
        state = str(self.status.get("state", "not started"))
        silence = time.time() - self.status.get("heartbeat", time.time())
        return "silent" if state == "running" and silence > SILENT_SECONDS else state

    def state_in(self, words: Words = ENGLISH) -> str:
        """The state in a word or two."""
        name = self.state.replace(" ", "-")
        return words("facts.not-started") if name == "not-started" else words.get(f"states.{name}")

    def state_sentence(self, words: Words = ENGLISH) -> str:
        """The state with its cause."""
        error = self.status.get("error")
        if self.state == "failed" and error:
            return words("facts.failed", error=error)
        return words("facts.silent") if self.state == "silent" else self.state_in(words)

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

    def distance(self, words: Words = ENGLISH) -> str:
        """The newest distance of the samples to the data; "" before it was measured."""
        value = self.last("sliced_wasserstein")
        return "" if value is None else words.number(f"{value:.3g}")

    def summary(self, words: Words = ENGLISH) -> dict[str, str]:
        """The tiles at the head of a page: label -> value."""
        resolved = _mapping(self.document.get("resolved"))
        train = _mapping(self.config.get("train"))
        rates = self.known("images_per_second")
        seconds = self.last("seconds")
        kimg = train.get("kimg")
        total = round(kimg * 1000) if isinstance(kimg, int | float) else 0
        # A treated or extended run may be past the budget that its configuration names.
        shown = words.number(f"{self.n_images:,}")
        if total > self.n_images:
            shown = words("facts.of", images=shown, total=words.number(f"{total:,}"))
        nets = [f"{words.number(f'{n:,}')} {name}" for name, n in self.parameters.items()]
        facts = {
            "images": shown,
            "time": "" if seconds is None else duration(seconds, words),
            "rate": words.number(f"{np.median(rates):,.0f}") if len(rates) else "",
            "device": str(resolved.get("device") or train.get("device") or ""),
            "parameters": " · ".join(nets),
            "precision": str(resolved.get("precision") or train.get("precision") or ""),
            "start": str(_mapping(self.document.get("start")).get("from") or ""),
        }
        return {words(f"facts.{name}"): value for name, value in facts.items() if value}

    @property
    def parameters(self) -> dict[str, int]:
        """Net -> how many numbers it learns; {} for a run from before that was recorded."""
        return _mapping(self.document.get("parameters"))

    def bin_names(self, indices: Sequence[int], words: Words = ENGLISH) -> list[str]:
        """Names of the bins that a finding says are missing: classes, or regions by number."""
        # Bins are classes only if the data is labelled; else they are regions.
        classes = [str(name) for name in self.data.get("classes") or []]
        last = next((row for row in reversed(self.history.rows) if "bins" in row), {})
        named = bool(last.get("bins_are_classes")) and max(indices) < len(classes)
        return [classes[i] if named else words("facts.region", n=i) for i in indices]

    def origin(self) -> dict[str, Any]:
        """Versions, commit, budgets: what it takes to repeat the run."""
        names = ("created", "start", "budgets", "versions", "machine", "resolved", "git_commit")
        known = {name: self.document[name] for name in names if self.document.get(name)}
        return {"run_folder": str(self.run.path), **known}

    def commands(self) -> dict[str, str]:
        """What to do next: a key `next.KEY` of the texts -> the exact command."""
        saddle, path = saddle_command(), shlex.quote(str(self.run.path))
        commands = {}
        # A running run must not be resumed: its process holds the lock.
        if self.state == "finished":
            commands["longer"] = f"{saddle} resume {path} --minutes 10"
        elif self.state != "running":
            commands["continue"] = f"{saddle} resume {path}"
        if self.run.checkpoints:
            sample = f"{saddle} sample {path}"
            if self.is_image:
                commands["other"] = f"{sample} --seeds 100-163 --out samples.png"
                commands["walk"] = f"{sample} --seeds 0-7 --interpolate --out walk.gif"
            commands["many"] = f"{sample} --n 10000 --out samples.npz"
        return commands


def saddle_command() -> str:
    """How a person calls `saddle` here: where it is not on the PATH, by its place in the venv."""
    script = Path(sys.executable).parent / "saddle"
    if shutil.which("saddle") or not script.is_file():
        return "saddle"
    # `make demo` installs into ./.venv, and a short command is more readily copied.
    inside = script.is_relative_to(Path.cwd())
    return shlex.quote(str(script.relative_to(Path.cwd()) if inside else script))


def evaluate_command(run: str | Path) -> str:
    """What gives a run its scores."""
    return f"{saddle_command()} evaluate {shlex.quote(str(run))}"


def duration(seconds: float, words: Words = ENGLISH) -> str:
    """`48 s`, `6 min 12 s`, `3 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return words("facts.seconds", s=whole)
    if whole < 3600:
        return words("facts.minutes", m=whole // 60, s=f"{whole % 60:02d}")
    return words("facts.hours", h=whole // 3600, m=f"{whole % 3600 // 60:02d}")


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
