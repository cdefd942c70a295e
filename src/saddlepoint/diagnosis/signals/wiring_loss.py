"""What a loss does to the discriminator's outputs, read off its slope there.

The slope dLoss/dOutput tells more than the loss: which way the outputs are pushed, whether they can
be moved at all, and whether the loss takes them for raw outputs or for probabilities. It does not
depend on penalties or on other terms that were added to the loss; its scale (mean or sum, a scaler
of mixed precision) is unknown and never used.
"""

from __future__ import annotations

import torch
from torch import Tensor

FLAT = 1e-6
"""A slope below this share of a full one moves nothing: with weights' gradients of 1e-3 it is below
the 1e-8 that Adam adds to its denominator. Reached at sigmoid(-13.8); torch's cross-entropy of
probabilities, which holds its denominator above 1e-12, gets there at -41."""
_FITS = 0.02  # relative residual up to which a formula describes the slopes
_CLEARLY = 5.0  # times better than every formula of the other kind
_EXTREME = 1e-3  # nearer to 0 or 1 formulas differ in their clamps


def push(outputs: Tensor, slopes: Tensor) -> float | None:
    """Where a loss pushes outputs that share one role: -1 all down, 1 all up; None if nowhere."""
    if flat(slopes).all():
        return None
    return float(-slopes.mean() / slopes.abs().mean())


def target(outputs: Tensor, slopes: Tensor) -> tuple[float, float] | None:
    """The output at which the slope would be 0, and 1 if outputs are drawn there or -1 if they are
    driven away. None where the slope is no line in the output (least squares are one)."""
    centred, tilt = outputs - outputs.mean(), slopes - slopes.mean()
    if float(tilt.norm()) < 1e-3 * float(slopes.norm()):
        return None  # the same slope for all
    steepness = (centred * slopes).mean() / centred.square().mean().clamp_min(1e-30)
    if float((tilt - steepness * centred).norm()) > 1e-3 * float(slopes.norm()):
        return None
    aim = float(outputs.mean() - slopes.mean() / steepness)
    return aim, 1.0 if float(steepness) > 0 else -1.0


def pushes(
    real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor], made: tuple[Tensor, Tensor] | None
) -> tuple[float | None, float | None, float | None]:
    """Where the players push: (real by D, fakes by D, fakes by G), each -1 to 1.

    Each argument is (outputs [n], slopes [n]). A least-squares loss pulls towards a target from
    both sides, so that the sign of one step says nothing: there the targets are compared.
    """
    aim_real, aim_fake = target(*real), target(*fake)
    push_made = push(*made) if made is not None else None
    if aim_real is None or aim_fake is None or abs(aim_real[0] - aim_fake[0]) < 0.1:
        return push(*real), push(*fake), push_made
    middle, half = (aim_real[0] + aim_fake[0]) / 2, (aim_real[0] - aim_fake[0]) / 2
    up = 1.0 if half > 0 else -1.0
    aim = target(*made) if made is not None else None
    if aim is not None:
        push_made = aim[1] * max(-1.0, min(1.0, (aim[0] - middle) / abs(half)))
    return aim_real[1] * up, -aim_fake[1] * up, push_made


def expects_logits(real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor]) -> bool | None:
    """Whether a loss takes a sigmoid's outputs for raw ones; None when that cannot be told.

    Cross-entropy of probabilities has the slopes -1/p and 1/(1-p), least squares p-1 and p;
    cross-entropy of raw outputs has sigmoid(p)-1 and sigmoid(p), a Wasserstein or hinge loss -1
    and 1.
    """
    p = torch.cat([real[0], fake[0]]).double()
    slopes = torch.cat([real[1], fake[1]]).double()
    is_real = torch.cat([torch.ones_like(real[0]), torch.zeros_like(fake[0])]).double()
    inside = (p > _EXTREME) & (p < 1 - _EXTREME)
    p, slopes, is_real = p[inside], slopes[inside], is_real[inside]
    if len(p) < len(inside) / 2 or float(slopes.norm()) == 0:
        return None
    raw, probability = [2 * (0.5 - is_real)], []
    for high, low in ((1.0, 0.0), (0.9, 0.0), (0.9, 0.1), (0.8, 0.0)):
        for t in (high * is_real + low * (1 - is_real), low * is_real + high * (1 - is_real)):
            raw.append(torch.sigmoid(p) - t)
            probability.append(p - t)
            probability.append((p - t) / (p * (1 - p)).clamp_min(1e-7))
    best_raw = min(_misfit(slopes, formula) for formula in raw)
    best_probability = min(_misfit(slopes, formula) for formula in probability)
    if best_raw < _FITS and best_raw * _CLEARLY < best_probability:
        return True
    if best_probability < _FITS and best_probability * _CLEARLY < best_raw:
        return False
    return None


def before_sigmoid(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """(outputs, slopes) with the slopes that reach the other side of a sigmoid."""
    outputs, slopes = pair
    return outputs, slopes * outputs * (1 - outputs)


def flat(slopes: Tensor) -> Tensor:
    """bool [n]: which outputs the loss cannot move."""
    # A mean over the batch divides by n; what is flat is far below any such factor.
    return slopes.abs() * len(slopes) < FLAT


def flat_share(made: tuple[Tensor, Tensor], real: Tensor | None, up: float) -> float:
    """The share of the fakes that the generator's loss cannot move although they are not better
    than a usual real image: an image that is taken for real needs no slope.

    Args:
        made: (outputs [n], slopes [n]) of the generator's step.
        real: outputs for real images, where they are known.
        up: 1 where real images get the higher outputs, -1 where the lower ones.
    """
    outputs, slopes = made
    still = flat(slopes)
    if real is not None:
        still &= up * outputs <= up * real.median()
    return float(still.float().mean())


def _misfit(slopes: Tensor, formula: Tensor) -> float:
    """Relative residual of `slopes` against the best positive or negative multiple."""
    scale = (slopes * formula).sum() / formula.square().sum().clamp_min(1e-30)
    return float((slopes - scale * formula).norm() / slopes.norm())
