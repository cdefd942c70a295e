"""Two commands at work on one folder: one is refused in a sentence, or both succeed, and nobody's
files are harmed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _contents import contents
from _forked import Gate, Saddle
from PIL import Image

from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core.runs import Run
from saddlepoint.data import prepare

TINY = (
    *("--arch.generator-width", "4", "--arch.discriminator-width", "4", "--arch.latent-dim", "8"),
    *("--train.batch-size", "16", "--train.n-samples", "4", "--train.device", "cpu", "--quiet"),
    *("--train.tick-kimg", "0.032", "--train.sample-kimg", "0.032", "--doctor", "off"),
)
TRAIN = ("train", "dcgan", "--data", "digits", "--kimg", "0.32", *TINY, "--out")
WAITING = "Another process is preparing made; waiting"
MEASURE = ("evaluate", "run", "--features", "pixels", "--n", "60", "--bootstrap", "0", "--quiet")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`whole`, a run never disturbed, and `run`, the same one stopped half-way."""
    world = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        at_home(world, patch)
        assert main([*TRAIN, "whole"]) == 0
        shutil.copytree("whole", "run")
        run = Run("run")
        shutil.rmtree(run.checkpoints[-1])
        run.write_status("interrupted", 288)
        (world / "pictures").mkdir()
        for i in range(6):
            Image.new("RGB", (9, 11), (40 * i, 7, 200)).save(world / f"pictures/{i}.png")
    return world


def at_home(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    patch.setenv("SADDLE_OFFLINE", "1")
    patch.setattr(api.Run, "report", lambda run, *_: run.report_file)


@pytest.fixture
def here(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copied = shutil.copytree(world, tmp_path / "world")
    at_home(copied, monkeypatch)
    return copied


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    gate.open()  # whatever has failed, nobody waits there any longer


def refused(child: Saddle, words: str) -> None:
    assert child.wait() == 2, child.err
    (sentence,) = (line for line in child.err.splitlines() if not line.startswith(WAITING))
    assert sentence.startswith("error: ")
    assert words in sentence


def test_a_second_resume_is_refused_and_harms_nothing(here: Path, gate: Gate) -> None:
    first = Saddle("resume", "run", "--quiet", before=gate.at_step(2))
    gate.wait(first)
    for argv in (["resume", "run"], ["resume", "run", "--kimg", "9"], [*TRAIN, "run"]):
        words = "already exists" if argv[0] == "train" else f"written by process {first.pid} on"
        refused(Saddle(*argv), words)
    gate.open()
    assert first.wait() == 0, first.err
    assert contents(Path("run")) == contents(Path("whole"))


def test_of_two_that_start_together_one_does_all_the_work(here: Path) -> None:
    for argv in (["resume", "run", "--quiet"], [*TRAIN, "new"]):
        both = [Saddle(*argv), Saddle(*argv)]
        assert sorted(child.wait() for child in both) == [0, 2], [child.err for child in both]
        (loser,) = (child for child in both if child.code == 2)
        assert loser.err.startswith("error: ")
        assert loser.err.count("\n") == 1
        # The second may have come when the first was through.
        assert any(w in loser.err for w in ("written by", "already reached", "already exists"))
        run = Path(argv[-1] if argv[-1] == "new" else "run")
        assert contents(run) == contents(Path("whole"))


def test_a_training_that_had_begun_when_the_lock_came_free_is_not_overwritten(
    here: Path, gate: Gate
) -> None:
    """Both found the folder unused; the second gets the lock when the first has ended."""

    def late() -> None:
        create = Run.create.__func__  # type: ignore[attr-defined]

        def created(cls: type[Run], *given: Any) -> Run:
            run = create(cls, *given)
            if not given[1]:  # the check before any work
                return run
            gate.stop()
            return run

        Run.create = classmethod(created)  # type: ignore[assignment]

    second = Saddle(*TRAIN, "new", "--seed", "7", before=late)
    gate.wait(second)
    assert Saddle(*TRAIN, "new").wait() == 0
    gate.open()
    refused(second, "already exists")
    assert contents(Path("new")) == contents(Path("whole"))


def test_whoever_only_reads_disturbs_no_training(here: Path, gate: Gate) -> None:
    """Before a step, and while the training goes on."""
    training = Saddle("resume", "run", "--quiet", before=gate.at_step(1))
    gate.wait(training)
    readers = (
        MEASURE,
        ("report", "run"),
        ("sample", "run", "--seeds", "0-3", "--out", "sheet.png"),
        ("doctor", "run"),
    )
    for argv in readers:
        child = Saddle(*argv)
        assert child.wait() in (0, 3), child.err
    assert Run("run").scores
    gate.open()
    together = [Saddle(*argv) for argv in readers]
    for child in together:
        assert child.wait() in (0, 3), child.err
    assert training.wait() == 0, training.err
    assert contents(Path("run")) == contents(Path("whole"))


def test_of_two_preparations_one_waits_for_the_other(here: Path, gate: Gate) -> None:
    def stop_half_way() -> None:
        assemble = prepare.assemble

        def assembled(*given: Any) -> Any:
            gate.stop()
            return assemble(*given)

        prepare.assemble = assembled

    line = ["data", "prepare", "pictures", "--size", "8", "--workers", "1", "--out"]
    assert main([*line, "expected"]) == 0
    first = Saddle(*line, "made", before=stop_half_way)
    gate.wait(first)
    others = [Saddle(*line, "made"), Saddle(*line, "made")]
    other_size = Saddle(*line, "made", "--size", "16")
    gate.open()
    for child in (first, *others):
        assert child.wait() == 0, child.err
    refused(other_size, "other options")
    made, expected = (
        {file.name: file.read_bytes() for file in Path(name).iterdir()}
        for name in ("made", "expected")
    )
    assert made == expected
    assert not [name for name in os.listdir() if name.startswith("made.")]
