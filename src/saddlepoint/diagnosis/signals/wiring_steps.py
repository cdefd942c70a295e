"""What the optimisers' steps do: who moves whom, with which gradients."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.signals.wiring_calls import Calls, Safely
from saddlepoint.diagnosis.signals.wiring_graph import batch_norms

Player = Literal["d", "g"]


@dataclass
class Measured:
    """What is known of one player since the last look."""

    steps: int = 0
    measured: bool = False
    """A step was watched closely."""
    ratio: float | None = None
    """2-norm of the last measured step / 2-norm of the weights."""
    other_moved: float | None = None
    """2-norm of the other net's change in a step of this player."""
    missing: float | None = None
    """Share of the net's weights without a gradient at the step."""
    stale: float | None = None
    """Gradient that was there before the step's first backward pass, as a share."""
    arrivals: list[tuple[int, float, float]] = field(default_factory=list)
    """(moment, norm of what was there, norm of what came) on the watched parameter."""


class Steps:
    """Watches both optimisers; a copy of the weights is taken only while `close` is set."""

    def __init__(
        self,
        nets: dict[Player, nn.Module],
        optimizers: dict[Player, torch.optim.Optimizer],
        calls: Calls,
        safely: Safely,
    ) -> None:
        self.nets = nets
        self.optimizers = optimizers
        self.calls = calls
        self.safely = safely
        self.close = False
        self.players: dict[Player, Measured] = {"d": Measured(), "g": Measured()}
        self.last_step = 0
        """Moment of the last step of either optimiser."""
        self._before: dict[Player, list[Tensor]] = {}
        self._handles = [self._watch(player) for player in nets]

    def detach(self) -> None:
        for handle in self._handles:
            if handle is not None:
                handle.remove()

    def before(self, player: Player) -> None:
        if not self.close:
            return
        measured = self.players[player]
        trainable = list(self.nets[player].parameters())
        total = sum(p.numel() for p in trainable)
        missing = sum(p.numel() for p in trainable if p.grad is None)
        measured.missing = missing / total if total else None
        if self.optimizers["d"] is self.optimizers["g"]:
            return  # nobody's step can be told from the other's
        measured.stale = self._stale(player)
        self._before = {which: _copy(net) for which, net in self.nets.items()}

    def after(self, player: Player) -> None:
        self.players[player].steps += 1
        self.last_step = self.calls.tick()
        before, self._before = self._before, {}
        if not before:
            return
        measured = self.players[player]
        measured.measured = True
        other: Player = "g" if player == "d" else "d"
        weight = _norm(before[player])
        moved = _moved(before[player], self.nets[player])
        measured.ratio = moved / weight if weight > 0 else None
        measured.other_moved = _moved(before[other], self.nets[other])
        for each in self.players.values():
            each.arrivals.clear()

    def columns(self) -> dict[str, float]:
        """Since the last call; forgets them."""
        d, g = self.players["d"], self.players["g"]
        columns = {
            "steps_d": float(d.steps),
            "steps_g": float(g.steps),
            "update_ratio_d": d.ratio,
            "update_ratio_g": g.ratio,
            "g_moved_in_d_step": d.other_moved,
            "d_moved_in_g_step": g.other_moved,
            "missing_gradient_d": d.missing,
            "missing_gradient_g": g.missing,
            "stale_gradient_d": d.stale,
            "stale_gradient_g": g.stale,
        }
        self.players = {"d": Measured(), "g": Measured()}
        return {name: value for name, value in columns.items() if value is not None}

    def holdings(self) -> dict[str, float]:
        """Who holds whose weights; constant, and cheap."""
        held = {
            which: {id(p) for group in optimizer.param_groups for p in group["params"]}
            for which, optimizer in self.optimizers.items()
        }
        own = {which: list(net.parameters()) for which, net in self.nets.items()}
        ids = {which: {id(p) for p in parameters} for which, parameters in own.items()}
        both = ids["d"] & ids["g"]  # an embedding that the nets share may be in either
        columns = {
            "shared_parameters": float(
                len((held["g"] & ids["d"]) - both) + len((held["d"] & ids["g"]) - both)
            )
        }
        for which, parameters in own.items():
            total = sum(p.numel() for p in parameters)
            mine = sum(p.numel() for p in parameters if id(p) in held[which])
            columns[f"held_{which}"] = mine / total if total else 0.0
        return columns

    def _watch(self, player: Player) -> torch.utils.hooks.RemovableHandle | None:
        """Hear of each gradient that arrives at the largest weight before it is added."""
        trainable = [p for p in self.nets[player].parameters() if p.requires_grad]
        if not trainable:
            return None
        weight = max(trainable, key=lambda p: p.numel())
        arrives = weakref.WeakMethod(self._on_gradient)  # the nets must not keep the doctor alive

        def hook(gradient: Tensor) -> None:
            receiver = arrives()
            if receiver is not None:
                receiver(player, weight, gradient)

        return weight.register_hook(hook)

    def _on_gradient(self, player: Player, weight: Tensor, gradient: Tensor) -> None:
        if self.close:
            self.safely(self._on_arrival, player, weight, gradient)

    def _on_arrival(self, player: Player, weight: Tensor, gradient: Tensor) -> None:
        there = 0.0 if weight.grad is None else float(weight.grad.norm())
        arrival = (self.calls.tick(), there, float(gradient.norm()))
        self.players[player].arrivals.append(arrival)

    def _stale(self, player: Player) -> float | None:
        """Share of the gradient that is not from this player's own backward passes.

        They come after the last step of either player, and the first of them finds nothing there.
        """
        arrivals = [a for a in self.players[player].arrivals if a[0] > self.last_step]
        if not arrivals or self.last_step == 0:
            return None
        empty = [index for index, (_, there, _) in enumerate(arrivals) if there == 0]
        arrivals = arrivals[empty[-1] :] if empty else arrivals
        foreign = 0.0
        if player == "d":
            foreign = sum(came for moment, _, came in arrivals if self._of_generators_pass(moment))
        came = sum(came for _, _, came in arrivals)
        left_over = arrivals[0][1] + foreign
        return left_over / (arrivals[0][1] + came) if left_over > 0 else 0.0

    def _of_generators_pass(self, moment: int) -> bool:
        """True when a gradient arrived in a backward pass towards the generator, although the
        loop has fakes for the discriminator alone: both losses were sent back before this step."""
        fakes = [call for call in self.calls.seen if call.fake.all()]
        if not any(call.attached for call in fakes) or all(call.attached for call in fakes):
            return False
        slopes = [(at, call) for call in self.calls.seen for at, _ in call.slopes]
        before = [(at, call) for at, call in slopes if self.last_step < at < moment]
        return bool(before) and max(before, key=lambda pair: pair[0])[1] in [
            call for call in fakes if call.attached
        ]


