"""The models that are being played with: opened when first asked for, the last two kept."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from saddlepoint.core.checkpoints import EMA, newest_intact
from saddlepoint.core.runs import Run
from saddlepoint.sampling.directions import Directions, principal_directions
from saddlepoint.sampling.edits import DirectionsOf
from saddlepoint.sampling.sampler import Sampler, load_sampler
from saddlepoint.studio.library import NotFound
from saddlepoint.studio.stream import DRAWING

KEPT = 2
"""Open models: one that is looked at, and one to go back to."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A checkpoint of a run, ready to draw."""

    run: Run
    checkpoint: Path
    sampler: Sampler
    directions_of: DirectionsOf

    @classmethod
    def of(cls, run: Run, checkpoint: Path) -> Model:
        """Raises InputError for a checkpoint that is damaged, or a model of points."""
        with DRAWING:  # building the net draws weights, and puts the stream back
            sampler = load_sampler(checkpoint)
        sampler.require_images()

        @functools.cache
        def directions_of(label: int | None) -> Directions:
            return principal_directions(sampler, sampler.generator.latent_dim, label)

        return cls(run=run, checkpoint=checkpoint, sampler=sampler, directions_of=directions_of)


class Models:
    """Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[str, int], Model] = OrderedDict()

    def of(self, run: Run, checkpoint: str) -> Model:
        """A checkpoint by its name, or the newest that is intact (""), opened.

        Raises:
            NotFound: the run has no checkpoint of that name, or none at all.
            InputError: as `Model.of`.
        """
        folder = self._folder(run, checkpoint)
        with self._lock:
            # A run may be deleted, and another one made under its name.
            try:
                key = str(folder), (folder / EMA).stat().st_mtime_ns
            except OSError:
                raise NotFound(f"{folder} is gone; load the page again.") from None
            model = self._open.pop(key, None) or Model.of(run, folder)
            self._open[key] = model
            while len(self._open) > KEPT:
                self._open.popitem(last=False)
            return model

    def _folder(self, run: Run, checkpoint: str) -> Path:
        if checkpoint:
            # Looked up, not joined.
            found = {path.name: path for path in run.checkpoints}.get(checkpoint)
        else:
            found = newest_intact(run, [EMA])
        if found is None:
            raise NotFound(
                "This run has no such checkpoint any more; choose it anew from the list of models."
                if checkpoint
                else "This run has saved no checkpoint yet; wait until it has."
            )
        return found


MODELS = Models()
"""Of this process: however many studios it has, the memory is one."""
