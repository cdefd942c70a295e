"""The command line from outside: what it prints, what it refuses, and with which exit code."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from _forked import Saddle as Forked
from _forked import wait_until
from PIL import Image

from saddlepoint.cli import flags
from saddlepoint.cli.main import main
from saddlepoint.core.checkpoints import damage
from saddlepoint.core.runs import Run
from saddlepoint.data import search
from saddlepoint.presets import PRESETS

SMALL = (
    *("--data", "digits", "--train.n-samples", "4", "--train.batch-size", "16"),
    *("--arch.generator-width", "8", "--arch.discriminator-width", "8"),
)
OFTEN = ("--train.tick-kimg", "0.05", "--train.sample-kimg", "0.05")
"""A tick, a grid and a checkpoint every 50 images."""


class Result(NamedTuple):
    code: int
    out: str
    err: str


Saddle = Callable[..., Result]


@pytest.fixture
def saddle(capsys: pytest.CaptureFixture[str]) -> Saddle:
    """Run one command in this process."""

    def run(*argv: object) -> Result:
        capsys.readouterr()
        try:
            code = main([str(word) for word in argv])
        except SystemExit as leave:  # the CLI library's own way out
            code = int(leave.code or 0)
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has its own working folder and its own cache, and downloads nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SADDLE_OFFLINE", "1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished conditional run with two checkpoints, made by the command line."""
    path = tmp_path_factory.mktemp("trained") / "run"
    argv = ["train", "cgan-onehot", *SMALL, *OFTEN, "--kimg", "0.2", "--out", str(path), "--quiet"]
    assert main(argv) == 0
    return path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be spoiled."""
    return shutil.copytree(trained, tmp_path / "run")


def refused(
    result: Result, *words: str, code: int = 2, start: str = "error: ", warnings: int = 0
) -> None:
    """One sentence that begins as it must and names the value and the remedy; before it nothing
    but so many warnings."""
    lines = result.err.splitlines()
    assert len(lines) == warnings + 1, result.err
    assert lines[-1].startswith(start)
    assert "Traceback" not in result.err
    for word in words:
        assert word in lines[-1]
    assert result.out == ""
    assert result.code == code


def picture(path: Path, size: int = 16, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size), np.uint8)
    Image.fromarray(pixels).save(path)


def hashes(run: Path) -> dict[str, str]:
    """sha256 of the newest checkpoint's weights and moments."""
    files = sorted(Run(run).checkpoints[-1].glob("*.safetensors"))
    assert len(files) == 4
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


# -- what it prints ------------------------------------------------------------------------


def test_help_answers_without_torch() -> None:
    code = (
        "import sys; from saddlepoint.cli.main import main; code = main(['--help']); "
        "sys.exit(code or ('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: saddle COMMAND")
    for verb in ("train", "resume", "sample", "data", "presets"):
        assert f"  {verb} " in done.stdout


