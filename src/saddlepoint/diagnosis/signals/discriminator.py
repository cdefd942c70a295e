"""What the discriminator makes of images that the loop does not show it: held-out ones, those
between real and fake, and the loop's own with another border, faint noise or other neighbours."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.observe.isolation import isolated
from saddlepoint.diagnosis.observe.trace import Call, Trace
from saddlepoint.diagnosis.signals.logits import auc

Judge = Callable[[Tensor, Tensor | None], Tensor]
"""Images and labels -> outputs [n], with a graph back to the images."""

N_JUDGED = 64
N_SLOPES = 32
FAINT = 2 / 255
"""Half of the range [-1, 1] has 255 levels of half that size: invisible noise."""
BORDER = 1 / 8
"""Width of a border as a share of an image's height, at least one pixel."""
_MOST = 64  # images of each side


@torch.no_grad()
def heldout(
    judge: Judge, known: tuple[Tensor, Tensor | None], unseen: tuple[Tensor, Tensor | None]
) -> dict[str, float]:
    """heldout_auc: near 1/2 as long as the discriminator has not learned its images by heart.

    Args:
        known, unseen: images that are trained on and images that are not, with their labels.
    """
    judged = [judge(x[:N_JUDGED], None if y is None else y[:N_JUDGED]) for x, y in (known, unseen)]
    return {"heldout_auc": auc(*judged)}


def input_gradients(
    judge: Judge, real: Tensor, fake: Tensor, labels: Tensor | None, seed: int
) -> dict[str, float]:
    """input_gradient_norm and input_gradient_norm_fake: per image, over all pixels.

    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, whose penalty keeps the norm at
    uniform interpolates near 1.
    """
    n = min(N_SLOPES, len(real), len(fake))
    generator = torch.Generator().manual_seed(seed)
    mix = torch.rand(n, *[1] * (real.dim() - 1), generator=generator).to(real.device)
    between = mix * real[:n] + (1 - mix) * fake[:n]
    return {
        "input_gradient_norm": _gradient_norm(judge, between, labels),
        "input_gradient_norm_fake": _gradient_norm(judge, fake[:n], labels),
    }


def _gradient_norm(judge: Judge, images: Tensor, labels: Tensor | None) -> float:
    images = images.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        outputs = judge(images, None if labels is None else labels[: len(images)])
        (gradient,) = torch.autograd.grad(outputs.float().sum(), images)
    return float(gradient.flatten(1).norm(dim=1).mean())


def leaks(discriminator: nn.Module, trace: Trace) -> dict[str, float]:
    """batch_effect, frame_alone, leak_noise and leak_border, from the newest batch of each side."""
    newest = {call.role: call for call in trace.calls if call.inputs.place is not None}
    if "real" not in newest or "fake" not in newest:
        return {}
    real, fake = newest["real"], newest["fake"]
    n = min(len(real.images), len(fake.images), _MOST)
    real_images, fake_images = real.images[:n], fake.images[:n]
    as_is = _ask(discriminator, real, real_images), _ask(discriminator, fake, fake_images)
    found: dict[str, float] = {}
    if n >= 8:
        spread = float(((as_is[0].std() + as_is[1].std()) / 2).clamp_min(1e-12))
        half = n // 2
        alone = _ask(discriminator, real, real_images[:half])
        found["batch_effect"] = float((alone - as_is[0][:half]).abs().mean()) / spread
    if real_images.dim() != 4 or real_images.shape != fake_images.shape:
        return found
    found["frame_alone"] = float(frame_alone(real_images, fake_images))
    generator = torch.Generator(real_images.device).manual_seed(0)
    noise = torch.randn(real_images.shape, generator=generator, device=real_images.device)
    noise = (FAINT * noise).to(real_images.dtype)
    changes = {
        "leak_noise": (real_images + noise, fake_images + noise),
        "leak_border": swapped_borders(real_images, fake_images),
    }
    for name, (new_real, new_fake) in changes.items():
        asked = _ask(discriminator, real, new_real), _ask(discriminator, fake, new_fake)
        found[name] = auc(*as_is) - auc(*asked)
    return found


def _ask(discriminator: nn.Module, call: Call, images: Tensor) -> Tensor:
    """The outputs [n]; each time with the same dropout, and from the same running statistics."""
    with torch.no_grad(), isolated([discriminator], seed=0):
        return call.inputs.ask(discriminator, images)


def swapped_borders(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """[n, c, h, w] each: the same images, each with the other side's border."""
    height, width = real.shape[-2:]
    edge = max(1, round(height * BORDER))
    inner = torch.zeros(height, width, dtype=torch.bool, device=real.device)
    inner[edge : height - edge, edge : width - edge] = True
    return torch.where(inner, real, fake), torch.where(inner, fake, real)


def frame_alone(real: Tensor, fake: Tensor) -> int:
    """Width in pixels of a border of exactly one value on one side, which the other side lacks.

    A border at an end of the range does not count: tanh reaches it, as do the dark margins of
    digits.
    """
    low, high = float(real.min()), float(real.max())
    widths = [0]
    for framed, other in ((real, fake), (fake, real)):
        value = float(framed[0, 0, 0, 0])
        own = _frame_width(framed, value)
        at_an_end = framed is real and (value <= low or value >= high)
        if own and not at_an_end and _frame_width(other, value) < own:
            widths.append(own)
    return max(widths)


def _frame_width(images: Tensor, value: float) -> int:
    """Rings of pixels, from the outside, that have exactly this value in all images."""
    other = (images != value).any(0).any(0).nonzero()
    # How far inside each pixel of another value lies; the outermost of them ends the border.
    inside = torch.minimum(other, torch.tensor(images.shape[-2:], device=other.device) - 1 - other)
    return int(inside.min()) if len(other) else (min(images.shape[-2:]) - 1) // 2
