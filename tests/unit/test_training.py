"""The step, the average, the schedules, and that one seed decides everything."""

from __future__ import annotations

import copy
import importlib.util
import json
from dataclasses import replace
from functools import partialmethod
from pathlib import Path

import pytest
import torch
from torch import nn

from saddlepoint import api
from saddlepoint.core.config import Config, Ema
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.contracts import Batch, Discriminator
from saddlepoint.core.errors import InputError
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.data.loader import DeviceData
from saddlepoint.data.sources.digits import Digits
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.presets import PRESETS, preset
from saddlepoint.training import budget, device, judging, steps
from saddlepoint.training.loop import iterate, set_optimizers
from saddlepoint.training.optimizers import Adam
from saddlepoint.training.schedule import Schedule, crossed, progress
from saddlepoint.training.state import TrainState, ema_decay, update_ema

GOLDEN = Path(__file__).parents[1] / "golden" / "losses.py"


def small(name: str = "dcgan", source: object = None, **changes: object) -> Config:
    """A preset that trains in milliseconds, fp32, on digits."""
    config = preset(name, source or Digits())  # type: ignore[arg-type]
    widths = {
        "mlp": {"arch.generator_widths": [16], "arch.discriminator_widths": [16]},
        "dcgan": {"arch.generator_width": 8, "arch.discriminator_width": 8},
        "r3gan": {"arch.width": 8},
    }[config.arch.kind]
    fixed = {"train.precision": "fp32", "train.device": "cpu", "train.batch_size": 16}
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    config = with_changes(config, {**widths, **fixed, "train.kimg": 1, **dotted})
    return replace(config, train=device.resolve(config.train))


def run_steps(config: Config, n: int, state: TrainState | None = None) -> TrainState:
    dataset = config.source.open()
    state = state or TrainState.new(config, dataset.spec)
    data = DeviceData(dataset, "cpu", config.seed)
    for _ in range(n):
        iterate(state, config, data, steps.Sums())
    return state


def weights(state: TrainState) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value.clone()
        for name, net in state.nets.items()
        for key, value in net.state_dict().items()
    }


def assert_same(one: TrainState, other: TrainState) -> None:
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    different = [key for key in a if not torch.equal(a[key], b[key])]
    assert different == []


@pytest.mark.parametrize("name", PRESETS)
def test_first_ten_losses_are_the_golden_ones(name: str) -> None:
    spec = importlib.util.spec_from_file_location("golden_losses", GOLDEN)
    assert spec is not None
    assert spec.loader is not None
    golden = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(golden)
    expected = json.loads(golden.FILE.read_text())[name]
    for row, wanted in zip(golden.first_losses(name), expected, strict=True):
        assert row == pytest.approx(wanted, rel=2e-3, abs=2e-4)


@pytest.mark.parametrize("name", ["gan", "dcgan", "wgan-gp", "cgan-every-layer"])
def test_one_seed_gives_one_result_and_another_seed_another(name: str) -> None:
    config = small(name)
    first, second = run_steps(config, 3), run_steps(config, 3)
    assert_same(first, second)
    other = run_steps(replace(config, seed=1), 3)
    assert any(
        not torch.equal(a, b)
        for a, b in zip(weights(first).values(), weights(other).values(), strict=True)
    )


def test_dropout_draws_do_not_depend_on_what_the_caller_drew_before() -> None:
    config = small("dcgan", arch__dropout=0.3)
    torch.manual_seed(5)
    first = run_steps(config, 2)
    torch.manual_seed(99)
    torch.randn(1000)
    assert_same(first, run_steps(config, 2))


def test_images_and_steps_are_counted_with_n_critic() -> None:
    state = run_steps(small("wgan-gp", train__n_critic=5), 3)
    assert state.n_images == 3 * 5 * 16
    assert state.n_steps == 3


