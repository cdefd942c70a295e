"""Never lose a run: whole checkpoints, damage found and named, killed runs equal unkilled ones."""

from __future__ import annotations

import errno
import json
import logging
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from _contents import contents, differing
from _forked import Saddle, wait_until

import saddlepoint as sp
from saddlepoint.core.checkpoints import damage, newest_intact
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.documents import Budget
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.files import sha256_of
from saddlepoint.core.provenance import read_config
from saddlepoint.data.loader import DeviceData
from saddlepoint.data.sources.digits import Digits
from saddlepoint.presets import PRESETS
from saddlepoint.training import checkpoint, device, steps
from saddlepoint.training.loop import iterate
from saddlepoint.training.moment import Moment
from saddlepoint.training.stages import stages, without_ends_after
from saddlepoint.training.state import TrainState

SMALL = {
    "mlp": {"arch.generator_widths": [16], "arch.discriminator_widths": [16]},
    "dcgan": {"arch.generator_width": 8, "arch.discriminator_width": 8},
    "r3gan": {"arch.width": 8},
}
OFTEN = {"train.tick_kimg": 0.064, "train.checkpoint_minutes": 0, "train.batch_size": 16}
FILES = ("generator", "ema", "discriminator", "optim")


def changes(preset: str, **more: object) -> dict[str, object]:
    kind = PRESETS[preset](Digits()).arch.kind
    return {**SMALL[kind], **OFTEN, **more}


def train(out: Path, preset: str = "dcgan", kimg: float = 0.32, **more: object) -> sp.Run:
    return sp.train(
        preset, "digits", out=out, kimg=kimg, changes=changes(preset, **more), quiet=True
    )


