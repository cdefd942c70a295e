"""The mathematics of the gradient penalties, against closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from saddlepoint.core.contracts import Penalty
from saddlepoint.core.errors import InputError
from saddlepoint.losses.gradient_penalties import R1, R2, GradientPenalty, input_gradient

SHAPE = (2, 5, 5)


class Linear(nn.Module):
    """D(x) = <a, x>."""

    def __init__(self, a: Tensor) -> None:
        super().__init__()
        self.a = nn.Parameter(a)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return (images * self.a).flatten(1).sum(1)


class Quadratic(nn.Module):
    """D(x) = 1/2 <x, A x> + <b, x> with a symmetric A: its gradient is A x + b."""

    def __init__(self, d: int) -> None:
        super().__init__()
        matrix = torch.randn(d, d)
        self.matrix = nn.Parameter((matrix + matrix.T) / 2)
        self.b = nn.Parameter(torch.randn(d))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        x = images.flatten(1)
        return ((x @ self.matrix) * x).sum(1) / 2 + x @ self.b


class Recorder(nn.Module):
    """Keeps what it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.images = torch.empty(0)
        self.labels: Tensor | None = None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        self.images, self.labels = images.detach(), labels
        return images.flatten(1).sum(1)


class Constant(nn.Module):
    """D(x) = c, connected to its input by a factor that is zero."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.zeros(SHAPE))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return (images * self.a).flatten(1).sum(1) + 3.0


def smooth_net() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(2, 6, 3), nn.Softplus(), nn.Flatten(), nn.Linear(54, 1))

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
            return self.net(images).squeeze(1)

    return Wrapped()


def images(n: int) -> Tensor:
    return torch.rand(n, *SHAPE) * 2 - 1


# -- the WGAN-GP penalty -------------------------------------------------------------------


@pytest.mark.parametrize("target", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("weight", [1.0, 10.0])
def test_on_a_linear_critic_it_is_weight_times_the_norms_square_distance_to_target(
    weight: float, target: float
) -> None:
    """The norm runs over channel, height and width: over the channel only it would be smaller."""
    a = torch.randn(SHAPE)
    found = GradientPenalty(weight=weight, target=target)(Linear(a), images(6), images(6), None)
    expected = weight * (a.norm() - target) ** 2
    torch.testing.assert_close(found, expected.detach().expand(6))


def test_the_norm_is_each_samples_own_and_not_the_batchs() -> None:
    """With gradient x at sample x, three samples of norms 1, 2, 3 give 0, 1, 4."""

    class HalfSquare(nn.Module):
        def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
            return x.flatten(1).square().sum(1) / 2

    real = torch.zeros(3, *SHAPE)
    for sample, norm in enumerate((1.0, 2.0, 3.0)):
        real[sample] = norm / real[0].numel() ** 0.5
    found = GradientPenalty(weight=1.0)(HalfSquare(), real, real, None)
    torch.testing.assert_close(found, torch.tensor([0.0, 1.0, 4.0]))


def test_points_are_penalised_as_images_are() -> None:
    a = torch.tensor([3.0, 4.0])
    found = GradientPenalty(weight=1.0)(Linear(a), torch.randn(5, 2), torch.randn(5, 2), None)
    torch.testing.assert_close(found, torch.full((5,), 16.0))


def shares(n: int) -> Tensor:
    """Where the interpolates lie between real (0) and fake (1) -> [n, ...]."""
    recorder = Recorder()
    GradientPenalty()(recorder, torch.zeros(n, *SHAPE), torch.ones(n, *SHAPE), None)
    return recorder.images


def test_every_pixel_of_a_sample_has_one_share() -> None:
    found = shares(64).flatten(1)
    assert torch.equal(found, found[:, :1].expand_as(found))


def test_the_shares_are_uniform_and_drawn_per_sample() -> None:
    n = 4000
    found = shares(n)[:, 0, 0, 0]
    assert found.min() >= 0
    assert found.max() <= 1
    assert found.mean() == pytest.approx(0.5, abs=0.02)
    # Kolmogorov and Smirnov's distance to the uniform distribution, at the 1 % level.
    ranks = torch.arange(1, n + 1) / n
    assert (found.sort().values - ranks).abs().max() < 1.63 / n**0.5


def test_interpolates_lie_on_the_segment_between_their_own_real_and_fake() -> None:
    real, fake, recorder = images(32), images(32), Recorder()
    GradientPenalty()(recorder, real, fake, None)
    share = (recorder.images - real) / (fake - real)
    share = share.flatten(1).median(1).values.view(-1, 1, 1, 1)
    torch.testing.assert_close(recorder.images, real + share * (fake - real))


def test_a_constant_critic_costs_weight_times_target_squared_and_gives_no_nan() -> None:
    """The derivative of the square root at 0 is 0/0: without care the first step is NaN."""
    critic = Constant()
    penalty = GradientPenalty(weight=10.0, target=2.0)(critic, images(4), images(4), None)
    torch.testing.assert_close(penalty, torch.full((4,), 40.0))
    penalty.mean().backward()
    assert critic.a.grad is not None
    assert critic.a.grad.isfinite().all()


def test_its_gradient_reaches_the_parameters_by_double_backward() -> None:
    a = torch.randn(SHAPE)
    critic = Linear(a.clone())
    GradientPenalty(weight=10.0, target=1.5)(critic, images(4), images(4), None).mean().backward()
    expected = 20.0 * (a.norm() - 1.5) * a / a.norm()
    torch.testing.assert_close(critic.a.grad, expected)


def test_descending_it_brings_the_norm_to_the_target() -> None:
    critic, penalty = Linear(torch.randn(SHAPE)), GradientPenalty(weight=1.0, target=2.0)
    optimiser = torch.optim.SGD(critic.parameters(), 0.2)
    for _ in range(60):
        optimiser.zero_grad()
        penalty(critic, images(4), images(4), None).mean().backward()
        optimiser.step()
    assert critic.a.norm().item() == pytest.approx(2.0, abs=1e-3)


# -- R1 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.0, 1.0, 6.0])
def test_r1_on_a_linear_discriminator_is_half_gamma_times_the_square_norm(gamma: float) -> None:
    a = torch.randn(SHAPE)
    found = R1(gamma=gamma)(Linear(a), images(3), images(3), None)
    torch.testing.assert_close(found, (gamma / 2 * a.square().sum()).expand(3))


def test_r1_on_a_quadratic_discriminator_and_at_the_real_images_only() -> None:
    real = images(6)
    d = Quadratic(real[0].numel())
    found = R1(gamma=3.0)(d, real, torch.full_like(real, torch.nan), None)
    expected = 1.5 * (real.flatten(1) @ d.matrix + d.b).square().sum(1)
    torch.testing.assert_close(found, expected)


def test_r2_is_r1_at_the_generated_images_only() -> None:
    d = Quadratic(50)
    fake = images(4)
    found = R2(gamma=3.0)(d, torch.full_like(fake, torch.nan), fake, None)
    torch.testing.assert_close(found, R1(gamma=3.0)(d, fake, images(4), None))


def test_r1s_gradient_reaches_the_parameters_by_double_backward() -> None:
    a = torch.randn(SHAPE)
    d = Linear(a.clone())
    R1(gamma=4.0)(d, images(3), images(3), None).mean().backward()
    torch.testing.assert_close(d.a.grad, 4.0 * a)


# -- both ----------------------------------------------------------------------------------

ALL = [GradientPenalty(), R1(), R2()]


@pytest.mark.parametrize("penalty", ALL, ids=lambda p: p.kind)
def test_a_samples_penalty_does_not_depend_on_its_batch_mates(penalty: Penalty) -> None:
    net, real = smooth_net(), images(6)
    together = penalty(net, real, real, None)  # fake = real: the share plays no part
    alone = torch.cat([penalty(net, x, x, None) for x in real.split(1)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("penalty", ALL, ids=lambda p: p.kind)
def test_labels_are_handed_on(penalty: Penalty) -> None:
    recorder, labels = Recorder(), torch.tensor([3, 1])
    penalty(recorder, images(2), images(2), labels)
    assert recorder.labels is labels


@pytest.mark.parametrize("penalty", ALL, ids=lambda p: p.kind)
def test_computing_it_accumulates_no_gradient(penalty: Penalty) -> None:
    """Neither in the net nor in the batch: only the caller's backward does."""
    net, real, fake = smooth_net(), images(4), images(4).requires_grad_(True)
    penalty(net, real, fake, None)
    assert all(p.grad is None for p in net.parameters())
    assert fake.grad is None
    assert not real.requires_grad


@pytest.mark.parametrize("penalty", ALL, ids=lambda p: p.kind)
def test_every_parameter_that_shapes_the_gradient_receives_one(penalty: Penalty) -> None:
    net = smooth_net()
    penalty(net, images(4), images(4), None).mean().backward()
    for name, parameter in net.named_parameters():
        if name != "net.3.bias":  # an offset of the logit has no influence on dD/dx
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_the_input_gradient_is_one_flat_float32_row_a_sample() -> None:
    a = torch.randn(SHAPE)
    found = input_gradient(Linear(a), images(3), None)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, a.flatten().expand(3, -1))


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (GradientPenalty, "weight", -1.0),
        (GradientPenalty, "target", -1.0),
        (GradientPenalty, "every", 0),
        (R1, "gamma", -1.0),
        (R1, "every", 0),
        (R2, "gamma", -1.0),
        (R2, "every", 0),
    ],
)
def test_values_out_of_range_are_refused_by_name(
    cls: type[Penalty], field: str, value: float
) -> None:
    with pytest.raises(InputError, match=field):
        cls(**{field: value})
