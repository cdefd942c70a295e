"""A SIGKILL at any change that a command makes to the disk: the same command again succeeds, ends
with the bytes of one never killed, and leaves nothing behind.

bench/kill_resume.py does the same for whole trainings.
"""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

import pytest
from _contents import contents
from _forked import Saddle, die_at
from PIL import Image

from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core.randomness import seed_torch
from saddlepoint.core.runs import Run
from saddlepoint.evaluation import evaluate

TINY = (
    *("--arch.generator-width", "4", "--arch.discriminator-width", "4", "--arch.latent-dim", "8"),
    *("--train.batch-size", "16", "--train.n-samples", "4", "--train.device", "cpu", "--quiet"),
    *("--train.tick-kimg", "0.032", "--train.sample-kimg", "0.032", "--doctor", "off"),
)
TRAIN = ("train", "dcgan", "--data", "digits", "--kimg", "0.064", *TINY, "--out")
MEASURED = ("--features", "pixels", "--n", "60", "--bootstrap", "0", "--quiet")
TIMES = rb'"seconds": [0-9.]+'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two measured runs, and pictures."""
    world = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        at_home(world, patch)
        patch.setattr(api.Run, "report", lambda run: run.report_file)
        for name in ("run", "other"):
            assert main([*TRAIN, name, "--seed", str(len(name))]) == 0
            assert main(["evaluate", name, *MEASURED]) == 0
        (world / "pictures/a").mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (9, 11), (40 * i, 7, 200)).save(world / f"pictures/a/{i}.png")
        Path("pictures/a/5.png").write_bytes(b"no picture")
    return world


def at_home(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    patch.setenv("SADDLE_OFFLINE", "1")


def held(folder: Path) -> dict[str, bytes]:
    """Every file, with what it holds but for times; what is in the cache vouches for itself."""
    files = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
    names = [str(path.relative_to(folder)) for path in files]
    return {
        name: b"" if name.startswith("cache") else re.sub(TIMES, b"", path.read_bytes())
        for name, path in zip(names, files, strict=True)
    }


@pytest.mark.parametrize(
    ("line", "least"),
    [
        ("data prepare pictures --out made --size 8 --workers 1", 15),
        ("report run", 4),
        ("sample run --seeds 0-2 --out made", 5),
        ("sample run --seeds 0-2 --out made.npz", 4),
        ("sample run --seeds 0-2 --out new/made.png", 5),
        ("compare run other --out page.html", 4),
        (f"evaluate run {' '.join(MEASURED)} --k 2", 8),
    ],
    ids=lambda value: value.split(" --")[0] if isinstance(value, str) else "",
)
def test_the_same_command_again_ends_as_if_never_killed(
    line: str, least: int, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv, since = line.split(), None
    if argv[0] == "evaluate":
        since = evaluate, "save_score"  # what comes before is computed, for each kill anew
        monkeypatch.setattr(api.Run, "report", lambda run: run.report_file)
    whole = shutil.copytree(world, tmp_path / "whole")
    at_home(whole, monkeypatch)
    assert main(argv) == 0
    expected = held(whole)
    assert expected != held(world)

    kills = 0
    while True:
        again = shutil.copytree(world, tmp_path / str(kills))
        at_home(again, monkeypatch)
        child = Saddle(*argv, before=die_at(kills + 1, since))
        if child.wait() == 0:
            break
        assert child.code == -signal.SIGKILL, child.err
        kills += 1
        if held(again) != expected:  # it may just have done all, and `sample` replaces no folder
            assert main(argv) == 0, f"killed at change {kills}"
        found = held(again)
        assert found.keys() == expected.keys(), f"killed at change {kills}"
        assert found == expected, f"killed at change {kills}"
        shutil.rmtree(again)
    assert kills >= least


def test_a_run_killed_before_it_is_one_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_home(tmp_path, monkeypatch)
    monkeypatch.setattr(api.Run, "report", lambda run: run.report_file)

    def train(out: str) -> list[str]:
        return [*TRAIN, out]

    assert main(train("whole")) == 0
    kills = 0
    while not Path("run/config.json").is_file():
        shutil.rmtree("run", ignore_errors=True)
        kills += 1
        assert Saddle(*train("run"), before=die_at(kills)).wait() == -signal.SIGKILL
        if not Path("run/config.json").is_file():
            seed_torch(kills)
            assert main(train("run")) == 0, f"killed at change {kills}"
            assert contents(Path("run")) == contents(Path("whole")), f"killed at change {kills}"
            shutil.rmtree("run")
    assert kills > 5
    assert main(["resume", "run", "--quiet"]) == 0
    assert contents(Path("run")) == contents(Path("whole"))
    assert Run("run").status["state"] == "finished"


def test_a_killed_extension_is_not_called_finished(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.Run, "report", lambda run: run.report_file)
    budget, kills = 0.064, 0
    while budget == 0.064:
        kills += 1
        at_home(shutil.copytree(world, tmp_path / str(kills)), monkeypatch)
        child = Saddle("resume", "run", "--kimg", "0.128", "--quiet", before=die_at(kills))
        assert child.wait() == -signal.SIGKILL, child.err
        budget = Run("run").document["config"]["train"]["kimg"]
    assert budget == 0.128
    assert Run("run").status["state"] == "running"
    assert main(["resume", "run", "--quiet"]) == 0
    assert Run("run").status["n_images"] == 128


def test_a_stop_before_the_first_step_of_an_extension_is_recorded(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(run: Run, n_images: int) -> None:
        raise KeyboardInterrupt

    at_home(shutil.copytree(world, tmp_path / "here"), monkeypatch)
    with monkeypatch.context() as while_it_begins:
        while_it_begins.setattr(api.Run, "rewind", stopped)
        assert main(["resume", "run", "--kimg", "0.128", "--quiet"]) == 130
    assert Run("run").status["state"] == "interrupted"
    assert main(["resume", "run", "--quiet"]) == 0
    assert Run("run").status["n_images"] == 128
