"""How the discriminator is called: with which values, in which mode, real and fake apart or not."""

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
        # Label maps that were joined behind the images are no pixels.
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


def _range(side: str, parts: Sequence[Tensor]) -> dict[str, float]:
    bounds = [part.aminmax() for part in parts if len(part)]
    if not bounds:
        return {}
    low, high = (min(float(b.min) for b in bounds), max(float(b.max) for b in bounds))
    return {f"{side}_low": low, f"{side}_high": high}
