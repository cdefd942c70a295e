"""The mathematics of the objectives, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.core.errors import InputError
from saddlepoint.losses.classic import Minimax, NonSaturating
from saddlepoint.losses.hinge import Hinge
from saddlepoint.losses.least_squares import LeastSquares
from saddlepoint.losses.relativistic import Relativistic
from saddlepoint.losses.wasserstein import Wasserstein

LOG2 = math.log(2)


def _normalised(weights: list[float]) -> Tensor:
    masses = torch.tensor(weights, dtype=torch.float64)
    return masses / masses.sum()


@st.composite
def two_distributions(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """p and q on the same 2 to 6 atoms, every mass positive."""
    k = draw(st.integers(2, 6))
    masses = st.lists(st.floats(1e-3, 1), min_size=k, max_size=k)
    return _normalised(draw(masses)), _normalised(draw(masses))


def logits_lists(size: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(-30, 30), min_size=size, max_size=size)


def expected_discriminator_loss(
    loss: AdversarialLoss, p: Tensor, q: Tensor, logits: Tensor
) -> Tensor:
    """E over independent real ~ p and fake ~ q, when atom i has the logit logits[i]."""
    k = len(p)
    real, fake = logits.repeat_interleave(k), logits.repeat(k)
    return (torch.outer(p, q).flatten() * loss.discriminator(real, fake)).sum()


def optimal_logits(p: Tensor, q: Tensor) -> Tensor:
    """D* = p / (p + q) = sigmoid(log p - log q)."""
    return p.log() - q.log()


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """JSD in its usual normalisation: half the divergence of each to their mixture; <= log 2."""
    m = (p + q) / 2
    return ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()) / 2


# -- the value of the game -----------------------------------------------------------------


@given(two_distributions())
def test_with_the_optimal_discriminator_the_value_is_minus_2_log_2_plus_twice_jsd(
    pq: tuple[Tensor, Tensor],
) -> None:
    """The lecture writes -2 log 2 + JS: its JS is 2 * JSD, the divergence with its factor."""
    p, q = pq
    value = -expected_discriminator_loss(Minimax(), p, q, optimal_logits(p, q))
    torch.testing.assert_close(value, -2 * LOG2 + 2 * jensen_shannon(p, q))


def test_the_factor_of_the_divergence_is_two_and_not_one() -> None:
    p, q = _normalised([0.9, 0.1]), _normalised([0.1, 0.9])
    value = -expected_discriminator_loss(Minimax(), p, q, optimal_logits(p, q))
    assert abs(value + 2 * LOG2 - jensen_shannon(p, q)) > 0.3


def test_on_disjoint_supports_the_value_reaches_its_maximum_zero() -> None:
    p, q = _normalised([1.0, 0.0]), _normalised([0.0, 1.0])
    value = -expected_discriminator_loss(Minimax(), p, q, torch.tensor([1e3, -1e3]).double())
    assert float(value) == pytest.approx(0.0, abs=1e-12)  # -2 log 2 + 2 * log 2


@given(two_distributions(), st.data())
def test_no_discriminator_is_better_than_the_optimal_one(
    pq: tuple[Tensor, Tensor], data: st.DataObject
) -> None:
    p, q = pq
    other = torch.tensor(data.draw(logits_lists(len(p))), dtype=torch.float64)
    best = expected_discriminator_loss(Minimax(), p, q, optimal_logits(p, q))
    assert expected_discriminator_loss(Minimax(), p, q, other) >= best - 1e-12


@given(two_distributions())
def test_the_optimal_discriminator_is_stationary(pq: tuple[Tensor, Tensor]) -> None:
    p, q = pq
    logits = optimal_logits(p, q).requires_grad_(True)
    expected_discriminator_loss(NonSaturating(), p, q, logits).backward()
    torch.testing.assert_close(logits.grad, torch.zeros_like(logits))


@given(two_distributions())
def test_the_two_minimax_losses_are_one_value_with_opposite_signs(
    pq: tuple[Tensor, Tensor],
) -> None:
    """The generator's minimax loss is the part of the value that depends on it."""
    p, q = pq
    logits = optimal_logits(p, q)
    real_part = (p * nn.functional.logsigmoid(logits)).sum()
    value = real_part + (q * Minimax().generator(logits)).sum()
    torch.testing.assert_close(-expected_discriminator_loss(Minimax(), p, q, logits), value)


