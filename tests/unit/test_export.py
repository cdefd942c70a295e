"""Runs that leave: ONNX, TorchScript, safetensors with a card, and logs for trackers."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import saddlepoint as sp
from saddlepoint.architectures.mlp import MlpGenerator
from saddlepoint.cli.main import main
from saddlepoint.core import files
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.images import to_uint8
from saddlepoint.core.json_files import append_row
from saddlepoint.core.runs import Run
from saddlepoint.exporting.contract import Leaving, Log, Tracker
from saddlepoint.exporting.export import tracker
from saddlepoint.exporting.following import Following
from saddlepoint.exporting.formats import tensorboard
from saddlepoint.exporting.network import inputs, network, require_equal
from saddlepoint.sampling.latent_space import latents
from saddlepoint.sampling.sampler import load_sampler

pytestmark = pytest.mark.usefixtures("onnx_operators_read_once")
TINY = {"arch.generator_width": 8, "arch.discriminator_width": 8, "train.batch_size": 16}
POINTS = {"arch.generator_widths": (16,), "arch.discriminator_widths": (16,)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`run`: conditional, measured, and tracked while it trained; `points`: in the plane."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        changes = {**TINY, "train.tick_kimg": 0.032, "train.sample_kimg": 0.064}
        sp.train(
            "cgan-every-layer",
            "digits",
            kimg=0.128,
            out=folder / "run",
            changes=changes,
            track="tensorboard",
            quiet=True,
        )
        sp.evaluate(folder / "run", features="pixels", n=60, n_bootstrap=0, quiet=True)
        sp.train(
            "gan-points", "ring8", kimg=0.128, out=folder / "points", changes=POINTS, quiet=True
        )
        yield folder


@pytest.fixture
def world(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("run", "points"):
        shutil.copytree(runs / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- networks --------------------------------------------------------------------------------


def test_onnx_gives_the_images_of_the_run(world: Path) -> None:
    import onnxruntime

    net = onnxruntime.InferenceSession(sp.export("run", "net.onnx", format="onnx"))
    assert [i.name for i in net.get_inputs()] == ["z", "label", "truncation"]
    about = net.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == [str(i) for i in range(10)]
    sampler = load_sampler("run")
    for n, truncation in ((1, 1.0), (3, 0.7), (64, 0.3), (65, 1.0)):
        seeds = range(100, 100 + n)
        for labels in ([7], [seed % 10 for seed in seeds]):
            fed = {
                "z": latents(seeds, sampler.generator.latent_dim).numpy(),
                "label": np.resize(np.asarray(labels, np.int64), n),
                "truncation": np.array(truncation, np.float32),
            }
            (made,) = net.run(["images"], fed)
            assert made.shape == (n, 1, 8, 8)
            shown = sampler.images(seeds, labels, truncation)
            assert np.abs(to_uint8(made).astype(int) - shown.astype(int)).max() <= 1


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", ["run", "points"])
def test_torchscript_gives_what_the_generator_gives(world: Path, name: str) -> None:
    out = sp.export(name, f"{name}.pt", format="torchscript")
    # The test may load it: it wrote it. Saddlepoint itself never does.
    net, sampler = torch.jit.load(io.BytesIO(out.read_bytes())), load_sampler(name)
    given = inputs(sampler, 5, 0.7)
    wanted = network(sampler)(*given.values())
    torch.testing.assert_close(net(*given.values()), wanted, rtol=0, atol=1e-5)


def test_points_leave_as_points(world: Path) -> None:
    import onnxruntime

    net = onnxruntime.InferenceSession(sp.export("points", "net.onnx", format="onnx"))
    sampler = load_sampler("points")
    z = latents(range(7), sampler.generator.latent_dim).numpy()
    (made,) = net.run(["points"], {"z": z, "truncation": np.array(1, np.float32)})
    np.testing.assert_allclose(made, next(sampler.portions(range(7))), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda made: made + 3e-5, "differs from PyTorch by 3e-05, more than 1e-05"),
        (lambda made: made * torch.nan, "differs from PyTorch by nan"),
        (lambda made: made[:1], "gives [1, 1, 8, 8] for a batch of 3"),
    ],
)
def test_a_copy_that_is_another_network_is_refused(world: Path, change: Any, said: str) -> None:
    sampler = load_sampler("run")
    original = network(sampler)
    require_equal(sampler, lambda given: original(*given.values()) + 3e-6, "The copy")
    with pytest.raises(RunFailed) as error:
        require_equal(sampler, lambda given: change(original(*given.values())), "The copy")
    assert said in str(error.value)


def test_a_net_that_fixes_the_size_of_its_batch_does_not_leave(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = MlpGenerator.forward

    def wrong(self: MlpGenerator, z: torch.Tensor, labels: Any = None) -> torch.Tensor:
        return right(self, z, labels).view(len(z), 2)

    monkeypatch.setattr(MlpGenerator, "forward", wrong)
    assert main(["export", "points", "--format", "torchscript", "--out", "net.pt"]) == 1
    assert capsys.readouterr().err.startswith("failed: ")
    assert not os.path.exists("net.pt")


# -- safetensors and the card ----------------------------------------------------------------


def test_a_folder_for_a_hub(world: Path) -> None:
    out = sp.export("run", "model", format="safetensors", licence="cc0-1.0")
    names = {path.name for path in out.iterdir()}
    assert names == {"README.md", "model.safetensors", "samples.png"}
    assert np.array_equal(load_sampler(out).images(range(9)), load_sampler("run").images(range(9)))
    card = (out / "README.md").read_text()
    _, head, body = card.split("---\n", 2)
    facts = {
        line.partition(": ")[0]: json.loads(line.partition(": ")[2]) for line in head.splitlines()
    }
    assert facts["license"] == "cc0-1.0"
    document = Run("run").document
    (score,) = json.loads((world / "run/scores/000000k128.json").read_text())["scores"]
    (result,) = facts["model-index"][0]["results"]
    assert {m["type"]: m["value"] for m in result["metrics"]} == {
        name: number["value"] for name, number in score["values"].items()
    }
    assert document["data"]["fingerprint"] in body
    assert "arch.conditioning = every-layer" in body
    assert "k = 3" in body
    assert str(world) not in card


def test_weights_alone_say_less_and_still_all_that_is_known(world: Path) -> None:
    (checkpoint,) = (p for p in Run("run").checkpoints if p.name == "000000k128")
    shutil.copy(checkpoint / "ema.safetensors", "ema.safetensors")
    shutil.rmtree("run")
    assert main(["export", "ema.safetensors", "--format", "safetensors", "--out", "model"]) == 0
    card = Path("model/README.md").read_text()
    assert "digits" in card
    assert "were not measured" in card
    assert main(["export", "model", "--format", "safetensors", "--out", "alone.safetensors"]) == 0
    assert Path("alone.safetensors").read_bytes() == Path("ema.safetensors").read_bytes()


def test_the_card_does_not_tell_where_things_lie_on_this_machine(world: Path) -> None:
    document = json.loads(Path("run/config.json").read_text())
    document["config"]["source"]["path"] = "/home/somebody/secret place/faces"
    document["data"]["name"] = "evil |\n# <script>alert(1)</script> \udcff, which is not UTF-8"
    Path("run/config.json").write_text(json.dumps(document))
    sp.export("run", "model", format="safetensors")
    card = Path("model/README.md").read_text()
    assert "somebody" not in card
    assert "source.path = faces" in card
    assert "<script>" not in card.partition("\n---\n")[2]


# -- trackers --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["live", "afterwards"])
def test_tensorboard_has_what_the_run_has(world: Path, how: str) -> None:
    folder = Path("run/tracking")
    if how == "afterwards":
        assert main(["export", "run", "--format", "tensorboard", "--out", "log"]) == 0
        folder = Path("log")
    seen = EventAccumulator(str(folder), {"images": 0, "scalars": 0, "tensors": 0}).Reload()
    rows = Run("run").history.rows
    for name in ("loss_d", "diversity", "step"):
        shown = [(event.step, event.value) for event in seen.Scalars(name)]
        assert shown == [(row["images"], pytest.approx(row[name])) for row in rows]
    times = [event.wall_time for event in seen.Scalars("loss_d")]
    np.testing.assert_allclose(np.diff(times), np.diff([row["seconds"] for row in rows]), atol=1e-3)
    assert [event.step for event in seen.Images("samples")] == [0, 64, 128]
    assert ("scores/fid" in seen.Tags()["scalars"]) is (how == "afterwards")


def test_a_resumed_run_is_in_its_log_from_its_start(world: Path) -> None:
    sp.resume("run", kimg=0.192, track="tensorboard", quiet=True)
    (_,) = Path("run/tracking").iterdir()  # not beside the log from before
    seen = EventAccumulator("run/tracking", {"images": 0, "scalars": 0}).Reload()
    rows = [row["images"] for row in Run("run").history.rows]
    assert [event.step for event in seen.Scalars("loss_d")] == rows
    assert rows[-1] == 192
    assert [event.step for event in seen.Images("samples")] == [0, 64, 128, 192]


class Kept(Log):
    """A log in memory."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.said: list[str] = []
        self.pictures: list[str] = []

    def scalars(self, values: Mapping[str, float], n_images: int, seconds: float) -> None:
        self.rows.append(n_images)

    def picture(self, path: Path, n_images: int) -> None:
        self.pictures.append(path.name)

    def finding(self, name: str, message: str, severity: str, n_images: int) -> None:
        self.said.append(f"{severity} {name}")

    def flush(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Memory(Tracker):
    """Somebody's tracker."""

    logs: tuple[list[Kept], ...] = ([],)

    def begin(self, run: Run, folder: Path) -> Log:
        self.logs[0].append(Kept())
        return self.logs[0][-1]

    def write(self, leaving: Leaving, out: Path) -> None: ...


def test_what_is_new_is_handed_on_once_and_a_run_that_goes_back_starts_over(world: Path) -> None:
    run, tracker = Run("run"), Memory(logs=([],))
    rows = run.history.rows
    run.rewind(32)
    following = Following(tracker, run, world / "unused")
    (log,) = tracker.logs[0]
    assert [n for n in log.rows if n != 128] == [32]  # 128: the scores
    append_row(run.metrics_file, rows[1])
    found = {"event": "found", "name": "non-finite", "at_images": 64, "severity": "fatal"}
    append_row(run.findings_file, {**found, "since_step": 1, "evidence": [], "message": "NaN."})
    following.row(rows[1])
    following.row({**rows[1], "images": 96, "loss_d": None})
    assert log.rows[-2:] == [64, 96]
    assert log.said.count("fatal non-finite") == 1
    assert log.pictures == ["000000k.png", "000000k064.png", "000000k128.png"]
    run.rewind(32)
    append_row(run.metrics_file, rows[1])
    following.row(rows[1])
    assert [n for n in tracker.logs[0][1].rows if n != 128] == [32, 64]


def test_a_tracker_that_fails_costs_the_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tensorboard._Log, "flush", full)
    command = "train cgan-every-layer --data digits --kimg 0.128 --out run --quiet"
    tiny = [f"--{k.replace('_', '-')}={v}" for k, v in TINY.items()]
    ticks = ["--train.tick-kimg=0.032", "--train.sample-kimg=0.064", "--track=tensorboard"]
    assert main([*command.split(), *tiny, *ticks]) == 0
    said = capsys.readouterr().err
    assert said.count("warning: tensorboard is left out from here on (OSError: ") == 1
    untracked = [row["loss_d"] for row in Run(runs / "run").history.rows]
    assert [row["loss_d"] for row in Run("run").history.rows] == untracked


