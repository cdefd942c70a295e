"""A warm start: what fits is taken bit for bit, what does not is named; frozen layers stand still;
a resumed run ends with the same bits when the source is gone."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

import saddlepoint as sp
from saddlepoint.cli.main import main
from saddlepoint.core.checkpoints import write_state
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sha256_of
from saddlepoint.data.arrays import image_dataset
from saddlepoint.data.loader import DeviceData
from saddlepoint.data.sources.digits import Digits
from saddlepoint.diagnosis.doctor import Doctor
from saddlepoint.presets import preset
from saddlepoint.sampling.generator_file import GeneratorFile
from saddlepoint.training import steps, warm_report
from saddlepoint.training.loop import iterate
from saddlepoint.training.memory import needs
from saddlepoint.training.moment import Moment
from saddlepoint.training.state import TrainState
from saddlepoint.training.trained_model import TrainedModel
from saddlepoint.training.warm_start import WarmStart

NARROW = {
    "mlp": {"arch.generator_widths": [24, 16], "arch.discriminator_widths": [16, 24]},
    "dcgan": {"arch.generator_width": 8, "arch.discriminator_width": 8},
    "r3gan": {"arch.width": 8},
}
OFTEN = {"train.tick_kimg": 0.064, "train.checkpoint_minutes": 0, "train.batch_size": 16}


def config_of(name: str, **changes: Any) -> Config:
    config = preset(name, Digits())
    fixed = {"train.precision": "fp32", "train.device": "cpu", "train.batch_size": 16}
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return with_changes(config, {**NARROW[config.arch.kind], **fixed, **dotted})


def spec_of(size: int, channels: int = 1, n_classes: int = 10) -> DataSpec:
    return DataSpec(shape=(channels, size, size), n_classes=n_classes)


def noise(size: int, n: int = 64) -> Dataset:
    """Pictures of noise with ten labels."""
    pictures = np.random.default_rng(0).integers(0, 256, (n, size, size, 1), dtype=np.uint8)
    return image_dataset("noise", pictures, np.arange(n) % 10, tuple("0123456789"))


def advance(state: TrainState, config: Config, dataset: Dataset, n: int) -> TrainState:
    data = DeviceData(dataset, "cpu", config.seed)
    for _ in range(n):
        iterate(state, config, data, steps.Sums())
    return state


def trained_on(config: Config, dataset: Dataset, n: int = 3) -> TrainedModel:
    """What a run of n steps would have saved."""
    state = advance(TrainState.new(replace(config, seed=7), dataset.spec), config, dataset, n)
    copies = Moment.of(state).nets
    about = GeneratorFile(
        arch=config.arch,
        spec=dataset.spec,
        classes=dataset.classes,
        data=dataset.name,
        n_images=state.n_images,
        weights=copies["generator"],
    )
    return TrainedModel(origin="runs/a@1", about=about, discriminator=copies["discriminator"])


def weights(state: TrainState) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.clone()
        for name, net in state.nets.items()
        for key, value in net.state_dict().items()
    }


CASES: list[tuple[str, int, dict[str, Any], int, int, set[str]]] = [
    # preset there, size there, what differs here, size here, labels here -> layers that start anew
    ("dcgan", 16, {}, 16, 10, set()),
    ("gan", 8, {}, 8, 10, set()),
    ("wgan-gp", 16, {}, 16, 10, set()),
    ("r3gan", 8, {}, 16, 10, {"generator.stages.2.0.widen", "discriminator.stages.2.1.mix"}),
    # A stage more: the discriminator begins at the images, the generator ends there.
    (
        "dcgan",
        16,
        {},
        32,
        10,
        {
            "generator.project",
            "generator.norms.0.norm",
            "generator.stages.0",
            "discriminator.stages.2",
            "discriminator.norms.2.norm",
            "discriminator.residuals.2.conv",
            "discriminator.head",
        },
    ),
    # The label's inputs start anew, the others do not.
    ("dcgan", 16, {"arch__conditioning": "onehot"}, 16, 10, set()),
    ("cgan-embedding", 16, {"arch__conditioning": "none"}, 16, 10, set()),
    ("cgan-onehot", 16, {}, 16, 4, set()),
    ("gan", 8, {"arch__conditioning": "onehot"}, 8, 10, set()),
    (
        "cgan-every-layer",
        16,
        {},
        16,
        4,
        {
            *(f"generator.norms.{i}.{part}" for i in (0, 1, 2) for part in ("gain", "bias")),
            "discriminator.projection.table",
        },
    ),
    ("dcgan", 16, {"arch__discriminator_norm": "spectral"}, 16, 10, {"discriminator.stages.0"}),
]


@pytest.mark.parametrize(("name", "there", "changes", "here", "labels", "anew"), CASES)
def test_what_fits_is_taken_and_the_rest_is_as_without_a_warm_start(
    name: str, there: int, changes: dict[str, Any], here: int, labels: int, anew: set[str]
) -> None:
    config = config_of(name, **changes)
    trained = trained_on(config_of(name), noise(there))
    spec = spec_of(here, n_classes=labels)
    cold, warm = TrainState.new(config, spec), TrainState.new(config, spec, trained)
    assert (warm.n_images, warm.n_steps, warm.optim_g.state, warm.optim_d.state) == (0, 0, {}, {})
    found = WarmStart.of(trained, warm.generator, warm.discriminator)
    said = {f"{player}.{layer}" for player, fit in found.fits.items() for layer in fit.anew}
    assert anew <= said
    given = {"generator": trained.about.weights, "discriminator": trained.discriminator}
    for player, fit in found.fits.items():
        own, before = warm.nets[player].state_dict(), cold.nets[player].state_dict()
        theirs = list((given[player] or {}).values())
        for key, value in own.items():
            if key not in fit.taken or key.endswith("num_batches_tracked"):
                assert torch.equal(value, before[key]), key
                continue
            taken = fit.taken[key]
            whole = taken.shape == value.shape
            assert torch.equal(value if whole else value[:, : taken.shape[1]], taken), key
            if not whole:  # the label's inputs
                assert torch.equal(value[:, taken.shape[1] :], before[key][:, taken.shape[1] :])
            assert any(
                torch.equal(taken, t[:, : taken.shape[1]] if t.ndim > 1 else t)
                for t in theirs
                if t.ndim == taken.ndim and t.shape[0] == taken.shape[0]
            )
    # The average starts as a copy of the generator.
    for key, value in warm.generator.state_dict().items():
        assert torch.equal(value, warm.ema.state_dict()[key])


def test_an_unchanged_net_computes_what_the_trained_one_did() -> None:
    config, dataset = config_of("dcgan", arch__conditioning="onehot"), noise(16)
    trained = trained_on(config_of("dcgan"), dataset)
    # Without weights of the label, the same pictures whatever it is.
    state = TrainState.new(config, dataset.spec, trained)
    with torch.no_grad():
        n = state.generator.latent_dim
        state.generator.project.weight[:, n:] = 0
        z, labels = torch.randn(5, n), torch.arange(5)
        there = config_of("dcgan").arch.generator(dataset.spec)
        there.load_state_dict(trained.about.weights)
        assert torch.allclose(state.generator.eval()(z, labels), there.eval()(z), atol=1e-6)


FROZEN = [
    ("dcgan", 3, {}),
    ("dcgan", 2, {"arch__discriminator_norm": "spectral"}),
    ("wgan", 1, {"loss__clip": 1e-4}),
    ("wgan-gp", 3, {}),
    ("r3gan", 2, {}),
    ("gan", 1, {"arch__dropout": 0.3}),
]


@pytest.mark.parametrize(("name", "n", "changes"), FROZEN)
def test_frozen_layers_stand_still_for_fifty_steps_and_the_others_move(
    name: str, n: int, changes: dict[str, Any]
) -> None:
    config, dataset = config_of(name, **changes), noise(16)
    trained = trained_on(config, dataset)
    config = with_changes(config, {"start.freeze_discriminator": n})
    state = TrainState.new(config, dataset.spec, trained)
    before = weights(state)
    # The steps of the doctor's checks are no different, and it finds the freezing sound.
    doctor = Doctor(
        state.generator,
        state.discriminator,
        state.optim_g,
        state.optim_d,
        real=lambda n: DeviceData(dataset, "cpu", 0).batch(0, n),
        latent=lambda n: torch.randn(n, state.generator.latent_dim),
        loss=config.loss.kind,
        every=5,
    )
    data, found = DeviceData(dataset, "cpu", config.seed), set()
    for _ in range(50):
        iterate(state, config, data, steps.Sums())
        doctor.step()
        found |= {one.name for one in doctor.findings}
    after = weights(state)
    assert not found & {"broken-resume", "train-eval-mismatch", "discriminator-frozen"}
    frozen = {
        f"discriminator.{name}"
        for name, module in state.discriminator.named_modules()
        for layer in state.discriminator.hidden_layers()[:n]
        if module in layer
    }
    held = [key for key in before if any(key.startswith(f"{one}.") for one in frozen)]
    assert held
    for key in before:
        same = torch.equal(before[key], after[key])
        if key in held:
            assert same, key
        elif key.startswith("discriminator.") and before[key].ndim > 1:
            assert not same, key
    assert any("running_mean" in key for key in held) == (name == "dcgan" and not changes)
    fixed = {id(p) for p in state.discriminator.parameters() if not p.requires_grad}
    assert fixed
    assert fixed.isdisjoint(id(p) for p in state.optim_d.state)
    assert len(state.optim_d.state) + len(fixed) == len(list(state.discriminator.parameters()))


def test_frozen_layers_have_no_gradients_and_no_moments_in_the_estimate_of_memory() -> None:
    config = config_of("dcgan")
    whole = needs(config, spec_of(16))
    frozen = needs(with_changes(config, {"start.freeze_discriminator": 2}), spec_of(16))
    held = config.arch.discriminator(spec_of(16)).hidden_layers()[:2]
    n_bytes = sum(p.nbytes for layer in held for module in layer for p in module.parameters())
    # Adam keeps two numbers a weight, and a count of each tensor's steps.
    assert 2 * n_bytes <= whole[0] - frozen[0] <= 2 * n_bytes + 1000
    assert frozen[2] < whole[2]


# -- runs ------------------------------------------------------------------------------------------


def train(out: Path, kimg: float = 0.32, **more: Any) -> sp.Run:
    changes = {**NARROW["dcgan"], **OFTEN, **more.pop("changes", {})}
    name, data = more.pop("preset", "dcgan"), more.pop("data", "digits")
    return sp.train(name, data, out=out, kimg=kimg, changes=changes, quiet=True, **more)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; copied by each test that changes it."""
    return train(tmp_path_factory.mktemp("runs") / "source").path


