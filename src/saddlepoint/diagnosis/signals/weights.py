"""Who moves whose weights, how far, and with which gradients."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.observe.graph import batch_norms
from saddlepoint.diagnosis.observe.steps import norm
from saddlepoint.diagnosis.observe.trace import Player, Step, Trace

Nets = Mapping[Player, nn.Module]
Optimizers = Mapping[Player, torch.optim.Optimizer]


def columns(trace: Trace) -> dict[str, float]:
    """The columns of the newest measured step of each player, and the numbers of steps."""
    found: dict[str, float | Tensor | None] = {}
    pairs: tuple[tuple[Player, Player], ...] = (("d", "g"), ("g", "d"))
    for player, other in pairs:
        found[f"steps_{player}"] = float(trace.n_steps[player])
        steps = [step for step in trace.steps if step.player == player]
        for step in steps:
            found[f"grad_norm_{player}"] = step.gradient_norm
            found[f"update_ratio_{player}"] = step.update_ratio
        for step in (s for s in steps if s.closely):
            found[f"{other}_moved_in_{player}_step"] = step.other_moved
            found[f"missing_gradient_{player}"] = step.missing
            found[f"stale_gradient_{player}"] = _stale(trace, step)
    return {name: float(value) for name, value in found.items() if value is not None}


def lost(nets: Nets) -> dict[str, float]:
    """weights_lost: 1 when a weight of either net is not finite."""
    weights = norm([p.detach() for net in nets.values() for p in net.parameters()])
    return {"weights_lost": float(not weights.isfinite())}


def clip_share(net: nn.Module) -> dict[str, float]:
    """clip_share: near 1 in a clipped critic that is stuck."""
    sizes = torch.cat([p.detach().abs().flatten() for p in net.parameters()])
    return {"clip_share": float((sizes >= 0.999 * sizes.max()).float().mean())}


def holdings(nets: Nets, optimizers: Optimizers) -> dict[str, float]:
    """Who holds whose weights: held_d, held_g and shared_parameters."""
    held = {
        player: {id(p) for group in optimizer.param_groups for p in group["params"]}
        for player, optimizer in optimizers.items()
    }
    own = {player: {id(p): p.numel() for p in net.parameters()} for player, net in nets.items()}
    both = own["d"].keys() & own["g"].keys()  # an embedding that the nets share may be in either
    foreign = [(held["g"] & own["d"].keys()) - both, (held["d"] & own["g"].keys()) - both]
    found = {"shared_parameters": float(sum(map(len, foreign)))}
    for player, sizes in own.items():
        mine = sum(size for key, size in sizes.items() if key in held[player])
        found[f"held_{player}"] = mine / sum(sizes.values()) if sizes else 0.0
    return found


def ages(nets: Nets, optimizers: Optimizers) -> dict[str, float]:
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


def _stale(trace: Trace, step: Step) -> float | None:
    """Share of a step's gradient that is not from the player's own backward passes.

    They come after the last step of either player, and the first of them finds nothing there.
    """
    within = range(step.previous + 1, step.moment)
    arrivals = [arrival for arrival in trace.arrivals[step.player] if arrival[0] in within]
    if not arrivals or step.previous == 0:
        return None
    empty = [index for index, (_, there, _) in enumerate(arrivals) if there == 0]
    arrivals = arrivals[empty[-1] :] if empty else arrivals
    foreign = 0.0
    if step.player == "d":
        foreign = sum(
            came for moment, _, came in arrivals if _of_generators_loss(trace, step, moment)
        )
    left_over = arrivals[0][1] + foreign
    came = sum(came for _, _, came in arrivals)
    return left_over / (arrivals[0][1] + came) if left_over > 0 else 0.0


def _of_generators_loss(trace: Trace, step: Step, moment: int) -> bool:
    """True when a gradient arrived in a backward pass towards the generator, although the loop
    has fakes for the discriminator alone: both losses were sent back before this step."""
    fakes = [call for call in trace.calls if call.role == "fake"]
    if len({call.attached for call in fakes}) < 2:
        return False
    slopes = [(at, call) for call in trace.calls for at, _ in call.slopes]
    before = [(at, call) for at, call in slopes if step.previous < at < moment]
    if not before:
        return False
    newest = max(before, key=lambda pair: pair[0])[1]
    return newest.role == "fake" and newest.attached