def test_trackio_is_given_the_run_and_sends_nothing(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stand-in with trackio's own signatures: the package itself is too large for `make test`."""
    calls: list[tuple[str, Any]] = []

    class Seat:
        def log(self, metrics: dict[str, Any], step: int | None = None) -> None:
            assert not {"step", "time", "metrics", "run"} & set(metrics)  # its reserved words
            calls.append(("log", step))

        def alert(self, title: str, text: str, level: str, step: int) -> None:
            calls.append(("alert", (title, level, step)))

    def init(project: str, name: str, config: Any, **settings: Any) -> Seat:
        assert "TRACKIO_SPACE_ID" not in os.environ
        assert settings == {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
        print("noise")
        calls.append(("init", name))
        return Seat()

    levels = {name: name for name in ("INFO", "WARN", "ERROR")}
    stand_in = SimpleNamespace(
        init=init, finish=lambda: calls.append(("finish", None)), Image=Path,
        AlertLevel=levels,
    )  # fmt: skip
    monkeypatch.setenv("TRACKIO_SPACE_ID", "somebody/space")
    monkeypatch.setitem(sys.modules, "trackio", stand_in)
    monkeypatch.setattr(Tracker, "require", lambda self: None)
    append_row(Run("run").findings_file, {"event": "ended", "name": "divergence", "at_images": 99})
    chosen = tracker("trackio")
    Following(chosen, Run("run"), world).close()
    assert calls[0] == ("init", "run")
    assert calls[-1] == ("finish", None)
    assert {step for kind, step in calls if kind == "log"} == {0, 32, 64, 96, 128}
    assert ("alert", ("divergence", "INFO", 99)) in calls
    assert os.environ["TRACKIO_SPACE_ID"] == "somebody/space"
    assert "noise" not in capsys.readouterr().out


# -- what is refused -------------------------------------------------------------------------

REFUSED = [
    ("run --format onnx --out net.png", "unknown suffix '.png'; use .onnx."),
    ("run --format onx --out net.onnx", "Unknown format 'onx'; did you mean 'onnx'?"),
    ("run --format torchscript --out net", "unknown suffix ''; use .pt."),
    ("run --format safetensors --out run", "is not empty"),
    ("run --format onnx --out run/samples/net.onnx", "is part of the run"),
    ("nowhere --format onnx --out net.onnx", "nowhere"),
    ("run/config.json --format onnx --out net.onnx", "config.json"),
    ("ema.safetensors --format tensorboard --out log", "is not the folder of a run"),
    ("bad --format onnx --out net.onnx", "none of its checkpoints is intact"),
    ("new --format torchscript --out net.pt", "no checkpoint yet"),
    ("run --format onnx --out net.onnx --push a/b/c", "write owner/name"),
    ("hf://nobody --format onnx --out net.onnx", "write hf://owner/name"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_is_wrong_is_one_sentence_and_writes_nothing(
    world: Path, words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = Run("run").checkpoints[-1] / "ema.safetensors"
    shutil.copy(weights, "ema.safetensors")
    shutil.copytree("run", "new")
    shutil.rmtree("new/checkpoints")
    shutil.copytree("run", "bad")
    for path in Path("bad").rglob("ema.safetensors"):
        path.write_bytes(weights.read_bytes()[:-1])
    before = sorted(str(p) for p in world.rglob("*"))
    assert main(["export", *words.split()]) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("error: ")
    assert said in err
    assert sorted(str(p) for p in world.rglob("*")) == before


@pytest.mark.parametrize("module", ["onnx", "onnxscript", "onnxruntime", "tensorboard", "trackio"])
def test_a_missing_package_is_named_with_its_extra(
    world: Path, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    kind = "onnx" if module.startswith("onnx") else module
    out = "net.onnx" if kind == "onnx" else "log"
    with pytest.raises(InputError, match=rf"package {module}; pip install 'saddlepoint\[{kind}\]'"):
        sp.export("run", out, format=kind)
    if kind != "onnx":
        with pytest.raises(InputError, match="pip install"):
            sp.train("dcgan", "digits", track=kind, out="out")
    assert not Path("out").exists()


def test_only_a_tracker_can_track(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "dcgan", "--data", "digits", "--track", "onnx", "--out", "out"]) == 2
    assert "use a tracker: tensorboard, trackio" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["net.pt", "alone.safetensors", "model", "log"])
def test_a_full_disk_leaves_nothing_behind(
    world: Path, out: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    kinds = {"net.pt": "torchscript", "log": "tensorboard"}
    monkeypatch.setattr(files.os, "replace", full)
    assert main(["export", "run", "--format", kinds.get(out, "safetensors"), "--out", out]) == 1
    assert "free some space" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["points", "run"]
