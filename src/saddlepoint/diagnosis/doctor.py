"""The doctor of a GAN in training: three lines in any PyTorch loop, ours among them.

Data runs one way: hooks record calls and steps into a trace (observe/), signals are functions of
the trace and of probe batches (signals/, probes.py), a check puts them into one row of the history,
and detectors read the history (detectors/, diagnose.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.diagnosis.diagnose import all_detectors, inspect, with_remedies
from saddlepoint.diagnosis.observe.graph import batch_norms
from saddlepoint.diagnosis.observe.hooks import Safety
from saddlepoint.diagnosis.observe.real_batches import Real, read_real
from saddlepoint.diagnosis.observe.recorder import Recorder
from saddlepoint.diagnosis.observe.roles import Roles
from saddlepoint.diagnosis.observe.trace import Player
from saddlepoint.diagnosis.probes import N_POINTS, Latent, Probes
from saddlepoint.diagnosis.schedule import Plan, Schedule
from saddlepoint.diagnosis.signals import calls, family, logits, loss, weights
from saddlepoint.diagnosis.signals.discriminator import leaks
from saddlepoint.diagnosis.signals.generator import Statistics

_N_COMPARED = 64  # real images by which fakes that a loop changed are told from real ones


class Doctor:
    """Watches two nets and their optimisers, and names what goes wrong.

    It changes none of the loop's numbers: training with it is bit for bit training without it. If
    it fails itself it warns once, and lets the loop go on.

    Args:
        generator, discriminator: as the loop calls them (compiled and wrapped ones too).
        real: real images as the discriminator gets them: a batch, (images, labels), a DataLoader,
            or a function n -> images. Up to 1,536 are read, once.
        loss: the loss's name (non-saturating, hinge, wasserstein, ...); auto recognises it.
        latent: n -> latents, or a tuple of all that the generator takes; by default the first
            latents that the loop uses.
        labels: n -> labels int64 [n], for a generator that takes (latents, labels).
        heldout: real images that are not trained on, given like `real`.
        averaged: a moving average of the generator, where the loop keeps one.
        every: steps between two checks, or a function step -> is it checked. By default 100, or
            more where checks would take over 2 % of the time.
        probe: which checks also draw probe batches, step -> bool; by default all from step 100.
        seed: of the doctor's own latents.

    Raises:
        InputError: `real`, `heldout` or `loss` cannot be understood.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        optim_g: torch.optim.Optimizer,
        optim_d: torch.optim.Optimizer,
        real: Real,
        *,
        loss: str = "auto",
        latent: Latent | None = None,
        labels: Callable[[int], Tensor] | None = None,
        heldout: Real | None = None,
        averaged: nn.Module | None = None,
        every: int | Callable[[int], bool] | None = None,
        probe: Callable[[int], bool] | None = None,
        seed: int = 0,
    ) -> None:
        self.history = History([])
        self.findings: list[Finding] = []
        """What holds as of the newest check."""
        self.ended: list[Finding] = []
        """What held until this step's check."""
        self.row: dict[str, Any] = {}
        """The columns of this step's check; empty at a step without one."""
        self.n_steps = 0
        self.n_images = 0
        self._loss = family.named(loss)
        self._seen_losses: Counter[str] = Counter()
        self._detectors = all_detectors()
        self._nets: dict[Player, nn.Module] = {"d": discriminator, "g": generator}
        self._optimizers: dict[Player, torch.optim.Optimizer] = {"d": optim_d, "g": optim_g}
        images = read_real(real)
        unseen = None if heldout is None else read_real(heldout)
        self.probes = Probes(
            generator, discriminator, averaged, images, unseen, latent, labels, seed
        )
        self._averaged = averaged
        self._statistics = Statistics(generator if averaged is None else averaged)
        self._ages = weights.ages(self._nets, self._optimizers)
        self._schedule = Schedule(every, probe, small=self.probes.n == N_POINTS)
        self._safety = Safety(self)
        roles = Roles(images[0][:_N_COMPARED], self.probes.n)
        self._recorder = Recorder(self._nets, self._optimizers, roles, self._safety, self._plan())

    @property
    def active(self) -> bool:
        """False once it was detached, or has failed itself."""
        return self._safety.active

    @property
    def is_due(self) -> bool:
        """The step under way is one that is checked; its calls and steps have to be seen."""
        return self.active and self._recorder.plan.due

    def paused(self) -> AbstractContextManager[None]:
        """Nothing of what the loop does in this context is seen."""
        return self._safety.paused()

    def step(
        self,
        loss_d: Tensor | float | None = None,
        loss_g: Tensor | float | None = None,
        images: int | None = None,
    ) -> list[Finding]:
        """Call once an iteration, after both players' steps.

        Args:
            loss_d, loss_g: the newest losses, as the loop minimises them.
            images: real images shown to the discriminator so far; by default they are counted.

        Returns:
            Findings that are new: of a finding that lasts, the first time only.
        """
        news: list[Finding] = []
        self._safety(self._step, loss_d, loss_g, images, news)
        return news

    def examples(self, finding: Finding) -> dict[int, Tensor]:
        """Real images [at most 4, ...] of each bin or class that a finding names as missing."""
        return {index: self.probes.reference.examples[index] for index in finding.missing}

    def resume(self, rows: list[dict[str, Any]], n_steps: int) -> None:
        """Continue where a run stopped, with its history so far."""
        self.history.rows[:] = rows
        self.n_steps = n_steps
        self.findings = inspect(self.history, self._detectors) if rows else []
        if rows:
            # The columns are to be those of a run never stopped: nothing is asked of nets and
            # optimisers that are old on purpose, and the first step is not watched as a first.
            self._ages = {}
            self._recorder.closely = False
            self._recorder.trace.last_step = self._recorder.trace.tick()
        self._recorder.expect(self._plan())

    def detach(self) -> None:
        """Remove the hooks; the history stays."""
        self._safety.active = False
        self._recorder.detach()

    # -- checks --------------------------------------------------------------------------------

    def _plan(self) -> Plan:
        """What the next step is to the doctor."""
        return self._schedule.plan(self.n_steps + 1, len(self.history))

    def _step(
        self,
        loss_d: Tensor | float | None,
        loss_g: Tensor | float | None,
        images: int | None,
        news: list[Finding],
    ) -> None:
        self.n_steps += 1
        self.row, self.ended = {}, []
        loss_d, loss_g = (x.detach() if isinstance(x, Tensor) else x for x in (loss_d, loss_g))
        shown = self._recorder.end_step(loss_d, loss_g)
        self.n_images = self.n_images + shown if images is None else images
        if self._recorder.plan.due:
            with self._schedule.check(self.n_steps):
                self.row = self._check(loss_d)
                self.history.rows.append(self.row)
                news += self._news()
        self._recorder.expect(self._plan())

    def _check(self, loss_d: Tensor | float | None) -> dict[str, Any]:
        """One row of the history: numbers that are not finite are left out."""
        trace, discriminator = self._recorder.trace, self.probes.discriminator
        row: dict[str, Any] = {"images": self.n_images, "step": self.n_steps}
        # What the loop computed by itself since the last check.
        row |= logits.columns(trace)
        row |= weights.columns(trace)
        row |= weights.lost(self._nets)
        # A ratio that cannot be taken (of two zeros) does not mean the loop's numbers are lost.
        row["nonfinite"] = float(row["weights_lost"] or not all(map(_is_finite, row.values())))
        # How the loop is wired.
        row |= self._ages | weights.holdings(self._nets, self._optimizers)
        self._ages = {}
        now = loss.pushed(trace)
        row |= calls.columns(trace) | calls.penalty_columns(trace) | loss.columns(now)
        row |= self._loss_family(now, loss_d, calls.penalised_between(trace))
        row["batch_norm_d"] = float(len(list(batch_norms(self._nets["d"]))))
        if self._averaged is not None or trace.n_steps["g"]:
            row |= self._statistics.columns()
        # What both nets make of the doctor's own questions, which cost forward passes.
        row |= weights.clip_share(discriminator)
        if self._recorder.plan.asks:
            row |= leaks(discriminator, trace)
        if self._recorder.plan.probes:
            row |= self.probes.measure(trace, self._recorder.roles.newest())
        self._recorder.end_check()
        return {name: value for name, value in row.items() if _is_finite(value)}

    def _loss_family(
        self, now: loss.Pushed, loss_d: Tensor | float | None, penalised: bool
    ) -> dict[str, str]:
        """The loss that was given, or the one that fitted at most checks so far."""
        if self._loss is not None:
            return {"loss_family": self._loss}
        value = None if loss_d is None else float(loss_d)
        self._seen_losses.update(family.fitting(now, value, penalised))
        most = max(self._seen_losses.values(), default=0)
        leaders = [name for name, times in self._seen_losses.items() if times == most]
        # Losses that fitted equally often cannot be told apart yet.
        return {"loss_family": leaders[0]} if len(leaders) == 1 else {}

    def _news(self) -> list[Finding]:
        before = {(finding.name, finding.severity) for finding in self.findings}
        found = inspect(self.history, self._detectors)
        names = {finding.name for finding in found}
        self.ended = [finding for finding in self.findings if finding.name not in names]
        self.findings = [with_remedies(finding) for finding in found]
        return [f for f in self.findings if (f.name, f.severity) not in before]


def _is_finite(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(math.isfinite, value))
    return isinstance(value, str) or math.isfinite(value)
