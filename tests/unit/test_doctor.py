"""The doctor at foreign loops: it sees what happens, and changes nothing."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, relu, softplus
from torch.utils.data import DataLoader, TensorDataset

import saddlepoint as sp
from saddlepoint.core import registry
from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.columns import COLUMNS
from saddlepoint.diagnosis.diagnose import inspect
from saddlepoint.diagnosis.observe.real_batches import read_real
from saddlepoint.diagnosis.observe.roles import Roles
from saddlepoint.diagnosis.observe.trace import Made
from saddlepoint.diagnosis.signals.family import fitting
from saddlepoint.diagnosis.signals.loss import Pushed, Slopes
from saddlepoint.diagnosis.signals.reference import Reference, clusters
from saddlepoint.diagnosis.signals.samples import diversity

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
        "loss_d loss_g real_logit fake_logit logit_spread auc nonfinite weights_lost grad_norm_d "
        "grad_norm_g update_ratio_d update_ratio_g clip_share input_gradient_norm "
        "input_gradient_norm_fake pair_ratio rke_ratio duplicates coverage coverage_null "
        "nearest_real train_closeness bins_weight bins_null bins bins_real eval_gap loss_family"
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
        assert 0 <= row["real_logit"] <= 1
        assert row["sigmoid_end"] == 1


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
    """Real, fake, mixed, with labels joined, behind noise, between the two."""

    def roles(*made: Tensor) -> Roles:
        known = Roles(ring(64, seed=2))
        for images in made:
            known.remember(Made(images, ()), images)
        return known

    real, made = ring(64), torch.randn(64, 2)
    known = roles(torch.randn(64, 2), made)
    assert known.of(made, []).role == "fake"
    assert known.of(made.detach()[10:20], []).role == "fake"
    assert known.of(made.clone(), []).role == "fake"
    assert known.of(torch.cat([made, torch.ones(64, 3)], 1), []).role == "fake"
    assert known.of(real, []).role == "real"
    for batch in (torch.cat([real, made]), torch.cat([made, real])):
        origin = known.of(batch, [])
        assert origin.role == "mixed"
        assert origin.maker is not None
        assert torch.equal(batch[origin.fakes], made)
    assert roles(made).of(made + 0.05 * torch.randn(64, 2), []).role == "fake"
    between = (0.4 * real + 0.6 * made).requires_grad_(True)
    assert roles(made).of(between, []).role == "between"


def test_few_points_are_no_disguised_fakes() -> None:
    """Points in the plane lie near each other by chance, and near one of eight batches of fakes."""
    for seed in range(40):
        known = Roles(ring(32, seed=2))
        for index in range(8):
            made = ring(32, seed=100 * seed + index)
            known.remember(Made(made, ()), made)
        assert known.of(ring(32, seed=100 * seed + 50), []).role == "real"


def slopes_of(loss: Any, *outputs: Tensor) -> tuple[float, list[Slopes]]:
    """A loss's value and its slopes at each of its outputs."""
    given = [x.clone().requires_grad_(True) for x in outputs]
    value = loss(*given)
    found = torch.autograd.grad(value, given)
    return value.item(), [Slopes(*pair) for pair in zip(outputs, found, strict=True)]


def bce(p: Tensor, target: float) -> Tensor:
    return binary_cross_entropy(p, torch.full_like(p, target))


WRITTEN = {
    "non-saturating": (softplus_losses, lambda f: softplus(-f).mean()),
    "non-saturating of probabilities": (
        lambda r, f: bce(r.sigmoid(), 1) + bce(f.sigmoid(), 0),
        lambda f: bce(f.sigmoid(), 1),
    ),
    "minimax": (softplus_losses, lambda f: -softplus(f).mean()),
    "least-squares": (
        lambda r, f: (r - 1).square().mean() + f.square().mean(),
        lambda f: (f - 1).square().mean(),
    ),
    "hinge": (lambda r, f: relu(1 - r).mean() + relu(1 + f).mean(), lambda f: -f.mean()),
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda f: -f.mean()),
    "relativistic": (lambda r, f: softplus(f - r).mean(), lambda f: softplus(1 - f).mean()),
}
"""Losses as people write them, of raw outputs."""