def test_python_dash_m_is_the_same() -> None:
    command = [sys.executable, "-m", "saddlepoint", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: saddle COMMAND")
    assert done.stderr == ""


@pytest.mark.parametrize("verb", ["train", "resume", "sample"])
def test_every_verb_explains_itself(saddle: Saddle, verb: str) -> None:
    result = saddle(verb, "--help")
    assert result.code == 0
    assert f"usage: saddle {verb}" in result.out
    assert result.err == ""


def test_version_and_lists(saddle: Saddle) -> None:
    assert saddle("--version").out.startswith("saddle ")
    shown = saddle("presets").out
    assert all(name in shown for name in PRESETS)
    assert "digits" in saddle("data", "list").out
    rows = json.loads(saddle("data", "list", "--json").out)
    assert {"name": "digits", "where": "embedded"}.items() <= next(
        row for row in rows if row["name"] == "digits"
    ).items()


def test_dry_run_prints_the_whole_configuration_and_writes_nothing(
    saddle: Saddle, tmp_path: Path
) -> None:
    result = saddle("train", "wgan-gp", *SMALL, "--seed", 7, "--kimg", "2", "--dry-run")
    config = json.loads(result.out)
    assert result.code == 0
    assert config["arch"]["generator_width"] == 8
    assert config["penalties"][0]["kind"] == "gradient-penalty"
    assert (config["seed"], config["train"]["kimg"]) == (7, 2.0)
    assert not any(tmp_path.iterdir())


def test_components_are_replaced_by_name(saddle: Saddle) -> None:
    swap = ("--loss", "wasserstein", "--penalties", "r1", "--optim-d", "rmsprop")
    config = json.loads(saddle("train", "dcgan", *SMALL, *swap, "--dry-run").out)
    assert config["loss"]["kind"] == "wasserstein"
    assert [penalty["kind"] for penalty in config["penalties"]] == ["r1"]
    assert (config["optim_g"]["kind"], config["optim_d"]["kind"]) == ("adam", "rmsprop")


def test_a_field_that_holds_several_values(saddle: Saddle) -> None:
    wide = ("--arch.generator-widths", 16, 32)
    config = json.loads(saddle("train", "gan", "--data", "digits", *wide, "--dry-run").out)
    assert config["arch"]["generator_widths"] == [16, 32]


def test_train_speaks_on_stderr_and_answers_in_json(saddle: Saddle, tmp_path: Path) -> None:
    result = saddle("train", "dcgan", *SMALL, "--kimg", "0.1", "--json")
    document = json.loads(result.out)
    assert result.code == 0
    assert document["run"] == "runs/dcgan-digits-001"
    assert document["state"] == "finished"
    assert Path(document["report"]).is_file()
    assert "dcgan on digits" in result.err
    again = saddle("train", "dcgan", *SMALL, "--kimg", "0.1", "--quiet")
    assert again.out == "Report: runs/dcgan-digits-002/report.html\n"
    assert again.err == ""


def test_sample_writes_every_form(saddle: Saddle, trained: Path, tmp_path: Path) -> None:
    alone = shutil.copy(Run(trained).checkpoints[-1] / "ema.safetensors", tmp_path / "one.st")
    made = saddle("sample", alone, "--seeds", "0-3", "--labels", "1,2", "--out", "a.npz", "--json")
    assert json.loads(made.out) == {"out": "a.npz"}
    arrays = np.load("a.npz")
    assert arrays["images"].shape == (4, 8, 8, 1)
    assert arrays["labels"].tolist() == [1, 2, 1, 2]
    for more in (
        ("--out", "grid.png"),
        ("--out", "walk.gif", "--interpolate", "--seeds", "0-2"),
        ("--out", "strip.png", "--interpolate", "--seeds", "0-2"),
        ("--out", "classes.png", "--class-grid"),
        ("--out", "film.gif", "--training"),
        ("--out", "ways.png", "--directions", "--seeds", "0-1"),
        ("--out", "folder", "--n", "3"),
    ):
        result = saddle("sample", trained, *more)
        # Of a conditional model these show one class, and say so.
        one_class = "--directions" in more
        assert (result.code, bool(result.err)) == (0, one_class)
        assert result.err.startswith("Every image shows 0" if one_class else "")
        assert Path(more[1]).exists()
    assert len(list(Path("folder").iterdir())) == 3


def examples_of_contributing() -> dict[str, str]:
    """The complete files in CONTRIBUTING.md by their headings: "a loss" -> Python."""
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"### An? (\w+)\n\n```python\n(.*?)```", text, re.DOTALL)
    return dict(blocks)


