"""What a loss does to the discriminator's outputs, read off its slope there.

The slope dLoss/dOutput says more than the loss: which way the outputs are pushed, whether they can
be moved at all, and whether the loss takes them for raw outputs or for probabilities. It does not
depend on penalties or on other terms that were added to the loss; its scale (mean or sum, a scaler
of mixed precision) is unknown and never used.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.diagnosis.observe.inputs import per_image
from saddlepoint.diagnosis.observe.trace import Trace, Use

FLAT = 1e-6
"""A slope below this share of a full one moves nothing: with weights' gradients of 1e-3 it is below
the 1e-8 that Adam adds to its denominator. Reached at sigmoid(-13.8); torch's cross-entropy of
probabilities, which holds its denominator above 1e-12, gets there at -41."""
_FITS = 0.02  # relative residual up to which a formula describes the slopes
_CLEARLY = 5.0  # times better than every formula of the other kind
_TARGETS = ((1.0, 0.0), (0.9, 0.0), (0.9, 0.1), (0.8, 0.0))  # as people smooth them
_EXTREME = 1e-3  # nearer to 0 or 1 formulas differ in their clamps


@dataclass(frozen=True)
class Slopes:
    """Outputs of one side [n, ...] and dLoss/dOutput at them, float32."""

    outputs: Tensor
    slopes: Tensor

    def per_image(self) -> Slopes:
        return Slopes(per_image(self.outputs), per_image(self.slopes))

    def before_sigmoid(self) -> Slopes:
        """The slopes that reach the other side of a sigmoid, which made these outputs."""
        return Slopes(self.outputs, self.slopes * self.outputs * (1 - self.outputs))


@dataclass(frozen=True)
class Pushed:
    """The newest slopes of each side: where each player's loss pushes."""

    real: Slopes | None
    """Real images, by the discriminator's loss."""
    fake: Slopes | None
    """Fakes, by the discriminator's loss."""
    made: Slopes | None
    """Fakes, by the generator's loss."""
    last: str
    """The discriminator's last operation."""


def pushed(trace: Trace) -> Pushed:
    """The newest slopes that a trace holds."""
    reals: list[Slopes] = []
    fake = made = None
    last = ""
    for use in trace.uses():
        last = use.call.last or last
        is_fake = use.call.is_fake()
        if use.player == "g":
            made = _side(use, is_fake) if is_fake.any() else made
        else:
            fake = _side(use, is_fake) if is_fake.any() else fake
            if not is_fake.all():
                reals.append(_side(use, ~is_fake))
    return Pushed(_against(reals, fake), fake, made, last)


def columns(now: Pushed) -> dict[str, float]:
    """expects_logits, the signs of the logits' gradients, and flat_share."""
    real, fake, made = (s and s.per_image() for s in (now.real, now.fake, now.made))
    found: dict[str, float | None] = {}
    if now.last == "sigmoid":
        if real is not None and fake is not None:
            raw = expects_logits(real, fake)
            found["expects_logits"] = None if raw is None else float(raw)
        real, fake, made = (s and s.before_sigmoid() for s in (real, fake, made))
    if real is not None and fake is not None:
        signs = pushes(real, fake, made)
        for side, sign in zip(("real_d", "fake_d", "fake_g"), signs, strict=True):
            found[f"logit_gradient_sign_{side}"] = sign
    if made is not None:
        up = -1.0 if (found.get("logit_gradient_sign_real_d") or 1.0) < 0 else 1.0
        found["flat_share"] = flat_share(made, None if real is None else real.outputs, up)
    return {name: value for name, value in found.items() if value is not None}


def pushes(
    real: Slopes, fake: Slopes, made: Slopes | None
) -> tuple[float | None, float | None, float | None]:
    """Where the players push: (real by D, fakes by D, fakes by G), each -1 all down to 1 all up.

    A least-squares loss pulls towards a target from both sides, so that the sign of one step says
    nothing: there the targets are compared.
    """
    aim_real, aim_fake = _target(real), _target(fake)
    push_made = _push(made) if made is not None else None
    if aim_real is None or aim_fake is None or abs(aim_real[0] - aim_fake[0]) < 0.1:
        return _push(real), _push(fake), push_made
    middle, half = (aim_real[0] + aim_fake[0]) / 2, (aim_real[0] - aim_fake[0]) / 2
    up = 1.0 if half > 0 else -1.0
    aim = _target(made) if made is not None else None
    if aim is not None:
        push_made = aim[1] * max(-1.0, min(1.0, (aim[0] - middle) / abs(half)))
    return aim_real[1] * up, -aim_fake[1] * up, push_made


