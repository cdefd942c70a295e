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
_CLEARLY = 5.0  # a loss whose slopes fit this many times worse than the best one's is ruled out
_ROUNDING = 1e-5  # slopes nearer than this are equal
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


def fitting(now: Pushed, loss_d: float | None, penalised: bool) -> set[str]:
    """The registered losses that give slopes like these; empty where none does.

    Args:
        loss_d: the discriminator's loss of the same step, as the loop minimises it.
        penalised: the loop asks for gradients between real images and fakes, as the penalties of
            Wasserstein critics do. R1, at real images, goes with every loss.
    """
    if now.real is None or now.fake is None:
        return set()
    n = min(len(now.real.outputs), len(now.fake.outputs))
    real, fake = _first(now.real, n), _first(now.fake, n)
    errors: dict[str, float] = {}
    exact: set[str] = set()
    for name in registry.names("loss"):
        loss: AdversarialLoss = registry.get("loss", name)()
        for form in (_as_is, *loss.forms):
            value, error = _of_discriminator(loss, form, real, fake)
            error = max(error, _of_generator(loss, form, real, now.made))
            if error >= errors.get(name, _FITS):
                continue
            errors[name] = error
            # Many loops halve the discriminator's loss.
            if loss_d is not None and any(_is_near(loss_d, part * value) for part in (1.0, 0.5)):
                exact.add(name)
    best = max(_CLEARLY * min(errors.values(), default=0.0), _ROUNDING)
    fits = {name for name, error in errors.items() if error <= best}
    # Hinge and Wasserstein have the same slopes as long as no output is beyond 1. Their values tell
    # them apart, or a penalty, which only one of them needs.
    likelier = {name for name in fits if registry.get("loss", name).needs_penalty}
    return (likelier if penalised else fits & exact) or fits


def _of_discriminator(
    loss: AdversarialLoss, form: Form, real: Slopes, fake: Slopes
) -> tuple[float, float]:
    """The loss's value for these outputs, and how far its slopes are from those measured."""
    r, f = (side.outputs.detach().clone().requires_grad_(True) for side in (real, fake))
    with torch.enable_grad():
        value = loss.discriminator(form(r), form(f)).mean()
        formulas = torch.autograd.grad(value, (r, f))
    outputs, measured, formula = (
        torch.cat([t.flatten() for t in pair])
        for pair in ((r.detach(), f.detach()), (real.slopes, fake.slopes), formulas)
    )
    return float(value.detach()), _error(form, outputs, measured, formula)


def _of_generator(loss: AdversarialLoss, form: Form, real: Slopes, made: Slopes | None) -> float:
    """How far the generator's slopes are from those measured; 0 where that cannot be told."""
    if made is None:
        return 0.0
    n = min(len(made.outputs), len(real.outputs))
    made = _first(made, n)
    f, r = (x[:n].detach().clone().requires_grad_(True) for x in (made.outputs, real.outputs))
    with torch.enable_grad():
        value = loss.generator(form(f), form(r)).mean()
        formula, beside = torch.autograd.grad(value, (f, r), allow_unused=True)
    if beside is not None:
        return 0.0  # it also depends on outputs for real images, and on which is not known
    return _error(form, made.outputs.flatten(), made.slopes.flatten(), formula.flatten())


def _error(form: Form, outputs: Tensor, measured: Tensor, formula: Tensor) -> float:
    """The misfit of two lists of slopes; 1 where most of them cannot be compared."""
    known = formula.isfinite() & measured.isfinite()
    if form is torch.logit:
        known &= (outputs > _EXTREME) & (outputs < 1 - _EXTREME)
    if 2 * int(known.sum()) < len(known) or not float(measured[known].norm()) > 0:
        return 1.0
    return misfit(measured[known].double(), formula[known].double())


def _first(side: Slopes, n: int) -> Slopes:
    """n images, the slopes as of a mean over these alone."""
    scale = len(side.outputs) / n
    return Slopes(side.outputs[:n], scale * side.slopes[:n])


def _as_is(outputs: Tensor) -> Tensor:
    return outputs


def _is_near(a: float, b: float) -> bool:
    return abs(a - b) <= _NEAR * max(abs(a), abs(b), 0.05)
