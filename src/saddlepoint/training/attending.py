"""The doctor in our own loop, through the interface that every loop has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from saddlepoint.core import images
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Batch, Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.findings import Finding
from saddlepoint.core.runs import Run
from saddlepoint.data.loader import DeviceData
from saddlepoint.diagnosis.doctor import Doctor
from saddlepoint.evaluation.opened import held_out
from saddlepoint.training.monitor import Monitor
from saddlepoint.training.schedule import Schedule, crossed
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums

TREATED_EARLY = ("partial-mode-collapse",)
"""Findings that are treated while they are still warnings: a lost mode does not come back."""


class FoundUnhealthy(Exception):
    """A fatal finding in treat mode: training cannot go on as it is."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.name)
        self.finding = finding


class Attending:
    """The doctor with findings.jsonl and the monitor; absent where config.doctor.mode is off.

    Context manager; the doctor leaves the nets when it ends.
    """

    def __init__(
        self,
        run: Run,
        config: Config,
        dataset: Dataset,
        data: DeviceData,
        state: TrainState,
        schedule: Schedule,
        monitor: Monitor,
    ) -> None:
        self.run, self.monitor = run, monitor
        self.treats = config.doctor.mode == "treat"
        self.is_image = dataset.spec.is_image
        self.doctor: Doctor | None = None
        if config.doctor.mode == "off":
            return
        n_classes = dataset.spec.n_classes if config.arch.conditioning != "none" else 0
        latent_dim = state.generator.latent_dim
        total = config.train.total_images
        # Not step * images_per_step: a treatment may have changed how many a step shows.
        steps_before, images_before = state.n_steps, state.n_images

        def due(step: int, every: int) -> bool:
            after = images_before + (step - steps_before) * schedule.images_per_step
            return after >= total or crossed(after - schedule.images_per_step, after, every)

        self.doctor = Doctor(
            state.generator,
            state.discriminator,
            state.optim_g,
            state.optim_d,
            real=_reader(dataset, data),
            loss=config.loss.kind,
            latent=lambda n: torch.randn(n, latent_dim),
            # Every class equally often, so that a missing one stands out.
            labels=(lambda n: torch.arange(n) % n_classes) if n_classes else None,
            heldout=_unseen(config, dataset),
            # The average is what is sampled and scored, so its collapse is what counts.
            averaged=state.ema,
            every=lambda step: due(step, schedule.tick),
            probe=lambda step: due(step, schedule.probe),
            seed=config.seed,
        )
        self.doctor.resume(run.history.rows, state.n_steps)
        monitor.findings = self.names

    def step(self, state: TrainState, sums: Sums) -> None:
        """Call once a step of the loop; writes and shows new findings."""
        # Of all the turns of the step, so that the doctor's mean over a tick is the loop's own.
        losses = sums.end_step()
        if self.doctor is None:
            return
        found = self.doctor.step(losses["loss_d"], losses["loss_g"], images=state.n_images)
        for finding in found:
            self.run.append_finding({"event": "found", **finding.to_json()})
            self.monitor.say(f"doctor: {finding}")
            if self.is_image and finding.missing:
                _draw_missing(self.run, self.doctor.examples(finding))
        for finding in self.doctor.ended:
            ended = {"event": "ended", "name": finding.name, "at_images": state.n_images}
            self.run.append_finding(ended)
            self.monitor.say(f"doctor: {finding.name} has ended.")
        if self.doctor.row:
            self.monitor.findings = self.names

    @property
    def is_due(self) -> bool:
        """The step under way is one that the doctor checks."""
        return self.doctor is not None and self.doctor.is_due

    def paused(self) -> AbstractContextManager[None]:
        """The doctor sees nothing of what the nets do in this context."""
        return nullcontext() if self.doctor is None else self.doctor.paused()

    def raise_if_fatal(self) -> None:
        """Raises FoundUnhealthy where a run in treat mode has a finding that calls for it."""
        for finding in self.findings if self.treats else []:
            if finding.severity == "fatal" or finding.name in TREATED_EARLY:
                raise FoundUnhealthy(finding)

    @property
    def findings(self) -> list[Finding]:
        """What holds now."""
        return [] if self.doctor is None else self.doctor.findings

    @property
    def names(self) -> list[str]:
        return [finding.name for finding in self.findings]

    @property
    def row(self) -> dict[str, Any]:
        """The columns of this step's check."""
        return {} if self.doctor is None else self.doctor.row

    def __enter__(self) -> Attending:
        return self

    def __exit__(self, *_: object) -> None:
        # Hooks on the nets keep them in memory: a notebook trains more than once.
        if self.doctor is not None:
            self.doctor.detach()


def _draw_missing(run: Run, missing: dict[int, Tensor]) -> None:
    """samples/bins/NN.png: real images of each class or region that is left out."""
    folder = run.samples_folder / "bins"
    folder.mkdir(parents=True, exist_ok=True)
    for index, examples in missing.items():
        sheet = images.grid(images.to_uint8(examples.numpy()), columns=len(examples))
        images.write_png(folder / f"{index:02d}.png", sheet)


def _reader(dataset: Dataset, data: DeviceData) -> Callable[[int], Batch]:
    """n -> real images as the discriminator gets them before augmentation, with their labels."""
    return lambda n: data.batch(0, min(n, len(dataset)))


def _unseen(config: Config, dataset: Dataset) -> Callable[[int], Batch] | None:
    """The data's test split, where it has one here."""
    source = held_out(config.source)
    if source == config.source:
        return None
    try:
        test = source.open()
    # Not on this machine: the checks that need unseen images are left out.
    except InputError:
        return None
    if test.spec != dataset.spec:
        return None
    return _reader(test, DeviceData(test, config.train.device, config.seed))
