"""How the discriminator is called: with which values, in which mode, and for which penalty."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from saddlepoint.diagnosis.observe.trace import Trace


def columns(trace: Trace) -> dict[str, float]:
    """Ranges and ends, mixed_batch, eval_mode_d and eval_mode_g."""
    calls = [call for call in trace.calls if call.role != "between"]
    found: dict[str, float] = {}
    if calls:
        found["mixed_batch"] = float(any(call.role == "mixed" for call in calls))
        # Label maps that were joined behind the images are not pixels.
        makers = [call.maker for call in calls if call.maker is not None]
        n_pixels = makers[-1].images[0].numel() if makers else None
        rows = [(call.images.flatten(1)[:, :n_pixels], call.is_fake()) for call in calls]
        found |= _range("real", [pixels[~is_fake] for pixels, is_fake in rows])
        found |= _range("fake", [pixels[is_fake] for pixels, is_fake in rows])
        reaches = [call.reach for call in calls if call.reach is not None]
        if reaches:
            found["reach_low"], found["reach_high"] = reaches[-1]
        lasts = [call.last for call in calls if call.last is not None]
        if lasts:
            found["sigmoid_end"] = float(lasts[-1] == "sigmoid")
    modes: dict[str, list[bool]] = {"d": [], "g": []}
    for use in trace.uses():
        if use.player == "d":
            modes["d"].append(use.call.evaluation)
        elif use.call.attached and use.call.maker is not None:
            modes["g"].append(use.call.maker.evaluation)
    for player, seen in modes.items():
        if seen:
            found[f"eval_mode_{player}"] = sum(seen) / len(seen)
    return found


def penalty_columns(trace: Trace) -> dict[str, float]:
    """What the loop does with the gradients of outputs with respect to images that it asks for."""
    if all(call.role == "between" for call in trace.calls):
        return {}  # nothing was watched closely
    asked = [
        (call, call.input_gradient.float())
        for call in trace.calls
        if call.input_gradient is not None and (call.graph_kept or call.role == "between")
    ]
    if not asked:
        return {"penalised": 0.0}
    norms = asked[-1][1].flatten(1).norm(dim=1)
    found = {
        "penalised": 1.0,
        "penalty_graph": float(any(call.graph_kept for call, _ in asked)),
        "penalty_right": float((norms - 1).square().mean()),
    }
    cosines = [_cosine(gradient, call.pull) for call, gradient in asked if call.pull is not None]
    return {**found, "penalty_cosine": min(cosines)} if cosines else found


def penalised_between(trace: Trace) -> bool:
    """Whether the loop asks for gradients between real images and fakes."""
    return any(c.role == "between" and c.input_gradient is not None for c in trace.calls)


def _range(side: str, parts: Sequence[Tensor]) -> dict[str, float]:
    bounds = [part.aminmax() for part in parts if len(part)]
    if not bounds:
        return {}
    low, high = (min(float(b.min) for b in bounds), max(float(b.max) for b in bounds))
    return {f"{side}_low": low, f"{side}_high": high}


def _cosine(gradient: Tensor, pull: Tensor) -> float:
    """A penalty of a sample's norm pulls its gradient along itself: cosine 1 in each sample.

    Norms over channels only pull each pixel by its own factor.
    """
    g, v = gradient.double().flatten(1), pull.double().flatten(1)
    weight = (g.norm(dim=1) * v.norm(dim=1)).sum()
    return float((g * v).sum(1).abs().sum() / weight) if float(weight) > 0 else 1.0
