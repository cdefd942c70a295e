"""A game that is played: nets, moves, the doctor, and the way back to any move."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from saddlepoint.core.contracts import Batch
from saddlepoint.core.findings import Finding
from saddlepoint.core.randomness import derive_seed, seed_torch
from saddlepoint.data.loader import Items
from saddlepoint.diagnosis.doctor import Doctor
from saddlepoint.diagnosis.observe.isolation import own_stream
from saddlepoint.studio.game.moments import KEPT_EVERY, Moments
from saddlepoint.studio.game.plane import N_SHOWN, Plane, even_latents
from saddlepoint.studio.game.script import Kind, Script
from saddlepoint.studio.game.setup import LATENT_DIM, Setup
from saddlepoint.training.state import TrainState
from saddlepoint.training.steps import Inputs, generator_step, turn
from saddlepoint.training.sums import Sums
from saddlepoint.training.threads import use

CHECK = 25
"""Rounds between two of the doctor's checks: a finding needs several, and a viewer is waiting."""
_BEFORE = 2 * CHECK * 2
"""Moves to play again before the one that is wanted, so that the doctor's memory is full."""


@dataclass(frozen=True)
class View:
    """What both nets make of the points that are drawn, before or after a move."""

    real: Tensor
    """Outputs of the discriminator for the real points, float32 [N_SHOWN]."""
    fake: Tensor
    """The same for the generated points as they were before the move."""
    points: Tensor
    """The generated points, float32 [N_SHOWN, 2]."""


