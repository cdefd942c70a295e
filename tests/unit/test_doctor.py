"""The doctor at foreign loops: it sees what happens, and changes nothing."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus
from torch.utils.data import DataLoader, TensorDataset

import saddlepoint as sp
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.columns import COLUMNS
from saddlepoint.diagnosis.families import recognise
from saddlepoint.diagnosis.reference import Reference, clusters

LATENT = 4


class Heads(nn.Module):
    """A discriminator with a second answer, as an ACGAN has."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2))
        self.judgement, self.classes = nn.Linear(16, 1), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.body(x)
        return self.judgement(h), self.classes(h)


def ring(n: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    angle = torch.randint(8, (n,), generator=generator) * (math.pi / 4)
    points = torch.stack([angle.cos(), angle.sin()], 1)
    return points + 0.02 * torch.randn(n, 2, generator=generator)


def nets(end: nn.Module | None = None) -> tuple[nn.Module, nn.Module]:
    """Nets with all that makes a forward pass leave traces: BatchNorm, dropout, power iteration."""
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Linear(LATENT, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2)
    )
    discriminator = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(2, 16)),
        nn.LeakyReLU(0.2),
        nn.Dropout(0.1),
        nn.Linear(16, 1),
    )
    if end is not None:
        discriminator.append(end)
    return generator, discriminator


def adams(*both: nn.Module) -> tuple[torch.optim.Optimizer, ...]:
    return tuple(torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.99)) for net in both)


def softplus_losses(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(-real).mean() + softplus(fake).mean()


def train(
    n_steps: int,
    make: Callable[..., Any] | None = None,
    pair: tuple[nn.Module, nn.Module] | None = None,
    judge: Callable[[Any], Tensor] = lambda output: output,
    n_critic: int = 1,
    sizes: tuple[int, ...] = (32,),
) -> tuple[list[float], Any]:
    """A plain loop on a shuffled loader; returns every loss, and the doctor if there is one."""
    generator, discriminator = nets() if pair is None else pair
    optim_g, optim_d = adams(generator, discriminator)
    loader = DataLoader(TensorDataset(ring(512)), batch_size=sizes[0], shuffle=True)
    doctor = None
    if make is not None:
        doctor = make(generator, discriminator, optim_g, optim_d, loader)
    torch.manual_seed(1)
    losses: list[float] = []
    batches: Iterator[Any] = iter(loader)
    for step in range(n_steps):
        loss_d = torch.zeros(())
        for _ in range(n_critic):
            try:
                (real,) = next(batches)
            except StopIteration:
                batches = iter(loader)
                (real,) = next(batches)
            real = real[: sizes[step % len(sizes)]]
            fake = generator(torch.randn(len(real), LATENT))
            optim_d.zero_grad()
            loss_d = softplus_losses(
                judge(discriminator(real)), judge(discriminator(fake.detach()))
            )
            loss_d.backward()
            optim_d.step()
        optim_g.zero_grad()
        loss_g = softplus(-judge(discriminator(fake))).mean()
        loss_g.backward()
        optim_g.step()
        losses += [loss_d.item(), loss_g.item()]
        if doctor is not None:
            doctor.step(loss_d=loss_d, loss_g=loss_g)
    return losses, doctor


def watched(*given: Any, **settings: Any) -> Any:
    return sp.Doctor(
        *given, **{"latent": lambda n: torch.randn(n, LATENT), "every": 10, **settings}
    )


def test_training_with_the_doctor_is_bit_for_bit_training_without() -> None:
    alone, _ = train(40)
    beside, doctor = train(40, watched)
    assert beside == alone
    assert doctor.active
    unasked, doctor = train(40, lambda *a: watched(*a, latent=None))
    assert unasked == alone
    assert "pair_ratio" in doctor.history.rows[-1]


def test_a_row_has_the_columns_of_behaviour_and_no_others() -> None:
    _, doctor = train(40, watched)
    row = doctor.history.rows[-1]
    assert set(row) <= set(COLUMNS)
    wanted = (
        "loss_d loss_g real_logit fake_logit logit_spread auc output_low output_high saturated "
        "nonfinite grad_norm_d grad_norm_g update_ratio_d update_ratio_g moved_d moved_g "
        "clip_share input_gradient_norm input_gradient_norm_fake replay_auc pair_ratio "
        "rke_ratio duplicates coverage "
        "coverage_null nearest_real train_closeness bins_missing bins_weight bins_null bins "
        "bins_real drift eval_gap loss_family logits_given"
    )
    assert set(wanted.split()) - set(row) == set()
    assert row["step"] == 40
    assert row["images"] == 40 * 32
    assert row["loss_family"] == "non-saturating"


def test_means_are_those_of_the_steps_since_the_last_row() -> None:
    losses, doctor = train(20, watched)
    row = doctor.history.rows[-1]
    assert row["loss_d"] == pytest.approx(sum(losses[20::2]) / 10)
    assert row["loss_g"] == pytest.approx(sum(losses[21::2]) / 10)


def test_held_out_images_are_judged_beside_those_trained_on() -> None:
    _, doctor = train(20, lambda *a: watched(*a, heldout=ring(200, seed=9)))
    assert 0.2 < doctor.history.rows[-1]["heldout_auc"] < 0.8


@pytest.mark.parametrize(
    ("judge", "end"),
    [
        (lambda output: output[0], None),
        (lambda output: output, nn.Unflatten(1, (1, 1, 1))),
        (lambda output: torch.logit(output, 1e-6), nn.Sigmoid()),
    ],
    ids=["heads", "patches", "probabilities"],
)
def test_discriminators_of_every_kind_are_read(judge: Any, end: nn.Module | None) -> None:
    pair = nets(end)
    if end is None:
        pair = (pair[0], Heads())
    _, doctor = train(20, watched, pair, judge)
    row = doctor.history.rows[-1]
    assert doctor.active
    assert {"auc", "real_logit", "input_gradient_norm"} <= set(row)
    if isinstance(end, nn.Sigmoid):
        assert 0 <= row["output_low"] <= row["output_high"] <= 1


def test_packed_images_are_judged_together() -> None:
    """As PacGAN does: two images in, one output."""
    body = nn.Linear(4, 1)

    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x.reshape(-1, 4)).squeeze(1)

    _, doctor = train(20, watched, (nets()[0], Packed()))
    assert doctor.active
    assert {"auc", "input_gradient_norm"} <= set(doctor.history.rows[-1])


