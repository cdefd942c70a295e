"""What every registered loss and every registered penalty does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from saddlepoint.core import registry
from saddlepoint.core.contracts import AdversarialLoss, Penalty

LOSSES = [registry.get("loss", name)() for name in registry.names("loss")]
PENALTIES = [registry.get("penalty", name)() for name in registry.names("penalty")]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.kind)
every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=lambda penalty: penalty.kind)


def pairs() -> tuple[Tensor, Tensor]:
    """Logits in (-1, 1): beyond 1 a hinge has no slope, and least squares pulls back."""
    real, fake = torch.rand(9) * 2 - 1, torch.rand(9) * 2 - 1
    return real.requires_grad_(True), fake.requires_grad_(True)


# -- losses --------------------------------------------------------------------------------


@every_loss
def test_each_player_gets_one_finite_number_a_sample_even_at_logits_of_50(
    loss: AdversarialLoss,
) -> None:
    extreme = torch.tensor([-50.0, 0.0, 50.0])
    real = extreme.repeat_interleave(3).requires_grad_(True)
    fake = extreme.repeat(3).requires_grad_(True)
    for value in (loss.discriminator(real, fake), loss.generator(fake, real)):
        assert value.shape == (9,)
        assert value.dtype == torch.float32
        assert value.isfinite().all()
        found = torch.autograd.grad(value.sum(), (real, fake), allow_unused=True)
        assert all(gradient.isfinite().all() for gradient in found if gradient is not None)


@every_loss
def test_the_order_of_the_pairs_does_not_matter(loss: AdversarialLoss) -> None:
    real, fake = pairs()
    order = torch.randperm(9)
    for value, shuffled in (
        (loss.discriminator(real, fake), loss.discriminator(real[order], fake[order])),
        (loss.generator(fake, real), loss.generator(fake[order], real[order])),
    ):
        torch.testing.assert_close(value[order], shuffled)


@every_loss
def test_a_step_of_the_discriminator_widens_the_gap(loss: AdversarialLoss) -> None:
    real, fake = pairs()
    loss.discriminator(real, fake).sum().backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert (real.grad < 0).all(), "real logits rise when the loss is descended"
    assert (fake.grad > 0).all(), "fake logits fall when the loss is descended"


@every_loss
def test_a_step_of_the_generator_raises_the_fake_logits(loss: AdversarialLoss) -> None:
    real, fake = pairs()
    loss.generator(fake, real).sum().backward()
    assert fake.grad is not None
    assert (fake.grad < 0).all()


@every_loss
def test_it_tells_how_its_curves_are_read(loss: AdversarialLoss) -> None:
    assert len(loss.reading) > 80
    assert loss.reading.strip().endswith(".")


@every_loss
def test_constraining_twice_is_constraining_once(loss: AdversarialLoss) -> None:
    net = nn.Linear(5, 5)
    loss.constrain(net)
    once = net.weight.detach().clone()
    loss.constrain(net)
    assert torch.equal(net.weight, once)


# -- penalties -----------------------------------------------------------------------------


class Linear(nn.Module):
    """D(x) = <a, x> + 3."""

    def __init__(self, a: Tensor) -> None:
        super().__init__()
        self.a = nn.Parameter(a)
        self.seen: Tensor | None = None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        self.seen = labels
        return (images * self.a).flatten(1).sum(1) + 3


def apply(penalty: Penalty, critic: nn.Module, n: int = 5, labels: Tensor | None = None) -> Tensor:
    return penalty(critic, torch.randn(n, 2, 4, 4), torch.randn(n, 2, 4, 4), labels)


@every_penalty
def test_a_penalty_is_one_finite_number_a_sample_and_never_negative(penalty: Penalty) -> None:
    value = apply(penalty, Linear(torch.randn(2, 4, 4)))
    assert value.shape == (5,)
    assert value.dtype == torch.float32
    assert value.isfinite().all()
    assert (value >= 0).all()


@every_penalty
def test_on_a_linear_critic_it_is_a_function_of_the_gradients_norm_only(penalty: Penalty) -> None:
    """Neither the direction of the gradient, nor the images, nor their batch play a part."""
    a = torch.randn(2, 4, 4)
    other = torch.randn(2, 4, 4)
    other *= a.norm() / other.norm()
    first = apply(penalty, Linear(a))
    torch.testing.assert_close(first, first[:1].expand(5))
    torch.testing.assert_close(apply(penalty, Linear(other), n=2), first[:2])
    steeper = apply(penalty, Linear(100 * a))
    assert (steeper > first).all(), "a steep critic costs more"


@every_penalty
def test_on_a_constant_critic_it_is_constant_and_its_gradient_finite(penalty: Penalty) -> None:
    critic = Linear(torch.zeros(2, 4, 4))
    value = apply(penalty, critic)
    torch.testing.assert_close(value, value[:1].expand(5))
    target = getattr(penalty, "target", 0.0)
    weight = getattr(penalty, "weight", 1.0)
    assert value[0].item() == pytest.approx(weight * target**2, rel=1e-4)
    value.sum().backward()
    assert critic.a.grad is not None
    assert critic.a.grad.isfinite().all()


@every_penalty
def test_its_gradient_reaches_the_critic_and_its_labels_too(penalty: Penalty) -> None:
    critic, labels = Linear(torch.randn(2, 4, 4)), torch.arange(5)
    apply(penalty, critic, labels=labels).sum().backward()
    assert critic.seen is labels
    assert critic.a.grad is not None
    assert critic.a.grad.abs().max() > 0


@every_penalty
def test_it_says_how_often_it_is_applied(penalty: Penalty) -> None:
    assert isinstance(penalty.every, int)
    assert penalty.every >= 1