@pytest.mark.parametrize("scale", [1.0, 0.5, 65536.0], ids=["plain", "halved", "amp"])
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["right", "wrong-sign"])
@pytest.mark.parametrize("written", WRITTEN)
def test_losses_are_recognised_by_their_slopes(written: str, scale: float, sign: float) -> None:
    """Whatever is added to the loss, and whichever sign the generator's has."""
    drawn = torch.Generator().manual_seed(0)
    real = 1 + torch.randn(64, generator=drawn)
    fake = -1 + 1.5 * torch.randn(64, generator=drawn)
    loss_d, loss_g = WRITTEN[written]
    if "probabilities" in written:  # the slopes at the sigmoid's outputs
        real, fake = real.sigmoid(), fake.sigmoid()

        def raw(loss: Any) -> Any:
            return lambda *p: loss(*(torch.logit(x) for x in p))

        loss_d, loss_g = raw(loss_d), raw(loss_g)
    value, (at_real, at_fake) = slopes_of(lambda *x: scale * loss_d(*x), real, fake)
    _, (at_made,) = slopes_of(lambda x: sign * scale * loss_g(x), fake)
    name = written.removesuffix(" of probabilities")
    for given, penalised in ((value / scale, False), (None, False), (value + 2.7, True)):
        assert fitting(Pushed(at_real, at_fake, at_made, ""), given, penalised) == {name}


def test_a_loss_that_is_not_registered_fits_none() -> None:
    real, fake = torch.randn(32), torch.randn(32)
    _, sides = slopes_of(lambda r, f: (r**3).mean() - f.exp().mean(), real, fake)
    assert fitting(Pushed(*sides, None, ""), 1.0, penalised=False) == set()


def test_hinge_and_wasserstein_within_1_are_told_apart_by_value_and_penalty() -> None:
    real, fake = 0.1 * torch.randn(64), 0.1 * torch.randn(64)
    for name in ("hinge", "wasserstein"):
        value, sides = slopes_of(WRITTEN[name][0], real, fake)
        assert fitting(Pushed(*sides, None, ""), value, penalised=False) == {name}
        assert fitting(Pushed(*sides, None, ""), None, penalised=False) == {"hinge", "wasserstein"}
        assert fitting(Pushed(*sides, None, ""), value + 9, penalised=True) == {"wasserstein"}


def test_a_new_loss_is_recognised_by_its_own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._classes, "loss", dict(registry._classes["loss"]))

    @register("cubic")
    @dataclass(frozen=True, kw_only=True)
    class Cubic(AdversarialLoss):
        aliases: ClassVar = ("third-power",)
        forms: ClassVar = (lambda outputs: outputs + 5,)

        def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
            return fake_logits**3 - real_logits**3

        def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
            return -(fake_logits**3)

    real, fake = torch.randn(32), torch.randn(32)
    _, sides = slopes_of(lambda r, f: ((f + 5) ** 3 - (r + 5) ** 3).mean(), real, fake)
    assert fitting(Pushed(*sides, None, ""), None, penalised=False) == {"cubic"}
    generator, discriminator = nets()
    optimizers = adams(generator, discriminator)
    doctor = watched(generator, discriminator, *optimizers, ring(64), loss="third-power")
    doctor.step(1.0, 1.0)
    assert doctor.history.rows[0]["loss_family"] == "cubic"


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
    assert len(doctor._recorder.roles.made) == 0
    generator(torch.randn(8, LATENT))
    assert len(doctor._recorder.roles.made) == 1
    doctor.detach()
    generator(torch.randn(8, LATENT))
    assert len(doctor._recorder.roles.made) == 1
    assert not generator._forward_hooks


def test_real_images_are_read_from_whatever_holds_them() -> None:
    points, labels = ring(300), torch.arange(300) % 3
    loader = DataLoader(TensorDataset(points, labels), batch_size=50)
    for given in ((points, labels), loader, lambda n: (points[:n], labels[:n])):
        images, found = read_real(given)
        assert torch.equal(images, points)
        assert found is not None
        assert torch.equal(found, labels)
    images, found = read_real(points)
    assert torch.equal(images, points)
    assert found is None
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
    same = diversity(ring(512, seed=5), reference)
    assert same["bins_weight"] == same["bins_null"] == 0
    assert same["pair_ratio"] == pytest.approx(1, abs=0.1)
    assert same["rke_ratio"] == pytest.approx(1, abs=0.1)
    assert same["coverage"] == pytest.approx(same["coverage_null"], abs=0.05)
    assert same["nearest_real"] == pytest.approx(1, abs=0.2)
    half = ring(2000, seed=6)
    half = half[half[:, 0] > 0.3][:512]
    few = diversity(half, reference)
    assert few["bins_weight"] == pytest.approx(5 / 8, abs=0.05)
    one = diversity(ring(4096, seed=7)[:512] * 0 + torch.tensor([1.0, 0.0]), reference)
    assert one["pair_ratio"] == 0
    assert one["rke_ratio"] < 0.3
    assert one["duplicates"] == 1


