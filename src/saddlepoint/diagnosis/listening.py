"""What the hooks tell: calls sorted by what they got, losses, and how the players step."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.probes import Probes
from saddlepoint.diagnosis.rhythm import Plan
from saddlepoint.diagnosis.roles import Call, Roles, images_of, logits_of
from saddlepoint.diagnosis.safety import Safety
from saddlepoint.diagnosis.signals.players import Player
from saddlepoint.diagnosis.signals.window import Window
from saddlepoint.diagnosis.signals.wiring import WiringSignals
from saddlepoint.diagnosis.watching import watch_calls, watch_steps

Which = Literal["d", "g"]

_PENDING = 64  # calls of the discriminator kept while no optimiser steps


class Listener:
    """Hears every call of the nets and every step of the optimisers.

    Attributes:
        plan: what the step that is under way is to the doctor.
        roles, window, wiring: what was heard, each for its own columns.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        optim_g: torch.optim.Optimizer,
        optim_d: torch.optim.Optimizer,
        averaged: nn.Module | None,
        probes: Probes,
        real: Tensor,
        safety: Safety,
    ) -> None:
        self.plan = Plan(due=True, probes=False, asks=True, listens=True)
        self.roles = Roles(real, probes.n)
        self.window = Window()
        self.wiring = WiringSignals(generator, discriminator, optim_g, optim_d, averaged, safety)
        self._probes, self._safety = probes, safety
        self._pending: list[Call] = []
        self._players = {"d": Player("d", discriminator), "g": Player("g", generator)}
        self._images_per_step = 0
        self._ends = [
            self.wiring.detach,
            watch_calls(generator, self._on_generator),
            watch_calls(discriminator, self._on_discriminator),
            watch_steps(optim_g, self._before_g, self._after_g),
            watch_steps(optim_d, self._before_d, self._after_d),
        ]

    def expect(self, plan: Plan) -> None:
        """The next step is this to the doctor."""
        self.plan = plan
        if plan.asks:
            self.wiring.watch()

    def step(self, loss_d: Tensor | float | None, loss_g: Tensor | float | None) -> int:
        """An iteration is over: its losses; returns the real images that it showed."""
        if self._pending:  # the discriminator's optimiser did not step
            self.window.add(self._pending)
            self._pending = []
        if self._listens:
            self.roles.doubt()
            self._images_per_step, self.window.n_real = self.window.n_real, 0
        if loss_d is not None:
            self.window.loss_d.append(loss_d)
        if loss_g is not None:
            self.window.loss_g.append(loss_g)
        return self._images_per_step

    def take(self) -> dict[str, float]:
        """The columns of outputs, losses and steps since the last call."""
        row = self.window.take()
        for player in self._players.values():
            row |= player.take()
        return row

    def detach(self) -> None:
        """Take all hooks away."""
        for end in self._ends:
            end()
        self._ends = []

    @property
    def _listens(self) -> bool:
        return self.plan.listens or self.wiring.watching

    # -- hooks ---------------------------------------------------------------------------------

    def _on_generator(self, args: tuple, kwargs: dict, output: Any) -> None:
        if self._listens:
            self._safety(self._generator_called, args, kwargs, output)

    def _on_discriminator(self, args: tuple, kwargs: dict, output: Any) -> None:
        if self._listens:
            self._safety(self._discriminator_called, args, kwargs, output)

    def _before_d(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self._safety(self._before, "d", optimizer)

    def _before_g(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self._safety(self._before, "g", optimizer)

    def _after_d(self, *_: Any) -> None:
        self._safety(self._after, "d")

    def _after_g(self, *_: Any) -> None:
        self._safety(self._after, "g")

    def _generator_called(self, args: tuple, kwargs: dict, output: Any) -> None:
        self._probes.saw_generator(args, kwargs)
        self.wiring.on_generator(args, kwargs, output)
        images = images_of(output)
        if images is not None:
            self.roles.made(images, args)

    def _discriminator_called(self, args: tuple, kwargs: dict, output: Any) -> None:
        self.wiring.on_discriminator(args, kwargs, output)
        given = (*args, *kwargs.values())
        images = next((a for a in given if isinstance(a, Tensor)), None)
        if images is None or not torch.is_grad_enabled():
            return  # not a call of training
        self._probes.judge.saw(images, args, kwargs)
        outputs = logits_of(output, len(images))
        if outputs is None:
            return
        role, n_fake, first = self.roles.role(images, len(self._pending))
        memory = images.data_ptr()
        if role == "real" and any(c.memory == memory for c in self._pending):
            role = "between"  # judged again: for a penalty, or beside wrong labels
        if role == "real" and self.plan.probes:
            self._probes.saw_real(images)
        call = Call(role, outputs.detach(), images.requires_grad, n_fake, first, memory)
        self._pending = [*self._pending[-_PENDING:], call]

    def _before(self, which: Which, optimizer: torch.optim.Optimizer) -> None:
        self.wiring.before_step(which)
        if self.plan.due:
            scale = getattr(optimizer, "grad_scale", None)
            self._players[which].before_step(1.0 if scale is None else float(scale))

    def _after(self, which: Which) -> None:
        self.wiring.after_step(which)
        if self.plan.due:
            self._players[which].after_step()
        if not self._pending:
            return
        if which == "d":
            self.window.add(self._pending)
            self._pending = []
            return
        judged = [c for c in self._pending if c.role == "fake" and c.with_graph]
        if judged:
            self.window.whole_g = judged[-1].outputs
        # A loop may call for both losses first: what belongs to the discriminator's step stays.
        self._pending = [c for c in self._pending if not (c.role == "fake" and c.with_graph)]
