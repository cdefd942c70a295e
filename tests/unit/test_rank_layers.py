"""BatchNorm over the items of all ranks: as over one batch, and differentiable twice."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from saddlepoint.core.ranks import Ranks, together
from saddlepoint.training.rank_layers import share


class Twins(Ranks):
    """Two ranks whose items are equal, seen from one of them."""

    size = 2

    def total(self, values: Tensor) -> Tensor:
        return 2 * values


LAYOUTS = (torch.contiguous_format, torch.channels_last)


def results(layer: nn.BatchNorm2d, x: Tensor, slope: Tensor) -> list[Tensor]:
    """The maps, all first derivatives, and second derivatives through a penalty on a slope."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    inputs = [x, *layer.parameters()]
    made = layer(x)
    first = torch.autograd.grad(made, inputs, slope, retain_graph=True)
    (of_x,) = torch.autograd.grad(made, x, slope, create_graph=True)
    second = torch.autograd.grad(of_x.pow(3).sum(), inputs[:2])
    return [made.detach(), *first, *second, layer.running_mean, layer.running_var]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("affine", [True, False])
def test_twins_norm_their_items_as_one_process_does(
    affine: bool, layout: torch.memory_format
) -> None:
    shared, alone = (nn.BatchNorm2d(3, affine=affine).double() for _ in range(2))
    for parameter, other in zip(shared.parameters(), alone.parameters(), strict=True):
        parameter.data = other.data = torch.rand(3, dtype=torch.float64) + 0.5
    share(shared)
    x = (2 * torch.randn(5, 3, 4, 4, dtype=torch.float64) + 3).to(memory_format=layout)
    slope = torch.randn_like(x)
    with together(Twins()):
        found = results(shared, x, slope)
    expected = results(alone, x, slope)
    # Of a batch that holds everything twice, the variance of the population is another.
    n = x.numel() // 3
    spread = (expected[-1] - 0.9) * (n - 1) / n * 2 * n / (2 * n - 1) + 0.9
    for one, two in zip(found, [*expected[:-1], spread], strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_statistics_of_bf16_maps_are_taken_in_float32() -> None:
    layer = nn.BatchNorm2d(3)
    share(layer)
    x = (torch.randn(64, 3, 9, 9) + 5).bfloat16()
    with together(Twins()):
        made = layer(x)
    assert made.dtype == torch.bfloat16
    assert layer.running_mean is not None
    mean = x.double().mean((0, 2, 3))
    torch.testing.assert_close(layer.running_mean.double() / 0.1, mean, rtol=1e-5, atol=0)
    assert (made.double() - (x.double() - mean.view(1, 3, 1, 1))).abs().max() < 0.1