def digests(run: sp.Run) -> dict[str, str]:
    return {name: sha256_of(run.checkpoints[-1] / f"{name}.safetensors") for name in FILES}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; copied by each test that changes it."""
    return train(tmp_path_factory.mktemp("runs") / "run").path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> sp.Run:
    return sp.Run(shutil.copytree(finished, tmp_path / "run"))


@pytest.mark.parametrize("preset", PRESETS)
def test_five_steps_saved_loaded_and_five_more_equal_ten(preset: str, tmp_path: Path) -> None:
    config = sp.configure(preset, "digits", kimg=0.16, changes=changes(preset))
    config = replace(config, train=device.resolve(config.train))
    dataset = config.source.open()
    run = sp.Run(tmp_path)
    with torch.random.fork_rng(devices=[]):
        whole = advance(TrainState.new(config, dataset.spec), config, dataset, 10)
        half = advance(TrainState.new(config, dataset.spec), config, dataset, 5)
        checkpoint.save(run, Moment.of(half), config, dataset, None)
        loaded = TrainState.new(config, dataset.spec)
        assert checkpoint.load_newest(run, loaded)
        resumed = advance(loaded, config, dataset, 5)
    assert (resumed.n_images, resumed.n_steps) == (whole.n_images, whole.n_steps)
    for name, net in whole.nets.items():
        for key, value in net.state_dict().items():
            assert torch.equal(value, resumed.nets[name].state_dict()[key]), f"{name}.{key}"


def advance(state: TrainState, config: sp.Config, dataset: Dataset, n: int) -> TrainState:
    data = DeviceData(dataset, "cpu", config.seed)
    for _ in range(n):
        iterate(state, config, data, steps.Sums())
    return state


def test_a_run_killed_while_it_trains_ends_with_the_bits_of_one_never_killed(
    tmp_path: Path,
) -> None:
    whole = train(tmp_path / "whole", "cgan-every-layer", kimg=0.8)
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in changes("cgan-every-layer").items()]
    killed = sp.Run(tmp_path / "killed")
    command = ["train", "cgan-every-layer", "--quiet", "--data", "digits", "--out", killed.path]
    child = Saddle(*command, "--kimg", "0.8", *flags)
    wait_until(lambda: killed.checkpoints, "no checkpoint appears")
    child.kill()
    assert child.code == -signal.SIGKILL
    assert killed.status["state"] == "running"  # it had no chance to say otherwise
    resumed = sp.resume(killed.path, quiet=True)
    assert digests(resumed) == digests(whole)
    images = resumed.history["images"].tolist()
    assert images == whole.history["images"].tolist()
    assert resumed.history["loss_d"].tolist() == whole.history["loss_d"].tolist()


def test_a_finished_run_is_extended(run: sp.Run) -> None:
    before = run.status["n_images"]
    extended = sp.resume(run.path, kimg=0.64, quiet=True)
    assert extended.status["n_images"] >= 640 > before
    assert extended.status["state"] == "finished"
    assert read_config(extended).train.kimg == 0.64
    assert [b["kimg"] for b in extended.document["budgets"]] == [0.32, 0.64]
    with pytest.raises(InputError, match="larger --kimg"):
        sp.resume(run.path, quiet=True)


def test_an_extended_run_that_goes_back_ends_its_first_budget_again(tmp_path: Path) -> None:
    """With ticks and a learning rate that each budget decides anew."""
    more = {"train.tick_kimg": 0, "train.sample_kimg": 1, "optim_g.final_lr_factor": 0.1}
    more |= {"train.batch_size": 64}
    whole = train(tmp_path / "whole", kimg=3, **more)
    damaged = sp.Run(shutil.copytree(whole.path, tmp_path / "damaged"))
    extend = {"kimg": 4, "stretch_schedule": True, "quiet": True}
    sp.resume(whole.path, **extend)
    with (damaged.checkpoints[-1] / "ema.safetensors").open("r+b") as file:
        file.truncate(100)
    assert newest_intact(damaged) == damaged.checkpoints[-2]
    sp.resume(damaged.path, **extend)
    assert differing(contents(damaged.path), contents(whole.path)) == []
    assert [line.get("ended_at") for line in damaged.document["budgets"]] == [3008, None]


def test_what_a_treatment_takes_back_belongs_to_the_present_budget() -> None:
    lines: list[Budget] = [{"ended_at": 100}, {"begun_at": 100, "ended_at": 200}, {"begun_at": 200}]
    kept = without_ends_after(lines, 150)
    assert [line.get("ended_at") for line in kept] == [100, None, None]
    assert lines[1]["ended_at"] == 200
    config = sp.configure("dcgan", "digits", kimg=3)
    for budgets, n_images, begun in (
        (lines, 0, [0, 100, 200]),
        (lines, 100, [100, 200]),
        (lines, 200, [200]),
        (kept, 150, [200]),
        (lines[:1], 0, [0]),
        ([], 0, [0]),
        ([{}, {}], 0, [None]),
    ):
        found = list(stages([{"kimg": 1, **line} for line in budgets], config, n_images))
        assert [stage.begun_at for stage in found] == begun
        assert [stage.is_last for stage in found] == [False] * (len(begun) - 1) + [True]
        assert found[-1].config is config


def test_newest_two_and_the_best_are_kept(tmp_path: Path) -> None:
    run = train(tmp_path / "run", kimg=0.64)
    folders = run.checkpoints
    scores = {f.name: json.loads((f / "state.json").read_text())["score"] for f in folders}
    assert 2 <= len(folders) <= 3
    history = run.history["sliced_wasserstein"]
    assert min(scores.values()) == history[history == history].min()
    assert not list(run.checkpoints_folder.glob(".*"))


@pytest.mark.parametrize("fault", ["flipped", "truncated", "missing", "pickle", "state"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    run: sp.Run, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    previous, newest = run.checkpoints[-2:]
    target = newest / ("state.json" if fault == "state" else "ema.safetensors")
    content = target.read_bytes()
    if fault == "flipped":
        target.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif fault == "truncated":
        target.write_bytes(content[: len(content) // 2])
    elif fault == "missing":
        target.unlink()
    elif fault == "pickle":
        target.write_bytes(b"\x80\x04K\x01.")
    else:
        target.write_text("{")
    config = read_config(run)
    state = TrainState.new(config, config.source.open().spec)
    with caplog.at_level(logging.WARNING, logger="saddlepoint"):
        assert checkpoint.load_newest(run, state)
    assert str(newest) in caplog.text
    assert state.n_images == json.loads((previous / "state.json").read_text())["n_images"]


def test_when_all_are_damaged_the_run_is_refused(run: sp.Run) -> None:
    for folder in run.checkpoints:
        (folder / "optim.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="none of its checkpoints is intact"):
        sp.resume(run.path, kimg=1, quiet=True)


def test_a_checkpoint_of_a_newer_schema_is_refused(run: sp.Run) -> None:
    state = run.checkpoints[-1] / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "schema": 99}))
    with pytest.raises(InputError, match="schema 99"):
        sp.resume(run.path, kimg=1, quiet=True)


def test_other_data_than_before_is_refused(run: sp.Run) -> None:
    document = run.document
    document["data"]["fingerprint"] = "0" * 64
    run.config_file.write_text(json.dumps(document))
    with pytest.raises(InputError, match="fingerprint"):
        sp.resume(run.path, kimg=1, quiet=True)


def test_optimiser_state_comes_back_with_the_weights(run: sp.Run) -> None:
    config = read_config(run)
    state = TrainState.new(config, config.source.open().spec)
    checkpoint.load_newest(run, state)
    for optimizer, net in (
        (state.optim_g, state.generator),
        (state.optim_d, state.discriminator),
    ):
        for parameter in net.parameters():
            moments = optimizer.state[parameter]
            assert moments["exp_avg_sq"].abs().sum() > 0
            assert moments["exp_avg"].stride() == parameter.stride()
            assert moments["step"].item() == state.n_steps


def test_a_full_disk_stops_cleanly_and_the_last_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_save, saves = safetensors.torch.save, []

    def fill_up(*arguments: object, **named: object) -> bytes:
        saves.append(1)
        if len(saves) > 4 * 3:  # four files a checkpoint: the fourth checkpoint does not fit
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_save(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(safetensors.torch, "save", fill_up)
    with pytest.raises(RunFailed, match=r"No space left on device.*intact"):
        train(tmp_path / "run", kimg=0.64)
    run = sp.Run(tmp_path / "run")
    assert run.status["state"] == "failed"
    assert all(damage(folder) is None for folder in run.checkpoints)
    assert not list(run.checkpoints_folder.glob(".*"))
    monkeypatch.undo()
    whole = train(tmp_path / "whole", kimg=0.64)
    assert digests(sp.resume(run.path, quiet=True)) == digests(whole)


def test_a_value_that_is_not_finite_never_reaches_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="not finite"):
        train(
            tmp_path / "run",
            "wgan-gp",
            kimg=2,
            **{"optim_d.lr": 1e9, "optim_g.lr": 1e9},
        )
    run = sp.Run(tmp_path / "run")
    assert run.status["state"] == "failed"
    assert "not finite" in run.status["error"]
    for folder in run.checkpoints:
        weights = safetensors.torch.load_file(folder / "generator.safetensors")
        assert all(value.isfinite().all() for value in weights.values())
