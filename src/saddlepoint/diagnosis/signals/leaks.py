"""Does the discriminator live on something beside the images: a border, faint noise, the other
images of a batch? It is asked again about the loop's own batches, somewhat changed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.observe.isolation import isolated
from saddlepoint.diagnosis.observe.trace import Call, Trace
from saddlepoint.diagnosis.signals.logits import auc

FAINT = 2 / 255
"""Half of the range [-1, 1] has 255 levels of half that size: noise that nobody sees."""
BORDER = 1 / 8
"""Width of a border as a share of an image's height, at least one pixel."""
_MOST = 64  # images of each side


def columns(discriminator: nn.Module, trace: Trace) -> dict[str, float]:
    """batch_effect, frame_alone, leak_noise and leak_border, from the newest batch of each side."""
    calls = [call for call in trace.calls if call.inputs.place is not None]
    reals = [call for call in calls if call.role == "real"]
    fakes = [call for call in calls if call.role == "fake"]
    if not reals or not fakes:
        return {}
    real, fake = reals[-1], fakes[-1]
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
    noise = _noise(real_images)
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
    inner = (..., slice(edge, height - edge), slice(edge, width - edge))
    new_real, new_fake = fake.clone(), real.clone()
    new_real[inner], new_fake[inner] = real[inner], fake[inner]
    return new_real, new_fake


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


def _noise(images: Tensor) -> Tensor:
    generator = torch.Generator(images.device).manual_seed(0)
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return (FAINT * noise).to(images.dtype)