def expects_logits(real: Slopes, fake: Slopes) -> bool | None:
    """Whether a loss takes a sigmoid's outputs for raw ones; None when that cannot be told.

    Cross-entropy of probabilities has the slopes -1/p and 1/(1-p), least squares p-1 and p;
    cross-entropy of raw outputs has sigmoid(p)-1 and sigmoid(p), a Wasserstein or hinge loss -1
    and 1. Targets may be smoothed, and the labels exchanged.
    """
    p = torch.cat([real.outputs, fake.outputs]).double()
    slopes = torch.cat([real.slopes, fake.slopes]).double()
    is_real = torch.cat([torch.ones_like(real.outputs), torch.zeros_like(fake.outputs)]).double()
    inside = (p > _EXTREME) & (p < 1 - _EXTREME)
    p, slopes, is_real = p[inside], slopes[inside], is_real[inside]
    if len(p) < len(inside) / 2 or float(slopes.norm()) == 0:
        return None
    pairs = [*_TARGETS, *((low, high) for high, low in _TARGETS)]
    targets = [is_real * of_real + (1 - is_real) * of_fake for of_real, of_fake in pairs]
    raw = [1 - 2 * is_real, *(torch.sigmoid(p) - t for t in targets)]
    probability = [(p - t) / scale for t in targets for scale in (1, p * (1 - p))]
    best = [min(misfit(slopes, formula) for formula in kind) for kind in (raw, probability)]
    if min(best) >= _FITS or min(best) * _CLEARLY >= max(best):
        return None
    return best[0] < best[1]


def flat_share(made: Slopes, real: Tensor | None, up: float) -> float:
    """The share of the fakes that the generator's loss cannot move although they are not better
    than a usual real image: an image that is taken for real needs no slope.

    Args:
        real: outputs for real images [n], where they are known.
        up: 1 where real images get the higher outputs, -1 where the lower ones.
    """
    still = _flat(made.slopes)
    if real is not None:
        still &= up * made.outputs <= up * real.median()
    return float(still.float().mean())


def misfit(slopes: Tensor, formula: Tensor) -> float:
    """Relative residual of `slopes` against the best positive or negative multiple."""
    scale = (slopes * formula).sum() / formula.square().sum().clamp_min(1e-30)
    return float((slopes - scale * formula).norm() / slopes.norm())


def _side(use: Use, rows: Tensor) -> Slopes:
    return Slopes(use.call.outputs[rows].float(), use.slope[rows].float())


def _against(reals: list[Slopes], fake: Slopes | None) -> Slopes | None:
    """The newest slopes of real images; earlier ones if the newest are pushed as the fakes are and
    those are not: a loop that shows real images beside a wrong label too pushes those down on
    purpose."""
    down = 0.0 if fake is None else float(fake.slopes.mean())
    if not reals or float(reals[-1].slopes.mean()) * down <= 0:
        return reals[-1] if reals else None
    apart = [side for side in reals if float(side.slopes.mean()) * down < 0]
    return apart[-1] if apart else reals[-1]


def _push(side: Slopes) -> float | None:
    """Where a loss pushes outputs of one side: -1 all down, 1 all up; None if nowhere."""
    if _flat(side.slopes).all():
        return None
    return float(-side.slopes.mean() / side.slopes.abs().mean())


def _target(side: Slopes) -> tuple[float, float] | None:
    """The output at which the slope would be 0, and 1 if outputs are drawn there or -1 if they are
    driven away. None where the slope is not linear in the output (least squares are one)."""
    outputs, slopes = side.outputs, side.slopes
    centred, tilt = outputs - outputs.mean(), slopes - slopes.mean()
    if float(tilt.norm()) < 1e-3 * float(slopes.norm()):
        return None  # the same slope for all
    steepness = (centred * slopes).mean() / centred.square().mean().clamp_min(1e-30)
    if float((tilt - steepness * centred).norm()) > 1e-3 * float(slopes.norm()):
        return None
    return float(outputs.mean() - slopes.mean() / steepness), 1.0 if float(steepness) > 0 else -1.0


def _flat(slopes: Tensor) -> Tensor:
    """bool [n]: which outputs the loss cannot move."""
    # A mean over the batch divides by n; what is flat is far below any such factor.
    return slopes.abs() * len(slopes) < FLAT