def test_several_critic_steps_and_changing_batches() -> None:
    _, doctor = train(20, watched, n_critic=3, sizes=(32, 7, 32, 2, 20))
    row = doctor.history.rows[-1]
    assert doctor.active
    assert row["images"] > 3 * 20 * 7
    assert 0 <= row["auc"] <= 1


def test_compiled_nets_are_watched() -> None:
    generator, discriminator = nets()
    pair = (torch.compile(generator, backend="eager"), discriminator)
    discriminator.compile(backend="eager")
    alone, _ = train(12, None, nets())
    beside, doctor = train(12, watched, pair)  # type: ignore[arg-type]  # a compiled net is one
    assert beside == pytest.approx(alone)
    assert doctor.active
    assert {"auc", "pair_ratio", "input_gradient_norm"} <= set(doctor.history.rows[-1])


def test_an_amp_scaler_and_gradient_accumulation() -> None:
    generator, discriminator = nets()
    optim_g, optim_d = adams(generator, discriminator)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    doctor = watched(generator, discriminator, optim_g, optim_d, ring(512))
    for step in range(20):
        real = ring(32, seed=step)
        optim_d.zero_grad()
        for part in real.chunk(2):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                fake = generator(torch.randn(16, LATENT))
                loss_d = softplus_losses(discriminator(part), discriminator(fake.detach()))
            scaler.scale(loss_d / 2).backward()
        scaler.step(optim_d)
        optim_g.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss_g = softplus(-discriminator(generator(torch.randn(32, LATENT)))).mean()
        scaler.scale(loss_g).backward()
        scaler.step(optim_g)
        scaler.update()
        doctor.step(loss_d, loss_g)
    row = doctor.history.rows[-1]
    assert doctor.active
    assert row["images"] == 20 * 32
    assert row["grad_norm_d"] < 10  # not the scaled one


def test_calls_are_told_apart_by_what_they_get() -> None:
    """Real, mixed with fakes, noisy fakes, between the two."""
    from saddlepoint.diagnosis.roles import Roles

    real, made = ring(64), 0.1 * torch.randn(64, 2)
    roles = Roles(ring(64, seed=2))
    roles.made(made)
    assert roles.role(made, 0)[0] == "fake"
    assert roles.role(made.detach()[10:20], 0)[0] == "fake"
    assert roles.role(real, 1)[0] == "real"
    assert roles.role(torch.cat([real, made]), 2) == ("mixed", 64, False)
    assert roles.role(torch.cat([made, real]), 3) == ("mixed", 64, True)
    assert roles.role(made + 0.01 * torch.randn(64, 2), 4)[0] == "fake"
    between = (0.5 * real + 0.5 * made).requires_grad_(True)
    assert roles.role(between, 5)[0] == "between"


