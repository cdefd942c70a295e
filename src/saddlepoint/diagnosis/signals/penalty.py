"""Which penalty the loop puts on the gradient of the discriminator with respect to its input."""

from __future__ import annotations

from torch import Tensor

from saddlepoint.diagnosis.observe.trace import Trace


def columns(trace: Trace) -> dict[str, float]:
    """What the loop does with the gradients that it asks for."""
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


def between(trace: Trace) -> bool:
    """Whether the loop asks for gradients between real images and fakes."""
    return any(c.role == "between" and c.input_gradient is not None for c in trace.calls)


def _cosine(gradient: Tensor, pull: Tensor) -> float:
    """A penalty of a sample's norm pulls its gradient along itself: cosine 1 in each sample.

    Norms over channels only pull each pixel by its own factor.
    """
    g, v = gradient.double().flatten(1), pull.double().flatten(1)
    weight = (g.norm(dim=1) * v.norm(dim=1)).sum()
    return float((g * v).sum(1).abs().sum() / weight) if float(weight) > 0 else 1.0