def ages(nets: dict[Player, nn.Module], optimizers: dict[Player, torch.optim.Optimizer]) -> dict:
    """What nets and optimisers remember of steps before this moment -> net_age, optimizer_age.

    Adam counts its steps, BatchNorm its batches. Where neither is there, nothing is known.
    """
    known: list[float] = []
    for net in nets.values():
        counts = [
            int(layer.num_batches_tracked)  # type: ignore[arg-type]  # a buffer of one integer
            for layer in batch_norms(net)
            if getattr(layer, "num_batches_tracked", None) is not None
            and any(p.requires_grad for p in layer.parameters())
        ]
        known += [max(counts)] if counts else []
    for optimizer in optimizers.values():
        counts = [float(state["step"]) for state in optimizer.state.values() if "step" in state]
        if counts or "betas" in optimizer.defaults or "alpha" in optimizer.defaults:
            known.append(max(counts, default=0.0))
    age = max(known, default=0.0)
    return {"net_age": age, "optimizer_age": min(known) / age} if age > 0 else {}


def _copy(net: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in net.parameters()]


def _norm(tensors: list[Tensor]) -> float:
    return float(torch.stack([t.float().norm() for t in tensors]).norm()) if tensors else 0.0


def _moved(before: list[Tensor], net: nn.Module) -> float:
    return _norm([p.detach() - old for p, old in zip(net.parameters(), before, strict=True)])
