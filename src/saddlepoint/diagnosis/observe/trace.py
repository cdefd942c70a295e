"""The trace of a loop: who was called, with what, made by whom, and which loss came back.

Everything in here is without a graph, so that a trace keeps no activation alive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from saddlepoint.diagnosis.observe.inputs import Inputs, per_image

Player = Literal["d", "g"]
Role = Literal["real", "fake", "mixed", "between"]
"""What the images of a call are; between: on the way from fakes to real images, for a penalty."""

PENDING = 64  # calls kept while the discriminator's optimiser does not step
_KEPT = 512  # steps whose outputs and losses are kept; of a longer stretch, the newest


@dataclass(eq=False)
class Made:
    """One call of the generator."""

    images: Tensor
    inputs: tuple[Any, ...]
    """Its latents, and its labels where it takes any."""
    last: str | None = None
    """Its last operation."""
    evaluation: bool = False
    """A BatchNorm layer ran on its running statistics."""
    judged: bool = False
    """The discriminator saw it: an image of training, not a sample for the user."""


@dataclass(eq=False)
class Call:
    """One call of the discriminator in training."""

    inputs: Inputs
    outputs: Tensor
    """[n, ...], or fewer where images are packed."""
    role: Role
    maker: Made | None
    """The call of the generator that its fakes came from."""
    fakes: Tensor | None
    """bool [n] in a mixed call: which images are fake."""
    with_graph: bool
    """The images require a gradient: a call of the generator's step, or of a penalty."""
    attached: bool
    """The images lead back to the generator, whose gradient flows through this call."""
    version: int
    """How often the images' memory had been written to."""
    again: bool = False
    """Real images judged before in the same step: for a penalty now, or beside wrong labels."""

    # Only of calls that are watched closely:
    evaluation: bool = False
    """A BatchNorm layer of the discriminator ran on its running statistics."""
    last: str | None = None
    """The discriminator's last operation."""
    reach: tuple[float, float] | None = None
    """What the last operation before the fakes can give."""
    slopes: list[tuple[int, Tensor]] = field(default_factory=list)
    """(moment, dLoss/dOutput [n, ...]) of each backward pass through the outputs."""
    input_gradient: Tensor | None = None
    """dOutput/dImage, where the loop asked for it by itself."""
    graph_kept: bool = False
    """That gradient was asked for with its graph."""
    pull: Tensor | None = None
    """dLoss/d(input_gradient)."""

    @property
    def images(self) -> Tensor:
        return self.inputs.images

    def is_fake(self) -> Tensor:
        """bool [n]."""
        if self.fakes is not None:
            return self.fakes
        return torch.full((len(self.images),), self.role == "fake", device=self.images.device)


@dataclass(eq=False)
class Step:
    """One optimiser step that was measured."""

    player: Player
    previous: int
    """Moment of the step before, of either player; 0 at the first."""
    moment: int
    closely: bool
    """In the step of a check at which the calls are remembered too."""
    gradient_norm: Tensor | None = None
    update_ratio: Tensor | None = None
    """2-norm of the change / 2-norm of the net's weights."""
    other_moved: Tensor | None = None
    """2-norm of the other net's change."""
    missing: float | None = None
    """Share of the net's weights without a gradient."""


@dataclass(frozen=True)
class Sides:
    """What one step of the discriminator was taken on: outputs [n] of each batch, by side."""

    real: list[Tensor]
    fake: list[Tensor]


@dataclass(frozen=True)
class Use:
    """A loss came back through a call before a player's step."""

    player: Player
    call: Call
    slope: Tensor
    """dLoss/dOutput [n, ...]; its scale (mean or sum, a scaler of mixed precision) is unknown."""


class Trace:
    """Everything since the last check."""

    def __init__(self) -> None:
        self.pending: list[Call] = []
        """Since the discriminator's last step."""
        self.n_real = 0
        """Real images of the calls that were listened to, since the loop's last step."""
        self.latents: list[tuple[Any, ...]] = []
        """The generator's first arguments of the run, until there are enough."""
        self.newest_real: Tensor | None = None
        """Real images as the loop shows them; only before a check with probes."""
        self.newest_inputs: Inputs | None = None
        """What the discriminator was given last."""
        self.clock = 0
        """Counts what happens, so that its order is known."""
        self.last_step = 0
        """Moment of the newest step of either player."""
        self.clear()

    def clear(self) -> None:
        """A check is over."""
        self.calls: deque[Call] = deque(maxlen=PENDING)
        """The calls that were watched closely."""
        self.sides: deque[Sides] = deque(maxlen=_KEPT)
        self.losses: dict[str, deque[Tensor | float]] = {
            name: deque(maxlen=_KEPT) for name in ("loss_d", "loss_g")
        }
        self.n_steps: dict[Player, int] = {"d": 0, "g": 0}
        self.steps: list[Step] = []
        self.arrivals: dict[Player, list[tuple[int, float, float]]] = {"d": [], "g": []}
        """(moment, norm of what was there, norm of what came) at each net's largest weight."""

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def close_step(self) -> None:
        """The discriminator stepped, on the pending calls."""
        if self.pending:
            self.sides.append(_sides(self.pending))
            for call in self.pending:
                if call.fakes is not None:
                    self.n_real += int((~call.fakes).sum())
                elif call.role == "real" and _counts(call, self.pending):
                    self.n_real += len(call.images)  # known without waiting for the device
            self.pending = []

    def measured(self, player: Player) -> bool:
        """Whether a step of this player was watched closely."""
        return any(step.player == player and step.closely for step in self.steps)

    def uses(self) -> Iterator[Use]:
        """Each use of a call by a loss, in the order of the steps."""
        for step in self.steps:
            # One optimiser that holds both nets steps for both players at once: whose loss it was
            # cannot be told.
            both = any(s.player != step.player and s.previous == step.previous for s in self.steps)
            if step.closely and not both:
                yield from self._used_by(step)

    def _used_by(self, step: Step) -> Iterator[Use]:
        within = range(step.previous + 1, step.moment)
        used: list[tuple[Call, Tensor]] = []
        for call in self.calls:
            used += [(call, slope) for moment, slope in call.slopes if moment in within][:1]
        detached = any(call.role == "fake" and not call.attached for call, _ in used)
        for call, slope in used:
            # Interpolates serve a penalty. Where the discriminator has fakes of its own, slopes
            # on others are of the generator's loss, which was sent back before this step.
            foreign = step.player == "d" and call.attached and detached
            if call.role != "between" and not foreign:
                yield Use(step.player, call, slope)


def _sides(calls: Sequence[Call]) -> Sides:
    """The outputs on which a step was taken, without those of penalties."""
    real, fake = [], []
    fakes = [call for call in calls if call.role == "fake"]
    # Some loops call the discriminator for both players' losses before any step.
    fakes = [call for call in fakes if not call.with_graph] or fakes[:1]
    for call in calls:
        if call.role == "real" and _counts(call, calls):
            real.append(per_image(call.outputs))
        elif call.fakes is not None:
            outputs = per_image(call.outputs)
            fake.append(outputs[call.fakes])
            real.append(outputs[~call.fakes])
    return Sides(real, fake + [per_image(call.outputs) for call in fakes])


def _counts(call: Call, calls: Sequence[Call]) -> bool:
    """Real images that the step's loss is of: neither judged again, nor only for R1's gradient."""
    of_penalty = call.with_graph and any(c.role == "real" and not c.with_graph for c in calls)
    return not call.again and not of_penalty