# -- gradients -----------------------------------------------------------------------------


def gradient(of: Tensor, to: Tensor) -> Tensor:
    return torch.autograd.grad(of.sum(), to)[0]


@given(logits_lists(7))
def test_the_saturating_gradient_is_minus_sigmoid(values: list[float]) -> None:
    logits = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    found = gradient(Minimax().generator(logits), logits)
    torch.testing.assert_close(found, -torch.sigmoid(logits))


@given(logits_lists(7))
def test_the_non_saturating_gradient_is_minus_one_minus_sigmoid(values: list[float]) -> None:
    logits = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    found = gradient(NonSaturating().generator(logits), logits)
    torch.testing.assert_close(found, -(1 - torch.sigmoid(logits)))


@pytest.mark.parametrize("loss", [Minimax(), NonSaturating()])
@given(values=logits_lists(7))
def test_the_discriminators_gradients(loss: AdversarialLoss, values: list[float]) -> None:
    real = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    fake = torch.tensor(values[::-1], dtype=torch.float64, requires_grad=True)
    total = loss.discriminator(real, fake)
    by_real, by_fake = torch.autograd.grad(total.sum(), (real, fake))
    torch.testing.assert_close(by_real, -(1 - torch.sigmoid(real)))
    torch.testing.assert_close(by_fake, torch.sigmoid(fake))


def test_a_sure_discriminator_silences_only_the_saturating_generator() -> None:
    beaten = torch.full((1,), -20.0, requires_grad=True)
    assert gradient(Minimax().generator(beaten), beaten).abs() < 1e-8
    assert gradient(NonSaturating().generator(beaten), beaten) == pytest.approx(-1.0)


@given(logits_lists(7))
def test_both_generator_losses_push_the_same_way(values: list[float]) -> None:
    logits = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    for loss in (Minimax(), NonSaturating()):
        assert (gradient(loss.generator(logits), logits) < 0).all()


# -- values --------------------------------------------------------------------------------


def test_losses_at_the_equilibrium() -> None:
    zero = torch.zeros(3)
    expected = torch.full((3,), LOG2)
    for loss in (Minimax(), NonSaturating()):
        torch.testing.assert_close(loss.discriminator(zero, zero), 2 * expected)
    torch.testing.assert_close(NonSaturating().generator(zero), expected)
    torch.testing.assert_close(Minimax().generator(zero), -expected)
    torch.testing.assert_close(Wasserstein().discriminator(zero, zero), 0 * expected)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_cross_entropies_are_exact_at_huge_float32_logits(logit: float) -> None:
    real = torch.tensor([logit], requires_grad=True)
    fake = torch.tensor([-logit], requires_grad=True)
    for loss in (Minimax(), NonSaturating()):
        value = loss.discriminator(real, fake)
        assert value.item() == 2 * max(0.0, -logit)
        for found in torch.autograd.grad(value.sum(), (real, fake)):
            assert found.isfinite().all()
    assert NonSaturating().generator(fake).item() == max(0.0, logit)
    assert Minimax().generator(fake).item() == -max(0.0, -logit)