def test_accumulation_gives_the_gradients_of_the_whole_batch() -> None:
    # The MLP without BatchNorm in the discriminator; the generator's norm sees parts, so only
    # the discriminator's first step is comparable, from one set of fakes.
    whole, parts = small("gan"), small("gan", train__accumulate=4)
    dataset = whole.source.open()
    batch = DeviceData(dataset, "cpu", 0).batch(0, 16)
    fake = torch.randn(16, *dataset.spec.shape)
    gradients = []
    for config in (whole, parts):
        state = TrainState.new(config, dataset.spec)
        steps.discriminator_step(state, config, batch, fake, steps.Sums())
        gradients.append([p.grad.clone() for p in state.discriminator.parameters()])  # type: ignore[union-attr]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 4])
def test_the_discriminators_step_gives_the_logits_from_before_it(accumulate: int) -> None:
    config = small("gan", train__accumulate=accumulate)
    dataset = config.source.open()
    batch = DeviceData(dataset, "cpu", 0).batch(0, 16)
    state = TrainState.new(config, dataset.spec)
    expected = state.discriminator(batch.images).detach()
    fake = torch.randn(16, *dataset.spec.shape)
    logits = steps.discriminator_step(state, config, batch, fake, steps.Sums())
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert not logits.requires_grad
    assert not torch.allclose(state.discriminator(batch.images), expected, rtol=1e-4, atol=1e-5)


def test_accumulation_trains_both_players() -> None:
    config = small("cgan-every-layer", train__accumulate=2)
    before = weights(TrainState.new(config, config.source.open().spec))
    after = weights(run_steps(config, 1))
    moved = {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])}
    assert {"generator", "discriminator", "ema"} <= moved


def test_lazy_penalty_is_due_on_one_step_in_every_and_scaled_by_it() -> None:
    config = small("dcgan-r1", penalties=[{"kind": "r1", "gamma": 2.0, "every": 4}])
    dataset = config.source.open()
    data = DeviceData(dataset, "cpu", 0)
    state = TrainState.new(config, dataset.spec)
    seen = []
    for _ in range(8):
        sums = steps.Sums()
        iterate(state, config, data, sums)
        seen.append("penalty" in sums.take())
    assert seen == [True, False, False, False] * 2

    batch, fake = data.batch(0, 16), torch.zeros(16, *dataset.spec.shape)
    gradients = {}
    for every in (1, 4):
        changed = with_changes(config, {"penalties.0.every": every, "penalties.0.gamma": 1e6})
        fresh = TrainState.new(changed, dataset.spec)
        steps.discriminator_step(fresh, changed, batch, fake, steps.Sums(), changed.penalties)
        gradients[every] = steps.gradient_norm(fresh.discriminator).item()
    assert gradients[4] == pytest.approx(4 * gradients[1], rel=1e-2)


def test_penalties_of_one_step_are_logged_as_their_sum() -> None:
    both = [{"kind": "r1", "gamma": 2.0, "every": 1}, {"kind": "r2", "gamma": 2.0, "every": 1}]
    logged = []
    for penalties in (both[:1], both[1:], both):
        config = small("dcgan-r1", penalties=penalties)
        dataset = config.source.open()
        sums = steps.Sums()
        state = TrainState.new(config, dataset.spec)
        iterate(state, config, DeviceData(dataset, "cpu", 0), sums)
        logged.append(sums.take()["penalty"])
    assert logged[2] == pytest.approx(logged[0] + logged[1], rel=1e-5)


R1, R2 = ({"kind": kind, "gamma": 1.0, "every": 1} for kind in ("r1", "r2"))
JUDGED: list[tuple[str, dict[str, object]]] = [
    ("dcgan-r1", {"penalties": []}),
    ("dcgan-r1", {"penalties": [R1]}),
    ("dcgan-r1", {"penalties": [R1, R2]}),
    ("dcgan-r1", {"penalties": [R2, {"kind": "gradient-penalty"}], "train__accumulate": 2}),
    ("r3gan", {"arch__conditioning": "embedding"}),
    ("wgan-gp", {"train__instance_noise": 0.1}),
    ("gan", {}),
]


