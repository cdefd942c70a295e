"""The doctor of a GAN in training: three lines in any PyTorch loop, ours among them."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.core.findings import LOSS_FAMILIES, Finding
from saddlepoint.core.runs import History
from saddlepoint.diagnosis import families
from saddlepoint.diagnosis.inspection import all_detectors, inspect, with_remedies
from saddlepoint.diagnosis.probes import N_POINTS, Latent, Probes
from saddlepoint.diagnosis.reading import Real, read_real
from saddlepoint.diagnosis.roles import Call, Roles, logits_of
from saddlepoint.diagnosis.signals.players import Player, clip_share
from saddlepoint.diagnosis.signals.window import Window
from saddlepoint.diagnosis.signals.wiring import FIRST_LOOKS, WiringSignals
from saddlepoint.diagnosis.watching import watch_calls, watch_steps

EARLY = FIRST_LOOKS
EVERY = 100
ASKED_EVERY = 10
"""Looks from one in which the discriminator is asked about borders and noise to the next."""
SHARE = 0.02
"""Looks may take this share of the time, unless their interval is given."""

# After the first looks, calls of every second step are listened to; of points, where a step costs
# little, of every eighth.
_PENDING = 64  # calls of the discriminator kept while no optimiser steps


class Doctor:
    """Watches two nets and their optimisers, and names what goes wrong.

    It changes none of the loop's numbers: training with it is bit for bit training without it. If
    it fails itself it warns once, and lets the loop go on.

    Args:
        generator, discriminator: as the loop calls them (compiled and wrapped ones too).
        real: real images as the discriminator gets them: a batch, (images, labels), a DataLoader,
            or a function n -> images. Up to 2,560 are read, once.
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
        self.active = True
        self.n_steps = 0
        self.n_images = 0
        self._family = families.named(loss)
        self._every = every
        self._probe = probe
        self._detectors = all_detectors()
        images = read_real(real)
        unseen = None if heldout is None else read_real(heldout)
        self.probes = Probes(
            generator, discriminator, averaged, images, unseen, latent, labels, seed
        )
        self._roles = Roles(images[0][:64], self.probes.n)
        self._window = Window()
        self._pending: list[Call] = []
        self._players = {"d": Player("d", discriminator), "g": Player("g", generator)}
        self._busy = False
        self._began, self._spent, self._last_look = time.monotonic(), 0.0, 0
        self._due = self._is_look(1)
        self._listening = True
        self._stride = 8 if self.probes.n == N_POINTS else 2
        self._images_per_step = 0
        nets = (generator, discriminator, optim_g, optim_d)
        self._wiring = WiringSignals(*nets, averaged, self._safely)
        self._ends = [
            self._wiring.detach,
            watch_calls(generator, self._on_generator),
            watch_calls(discriminator, self._on_discriminator),
            watch_steps(optim_g, self._before_g, self._after_g),
            watch_steps(optim_d, self._before_d, self._after_d),
        ]

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
        self._safely(self._step, loss_d, loss_g, images, news)
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
        self._due = self._is_look(n_steps + 1)
        if rows:
            self._wiring.go_on(self._due)

    @property
    def memory(self) -> dict[str, Tensor]:
        """What a resumed run needs beside the history: fakes of earlier looks."""
        return self.probes.memory

    def detach(self) -> None:
        """Take the hooks away; the history stays."""
        self.active = False
        for end in self._ends:
            end()
        self._ends = []

    # -- what happens in the loop --------------------------------------------------------------

    def _on_generator(self, args: tuple, kwargs: dict, output: Any) -> None:
        if self._listening:
            self._safely(self._generator_called, args, kwargs, output)

    def _on_discriminator(self, args: tuple, kwargs: dict, output: Any) -> None:
        if self._listening:
            self._safely(self._discriminator_called, args, kwargs, output)

    def _before_d(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self._safely(self._before, "d", optimizer)

    def _before_g(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self._safely(self._before, "g", optimizer)

    def _after_d(self, *_: Any) -> None:
        self._safely(self._after, "d")

    def _after_g(self, *_: Any) -> None:
        self._safely(self._after, "g")

    def _generator_called(self, args: tuple, kwargs: dict, output: Any) -> None:
        self.probes.saw_generator(args, kwargs)
        self._wiring.on_generator(args, kwargs, output)
        if isinstance(output, Tensor):
            self._roles.made(output, args)

    def _discriminator_called(self, args: tuple, kwargs: dict, output: Any) -> None:
        self._wiring.on_discriminator(args, kwargs, output)
        images = args[0] if args and isinstance(args[0], Tensor) else None
        if images is None or not torch.is_grad_enabled():
            return  # not a call of training
        self.probes.saw_discriminator(args, kwargs)
        outputs = logits_of(output, len(images))
        if outputs is None:
            return
        role, n_fake, first = self._roles.role(images, len(self._pending))
        call = Call(role, outputs.detach(), images.requires_grad, n_fake, first)
        self._pending = [*self._pending[-_PENDING:], call]

    def _before(self, which: str, optimizer: torch.optim.Optimizer) -> None:
        self._wiring.before_step(which)
        if self._due:
            scale = getattr(optimizer, "grad_scale", None)
            self._players[which].before_step(1.0 if scale is None else float(scale))

    def _after(self, which: str) -> None:
        self._wiring.after_step(which)
        if self._due:
            self._players[which].after_step()
        if not self._listening:
            return
        if which == "d":
            self._window.add(self._pending)
            self._pending = []
            return
        judged = [c for c in self._pending if c.role == "fake" and c.with_graph]
        if judged:
            self._window.whole_g = judged[-1].outputs
        # A loop may call for both losses first: what belongs to the discriminator's step stays.
        self._pending = [c for c in self._pending if not (c.role == "fake" and c.with_graph)]

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
        if self._pending:  # the discriminator's optimiser did not step
            self._window.add(self._pending)
            self._pending = []
        if self._listening:
            self._images_per_step, self._window.n_real = self._window.n_real, 0
        self.n_images = self.n_images + self._images_per_step if images is None else images
        loss_d, loss_g = (x.detach() if isinstance(x, Tensor) else x for x in (loss_d, loss_g))
        if loss_d is not None:
            self._window.loss_d.append(loss_d)
        if loss_g is not None:
            self._window.loss_g.append(loss_g)
        if self._due:
            begun = time.monotonic()
            self.row = self._look(loss_d, loss_g)
            self.history.rows.append(self.row)
            news += self._news()
            self._last_look = self.n_steps
            self._spent += time.monotonic() - begun
        self._due = self._is_look(self.n_steps + 1)
        late = self.n_steps >= EARLY[-1]
        self._listening = self._due or not late or (self.n_steps + 1) % self._stride == 0
        if self._due and self._is_asked():
            self._wiring.watch()

    def _is_look(self, step: int) -> bool:
        if callable(self._every):
            return self._every(step)
        if self._every is not None:
            return step in EARLY or step % self._every == 0
        if step in EARLY:
            return True
        late = step - self._last_look >= EVERY
        return late and self._spent <= SHARE * (time.monotonic() - self._began)

    def _is_probe(self, step: int) -> bool:
        if self._probe is not None:
            return self._probe(step)
        given = self._every is not None and (callable(self._every) or step % self._every == 0)
        return given or step >= EARLY[-1]

    def _is_asked(self) -> bool:
        """Whether a look also asks the discriminator what only faults of wiring depend on."""
        n = len(self.history)
        return n < len(EARLY) or n % ASKED_EVERY == 0

    def _look(self, loss_d: Any, loss_g: Any) -> dict[str, Any]:
        """One row of the history: numbers that are not finite are left out."""
        row: dict[str, Any] = {"images": self.n_images, "step": self.n_steps}
        row |= self._loss_family(loss_d, loss_g)
        row |= self._window.take()
        for player in self._players.values():
            row |= player.take()
        row["weights_lost"] = float(not _is_finite(row["moved_d"] + row["moved_g"]))
        # A ratio that cannot be taken (of two zeros) is no sign that the loop's numbers are lost.
        row["nonfinite"] = float(not all(map(_is_finite, row.values())))
        with self.probes.untouched():
            row |= self._wiring.look(ask=self._is_asked())
        row["clip_share"] = clip_share(self.probes.discriminator)
        if self._is_probe(self.n_steps):
            row |= self.probes.measure(self._roles.newest())
        self._roles.begin()
        return {name: value for name, value in row.items() if _is_finite(value)}

    def _loss_family(self, loss_d: Any, loss_g: Any) -> dict[str, float]:
        family = self._family
        if family is None and self._window.whole is not None and loss_d is not None:
            real, fake = self._window.whole
            given_g = None if loss_g is None else float(loss_g)
            seen = families.recognise(real, fake, float(loss_d), self._window.whole_g, given_g)
            family = seen.family
        if family is None:
            return {}
        given = float(family != "cross-entropy-of-probabilities")
        known = {} if family == "unknown" else {"logits_given": given}
        return {"loss_family": float(LOSS_FAMILIES.index(family)), **known}

    def _news(self) -> list[Finding]:
        before = {(finding.name, finding.severity) for finding in self.findings}
        found = inspect(self.history, self._detectors)
        names = {finding.name for finding in found}
        self.ended = [finding for finding in self.findings if finding.name not in names]
        self.findings = [with_remedies(finding) for finding in found]
        return [f for f in self.findings if (f.name, f.severity) not in before]

    # -- safety --------------------------------------------------------------------------------

    def _safely(self, action: Callable[..., None], *args: Any) -> None:
        """Nothing that goes wrong in here may reach the loop."""
        if not self.active or self._busy:
            return
        self._busy = True
        try:
            action(*args)
        except Exception as error:  # the doctor's own failure, whatever it is
            self.detach()
            reason = str(error).partition("\n")[0]
            warnings.warn(
                f"The doctor stopped watching after {self.n_steps} steps, because it failed "
                f"itself ({type(error).__name__}: {reason}); training goes on untouched.",
                RuntimeWarning,
                stacklevel=2,
            )
        finally:
            self._busy = False


def _is_finite(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(math.isfinite, value))
    return math.isfinite(value)