# -- Wasserstein ---------------------------------------------------------------------------


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(-10, 10))
def test_the_relativistic_loss_knows_only_the_gap(real: float, fake: float, shift: float) -> None:
    r, f = (torch.tensor([v], dtype=torch.float64) for v in (real, fake))
    loss = Relativistic()
    expected = math.log1p(math.exp(-abs(fake - real))) + max(0.0, fake - real)
    assert loss.discriminator(r, f).item() == pytest.approx(expected)
    moved = loss.discriminator(r + shift, f + shift)
    torch.testing.assert_close(moved, loss.discriminator(r, f))
    # One plays softplus(f - r), the other softplus(r - f): their difference is the gap.
    gap = loss.generator(f, r) - loss.discriminator(r, f)
    torch.testing.assert_close(gap, r - f, rtol=1e-6, atol=1e-9)


def test_the_relativistic_gradients_are_the_sigmoid_of_the_gap() -> None:
    real, fake = torch.tensor([2.0, -1.0, 0.0]), torch.tensor([0.5, 3.0, 0.0])
    found = gradient(Relativistic().generator(fake.requires_grad_(), real), fake)
    torch.testing.assert_close(found, -torch.sigmoid(real - fake.detach()))


# -- hinge and least squares ---------------------------------------------------------------


def test_the_hinge_pushes_with_slope_one_inside_the_margin_and_not_at_all_beyond() -> None:
    real = torch.tensor([-3.0, 0.5, 1.5, 9.0], requires_grad=True)
    fake = torch.tensor([3.0, -0.5, -1.5, -9.0], requires_grad=True)
    value = Hinge().discriminator(real, fake)
    assert value.tolist() == [8.0, 1.0, 0.0, 0.0]
    by_real, by_fake = torch.autograd.grad(value.sum(), (real, fake))
    assert by_real.tolist() == [-1.0, -1.0, 0.0, 0.0]
    assert by_fake.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert gradient(Hinge().generator(fake), fake).tolist() == [-1.0] * 4


@given(two_distributions())
def test_the_best_hinge_is_two_minus_twice_the_total_variation(pq: tuple[Tensor, Tensor]) -> None:
    """Lim & Ye: the optimal discriminator is the sign of p - q."""
    p, q = pq
    best = expected_discriminator_loss(Hinge(), p, q, torch.sign(p - q))
    total_variation = (p - q).abs().sum() / 2
    torch.testing.assert_close(best, 2 - 2 * total_variation)


@given(two_distributions(), st.data())
def test_the_best_least_squares_discriminator_and_its_pearson_divergence(
    pq: tuple[Tensor, Tensor], data: st.DataObject
) -> None:
    """D* = (p - q) / (p + q), where the loss is 1 - half the chi-square-like distance of p, q."""
    p, q = pq
    best = ((p - q) / (p + q)).requires_grad_(True)
    value = expected_discriminator_loss(LeastSquares(), p, q, best)
    torch.testing.assert_close(gradient(value, best), torch.zeros_like(p))
    torch.testing.assert_close(value.detach(), 1 - ((p - q).square() / (p + q)).sum() / 2)
    other = torch.tensor(data.draw(logits_lists(len(p))), dtype=torch.float64)
    assert expected_discriminator_loss(LeastSquares(), p, q, other) >= value - 1e-12


def test_least_squares_at_its_marks() -> None:
    ones, zeros = torch.ones(2), torch.zeros(2)
    assert LeastSquares().discriminator(ones, -ones).tolist() == [0.0, 0.0]
    assert LeastSquares().discriminator(zeros, zeros).tolist() == [1.0, 1.0]
    assert LeastSquares().generator(ones).tolist() == [0.0, 0.0]
    beaten = torch.tensor([-20.0], requires_grad=True)
    assert gradient(LeastSquares().generator(beaten), beaten).item() == -21.0  # no saturation


