"""Which loss a loop uses, recognised from what the discriminator gave and what the loss became."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from saddlepoint.core.errors import InputError
from saddlepoint.core.registry import unknown

NAMES: Mapping[str, str] = {
    "non-saturating": "cross-entropy",
    "bce": "cross-entropy-of-probabilities",
    "bce-logits": "cross-entropy",
    "lsgan": "least-squares",
    "wgan": "wasserstein",
    "minimax": "minimax",
    "least-squares": "least-squares",
    "hinge": "hinge",
    "wasserstein": "wasserstein",
    "relativistic": "relativistic",
}
"""What a user may call a loss -> its family."""

LOSSES: Mapping[str, str] = {
    "cross-entropy": "non-saturating",
    "cross-entropy-of-probabilities": "non-saturating",
}
"""Family -> the registered loss whose name is written, where it is another one."""

_TOLERANCE = 0.01
_Loss = Callable[[Tensor, Tensor], Tensor]


def _log(p: Tensor) -> Tensor:
    return p.clamp_min(1e-12).log()


def _chance(outputs: Tensor) -> Tensor:
    """Cross-entropy of a sigmoid or of probabilities is only defined on [0, 1]."""
    inside = bool((outputs >= 0).all() and (outputs <= 1).all())
    return outputs if inside else torch.full_like(outputs, torch.nan)


DISCRIMINATOR: dict[str, _Loss] = {
    "cross-entropy": lambda r, f: softplus(-r).mean() + softplus(f).mean(),
    "cross-entropy-of-probabilities": lambda r, f: (
        -(_log(_chance(r)).mean() + _log(1 - _chance(f)).mean())
    ),
    "least-squares": lambda r, f: (r - 1).square().mean() + f.square().mean(),
    "hinge": lambda r, f: relu(1 - r).mean() + relu(1 + f).mean(),
    "wasserstein": lambda r, f: f.mean() - r.mean(),
    "relativistic": lambda r, f: softplus(f - r).mean() if r.shape == f.shape else r.mean() * 0,
}
"""Family -> the discriminator's loss from its outputs for real and fake images."""

GENERATOR: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    "cross-entropy": lambda f, _: softplus(-f).mean(),
    "minimax": lambda f, _: -softplus(f).mean(),
    "cross-entropy-of-probabilities": lambda f, _: -_log(_chance(f)).mean(),
    "least-squares": lambda f, _: (f - 1).square().mean(),
    "hinge": lambda f, _: -f.mean(),
    "wasserstein": lambda f, _: -f.mean(),
    "relativistic": lambda f, r: (
        softplus(r - f).mean() if r is not None and r.shape == f.shape else f.mean() * torch.nan
    ),
}
"""Family -> the generator's loss from the outputs for its images."""


@dataclass(frozen=True)
class Recognised:
    """A family and what the discriminator's loss holds beyond it."""

    family: str
    penalty: float | None
    """loss_d minus its adversarial part; None when the loss is unknown."""


def named(loss: str) -> str | None:
    """The family that the user names; None for "auto".

    Raises:
        InputError: no such loss.
    """
    if loss == "auto":
        return None
    if loss not in NAMES:
        raise InputError(unknown("loss", loss, ("auto", *NAMES)))
    return NAMES[loss]


def recognise(
    real: Tensor,
    fake: Tensor,
    loss_d: float,
    fake_g: Tensor | None,
    loss_g: float | None,
) -> Recognised:
    """The family whose formulas give the two losses.

    Args:
        real, fake: whole outputs of the discriminator in its own step.
        loss_d: what the loop minimised with them; either player's loss may be halved, and the
            discriminator's may have a penalty added.
        fake_g: outputs for the fakes of the generator's step, and `loss_g` from them.

    A loss that no family gives is unknown. The discriminator's loss alone decides when it fits
    without a rest; with a rest (a penalty) the generator's loss must fit.
    """
    best = Recognised("unknown", None)
    least = _TOLERANCE
    for family, formula in DISCRIMINATOR.items():
        whole = float(formula(real.float(), fake.float()))
        fits_g = _fits_generator(family, real, fake_g, loss_g)
        for part in (1.0, 0.5):
            rest = loss_d - part * whole
            scale = max(abs(loss_d), abs(part * whole), 0.05)
            error = abs(rest) / scale
            if fits_g is None:
                score = error
            else:
                # A rest above 0 may be a penalty, if the generator's loss speaks for the family.
                # Hinge and Wasserstein have the same one: a penalty is likelier with the latter.
                penalised = 0.4 if family == "wasserstein" else 0.5
                score = min(error, penalised * _TOLERANCE if rest > 0 else error)
                score = score if fits_g else 1.0
            if score < least:
                least = score
                best = Recognised(family, rest)
    if best.family == "cross-entropy" and loss_g is not None and fake_g is not None:
        value = float(GENERATOR["minimax"](fake_g.float(), None))
        saturating = any(_is_near(loss_g, part * value) for part in (1.0, 0.5))
        best = Recognised("minimax" if saturating else best.family, best.penalty)
    return best


def _fits_generator(
    family: str, real: Tensor, fake: Tensor | None, loss_g: float | None
) -> bool | None:
    """Whether the generator's loss is this family's; None when there is no telling."""
    if fake is None or loss_g is None:
        return None
    families = ("cross-entropy", "minimax") if family == "cross-entropy" else (family,)
    values = [float(GENERATOR[name](fake.float(), real.float())) for name in families]
    return any(_is_near(loss_g, part * value) for value in values for part in (1.0, 0.5))


def _is_near(a: float, b: float) -> bool:
    return abs(a - b) <= _TOLERANCE * max(abs(a), abs(b), 0.05)
