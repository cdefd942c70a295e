"""Layers that nets can have: packing, minibatch stddev, residuals, modulation, spectral norm."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch.nn.utils.parametrizations import spectral_norm

from saddlepoint.core.ranks import sharing


def in_float32(h: Tensor) -> contextlib.AbstractContextManager[object]:
    """No autocast: 8 bits of mantissa would round images and logits to steps that show."""
    # A meta tensor, which has a shape and no values, has no autocast either.
    return contextlib.nullcontext() if h.is_meta else torch.autocast(h.device.type, enabled=False)


def pack(items: Tensor, packing: int) -> Tensor:
    """[n, c, ...] -> [n, packing * c, ...]: each item beside those that follow it in the batch.

    A generator that repeats itself is found out by a discriminator that judges several images at
    once. Paper: Lin et al. 2018, https://arxiv.org/abs/1712.04086, section 2 (PacGAN). Differs
    from the paper: the packs overlap (item i begins pack i, the last ones wrap around to the
    first), so that n items still give n logits; every pack is still a set of independent draws.
    """
    if packing == 1:
        return items
    ranks = sharing()
    batch = ranks.whole(items)  # the items that follow may be another rank's
    return torch.cat([ranks.mine(batch.roll(-shift, 0)) for shift in range(packing)], dim=1)


def with_stddev(features: Tensor) -> Tensor:
    """[n, c, ...] -> [n, c + 1, ...]: one more feature, how far the batch's items lie apart.

    It is the standard deviation of each feature at each place over the batch, averaged to one
    number. Paper: Karras et al. 2018, https://arxiv.org/abs/1710.10196, section 3.
    """
    # The square root's slope at exactly 0 is infinite: a batch of equal images would give NaN.
    batch = sharing().whole(features.float())
    deviation = (batch.var(0, correction=0) + 1e-8).sqrt().mean()
    more = deviation.to(features.dtype).expand(len(features), 1, *features.shape[2:])
    return torch.cat([features, more], dim=1)


class Residual(nn.Module):
    """x [n, c, h, w] -> x + conv3x3(LeakyReLU 0.2 of x): depth that starts next to nothing.

    Paper: He et al. 2016, https://arxiv.org/abs/1603.05027, figure 4e (activation first). Differs
    from the paper: one convolution, no normalisation, weights that start near 0.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.start_near_zero()

    def start_near_zero(self) -> None:
        """Not at 0 itself, which spectral normalisation would divide by."""
        nn.init.normal_(self.conv.weight, 0.0, 1e-3)
        assert self.conv.bias is not None
        nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(leaky_relu(x, 0.2))


class Modulation(nn.Module):
    """x [n, c, h, w], z [n, latent_dim] -> x * (1 + gain(z)) + bias(z), both linear in z.

    Paper: Chen et al. 2019, https://arxiv.org/abs/1810.01365, equations 2 and 3. Differs from the
    paper: one linear layer instead of a hidden one.
    """

    def __init__(self, latent_dim: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(latent_dim, 2 * width)
        nn.init.normal_(self.linear.weight, 0.0, 0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        # 1 + gain: with weights near 0 it starts as no modulation at all.
        gain, bias = self.linear(z).to(x.dtype).view(x.shape[0], 2, -1, 1, 1).unbind(1)
        return torch.addcmul(bias, x, 1 + gain)


def normalise_spectrally(net: nn.Module) -> None:
    """Divide every convolution's and linear layer's weight by its largest singular value.

    One step of the power iteration a forward pass in training mode. Tables of labels stay as they
    are. Call it last: it takes the weights as they have been initialised.
    Paper: Miyato et al. 2018, https://arxiv.org/abs/1802.05957, equation 8 and algorithm 1.
    """
    # A list: the walk itself adds modules.
    for module in list(net.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d):
            spectral_norm(module)
