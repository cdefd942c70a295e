"""Questions to the discriminator beside the loop: does it live on a border, on faint noise, on the
other images of a batch? They leave no trace in it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.probing import plain, probing
from saddlepoint.diagnosis.roles import logits_of
from saddlepoint.diagnosis.signals.wiring_calls import Call, per_image

FAINT = 2 / 255
"""Half of the range [-1, 1] has 255 levels of half that size: noise that nobody sees."""
BORDER = 1 / 8
"""Width of a border as a share of an image's height, at least one pixel."""
_MOST = 64  # images of each side


def probe_columns(discriminator: nn.Module, real: Call, fake: Call) -> dict[str, float]:
    """Ask again about the last real and the last fake batch, somewhat changed."""
    n = min(len(real.images), len(fake.images), _MOST)
    real_images, fake_images = real.images[:n], fake.images[:n]
    plain_real = ask(discriminator, real, real_images)
    plain_fake = ask(discriminator, fake, fake_images)
    spread = float(((plain_real.std() + plain_fake.std()) / 2).clamp_min(1e-12))
    columns: dict[str, float] = {}
    if n >= 8:
        half = n // 2
        alone = ask(discriminator, real, real_images[:half])
        columns["batch_effect"] = float((alone - plain_real[:half]).abs().mean()) / spread
    if real_images.dim() != 4 or real_images.shape != fake_images.shape:
        return columns
    columns["frame_alone"] = float(frame_alone(real_images, fake_images))
    before = auc(plain_real, plain_fake)
    noise = _noise(real_images)
    columns["leak_noise"] = before - auc(
        ask(discriminator, real, real_images + noise), ask(discriminator, fake, fake_images + noise)
    )
    real_framed, fake_framed = swapped_borders(real_images, fake_images)
    columns["leak_border"] = before - auc(
        ask(discriminator, real, real_framed), ask(discriminator, fake, fake_framed)
    )
    return columns


def ask(discriminator: nn.Module, call: Call, images: Tensor) -> Tensor:
    """The outputs [n] for other images in the place of a call's own, with its labels."""
    n, all_images = len(images), call.images
    net = plain(discriminator)
    dtype = next(net.parameters()).dtype

    def changed(item: object) -> object:
        if not isinstance(item, Tensor):
            return item
        if item.shape == all_images.shape and item.data_ptr() == all_images.data_ptr():
            item = images
        elif item.dim() > 0 and len(item) == len(all_images):
            item = item[:n]
        # Outside of the loop's autocast the net takes its own type alone.
        return item.detach().to(dtype) if item.is_floating_point() else item

    args = tuple(changed(item) for item in call.args)
    kwargs = {name: changed(item) for name, item in call.kwargs.items()}
    with torch.no_grad(), probing([net], seed=0):
        outputs = logits_of(net(*args, **kwargs), n)
    assert outputs is not None
    return per_image(outputs, n)


def auc(real: Tensor, fake: Tensor) -> float:
    """Probability that a real image gets a higher output than a fake one; ties count half."""
    difference = real[:, None] - fake[None, :]
    return float((difference > 0).float().mean() + (difference == 0).float().mean() / 2)


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

    A border at an end of the range does not count: tanh reaches it, as dark margins of digits.
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
    is_value = (images == value).all(0).all(0)
    width = 0
    while 2 * width + 2 < min(is_value.shape):
        ring = is_value[width : is_value.shape[0] - width, width : is_value.shape[1] - width]
        if not bool(ring[0].all() and ring[-1].all() and ring[:, 0].all() and ring[:, -1].all()):
            break
        width += 1
    return width


def _noise(images: Tensor) -> Tensor:
    generator = torch.Generator(images.device).manual_seed(0)
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return (FAINT * noise).to(images.dtype)
