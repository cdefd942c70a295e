"""Which registered loss a loop uses, recognised by the slopes that it gives the outputs.

Slopes do not change with a penalty that is added to the loss, nor with its sign or scale; so the
registered losses are asked for theirs, and the loss is one of those with the same slopes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from saddlepoint.core import registry
from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.core.errors import InputError
from saddlepoint.diagnosis.signals.loss import Pushed, Slopes, misfit

_FITS = 0.02  # relative residual up to which the slopes are those of a loss
_NEAR = 0.01  # relative difference up to which its value is
_EXTREME = 1e-3  # probabilities nearer to 0 or 1 are clamped in different ways

Form = Callable[[Tensor], Tensor]


def named(loss: str) -> str | None:
    """The registered loss that the user names; None for "auto".

    Raises:
        InputError: no such loss.
    """
    if loss == "auto":
        return None
    known = {name: name for name in registry.names("loss")}
    known |= {alias: name for name in known for alias in registry.get("loss", name).aliases}
    if loss not in known:
        raise InputError(registry.unknown("loss", loss, ("auto", *known)))
    return known[loss]


def fitting(now: Pushed, loss_d: float | None) -> set[str]:
    """The registered losses that give slopes like these; {} where none does.

    Args:
        loss_d: the loss of the same step, as the loop minimises it. Hinge and Wasserstein have the
            same slopes as long as no output is beyond 1; their values tell them apart, unless a
            penalty was added.
    """
    if now.real is None or now.fake is None:
        return set()
    n = min(len(now.real.outputs), len(now.fake.outputs))
    real, fake = _first(now.real, n), _first(now.fake, n)
    fits, exact = set(), set()
    for name in registry.names("loss"):
        loss: AdversarialLoss = registry.get("loss", name)()
        for form in (_as_is, *loss.forms):
            value = _fits_discriminator(loss, form, real, fake)
            if value is None or not _fits_generator(loss, form, real, now.made):
                continue
            fits.add(name)
            # Many loops halve the discriminator's loss.
            if loss_d is not None and any(_is_near(loss_d, part * value) for part in (1.0, 0.5)):
                exact.add(name)
    return exact or fits


def _fits_discriminator(
    loss: AdversarialLoss, form: Form, real: Slopes, fake: Slopes
) -> float | None:
    """The loss's value for these outputs, where it gives their slopes; else None."""
    r, f = (side.outputs.detach().clone().requires_grad_(True) for side in (real, fake))
    with torch.enable_grad():
        value = loss.discriminator(form(r), form(f)).mean()
        formulas = torch.autograd.grad(value, (r, f))
    measured = torch.cat([real.slopes.flatten(), fake.slopes.flatten()])
    outputs = torch.cat([real.outputs.flatten(), fake.outputs.flatten()])
    formula = torch.cat([gradient.flatten() for gradient in formulas])
    return float(value) if _fit(form, outputs, measured, formula) else None


def _fits_generator(loss: AdversarialLoss, form: Form, real: Slopes, made: Slopes | None) -> bool:
    """Whether the generator's loss gives its slopes; True where that cannot be told."""
    if made is None:
        return True
    n = min(len(made.outputs), len(real.outputs))
    made = _first(made, n)
    f, r = (x[:n].detach().clone().requires_grad_(True) for x in (made.outputs, real.outputs))
    with torch.enable_grad():
        value = loss.generator(form(f), form(r)).mean()
        formula, beside = torch.autograd.grad(value, (f, r), allow_unused=True)
    if beside is not None:
        return True  # it also depends on outputs for real images, and on which is not known
    return _fit(form, made.outputs.flatten(), made.slopes.flatten(), formula.flatten())


def _fit(form: Form, outputs: Tensor, measured: Tensor, formula: Tensor) -> bool:
    known = formula.isfinite() & measured.isfinite()
    if form is torch.logit:
        known &= (outputs > _EXTREME) & (outputs < 1 - _EXTREME)
    if 2 * int(known.sum()) < len(known) or not float(measured[known].norm()) > 0:
        return False
    return misfit(measured[known].double(), formula[known].double()) < _FITS


def _first(side: Slopes, n: int) -> Slopes:
    """n images, the slopes as of a mean over these alone."""
    scale = len(side.outputs) / n
    return Slopes(side.outputs[:n], scale * side.slopes[:n])


def _as_is(outputs: Tensor) -> Tensor:
    return outputs


def _is_near(a: float, b: float) -> bool:
    return abs(a - b) <= _NEAR * max(abs(a), abs(b), 0.05)
