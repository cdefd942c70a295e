"""The doctor of a GAN in training: three lines in any PyTorch loop, ours among them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.core.findings import Finding
from saddlepoint.core.runs import History
from saddlepoint.diagnosis import families
from saddlepoint.diagnosis.diagnose import all_detectors, inspect, with_remedies
from saddlepoint.diagnosis.listening import Listener
from saddlepoint.diagnosis.probes import N_POINTS, Latent, Probes
from saddlepoint.diagnosis.reading import Real, read_real
from saddlepoint.diagnosis.rhythm import Rhythm
from saddlepoint.diagnosis.safety import Safety
from saddlepoint.diagnosis.signals.players import clip_share


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
        every: steps between two looks, or a function step -> is it a look. By default 100, or
            more where looks would take over 2 % of the time.
        probe: which looks also draw probe batches, step -> bool; by default all from step 100.
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
        """What holds as of the newest look."""
        self.ended: list[Finding] = []
        """What held until this step's look."""
        self.row: dict[str, Any] = {}
        """The columns of this step's look; empty at a step without one."""
        self.n_steps = 0
        self.n_images = 0
        self._family = families.named(loss)
        self._seen_families: Counter[str] = Counter()
        self._detectors = all_detectors()
        images = read_real(real)
        unseen = None if heldout is None else read_real(heldout)
        nets = (generator, discriminator)
        self.probes = Probes(*nets, averaged, images, unseen, latent, labels, seed)
        self._rhythm = Rhythm(every, probe, small=self.probes.n == N_POINTS)
        self._safety = Safety(self)
        optimizers = (optim_g, optim_d)
        real_images = images[0][:64]
        self._listener = Listener(
            *nets, *optimizers, averaged, self.probes, real_images, self._safety
        )
        self._listener.expect(self._rhythm.plan(1, 0))

    @property
    def active(self) -> bool:
        """False once it was detached, or has failed itself."""
        return self._safety.active

    @property
    def is_due(self) -> bool:
        """The step under way is one that is checked; its calls and steps have to be seen."""
        return self.active and self._listener.plan.due

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

    def resume(self, rows: list[dict[str, Any]], n_steps: int, memory: dict[str, Tensor]) -> None:
        """Go on where a run stopped, with the history and the memory of then."""
        self.history.rows[:] = rows
        self.n_steps = n_steps
        self.findings = inspect(self.history, self._detectors) if rows else []
        self.probes.restore(memory, rows)
        plan = self._rhythm.plan(n_steps + 1, len(rows))
        if rows:
            self._listener.wiring.go_on(plan.due)
        self._listener.expect(plan)

    @property
    def memory(self) -> dict[str, Tensor]:
        """What a resumed run needs beside the history: fakes of earlier looks."""
        return self.probes.memory

    def detach(self) -> None:
        """Take the hooks away; the history stays."""
        self._safety.active = False
        self._listener.detach()

    # -- looks ---------------------------------------------------------------------------------

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
        shown = self._listener.step(loss_d, loss_g)
        self.n_images = self.n_images + shown if images is None else images
        if self._listener.plan.due:
            with self._rhythm.look(self.n_steps):
                self.row = self._look(loss_d, loss_g)
                self.history.rows.append(self.row)
                news += self._news()
        self._listener.expect(self._rhythm.plan(self.n_steps + 1, len(self.history)))

    def _look(self, loss_d: Any, loss_g: Any) -> dict[str, Any]:
        """One row of the history: numbers that are not finite are left out."""
        listener, plan = self._listener, self._listener.plan
        row: dict[str, Any] = {"images": self.n_images, "step": self.n_steps}
        row |= self._loss_family(loss_d, loss_g)
        row |= listener.take()
        row["weights_lost"] = float(not _is_finite(row["moved_d"] + row["moved_g"]))
        # A ratio that cannot be taken (of two zeros) is no sign that the loop's numbers are lost.
        row["nonfinite"] = float(not all(map(_is_finite, row.values())))
        with self.probes.untouched():
            row |= listener.wiring.look(ask=plan.asks)
        row["clip_share"] = clip_share(self.probes.discriminator)
        if plan.probes:
            row |= self.probes.measure(listener.roles.newest())
        listener.roles.begin()
        return {name: value for name, value in row.items() if _is_finite(value)}

    def _loss_family(self, loss_d: Any, loss_g: Any) -> dict[str, Any]:
        """The family that was given, or the one that was recognised most often so far."""
        family, window = self._family, self._listener.window
        if family is None and window.whole is not None and loss_d is not None:
            given_g = None if loss_g is None else float(loss_g)
            seen = families.recognise(*window.whole, float(loss_d), window.whole_g, given_g)
            self._seen_families[seen.family] += 1
        if family is None and self._seen_families:
            family = self._seen_families.most_common(1)[0][0]
        if family is None or family == "unknown":
            return {}
        given = float(family != "cross-entropy-of-probabilities")
        return {"loss_family": families.LOSSES.get(family, family), "logits_given": given}

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
    if isinstance(value, str):
        return True
    return math.isfinite(value)