@pytest.mark.parametrize(("name", "changes"), JUDGED)
def test_one_call_for_real_and_fake_gives_the_gradients_of_two(
    name: str, changes: dict[str, object]
) -> None:
    config = small(name, **changes)
    dataset = config.source.open()
    batch = DeviceData(dataset, "cpu", 0).batch(0, 16)
    gradients, losses = [], []
    for together in (False, True):
        state, sums = TrainState.new(config, dataset.spec), steps.Sums()
        assert state.discriminator.per_image
        torch.manual_seed(7)
        fake = torch.rand_like(batch.images) * 2 - 1
        steps.discriminator_step(
            state, config, batch, fake, sums, config.penalties, 0.1, 0.5, together
        )
        grads = [p.grad.flatten() for p in state.discriminator.parameters() if p.grad is not None]
        gradients.append(torch.cat(grads))
        losses.append(sums.take())
    apart = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
    assert float(apart) < 1e-6
    assert losses[0] == pytest.approx(losses[1], rel=1e-6, abs=1e-6)


def test_the_generators_step_leaves_the_discriminator_and_its_gradients_alone() -> None:
    config = small("gan")
    dataset = config.source.open()
    state = TrainState.new(config, dataset.spec)
    batch = DeviceData(dataset, "cpu", 0).batch(0, 16)
    z = steps.latents(config, state.generator.latent_dim, 0)
    before = copy.deepcopy(state.discriminator.state_dict())
    logits = torch.zeros(16)
    steps.generator_step(state, config, batch, logits, z, state.generator(z), steps.Sums())
    for key, value in state.discriminator.state_dict().items():
        assert torch.equal(value, before[key])
    assert all(p.grad is None for p in state.discriminator.parameters())
    assert all(p.requires_grad for p in state.discriminator.parameters())
    assert all(p.grad is not None for p in state.generator.parameters())


def test_the_critics_weights_stay_within_the_clip_after_every_step() -> None:
    config = small("wgan", loss__clip=0.02)
    dataset = config.source.open()
    state = TrainState.new(config, dataset.spec)
    data = DeviceData(dataset, "cpu", 0)
    for _ in range(4):
        iterate(state, config, data, steps.Sums())
        largest = max(p.abs().max().item() for p in state.discriminator.parameters())
        assert largest <= 0.02  # clipping before the step would leave it above


def test_ema_follows_its_closed_form_with_buffers() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    average = copy.deepcopy(net)
    start = copy.deepcopy(net.state_dict())
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1.0)
        net[1].running_mean.add_(2.0)  # type: ignore[union-attr, operator]
        net[1].num_batches_tracked.add_(7)  # type: ignore[union-attr, operator]
    decay, n = 0.9, 5
    for _ in range(n):
        update_ema(average, net, 1 - decay)
    kept = decay**n
    for key, value in average.state_dict().items():
        if value.is_floating_point():
            expected = kept * start[key] + (1 - kept) * net.state_dict()[key]
            torch.testing.assert_close(value, expected)
        else:
            assert torch.equal(value, net.state_dict()[key])


def test_ema_halflife_and_ramp() -> None:
    ema = Ema(halflife=1000, ramp=0)
    assert ema_decay(ema, 10**6, 100) ** 10 == pytest.approx(0.5)
    assert ema_decay(Ema(halflife=0), 10**6, 64) == 0.0
    # While only 2,000 images were seen, the half-life is 5 % of them.
    assert ema_decay(Ema(halflife=1000, ramp=0.05), 2000, 100) == pytest.approx(0.5)