def test_the_same_history_gives_the_same_findings() -> None:
    _, doctor = train(30, watched)
    again = inspect(History(doctor.history.rows))
    assert [f.name for f in again] == [f.name for f in doctor.findings]


@pytest.mark.parametrize("detached", [True, False])
def test_a_watched_loop_leaves_nothing_in_memory(detached: bool) -> None:
    generator, discriminator = nets()
    _, doctor = train(25, watched, (generator, discriminator))
    assert doctor.active
    kept = [weakref.ref(x) for x in (generator, discriminator, doctor, *generator.parameters())]
    if detached:
        doctor.detach()
    del generator, discriminator, doctor
    gc.collect()
    assert [ref() for ref in kept] == [None] * len(kept)


def test_micro_batches_at_a_reused_address_are_all_counted() -> None:
    """A batch may get the address of the one before; that makes it no call of a penalty."""
    generator, discriminator = nets()
    optim_g, optim_d = adams(generator, discriminator)
    doctor = watched(generator, discriminator, optim_g, optim_d, ring(512), every=1)
    reused = torch.empty(32, 2)
    addresses = set()
    for step in range(8):
        for part in range(4):
            # Once freed by hand, and once a buffer that is filled anew, as CUDA graphs need it.
            real = reused.copy_(ring(32, seed=4 * step + part)) if step % 2 else ring(32, seed=part)
            addresses.add(real.data_ptr())
            fake = generator(torch.randn(32, LATENT)).detach()
            (softplus_losses(discriminator(real), discriminator(fake)) / 4).backward()
            del real, fake
        optim_d.step()
        optim_d.zero_grad()
        doctor.step()
    assert doctor.active
    assert [row["images"] for row in doctor.history.rows] == [128 * (n + 1) for n in range(8)]


class Critic(nn.Module):
    """A critic whose outputs are far from 0, as an unbounded one's are."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, x: Tensor) -> Tensor:
        return 40 * self.body(x) + 30


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["right", "wrong-sign"])
def test_a_wgan_gp_whose_loss_holds_the_penalty(sign: float) -> None:
    """As the most-starred collection writes it: fakes not detached, the penalty in loss_d, the
    generator's step on every fifth batch. Outputs beyond 16.6 are no saturation here."""
    torch.manual_seed(0)
    generator, critic = nets()[0], Critic()
    optim_g, optim_d = adams(generator, critic)
    doctor = sp.Doctor(generator, critic, optim_g, optim_d, real=ring(512))
    found: list[str] = []
    for step in range(30):
        for index in range(5):
            real = ring(64, seed=5 * step + index)
            fake = generator(torch.randn(64, LATENT))
            optim_d.zero_grad()
            real_validity, fake_validity = critic(real), critic(fake)
            alpha = torch.rand(64, 1)
            between = (alpha * real.data + (1 - alpha) * fake.data).requires_grad_(True)
            validity = critic(between)
            (gradient,) = torch.autograd.grad(
                validity, between, torch.ones_like(validity), create_graph=True
            )
            penalty = ((gradient.norm(2, dim=1) - 1) ** 2).mean()
            loss_d = -real_validity.mean() + fake_validity.mean() + 10 * penalty
            loss_d.backward()
            optim_d.step()
        optim_g.zero_grad()
        loss_g = -sign * critic(generator(torch.randn(64, LATENT))).mean()
        loss_g.backward()
        optim_g.step()
        found += [finding.name for finding in doctor.step(loss_d, loss_g)]
    rows = doctor.history.rows
    assert doctor.active
    assert abs(rows[-1]["real_logit"]) > 16.6
    assert {row["loss_family"] for row in rows} == {"wasserstein"}
    assert {row["flat_share"] for row in rows} == {0.0}
    assert [row["images"] for row in rows] == [5 * 64 * row["step"] for row in rows]
    # At the third check (step 10): it waits for no fourth.
    holds = [finding.name for finding in inspect(History(rows[:3]))]
    assert ("wrong-sign" in holds) == (sign < 0)