@pytest.mark.parametrize("part", [1.0, 0.5])
@pytest.mark.parametrize(
    ("family", "loss_d", "loss_g"),
    [
        ("cross-entropy", softplus_losses, lambda r, f: softplus(-f).mean()),
        ("minimax", softplus_losses, lambda r, f: -softplus(f).mean()),
        (
            "least-squares",
            lambda r, f: (r - 1).square().mean() + f.square().mean(),
            lambda r, f: (f - 1).square().mean(),
        ),
        ("hinge", lambda r, f: relu(1 - r).mean() + relu(1 + f).mean(), lambda r, f: -f.mean()),
        ("wasserstein", lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
        (
            "relativistic",
            lambda r, f: softplus(f - r).mean(),
            lambda r, f: softplus(r - f).mean(),
        ),
    ],
)
def test_losses_are_recognised_with_and_without_a_penalty(
    family: str, loss_d: Any, loss_g: Any, part: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    real = 1 + torch.randn(64, generator=generator)
    fake = -1 + 1.5 * torch.randn(64, generator=generator)
    fake_g = fake + 0.3
    value_d, value_g = part * loss_d(real, fake).item(), part * loss_g(real, fake_g).item()
    seen = recognise(real, fake, value_d, fake_g, value_g)
    assert seen.family == family
    assert seen.penalty == pytest.approx(0, abs=1e-5)
    if part == 1.0:
        seen = recognise(real, fake, value_d + 2.7, fake_g, value_g)
        assert seen.family == ("wasserstein" if family == "hinge" else family)


def test_a_loss_of_no_family_is_unknown() -> None:
    seen = recognise(torch.randn(8), torch.randn(8), 123.4, torch.randn(8), -77.0)
    assert seen.family == "unknown"
    assert seen.penalty is None


def test_a_conditional_loop() -> None:
    class Conditional(nn.Module):
        def __init__(self, n: int, out: int) -> None:
            super().__init__()
            self.names = nn.Embedding(4, 4)
            self.body = nn.Sequential(nn.Linear(n + 4, 32), nn.ReLU(), nn.Linear(32, out))

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return self.body(torch.cat([x, self.names(y)], 1))

    torch.manual_seed(0)
    generator, discriminator = Conditional(LATENT, 2), Conditional(2, 1)
    optim_g, optim_d = adams(generator, discriminator)
    points = ring(512)
    labels = (torch.atan2(points[:, 1], points[:, 0]) / (math.pi / 2)).round().long() % 4
    doctor = watched(
        generator,
        discriminator,
        optim_g,
        optim_d,
        (points, labels),
        labels=lambda n: torch.arange(n) % 4,
    )
    for step in range(20):
        y = labels[:32]
        fake = generator(torch.randn(32, LATENT), y)
        optim_d.zero_grad()
        loss_d = softplus_losses(discriminator(points[:32], y), discriminator(fake.detach(), y))
        loss_d.backward()
        optim_d.step()
        optim_g.zero_grad()
        loss_g = softplus(-discriminator(fake, y)).mean()
        loss_g.backward()
        optim_g.step()
        doctor.step(loss_d, loss_g, images=32 * (step + 1))
    row = doctor.history.rows[-1]
    assert doctor.active
    assert {"label_diversity", "latent_effect", "label_effect", "input_gradient_norm"} <= set(row)
    assert "label_agreement" in row
    assert row["bins_are_classes"] == 1
    assert len(row["bins"]) == 4


def test_real_images_that_are_judged_again_count_once() -> None:
    """For R1, or beside wrong labels, as what the discriminator must lower."""
    generator, discriminator = nets()
    optim_g, optim_d = adams(generator, discriminator)
    doctor = watched(generator, discriminator, optim_g, optim_d, ring(512))
    for step in range(10):
        real, fake = ring(32, seed=step), generator(torch.randn(32, LATENT)).detach()
        loss = softplus_losses(discriminator(real), discriminator(fake))
        again = real.detach()[:8].requires_grad_(True)
        (slope,) = torch.autograd.grad(discriminator(again).sum(), again, create_graph=True)
        (loss + slope.square().mean()).backward()
        optim_d.step()
        doctor.step(loss_d=loss)
    assert doctor.history.rows[-1]["images"] == 10 * 32


def test_real_images_with_other_values_are_compared_with_nothing() -> None:
    def make(*given: Any) -> Any:
        return watched(*given[:-1], 5 + 3 * ring(512))

    _, doctor = train(20, make)
    assert doctor.active
    assert "auc" in doctor.history.rows[-1]
    assert "pair_ratio" not in doctor.history.rows[-1]


def test_a_doctor_that_fails_warns_once_and_lets_the_loop_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone, _ = train(30)

    def broken(*_: Any) -> None:
        raise RuntimeError("a fault of the doctor's own")

    def make(*given: Any) -> Any:
        doctor = watched(*given)
        monkeypatch.setattr(doctor.probes, "measure", broken)
        return doctor

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        beside, doctor = train(30, make)
    ours = [w for w in seen if "doctor" in str(w.message)]
    assert len(ours) == 1
    assert "a fault of the doctor's own" in str(ours[0].message)
    assert beside == alone
    assert not doctor.active


def test_losses_that_are_not_finite_make_a_row() -> None:
    generator, discriminator = nets()
    doctor = watched(generator, discriminator, *adams(generator, discriminator), ring(128), every=5)
    for _ in range(5):
        found = doctor.step(loss_d=math.nan, loss_g=torch.tensor(math.inf))
    assert doctor.history.rows[-1]["nonfinite"] == 1
    assert "non-finite" in {finding.name for finding in (*found, *doctor.findings)}


def test_copies_of_a_watched_net_are_not_watched_and_the_net_can_be_pickled() -> None:
    generator, discriminator = nets()
    doctor = watched(generator, discriminator, *adams(generator, discriminator), ring(128))
    average = copy.deepcopy(generator)
    unpickled = pickle.loads(pickle.dumps(generator))
    unpickled(torch.randn(8, LATENT))
    average(torch.randn(8, LATENT))
    assert len(doctor._listener.roles._made) == 0
    generator(torch.randn(8, LATENT))
    assert len(doctor._listener.roles._made) == 1
    doctor.detach()
    generator(torch.randn(8, LATENT))
    assert len(doctor._listener.roles._made) == 1
    assert not generator._forward_hooks


def test_real_images_are_read_from_whatever_holds_them() -> None:
    from saddlepoint.diagnosis.reading import read_real

    points, labels = ring(300), torch.arange(300) % 3
    loader = DataLoader(TensorDataset(points, labels), batch_size=50)
    for given in (points, (points, labels), loader, lambda n: (points[:n], labels[:n])):
        images, found = read_real(given)
        assert torch.equal(images, points)
        assert found is None or torch.equal(found, labels)
    with pytest.raises(sp.InputError, match="iterator"):
        read_real(iter(loader))
    with pytest.raises(sp.InputError, match="holds no images"):
        read_real([])
    with pytest.raises(sp.InputError, match="int"):
        read_real(3)  # type: ignore[arg-type]
    before = torch.get_rng_state()
    read_real(DataLoader(TensorDataset(points), batch_size=50, shuffle=True))
    assert torch.equal(before, torch.get_rng_state())


def test_an_unknown_loss_gets_a_suggestion() -> None:
    generator, discriminator = nets()
    with pytest.raises(sp.InputError, match="did you mean 'hinge'"):
        watched(generator, discriminator, *adams(generator, discriminator), ring(64), loss="hinge2")


def test_bins_are_modes_and_their_null_is_zero() -> None:
    points = ring(2560)
    reference = Reference.of(points, None, 512)
    assert reference.n_bins == 8
    assert int(clusters(points, 1.4).max()) + 1 == 8
    from saddlepoint.diagnosis.signals.diversity import diversity

    same = diversity(ring(512, seed=5), reference)
    assert same["bins_missing"] == same["bins_null"] == 0
    assert same["pair_ratio"] == pytest.approx(1, abs=0.1)
    assert same["rke_ratio"] == pytest.approx(1, abs=0.1)
    assert same["coverage"] == pytest.approx(same["coverage_null"], abs=0.05)
    assert same["nearest_real"] == pytest.approx(1, abs=0.2)
    half = ring(2000, seed=6)
    half = half[half[:, 0] > 0.3][:512]
    few = diversity(half, reference)
    assert few["bins_missing"] == pytest.approx(5 / 8)
    assert few["bins_weight"] == pytest.approx(5 / 8, abs=0.05)
    one = diversity(ring(4096, seed=7)[:512] * 0 + torch.tensor([1.0, 0.0]), reference)
    assert one["pair_ratio"] == 0
    assert one["rke_ratio"] < 0.3
    assert one["duplicates"] == 1


def test_the_same_history_gives_the_same_findings() -> None:
    from saddlepoint.diagnosis.diagnose import inspect

    _, doctor = train(30, watched)
    again = inspect(History(doctor.history.rows))
    assert [f.name for f in again] == [f.name for f in doctor.findings]
