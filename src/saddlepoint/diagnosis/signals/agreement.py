"""Whether fakes look like what their label asks for, told without any classifier."""

from __future__ import annotations

import torch
from torch import Tensor

from saddlepoint.diagnosis.reference import Reference

VISIBLE = 0.25
"""Agreement of real images below which their labels cannot be told from so few pixels."""


def label_agreement(fake: Tensor, labels: Tensor, reference: Reference) -> dict[str, float]:
    """label_agreement: 1 as in real images, 0 as by chance; no column where it cannot be told.

    An image shows the label of the real image that it is nearest to.

    Args:
        fake: features float32 [m, d]; labels: int64 [m] that were asked for.
    """
    known = reference.labels
    assert known is not None
    real = kappa(known, known[reference.nearest_other])
    if real < VISIBLE:
        return {}
    shown = known[torch.cdist(fake, reference.features).argmin(1)]
    return {"label_agreement": kappa(labels, shown) / real}


def kappa(a: Tensor, b: Tensor) -> float:
    """Cohen's kappa of two labellings int64 [n]: (observed - chance) / (1 - chance) agreement, so
    that 1 is full and 0 is chance. 0 where both have but one label, the same.

    Paper: Cohen 1960, https://doi.org/10.1177/001316446002000104, equation 1.
    """
    a, b = a.cpu(), b.cpu()  # not every device has float64
    n_labels = int(torch.stack([a.max(), b.max()]).max()) + 1
    shares = [torch.bincount(x, minlength=n_labels).double() / len(x) for x in (a, b)]
    chance = float((shares[0] * shares[1]).sum())
    observed = float((a == b).double().mean())
    return (observed - chance) / (1 - chance) if chance < 1 else 0.0