class Game:
    """The state after the first `at` moves of a script. It is a function of the script alone: a
    setup, a seed and moves give the same bits whatever way led there.

    One thread at a time: every game draws from torch's own random numbers, which it puts back.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self._begin()

    def follow(self, script: Script, at: int, seconds: float = float("inf")) -> None:
        """Become the game after `at` moves of a script, or as near to it as `seconds` allow."""
        until = time.monotonic() + seconds
        with use(1), own_stream(0):
            same = self.script.common(script)
            self.script = script
            if same < 0:
                self._begin()
            elif min(same, at) < self.at:
                self._back(min(same, at))
            goal, took, last = min(at, script.n_moves), 0.0, False
            while self.at < goal and not last:
                begun = time.monotonic()
                # Known beforehand: what the last move does is told.
                last = self.at + 1 == goal or begun + took > until
                self._move(look=last)
                took = time.monotonic() - begun
            self._use(script.setup_at(self.at))

    def close(self) -> None:
        """Remove the doctor's hooks, so that the nets can be freed."""
        self.doctor.detach()

    @property
    def findings(self) -> list[Finding]:
        """What the doctor says as of its newest check."""
        return self.doctor.findings

    # -- the beginning, and the way back -------------------------------------------------------

    def _begin(self) -> None:
        if hasattr(self, "doctor"):
            self.doctor.detach()
        setup = self.setup = self.script.first
        self.config = setup.config()
        self.plane = Plane.of(setup.source(), labelled=setup.labels != "none")
        with use(1), own_stream(0):
            self.state = TrainState.new(self.config, self.plane.spec)
            seed_torch(derive_seed(setup.seed, "doctor", 0))
            self._examples = self.plane.draw(1536)
        self.at = 0
        self.rows: list[dict[str, Any]] = []
        self.loss_d: float | None = None
        self.loss_g: float | None = None
        self.before: View | None = None
        """What the viewer saw before the newest move, where it was looked at."""
        self.newest: Kind | None = None
        self._real_shown = self.plane.shown(setup.seed)
        self._open_round = False
        self._moments = Moments()
        self._attend(0, 0)
        self._keep()

    def _attend(self, n_rows: int, n_rounds: int) -> None:
        """A doctor that goes on after these rows of the history: the three lines of any loop."""
        state, plane = self.state, self.plane
        labels = plane.n_classes
        self.doctor = Doctor(
            state.generator,
            state.discriminator,
            state.optim_g,
            state.optim_d,
            real=self._examples if labels else self._examples[0],
            loss=self.setup.loss,
            latent=lambda n: torch.randn(n, LATENT_DIM),
            labels=(lambda n: torch.arange(n) % labels) if labels else None,
            every=CHECK,
            seed=self.setup.seed,
        )
        if n_rounds:
            self.doctor.resume(self.rows[:n_rows], n_rounds)

    def _keep(self) -> None:
        self._moments.keep(
            self.state,
            self.at,
            n_rows=len(self.rows),
            n_rounds=self.doctor.n_steps,
            open_round=self._open_round,
            loss_d=self.loss_d,
            loss_g=self.loss_g,
        )

    def _back(self, at: int) -> None:
        """The state after `at` moves, which lie behind."""
        self._moments.drop(after=at)
        # From further back than the nearest moment: the doctor's newest fakes are not kept.
        moment, rows = self._moments.newest(by=at - _BEFORE), self.rows
        moment.restore(self.state)
        self.doctor.detach()
        self.at, self._open_round = moment.at, moment.open_round
        self.loss_d, self.loss_g = moment.loss_d, moment.loss_g
        self.before = self.newest = None  # at the beginning there is nothing to tell
        self._use(self.script.setup_at(self.at), attend=False)
        self._attend(moment.n_rows, moment.n_rounds)
        self.rows = rows[: moment.n_rows]
        while self.at < at:
            self._move(look=self.at + 1 == at)
        # Rows that were written on the way lack what the doctor had seen before the moment.
        self.rows = rows[: len(self.rows)]
        self.doctor.resume(self.rows, self.doctor.n_steps)

    # -- moves ---------------------------------------------------------------------------------

    def _move(self, look: bool) -> None:
        """The script's next move; `look`: somebody will want to see what it did."""
        kind, setup = self.script.kind_at(self.at), self.script.setup_at(self.at)
        self._use(setup)
        self.before = self.look() if look else None
        self.newest = kind
        # Whatever came before, a move draws the same: nothing has to be kept to make it again.
        seed_torch(derive_seed(setup.seed, "move", self.at))
        if kind != "g":
            for index in range(1 if kind == "d" else setup.n_critic):
                self._turn(with_generator=kind == "b" and index + 1 == setup.n_critic)
        else:
            self._generator()
        self.at += 1
        if self.at % KEPT_EVERY == 0:
            self._keep()

    def _turn(self, with_generator: bool) -> None:
        """One step of the discriminator and, where asked for, one of the generator: the package's
        own, as `saddle train` takes them."""
        points, labels = self.plane.draw(self.setup.batch)
        z = torch.randn(self.setup.batch, LATENT_DIM)
        given = Inputs(Items(points, labels, None), z, self.setup.noise, 1.0)
        outcome = turn(self.state, self.config, given, self.config.penalties, with_generator)
        values = dict(zip(outcome.names, outcome.values, strict=True))
        self.state.n_images += self.setup.batch
        self.loss_d, self._open_round = float(values["loss_d"]), True
        if with_generator:
            self._end_round(float(values["loss_g"]))

    def _generator(self) -> None:
        """One step of the generator alone."""
        points, labels = self.plane.draw(self.setup.batch)
        z, sums = torch.randn(self.setup.batch, LATENT_DIM), Sums()
        with torch.no_grad():
            logits = self.state.discriminator(points, labels)
        real = Batch(points, labels)
        generator_step(self.state, self.config, real, logits, z, None, sums, self.setup.noise)
        self._end_round(float(sums.end_step()["loss_g"]))

    def _end_round(self, loss_g: float) -> None:
        """The generator has stepped; a round is over once the discriminator has too."""
        self.loss_g = loss_g
        if not self._open_round:
            return
        self._open_round = False
        self.doctor.step(self.loss_d, loss_g, images=self.state.n_images)
        if self.doctor.row:
            self.rows.append(self.doctor.row)

    def _use(self, setup: Setup, attend: bool = True) -> None:
        """Play under other settings from here on."""
        if setup == self.setup:
            return
        other_loss = setup.loss != self.setup.loss
        self.setup, self.config = setup, setup.config()
        for optimizer, lr in ((self.state.optim_g, setup.lr_g), (self.state.optim_d, setup.lr_d)):
            for group in optimizer.param_groups:
                group["lr"] = lr
                group["betas"] = (setup.beta1, group["betas"][1])
        if other_loss and attend:
            self.doctor.detach()
            self._attend(len(self.rows), self.doctor.n_steps)

    # -- what can be seen ----------------------------------------------------------------------

    @property
    def real(self) -> Tensor:
        """The real points that are drawn, float32 [N_SHOWN, 2]."""
        return self._real_shown

    def generated(self, z: Tensor, label: int | None = None) -> Tensor:
        """Where the generator takes latents [n, 2]: float32 [n, 2]; of all labels in turn, or of
        one."""
        labels = self.plane.labels(len(z))
        if labels is not None and label is not None:
            labels = torch.full_like(labels, label)
        with torch.no_grad(), self.doctor.paused():
            return self.state.generator(z, labels)

    def look(self) -> View:
        """What both nets make of the points that are drawn."""
        points = self.generated(even_latents(N_SHOWN))
        return View(self.judged(self.real, real=True), self.judged(points), points)

    def judged(self, points: Tensor, real: bool = False, label: int | None = None) -> Tensor:
        """Outputs of the discriminator for points [n, 2]: float32 [n].

        Args:
            real: they are the real points that are drawn, which have labels of their own.
            label: judge all as points of this label.
        """
        labels = self.plane.labels(len(points))
        if real:
            labels = self.plane.real_labels
        elif labels is not None and label is not None:
            labels = torch.full_like(labels, label)
        with torch.no_grad(), self.doctor.paused():
            return self.state.discriminator(points, labels)

    def pulls(self, points: Tensor) -> Tensor:
        """Where the generator's loss pushes each of its points [n, 2]: minus the gradient of the
        point's own loss, float32 [n, 2]."""
        points = points.detach().clone().requires_grad_(True)
        labels = self.plane.labels(len(points))
        real = self.judged(self.real, real=True)
        with self.doctor.paused(), torch.enable_grad():
            loss = self.config.loss.generator(self.state.discriminator(points, labels), real)
            (gradient,) = torch.autograd.grad(loss.sum(), points)
        return -gradient