def estimate(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """The critic's estimate of the distance: minus its loss."""
    return -Wasserstein().discriminator(critic(real), critic(fake)).mean()


places = st.floats(-100, 100)


@given(places, places)
def test_the_estimate_on_two_point_masses_is_their_distance(a: float, b: float) -> None:
    real, fake = torch.tensor([[a] * 4, [b] * 4], dtype=torch.float64)
    uphill = math.copysign(1.0, a - b)  # f(x) = +-x: 1-Lipschitz, rising towards the real mass
    value = -Wasserstein().discriminator(uphill * real, uphill * fake).mean()
    assert value.item() == pytest.approx(abs(a - b))


@given(places, places, st.floats(-1, 1), st.floats(-5, 5))
def test_no_lipschitz_critic_estimates_more_than_the_distance(
    a: float, b: float, slope: float, offset: float
) -> None:
    real, fake = torch.tensor([[a], [b]], dtype=torch.float64)
    for critic in (lambda x: slope * x + offset, lambda x: torch.sin(x + offset)):
        value = -Wasserstein().discriminator(critic(real), critic(fake)).mean()
        assert value.item() <= abs(a - b) + 1e-9


def test_a_critic_step_raises_the_estimate() -> None:
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    real, fake = torch.randn(32, 2) + 2, torch.randn(32, 2)
    before = estimate(critic, real, fake)
    Wasserstein().discriminator(critic(real), critic(fake)).mean().backward()
    torch.optim.SGD(critic.parameters(), 0.05).step()
    assert estimate(critic, real, fake) > before


def test_a_generator_step_raises_the_score_of_the_fakes() -> None:
    generator = nn.Linear(3, 2)
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    z = torch.randn(32, 3)
    before = critic(generator(z)).mean()
    Wasserstein().generator(critic(generator(z))).mean().backward()
    torch.optim.SGD(generator.parameters(), 0.05).step()
    assert critic(generator(z)).mean() > before


def test_the_generator_descends_the_estimate_itself() -> None:
    """The slides' sign: the generator minimises E[D(x)] - E[D(G(z))], the distance."""
    real, fake = torch.randn(5), torch.randn(5, requires_grad=True)
    distance = real.mean() - fake.mean()
    expected = torch.autograd.grad(distance, fake)[0]
    found = torch.autograd.grad(Wasserstein().generator(fake).mean(), fake)[0]
    torch.testing.assert_close(found, expected)


# -- weight clipping -----------------------------------------------------------------------


def a_critic() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 1))
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0.0, 2.0)
    return net


def test_after_each_clipping_every_parameter_is_inside_the_bounds() -> None:
    critic, loss = a_critic(), Wasserstein(clip=0.01)
    optimiser = torch.optim.RMSprop(critic.parameters(), lr=0.5)
    real, fake = torch.randn(8, 1, 8, 8), torch.randn(8, 1, 8, 8)
    for _ in range(3):
        optimiser.zero_grad()
        loss.discriminator(critic(real), critic(fake)).mean().backward()
        optimiser.step()
        assert max(p.abs().max() for p in critic.parameters()) > 0.01
        loss.constrain(critic)
        for name, parameter in critic.named_parameters():
            assert parameter.abs().max() <= 0.01, name  # BatchNorm's gain and bias too


def test_clipping_leaves_what_is_inside_and_keeps_the_sign() -> None:
    layer = nn.Linear(3, 1, bias=False)
    layer.weight.data = torch.tensor([[0.005, -3.0, 0.2]])
    Wasserstein(clip=0.01).constrain(layer)
    torch.testing.assert_close(layer.weight.data, torch.tensor([[0.005, -0.01, 0.01]]))


@pytest.mark.parametrize("loss", [Wasserstein(clip=0), Minimax(), NonSaturating()])
def test_without_clipping_nothing_is_constrained(loss: AdversarialLoss) -> None:
    critic = a_critic()
    before = [p.clone() for p in critic.parameters()]
    loss.constrain(critic)
    assert all(torch.equal(a, b) for a, b in zip(before, critic.parameters(), strict=True))


def test_a_negative_bound_is_refused() -> None:
    with pytest.raises(InputError, match="clip"):
        Wasserstein(clip=-0.01)
