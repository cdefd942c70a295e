"""What a discriminator says of images, and how steeply it would change its mind."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def judged_with_slopes(
    discriminator: nn.Module, images: Tensor, labels: Tensor | None
) -> tuple[Tensor, Tensor]:
    """D(x) float32 [n], and dD(x)/dx with its graph, float32 [n, d], one flat row a sample.

    A discriminator with BatchNorm mixes the samples and gives the gradient of something else.
    """
    # One backward pass for the whole batch: sample i's logit depends on sample i alone, so the
    # gradient of the sum is every sample's own gradient.
    images = images.detach().requires_grad_(True)
    logits = discriminator(images, labels)
    (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return logits.float(), slopes.float().flatten(1)