@pytest.mark.parametrize(
    ("kind", "argv"),
    [
        ("source", ("dcgan", "--data", "stripes", *SMALL[2:])),
        ("architecture", ("gan", "--data", "digits", "--arch", "linear")),
        ("loss", ("dcgan", *SMALL, "--loss", "smooth-labels")),
        ("penalty", ("wgan-gp", *SMALL, "--penalties", "gradient-penalty,drift")),
        ("optimiser", ("dcgan", *SMALL, "--optim-d", "sgd", "--optim-d.lr", "0.1")),
    ],
)
def test_the_examples_of_contributing_work(
    saddle: Saddle, fresh_registry: None, kind: str, argv: tuple[str, ...]
) -> None:
    Path("mine.py").write_text(examples_of_contributing()[kind])
    result = saddle("train", *argv, "--plugins", "mine.py", "--kimg", "0.1", "--out", "r", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["state"] == "finished"


# -- what it refuses: names and flags ---------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("trian",), ("'saddle trian'", "did you mean 'train'?")),
        (("data", "prepaer"), ("prepaer", "did you mean 'prepare'?")),
        (("train", "dcgann"), ("'dcgann'", "did you mean 'dcgan'?")),
        (("train", "dcgan", "--data", "fashon-mnist"), ("did you mean 'fashion-mnist'?",)),
        (("train", "dcgan", "--kimgg", "3"), ("--kimgg", "did you mean --kimg?")),
        (("train", "dcgan", "--arch.generator-widht", "3"), ("mean --arch.generator-width?",)),
        (("train", "dcgan", *SMALL, "--loss", "wasserstien"), ("did you mean 'wasserstein'?",)),
        (
            ("train", "dcgan", *SMALL, "--penalties", "gp"),
            ("'gp'", "gradient-penalty, r1, r2"),
        ),
        (("sample", "r", "--outt", "x.png"), ("did you mean --out?",)),
        (("presets", "--josn"), ("did you mean --json?",)),
    ],
)
def test_a_misspelt_word_gets_the_nearest_one(
    saddle: Saddle, argv: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(saddle(*argv), *words)


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--train.batch-size", "0", ("--train.batch-size 0", "at least 2")),
        ("--train.accumulate", "3", ("batch_size=16", "accumulate=3", "divisor")),
        ("--optim-g.lr", "-1", ("--optim-g.lr -1", "greater than 0")),
        ("--optim-g.lr", "nan", ("--optim-g.lr takes a number, not 'nan'",)),
        ("--optim-d.beta1", "2", ("--optim-d.beta1 2", "between 0 and")),
        ("--optim_d.beta1", "2", ("--optim_d.beta1 2", "between 0 and")),
        ("--seed", "-1", ("--seed -1", "at least 0")),
        ("--device", "abacus", ("abacus", "use cpu or auto")),
        ("--plugins", "absent.py", ("absent.py", "no such Python file")),
    ],
)
def test_a_field_out_of_range(
    saddle: Saddle, tmp_path: Path, flag: str, value: str, words: tuple[str, ...]
) -> None:
    refused(saddle("train", "dcgan", *SMALL, "--kimg", "0.1", flag, value), *words)
    assert not any(tmp_path.iterdir())


def test_a_field_that_two_flags_may_have_set_is_named_by_its_class(saddle: Saddle) -> None:
    both = ("--optim-g.beta1", "0.5", "--optim-d.beta1", "2")
    refused(saddle("train", "dcgan", *SMALL, *both), "Adam: beta1=2", "between 0 and")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("train", "dcgan", *SMALL, "--train.batch-size", "x"), ("--train.batch-size", "'x'")),
        (("train", "dcgan", *SMALL, "--seed", "1.5"), ("--seed", "1.5")),
        (("train", "dcgan", *SMALL, "--kimg", "many"), ("--kimg", "many")),
        (("train", "dcgan", *SMALL, "--train.precision", "fp8"), ("fp8", "bf16")),
        (("train", "dcgan", *SMALL, "--kimg"), ("--kimg",)),
        (("train", "dcgan", "digits"), ("digits",)),
        (("resume",), ("resume",)),
        (("sample", "run"), ("--out",)),
        (("data", "prepare", "x", "--out", "y", "--fit", "squash"), ("squash", "crop")),
    ],
)
def test_a_value_of_the_wrong_type(
    saddle: Saddle, argv: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(saddle(*argv), *words)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("--kimg", "many"), "--kimg takes a number, not 'many'"),
        (("--seed=1.5",), "--seed takes a whole number, not '1.5'"),
        (("--train.precision", "fp8"), "--train.precision 'fp8' is not one of auto, fp32, bf16"),
        (("--kimg", "1", "--kimg", "x"), "--kimg takes a number, not 'x'"),
        (("digits",), "Unexpected: digits"),
    ],
)
def test_a_bad_value_is_told_in_plain_words(
    saddle: Saddle, argv: tuple[str, ...], sentence: str
) -> None:
    result = saddle("train", "dcgan", *SMALL, *argv)
    assert result.err == f"error: {sentence}; see `saddle train dcgan --help`.\n"


def test_a_tyro_without_structured_errors_still_refuses(
    saddle: Saddle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flags, "on_parse_error", contextlib.nullcontext)
    result = saddle("resume", "x", "--kimg", "many")
    assert result.code == 2
    assert "many" in result.err