def digests(run: sp.Run) -> dict[str, str]:
    names = ("generator", "ema", "discriminator", "optim")
    return {name: sha256_of(run.checkpoints[-1] / f"{name}.safetensors") for name in names}


def test_a_warm_run_is_resumed_to_the_same_bits_when_its_source_is_gone(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(source, tmp_path / "other")
    frozen = {"start.freeze_discriminator": 1}
    whole = train(tmp_path / "whole", start_from=other, changes=frozen)
    said = capsys.readouterr().err
    shutil.rmtree(other)
    document = whole.document
    assert document["config"]["start"]["model"] == document["start"]["from"] == f"{other}@0.32"
    assert document["start"]["said"][0] in said
    for name, digest in document["start"]["files"].items():
        assert sha256_of(whole.start_folder / name) == digest
    assert document["start"]["from"] in whole.report_file.read_text()
    # Killed between two checkpoints, and before there was the first.
    for kept in (-1, 0):
        killed = sp.Run(shutil.copytree(whole.path, tmp_path / f"killed{kept}"))
        for folder in whole.checkpoints[kept:]:
            shutil.rmtree(killed.checkpoints_folder / folder.name)
        killed.write_status("running", 64)
        assert digests(sp.resume(killed, quiet=True)) == digests(whole)
    # What a run started from is where a new one can start, too; damaged, nothing does.
    again = train(tmp_path / "again", start_from=f"{whole.path}@0", changes=frozen)
    assert digests(again) == digests(whole)
    (whole.start_folder / "generator.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="not the file that the run started from"):
        sp.resume(whole, kimg=1)


def test_a_file_gives_the_generator_alone_and_a_cold_run_names_nothing(
    source: Path, tmp_path: Path
) -> None:
    checkpoint = sp.Run(source).checkpoints[-1]
    run = train(tmp_path / "warm", 0.016, start_from=checkpoint / "ema.safetensors")
    assert list(run.document["start"]["files"]) == ["generator.safetensors"]
    assert "generator alone" in run.document["start"]["said"][-1]
    cold = train(tmp_path / "cold", 0.016)
    assert "start" not in cold.document
    assert not cold.start_folder.exists()


def test_a_run_that_was_killed_before_its_configuration_was_written_is_started_again(
    source: Path, tmp_path: Path
) -> None:
    run = train(tmp_path / "run", 0.016, start_from=source)
    for path in run.path.iterdir():
        if path.name not in ("lock", "start"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (run.start_folder / "generator.safetensors").write_bytes(b"half of i")
    assert train(run.path, 0.016, start_from=source).status["state"] == "finished"


BAD: list[tuple[str, list[str], str]] = [
    ("missing", ["--from", "absent"], "no such run or file"),
    ("empty", ["--from", ""], "--from is empty"),
    ("nothing", ["--from", "cold"], "no checkpoint yet"),
    ("folder", ["--from", "."], "no run and no model"),
    ("kimg", ["--from", "source@7"], "no such checkpoint (kept: "),
    ("kimg-nan", ["--from", "source@nan"], "after @ comes"),
    ("kimg-zero", ["--from", "source@0"], "random weights"),
    ("config", ["--from", "source/config.json"], "damaged or truncated"),
    ("pickle", ["--from", "model.pt"], "pickles can run any code"),
    ("truncated", ["--from", "short.safetensors"], "damaged or truncated"),
    ("other", ["--from", "other.safetensors"], "of another kind"),
    ("nan", ["--from", "nan.safetensors"], "not finite"),
    ("nan-run", ["--from", "nan"], "not finite"),
    ("bits", ["--from", "bits"], "none of its checkpoints is intact"),
    ("arch", ["--from", "source", "--arch", "mlp"], "trained with --arch dcgan"),
    (
        "width",
        ["--from", "source", "--arch.generator-width", "32", "--arch.discriminator-width", "32"],
        "--arch.generator-width 8",
    ),
    ("freeze", ["--freeze-discriminator", "1"], "add --from RUN"),
    ("freeze-many", ["--from", "source", "--freeze-discriminator", "9"], "before its last one"),
    ("freeze-less", ["--from", "source", "--freeze-discriminator", "-1"], "freeze_discriminator"),
    ("freeze-file", ["--from", "ema.safetensors", "--freeze-discriminator", "1"], "alone"),
    (
        "freeze-new",
        ["--from", "source", "--freeze-discriminator", "1", "--arch.conditioning", "onehot"],
        "label's inputs",
    ),
    ("pipe", ["--from", "pipe"], "a pipe"),
]


@pytest.fixture(scope="module")
def bad_models(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models of every fault."""
    folder = tmp_path_factory.mktemp("bad")
    shutil.copytree(source, folder / "source")
    newest = sp.Run(folder / "source").checkpoints[-1].relative_to(folder / "source")
    ema = (source / newest / "ema.safetensors").read_bytes()
    (folder / "ema.safetensors").write_bytes(ema)
    (folder / "short.safetensors").write_bytes(ema[:-9])
    torch.save({"a": torch.zeros(2)}, folder / "model.pt")
    safetensors.torch.save_file({"a": torch.zeros(2)}, folder / "other.safetensors")
    about = trained_on(config_of("dcgan"), noise(8), 0).about
    lost = {name: value * float("nan") for name, value in about.weights.items()}
    lost = {
        name: value if lost[name].is_floating_point() else about.weights[name]
        for name, value in lost.items()
    }
    content = safetensors.torch.save(lost, metadata=replace(about, weights=lost).metadata())
    (folder / "nan.safetensors").write_bytes(content)
    for name, change in (("nan", _lose), ("bits", _flip), ("cold", _empty)):
        change(sp.Run(shutil.copytree(source, folder / name)))
    os.mkfifo(folder / "pipe")
    return folder


def _lose(run: sp.Run) -> None:
    """A discriminator of NaN, whose checkpoint is as it was written."""
    for folder in run.checkpoints:
        file = folder / "discriminator.safetensors"
        tensors = safetensors.torch.load_file(file)
        safetensors.torch.save_file({k: v * float("nan") for k, v in tensors.items()}, file)
        document = json.loads((folder / "state.json").read_text())
        fields = {k: v for k, v in document.items() if k not in ("schema", "files", "sha256")}
        write_state(folder, **fields)


def _flip(run: sp.Run) -> None:
    for folder in run.checkpoints:
        with open(folder / "discriminator.safetensors", "r+b") as file:
            file.seek(-3, 2)
            file.write(b"\x7f")


def _empty(run: sp.Run) -> None:
    shutil.rmtree(run.checkpoints_folder)


@pytest.mark.parametrize(
    ("arguments", "sentence"), [(b, c) for _, b, c in BAD], ids=[a for a, *_ in BAD]
)
def test_what_cannot_be_started_from_is_one_sentence(
    arguments: list[str],
    sentence: str,
    bad_models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(bad_models)
    before = sorted(bad_models.rglob("*"))
    narrow = [f"--{k.replace('_', '-')}={v}" for k, v in NARROW["dcgan"].items()]
    narrow = [] if "--arch" in arguments else narrow
    command = ["train", "dcgan", "--data", "digits", "--out", "new", "--kimg", "0.016"]
    assert main([*command, *narrow, *arguments]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert sentence in said[-1], said
    assert said[-1].startswith("error: ")
    assert sorted(bad_models.rglob("*")) == before


def test_a_dry_run_says_what_is_taken_and_writes_nothing(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = [f"--{k.replace('_', '-')}={v}" for k, v in NARROW["dcgan"].items()]
    command = ["train", "dcgan", "--data", "digits", *narrow, "--from", str(source), "--dry-run"]
    out = tmp_path / "none"
    assert main([*command, "--freeze-discriminator", "1", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["start"]["freeze_discriminator"] == 1
    assert "5 of 5 layers of the generator and 4 of 4 layers of the discriminator" in shown.err
    assert "first layer stays as it is: stem." in shown.err
    assert not out.exists()


def test_a_configuration_without_a_start_needs_no_model() -> None:
    assert warm_report.find(config_of("dcgan"), spec_of(8)) == (None, [])
