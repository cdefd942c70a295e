"""Which penalty the loop puts on the gradient of the discriminator with respect to its input."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from saddlepoint.diagnosis.signals.wiring_calls import Call, is_between

_NEAR = 4  # calls before and after that its real and its fake batch may be in


def mark_between(calls: Iterable[Call]) -> None:
    """Set `between` on the calls whose images lie between a real and a fake batch."""
    calls = list(calls)
    for index, call in enumerate(calls):
        if call.input_gradient is None:
            continue
        near = [c for c in calls[max(0, index - _NEAR) : index + _NEAR] if c is not call]
        reals = [c for c in near if not c.fake.any()]
        fakes = [c for c in near if c.fake.all()]
        pairs = ((r, f) for r in reals for f in fakes)
        call.between = any(is_between(call.images, r.images, f.images) for r, f in pairs)


def penalty_columns(calls: Iterable[Call]) -> dict[str, float]:
    """What the loop does with the gradients that it asks for; {} when it asks for none."""
    asked = [
        call
        for call in calls
        if call.input_gradient is not None and (call.graph_kept or call.between)
    ]
    if not asked:
        return {"penalised": 0.0}
    columns = {
        "penalised": 1.0,
        "penalty_graph": float(any(call.graph_kept for call in asked)),
    }
    last = asked[-1]
    assert last.input_gradient is not None
    gradient = last.input_gradient.float()
    columns["penalty_right"] = float((gradient.flatten(1).norm(dim=1) - 1).square().mean())
    if gradient.dim() > 2:
        columns["penalty_wrong"] = float((gradient.norm(dim=1) - 1).square().mean())
    cosines = [_cosine(c.input_gradient, c.pull) for c in asked if c.pull is not None]
    if cosines:
        columns["penalty_cosine"] = min(cosines)
    return columns


def _cosine(gradient: Tensor | None, pull: Tensor) -> float:
    """A penalty of a sample's norm pulls its gradient along itself: cosine 1 in each sample.

    Norms over channels only pull each pixel by its own factor.
    """
    assert gradient is not None
    g, v = gradient.double().flatten(1), pull.double().flatten(1)
    weight = (g.norm(dim=1) * v.norm(dim=1)).sum()
    return float((g * v).sum(1).abs().sum() / weight) if float(weight) > 0 else 1.0