def test_the_last_of_a_repeated_flag_wins(saddle: Saddle) -> None:
    twice = ("--loss", "hinge", "--loss=wasserstein", "--seed", "1", "--seed", "2")
    config = json.loads(saddle("train", "dcgan", *SMALL, *twice, "--dry-run").out)
    assert (config["loss"]["kind"], config["seed"]) == ("wasserstein", 2)


@pytest.mark.parametrize("flag", ["--kimg", "--minutes"])
@pytest.mark.parametrize("value", ["0", "-3", "nan", "inf"])
def test_a_budget_that_is_none(saddle: Saddle, run: Path, flag: str, value: str) -> None:
    words = (f"{flag} {value}", "greater than 0")
    if value in ("nan", "inf"):
        words = (f"{flag} takes a number, not {value!r}",)
    refused(saddle("train", "dcgan", *SMALL, flag, value, "--out", "new"), *words)
    assert not Path("new").exists()
    refused(saddle("resume", run, flag, value), *words)


def test_two_budgets(saddle: Saddle) -> None:
    refused(saddle("train", "dcgan", *SMALL, "--kimg", "1", "--minutes", "1"), "choose one")


# -- what it refuses: data ------------------------------------------------------------------


@pytest.mark.parametrize("command", [("train", "dcgan", "--data"), ("data", "prepare")])
def test_no_images_in_the_folder(saddle: Saddle, command: tuple[str, ...]) -> None:
    Path("pictures").mkdir()
    (Path("pictures") / "notes.txt").write_text("none here")
    refused(saddle(*command, "pictures", "--out", "new"), "No images in pictures", "txt")
    assert not Path("new").exists()


def test_a_path_that_is_nowhere(saddle: Saddle) -> None:
    refused(saddle("train", "dcgan", "--data", "no/such"), "no file or folder", "'no/such'")
    refused(saddle("data", "prepare", "no/such", "--out", "new"), "no/such", "give a folder")


def test_a_file_of_no_known_kind(saddle: Saddle) -> None:
    Path("data.xyz").write_bytes(b"who knows")
    refused(saddle("train", "dcgan", "--data", "data.xyz"), "data.xyz", "give a folder")


def test_data_that_are_absent_while_offline(
    saddle: Saddle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SYSTEM_FOLDER", tmp_path / "system")
    result = saddle("train", "dcgan", "--data", "mnist")
    refused(result, "https://", "sha256", str(tmp_path / "cache"), "SADDLE_OFFLINE")


def test_one_class_for_a_conditional_preset(saddle: Saddle) -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), np.uint8)
    np.savez("one.npz", images=images, labels=np.zeros(8, np.int64))
    result = saddle("train", "cgan-onehot", "--data", "one.npz", "--out", "new")
    refused(result, "onehot", "two classes", "--arch.conditioning none")
    np.savez("none.npz", images=images)
    result = saddle("train", "cwgan-gp", "--data", "none.npz", "--out", "new")
    refused(result, "every-layer", "has no labels")
    assert not Path("new").exists()


def test_labels_that_miss_files(saddle: Saddle) -> None:
    for i in range(3):
        picture(Path(f"in/{i}.png"), seed=i)
    Path("in/labels.csv").write_text("file,label\n0.png,a\n1.png,b\n")
    refused(saddle("train", "cgan-onehot", "--data", "in", "--out", "new"), "2.png", "labels.csv")
    Path("in/labels.csv").write_text("file,label\n0.png,a\n1.png,b\n2.png,b\n9.png,a\n")
    refused(saddle("data", "prepare", "in", "--out", "new"), "9.png", "labels.csv")
    assert not Path("new").exists()


def test_a_size_that_the_architecture_cannot_reach(saddle: Saddle) -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 18, 18, 1), np.uint8)
    np.savez("odd.npz", images=images)
    result = saddle("train", "dcgan", "--data", "odd.npz", "--out", "new")
    refused(result, "18 px", "20 px", "prepare")
    refused(saddle("train", "dcgan", "--data", "ring8", "--out", "new"), "points", "--arch mlp")
    assert not Path("new").exists()


# -- what it refuses: paths and runs -----------------------------------------------------------