def test_learning_rates_follow_the_budget() -> None:
    config = small("dcgan")
    schedule = Adam(lr=1e-3, decay_start=0.5, final_lr_factor=0.1)
    config = replace(config, optim_g=schedule, optim_d=Adam(lr=3e-4))
    state = TrainState.new(config, config.source.open().spec)
    for images, expected in ((0, 1e-3), (500, 1e-3), (750, 5.5e-4), (1000, 1e-4), (2000, 1e-4)):
        state.n_images = images
        set_optimizers(state, config)
        assert state.optim_g.param_groups[0]["lr"] == pytest.approx(expected)
        assert state.optim_d.param_groups[0]["lr"] == pytest.approx(3e-4)


def test_a_schedule_may_be_shorter_than_the_budget() -> None:
    config = small("dcgan", train__kimg=4, train__schedule_kimg=1)
    assert [progress(config, n) for n in (0, 500, 1000, 4000)] == [0.0, 0.5, 1.0, 1.0]
    assert progress(small("dcgan", train__kimg=4), 1000) == 0.25


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_an_accelerator_is_waited_for_before_the_warm_up_is_timed(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs behind: the untimed steps would else be part of the first timed ones."""
    waited: list[str] = []
    monkeypatch.setattr(getattr(torch, kind), "synchronize", lambda *_: waited.append(kind))
    device.synchronize(kind)
    assert waited == [kind]
    device.synchronize("cpu")

    events: list[str] = []
    clock = budget.time.monotonic
    monkeypatch.setattr(budget, "synchronize", lambda _: events.append("waited"))
    monkeypatch.setattr(budget, "iterate", lambda state, *_: events.append("step"))
    monkeypatch.setattr(budget.time, "monotonic", lambda: events.append("read") or clock())
    config = small("dcgan")
    budget.images_per_second(config, config.source.open(), 1e-6)
    assert events[events.index("step") :][:5] == ["step", "step", "step", "waited", "read"]


def test_schedule_intervals_come_from_the_budget_where_they_are_zero() -> None:
    config = small("dcgan", train__kimg=5000)
    schedule = Schedule.of(config)
    assert (schedule.tick, schedule.sample) == (50_000, 500_000)
    short = Schedule.of(small("dcgan", train__kimg=3))
    assert (short.tick, short.sample) == (1000, 1000)
    exact = Schedule.of(small("dcgan", train__tick_kimg=0.1, train__sample_kimg=0.2))
    assert (exact.tick, exact.sample) == (100, 200)
    state = TrainState.new(config, config.source.open().spec)
    state.n_images = 50_016
    assert crossed(49_984, state.n_images, schedule.tick)
    assert not crossed(50_000, state.n_images, schedule.tick)


def test_a_grid_is_drawn_at_the_first_tick_at_or_after_each_multiple(tmp_path: Path) -> None:
    config = small("dcgan", train__kimg=0.4, train__tick_kimg=0.05, train__sample_kimg=0.08)
    run = api.train(config, out=tmp_path / "run", quiet=True)
    # Steps of 16 images: the first at or after 100, 200, 250, 350 and 400.
    assert [images_of(path) for path in run.samples] == [0, 112, 208, 256, 352, 400]


def test_points_are_learnt_by_the_mlp() -> None:
    state = run_steps(small("gan", source=Ring8(n_points=256)), 2)
    z = torch.randn(5, state.ema.latent_dim)
    assert state.ema(z).shape == (5, 2)


def test_bf16_keeps_logits_and_losses_in_fp32() -> None:
    config = small("dcgan-r1", train__precision="bf16")
    dataset = config.source.open()
    state = TrainState.new(config, dataset.spec)
    with device.autocast(config.train):
        logits = state.discriminator(torch.zeros(2, *dataset.spec.shape))
        images = state.generator(torch.zeros(2, state.generator.latent_dim))
    assert logits.dtype == images.dtype == torch.float32
    run_steps(config, 2)
    assert all(p.dtype == torch.float32 for p in state.generator.parameters())


def test_no_number_leaves_the_device_inside_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small("wgan-gp")
    dataset = config.source.open()
    state = TrainState.new(config, dataset.spec)
    data = DeviceData(dataset, "cpu", 0)
    iterate(state, config, data, steps.Sums())

    def refuse(*_: object) -> None:
        raise AssertionError("a tensor was read inside a step")

    for reader in ("item", "tolist", "numpy", "__bool__", "__float__", "__int__"):
        monkeypatch.setattr(torch.Tensor, reader, refuse)
    sums = steps.Sums()
    iterate(state, config, data, sums)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, on importing dynamo
def test_what_cannot_be_compiled_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def no_compiler(*_: object) -> None:
        tried.append(1)
        raise RuntimeError("no C++ compiler here")

    monkeypatch.setattr(nn.Module, "compile", partialmethod(nn.Module.compile, backend=no_compiler))
    config = small("gan", Ring8(n_points=256))
    plain = run_steps(config, 2)
    compiled = run_steps(with_changes(config, {"train.compile": True}), 2)
    assert tried
    assert_same(compiled, plain)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, on importing dynamo
def test_penalties_of_a_compiled_discriminator_run_eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    """AOTAutograd, which every compiler sits on, raises when it is differentiated twice."""
    aot = partialmethod(nn.Module.compile, backend="aot_eager")
    monkeypatch.setattr(nn.Module, "compile", aot)
    config = small("dcgan-r1", penalties=[{"kind": "r1", "every": 2}])
    plain = run_steps(config, 3)
    compiled = run_steps(with_changes(config, {"train.compile": True}), 3)
    assert compiled.discriminator._compiled_call_impl is not None
    for mine, theirs in zip(weights(compiled).values(), weights(plain).values(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


# -- fakes that are real images beside a wrong label ---------------------------------------


class _LabelReader(Discriminator):
    """Keeps what it is shown; its logit is the label."""

    n_classes = 10

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        assert labels is not None
        self.seen.append((images, labels))
        return labels.double()


def test_mismatched_fakes_are_the_first_real_images_beside_a_wrong_label() -> None:
    images, labels = torch.randn(40, 1, 8, 8), torch.arange(40) % 10
    made = torch.randn(40, 1, 8, 8)
    reader = _LabelReader()
    drawn = []
    for seed in range(50):
        torch.manual_seed(seed)
        logits = judging._fake_logits(reader, Batch(images, labels), made, 0.25)
        assert logits.shape == (40,)
        assert logits.dtype == torch.float32
        (wrong_images, wrong), (fakes, right) = reader.seen[-2:]
        assert torch.equal(wrong_images, images[:10])
        assert torch.equal(fakes, made[10:])
        assert torch.equal(right, labels[10:])
        assert (wrong != labels[:10]).all()
        assert ((wrong >= 0) & (wrong < 10)).all()
        drawn.append((wrong - labels[:10]) % 10)
    assert torch.cat(drawn).unique().tolist() == list(range(1, 10))


def test_without_mismatched_fakes_one_pass_sees_the_fakes_alone() -> None:
    reader = _LabelReader()
    made, labels = torch.randn(8, 1, 8, 8), torch.arange(8)
    judging._fake_logits(reader, Batch(torch.randn(8, 1, 8, 8), labels), made, 0.0)
    ((fakes, right),) = reader.seen
    assert torch.equal(fakes, made)
    assert torch.equal(right, labels)


def test_mismatched_fakes_need_labels_and_leave_room_for_fakes() -> None:
    """An unconditional run has no labels to be wrong about: refused before it starts."""
    spec = small("dcgan").source.open().spec
    with pytest.raises(
        InputError, match=r"train\.wrong_label_fraction=0\.25 .* arch\.conditioning=none"
    ):
        small("dcgan", train__wrong_label_fraction=0.25).check(spec)
    small("cgan-onehot", train__wrong_label_fraction=0.25).check(spec)
    with pytest.raises(InputError, match="wrong_label_fraction"):
        small("cgan-onehot", train__wrong_label_fraction=1.0)
