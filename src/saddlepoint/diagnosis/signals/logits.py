"""What the discriminator answered since the last check, and what the losses were."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from saddlepoint.diagnosis.observe.trace import Trace

_RANKED = 16  # steps that the auc is a mean over


def columns(trace: Trace) -> dict[str, float]:
    """loss_d, loss_g, real_logit, fake_logit, logit_spread and auc."""
    found: dict[str, float] = {}
    reals = [outputs for sides in trace.sides for outputs in sides.real]
    fakes = [outputs for sides in trace.sides for outputs in sides.fake]
    if reals and fakes:
        real, fake = torch.cat(reals).float(), torch.cat(fakes).float()
        spread = torch.cat([real - real.mean(), fake - fake.mean()]).std(correction=0)
        found["real_logit"], found["fake_logit"] = float(real.mean()), float(fake.mean())
        found["logit_spread"] = float(spread)
        # Each output is compared with those of its own step: later weights give other outputs.
        pairs = [
            pair for sides in trace.sides for pair in zip(sides.real, sides.fake, strict=False)
        ]
        if pairs:
            newest = pairs[-_RANKED:]
            found["auc"] = sum(auc(*pair) for pair in newest) / len(newest)
    for name, values in trace.losses.items():
        if values:
            found[name] = float(_numbers(values).mean())
    return found


def auc(higher: Tensor, lower: Tensor) -> float:
    """Probability that one of `higher` [n] is above one of `lower` [m]; ties count half."""
    a, b = higher.detach().float().unsqueeze(1), lower.detach().float().unsqueeze(0)
    return float((a > b).float().mean() + 0.5 * (a == b).float().mean())


def _numbers(values: Iterable[Tensor | float]) -> Tensor:
    """float64 [n], read from the device at once."""
    tensors = [v.detach().float().mean() for v in values if isinstance(v, Tensor)]
    floats = [float(v) for v in values if not isinstance(v, Tensor)]
    read = torch.stack(tensors).cpu().double() if tensors else torch.zeros(0).double()
    return torch.cat([read, torch.tensor(floats, dtype=torch.float64)])