def test_a_run_that_exists(saddle: Saddle, run: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*")}
    result = saddle("train", "dcgan", *SMALL, "--kimg", "0.1", "--out", run)
    refused(result, str(run), "exists", f"saddle resume {run}")
    assert {p: p.stat().st_mtime_ns for p in run.rglob("*")} == before


def test_a_path_that_cannot_be_written(saddle: Saddle, run: Path) -> None:
    Path("file").write_text("in the way")
    train = ("train", "dcgan", *SMALL, "--kimg", "0.1", "--out")
    refused(saddle(*train, "file/run"), "file/run", "cannot be written", "--out")
    refused(saddle(*train, "file"), "file", "exists", "choose another")
    refused(saddle("sample", run, "--out", "file/x.png"), "file/x.png", "cannot be written")
    refused(saddle("data", "prepare", run, "--out", "file/x"), "file/x")
    assert Path("file").read_text() == "in the way"


def test_resuming_what_is_no_run(saddle: Saddle) -> None:
    Path("empty").mkdir()
    refused(saddle("resume", "empty"), "empty", "config.json")
    refused(saddle("resume", "nowhere"), "nowhere", "no such run")


def test_resuming_a_run_that_is_done(saddle: Saddle, run: Path) -> None:
    refused(saddle("resume", run), "already reached", "--kimg", "--minutes")


def with_config(run: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """Change config.json by hand, as a person might."""
    document = json.loads((run / "config.json").read_text())
    change(document)
    (run / "config.json").write_text(json.dumps(document))
    return (run / "config.json").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(schema=99), ("schema 99", "pip install -U")),
        (lambda d: d["config"]["train"].update(batch_size="x"), ("batch_size='x'", "whole number")),
        (
            lambda d: d["config"]["train"].update(batch_size=0),
            ("train.batch_size=0", "at least 2"),
        ),
        (lambda d: d["config"]["train"].update(bacth_size=8), ("did you mean 'batch_size'?",)),
        (lambda d: d["config"]["arch"].update(kind="dcgn"), ("did you mean 'dcgan'?",)),
        (lambda d: d["config"]["train"].update(precision="fp8"), ("'fp8'", "auto, fp32, bf16")),
        (lambda d: d["config"].update(arch=[]), ("config.arch",)),
        (lambda d: d["data"].update(fingerprint="0" * 64), ("fingerprint", "restore the data")),
        (lambda d: d.pop("config"), ("is not the configuration of a run",)),
    ],
)
def test_a_configuration_changed_by_hand(
    saddle: Saddle, run: Path, change: Callable[[dict[str, Any]], object], words: tuple[str, ...]
) -> None:
    changed = with_config(run, change)
    refused(saddle("resume", run, "--kimg", "0.3"), *words)
    assert (run / "config.json").read_text() == changed


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["config"]["arch"].update(generator_width=16),
        lambda d: d.update(data={}),
        lambda d: d.pop("budgets"),
    ],
)
def test_a_configuration_spoiled_by_hand(
    saddle: Saddle, run: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    with_config(run, change)
    refused(saddle("resume", run, "--kimg", "0.3"), "run")


def test_a_configuration_that_is_not_json(saddle: Saddle, run: Path) -> None:
    (run / "config.json").write_text("{oops")
    refused(saddle("resume", run), "config.json", "not valid JSON")


def test_a_configuration_that_is_another_json(saddle: Saddle, run: Path) -> None:
    (run / "config.json").write_text("[]")
    refused(saddle("resume", run), "config.json")


def test_a_plugin_that_does_not_load(saddle: Saddle) -> None:
    Path("mine.py").write_text("import a_module_that_is_not_there\n")
    refused(saddle("train", "dcgan", *SMALL, "--plugins", "mine.py", "--dry-run"), "mine.py")


# -- what it refuses: checkpoints and samples ---------------------------------------------------


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize("spoil", [half, flipped, lambda content: b""])
def test_a_damaged_checkpoint_is_named_and_the_one_before_used(
    saddle: Saddle, run: Path, spoil: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    *_, before, newest = Run(run).checkpoints
    file = newest / "ema.safetensors"
    file.write_bytes(spoil(file.read_bytes()))
    assert saddle("sample", run, "--out", "x.png").code == 0
    assert newest.name in caplog.text
    refused(saddle("sample", newest, "--out", "y.png"), newest.name, "damaged")
    other = before / "ema.safetensors"
    other.write_bytes(spoil(other.read_bytes()))
    whole = "none of its checkpoints is intact"
    refused(saddle("sample", run, "--out", "y.png"), whole, warnings=2)
    refused(saddle("resume", run, "--kimg", "0.3"), whole, warnings=2)
    assert not Path("y.png").exists()


def test_a_damaged_checkpoint_costs_nothing_but_the_way_back(saddle: Saddle, run: Path) -> None:
    assert saddle("resume", run, "--kimg", "0.3", "--quiet").code == 0
    straight = hashes(run)
    file = Run(run).checkpoints[-1] / "optim.safetensors"
    file.write_bytes(half(file.read_bytes()))
    assert saddle("resume", run, "--kimg", "0.3", "--quiet").code == 0
    assert hashes(run) == straight


@pytest.mark.parametrize("spoil", [half, lambda content: b"", lambda content: b"\x00" * 99])
def test_a_file_that_is_damaged(
    saddle: Saddle, trained: Path, spoil: Callable[[bytes], bytes]
) -> None:
    content = (Run(trained).checkpoints[-1] / "ema.safetensors").read_bytes()
    Path("moved.safetensors").write_bytes(spoil(content))
    result = saddle("sample", "moved.safetensors", "--out", "x.png")
    refused(result, "moved.safetensors", "damaged or truncated", "another checkpoint")
    assert not Path("x.png").exists()


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_pickle_is_never_opened(saddle: Saddle, name: str) -> None:
    with zipfile.ZipFile(name, "w") as archive:  # what torch.save writes, in outline
        archive.writestr("archive/data.pkl", b"\x80\x02cos\nsystem\n(S'touch opened'\ntR.")
    refused(saddle("sample", name, "--out", "x.png"), name, "pickle", "never", "safetensors")
    Path(name).write_bytes(b"\x80\x04cos\nsystem\n(S'touch opened'\ntR.")
    refused(saddle("sample", name, "--out", "x.png"), name, "pickle", "never")
    assert not Path("opened").exists()


def test_weights_of_another_kind(saddle: Saddle, trained: Path) -> None:
    other = Run(trained).checkpoints[-1] / "discriminator.safetensors"
    refused(saddle("sample", other, "--out", "x.png"), "another kind", "ema.safetensors")


def test_a_checkpoint_of_a_newer_schema(saddle: Saddle, run: Path) -> None:
    for checkpoint in Run(run).checkpoints:
        document = json.loads((checkpoint / "state.json").read_text())
        (checkpoint / "state.json").write_text(json.dumps({**document, "schema": 9}))
    refused(saddle("resume", run, "--kimg", "0.3"), "schema 9", "Update")
    refused(saddle("sample", run, "--out", "x.png"), "schema 9", "Update")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--labels", "12"), ("--labels 12", "10 classes")),
        (("--labels", "cat"), ("'cat'", "write 0-63,70")),
        (("--seeds", "9-3"), ("9-3", "write 3-9")),
        (("--n", "0"), ("--n 0", "at least 1")),
        (("--n", "3", "--seeds", "1"), ("choose one",)),
        (("--truncation", "0"), ("--truncation 0", "above 0")),
        (("--interpolate", "--class-grid"), ("--interpolate and --class-grid",)),
        (("--directions", "65"), ("--directions 65", "at most")),
        (("--directions", "many"), ("--directions takes a whole number",)),
        (("--directions", "--deviations", "0"), ("--deviations 0",)),
        (("--latents", "absent.npz"), ("absent.npz", "no such file")),
        (("--latents", "absent.npz", "--n", "3"), ("--n and --latents", "choose one")),
        (("--training",), (".gif",)),
    ],
)
def test_samples_that_cannot_be_drawn(
    saddle: Saddle, trained: Path, more: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(saddle("sample", trained, *more, "--out", "x.png"), *words)
    assert not Path("x.png").exists()


def test_an_unknown_form_of_output(saddle: Saddle, trained: Path) -> None:
    refused(saddle("sample", trained, "--out", "x.jpg"), "'.jpg'", ".png, .gif, .mp4, .npz")


# -- no space left ---------------------------------------------------------------------------


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def full_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, Path], None]]:
    """`full_after(n, run)`: nothing can be written any more once `run` has n checkpoints."""

    def arrange(n: int, run: Path) -> None:
        fsync = os.fsync
        folder = Run(run).checkpoints_folder

        def limited(handle: int) -> None:
            if len(Run(run).checkpoints) >= n and any(folder.glob(".*")):
                no_space()
            fsync(handle)

        monkeypatch.setattr(os, "fsync", limited)

    return arrange


def test_a_full_disk_leaves_the_last_checkpoint_and_the_run_goes_on(
    saddle: Saddle,
    full_after: Callable[[int, Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train = ("train", "dcgan", *SMALL, *OFTEN, "--kimg", "0.2", "--quiet", "--out")
    assert saddle(*train, "straight").code == 0
    path = tmp_path / "full"
    full_after(2, path)
    result = saddle(*train, path)
    refused(result, "No space left", f"saddle resume {path}", code=1, start="failed: ")
    assert Run(path).status["state"] == "failed"
    assert not list(path.rglob(".*"))
    assert [damage(folder) for folder in Run(path).checkpoints] == [None, None]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert saddle("resume", path, "--quiet").code == 0
    assert hashes(path) == hashes(tmp_path / "straight")
    images = Run(path).history["images"].tolist()
    assert images == Run(tmp_path / "straight").history["images"].tolist()


def test_a_full_disk_while_sampling(
    saddle: Saddle, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", no_space)
    for name in ("x.png", "x.npz", "x.gif"):
        result = saddle("sample", trained, "--seeds", "0-3", "--out", name)
        words = (name, "No space left", "free some space")
        refused(result, *words, code=1, start="failed: ")
    assert not list(Path.cwd().glob("*x.*"))


@pytest.mark.parametrize("command", ["train", "resume"])
def test_a_disk_that_is_full_from_the_start(
    saddle: Saddle, run: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    before = (run / "config.json").read_text()
    monkeypatch.setattr(os, "fsync", no_space)
    words = {"train": ("train", "dcgan", *SMALL, "--kimg", "0.1"), "resume": ("resume", run)}
    kimg = ("--kimg", "0.4") if command == "resume" else ()
    result = saddle(*words[command], *kimg, "--quiet")
    assert (run / "config.json").read_text() == before
    refused(result, "No space left", code=1, start="failed: ")


# -- interrupted -----------------------------------------------------------------------------


def was_interrupted(path: Path, code: int, out: str, err: str) -> int:
    """Checks a run that was asked to stop; returns how many images it had seen."""
    assert code == 130, err
    assert err.splitlines()[-1].startswith("interrupted: Saved at ")
    assert out == ""
    status = Run(path).status
    assert status["state"] == "interrupted"
    saved = json.loads((Run(path).checkpoints[-1] / "state.json").read_text())
    assert saved["n_images"] == status["n_images"]
    return saved["n_images"]


ENDLESS = ("train", "dcgan", *SMALL, *OFTEN, "--kimg", "5000")


def test_an_interrupt_saves_and_the_run_can_be_resumed(saddle: Saddle, tmp_path: Path) -> None:
    path = tmp_path / "run"
    child = Forked(*ENDLESS, "--out", path)
    wait_until(lambda: Run(path).history.rows or child.over(), "no line of metrics appears")
    child.send(signal.SIGINT)
    done = was_interrupted(path, child.wait(), child.out, child.err)
    assert saddle("resume", path, "--kimg", (done + 100) / 1000, "--quiet").code == 0
    assert Run(path).status["n_images"] >= done + 100


def test_a_terminated_run_saves_too(
    saddle: Saddle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, handler = tmp_path / "run", signal.getsignal(signal.SIGTERM)
    append, sent = Run.append_metrics, []

    def append_and_terminate(run: Run, row: dict[str, Any]) -> None:
        append(run, row)
        if not sent:  # a second signal would end this process at once
            sent.append(os.kill(os.getpid(), signal.SIGTERM))

    monkeypatch.setattr(Run, "append_metrics", append_and_terminate)
    result = saddle(*ENDLESS, "--out", path)
    assert was_interrupted(path, *result) < 1000
    assert signal.getsignal(signal.SIGTERM) == handler
