"""Several processes train one run: as one would, and none of them waits for one that is gone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from _forked import Saddle
from safetensors.torch import load_file, save_file
from torch.distributed.distributed_c10d import _set_pg_timeout

from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core import rank_words
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.json_files import dumps, parse
from saddlepoint.core.randomness import seed_torch
from saddlepoint.core.runs import Run
from saddlepoint.data.loader import DeviceData
from saddlepoint.evaluation import bank, sets
from saddlepoint.evaluation.metrics import _pairwise
from saddlepoint.training import loop, rows, steps
from saddlepoint.training.launch import joined
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums

SMALL = {
    "arch.generator_width": 4,
    "arch.discriminator_width": 4,
    "arch.latent_dim": 8,
    "train.batch_size": 16,
    "train.device": "cpu",
    "train.precision": "fp32",
    "train.threads": 1,
}
TINY = [word for name, value in SMALL.items() for word in (f"--{name}", str(value))]
TINY += ["--train.tick-kimg", "0.032", "--train.sample-kimg", "0.032", "--train.n-samples", "4"]
TRAIN = ["train", "dcgan-r1", "--data", "digits", "--kimg", "0.32", *TINY, "--quiet", "--out"]
N_STEPS = 3


def several(
    *lines: Sequence[object],
    before: Callable[[int], None] = lambda rank: None,
    restarts: int = 0,
    **environment: str,
) -> list[Saddle]:
    """A command line of each rank at work; a single one is that of two ranks."""
    lines = lines * 2 if len(lines) == 1 else lines
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": len(lines)}
    given |= {"TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_RESTART_COUNT": restarts, **environment}

    def arrange(rank: int) -> Callable[[], None]:
        def there() -> None:
            os.environ.update(
                {name: str(value) for name, value in (given | {"RANK": rank}).items()}
            )
            before(rank)

        return there

    return [Saddle(*line, before=arrange(rank)) for rank, line in enumerate(lines)]


def refused(ranks: list[Saddle], *words: str, code: int = 2) -> None:
    """All end with this code, and one of them says one sentence."""
    assert [child.wait() for child in ranks] == [code] * len(ranks), [c.err for c in ranks]
    (said,) = (child.err for child in ranks if child.err)
    assert said.count("\n") == 1, said
    assert all(word in said for word in words), said


def steps_of(config: Config) -> dict[str, torch.Tensor]:
    """What a few steps make of the nets, and of the line of metrics."""
    dataset = config.source.open()
    seed_torch(0)
    state, sums = TrainState.new(config, dataset.spec), Sums()
    data = DeviceData(dataset, "cpu", config.seed)
    loop.begin_together(state)
    for _ in range(N_STEPS):
        real, fake = loop.iterate(state, config, data, sums)
    row = rows.tick_row(state, config, real, fake, sums)
    del row["memory_mb"]
    tensors = {f"row.{name}": torch.tensor(float(value)) for name, value in row.items()}
    for name, net in state.nets.items():
        tensors |= {f"{name}.{key}": value.contiguous() for key, value in net.state_dict().items()}
    return tensors


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "BatchNorm in both nets": ("dcgan", {}),
    "lazy penalties, relativistic": ("dcgan-r1", {"augment.mirror": True}),
    "interpolates, accumulated": ("wgan-gp", {"train.accumulate": 2, "train.n_critic": 2}),
    "a batch's deviation": ("dcgan-r1", {"arch.minibatch_stddev": True, "train.accumulate": 2}),
    "packs": ("dcgan-r1", {"arch.packing": 2}),
    "wrong labels": (
        "dcgan",
        {
            **{"arch.conditioning": "every-layer", "arch.discriminator_residuals": 0},
            "train.wrong_label_fraction": 0.25,
        },
    ),
    # At the preset's learning rate three steps magnify float32's rounding past 1e-4; in float64
    # they agree to 1e-12 (bench/ranks.py).
    "wrong labels, in pairs": ("cgan-every-layer", {"optim_g.lr": 1e-7, "optim_d.lr": 1e-7}),
    "all that is drawn": (
        "dcgan-r1",
        {
            **{"arch.dropout": 0.3, "train.instance_noise": 0.5},
            **{"augment.translation": 0.125, "augment.cutout": 0.3},
        },
    ),
}


def configured(case: str) -> Config:
    preset, changes = CASES[case]
    return with_changes(api.configure(preset, "digits", kimg=1), {**SMALL, **changes})


def test_two_ranks_take_the_steps_of_one(tmp_path: Path) -> None:
    def play(rank: int) -> None:
        with joined():
            for number, case in enumerate(CASES):
                save_file(steps_of(configured(case)), tmp_path / f"{number}-{rank}.safetensors")
        os._exit(0)

    ranks = several(["--help"], before=play)
    assert [child.wait() for child in ranks] == [0, 0], [child.err for child in ranks]
    for number, case in enumerate(CASES):
        alone = steps_of(configured(case))
        first, second = (load_file(tmp_path / f"{number}-{rank}.safetensors") for rank in (0, 1))
        for name, expected in alone.items():
            assert torch.allclose(first[name], expected, rtol=1e-4, atol=1e-6), (case, name)
            # To the bit, or they would drift apart.
            assert torch.equal(first[name], second[name]), (case, name)


@pytest.fixture(scope="module", autouse=True)
def no_report() -> Iterator[None]:
    """The page is written as by one process, and takes longer than all of these trainings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.Run, "report", lambda run, *_: run.report_file)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two ranks that nobody disturbed."""
    out = tmp_path_factory.mktemp("ranks") / "whole"
    ranks = several([*TRAIN, out])
    assert [child.wait() for child in ranks] == [0, 0], [child.err for child in ranks]
    assert [(c.out, c.err) for c in ranks] == [(f"Report: {out}/report.html\n", ""), ("", "")]
    return out


def weights(run: Path) -> dict[str, torch.Tensor]:
    newest = Run(run).checkpoints[-1]
    found = {}
    for file in sorted(newest.glob("*.safetensors")):
        found |= {f"{file.stem}.{name}": value for name, value in load_file(file).items()}
    return found


def assert_same(a: Path, b: Path, tolerance: float = 0.0) -> None:
    for name, value in weights(a).items():
        torch.testing.assert_close(weights(b)[name], value, rtol=tolerance, atol=tolerance)


def test_the_folder_is_that_of_one_process_which_can_go_on_with_it(
    whole: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    assert main([*TRAIN, str(alone)]) == 0
    files = [{str(f.relative_to(run)) for f in run.rglob("*")} for run in (alone, whole)]
    assert files[0] == files[1]
    assert_same(alone, whole, 1e-5)
    assert [Run(run).document["resolved"]["ranks"] for run in (alone, whole)] == [1, 2]
    longer = shutil.copytree(whole, tmp_path / "longer")
    assert main(["resume", str(longer), "--kimg", "0.352", "--quiet"]) == 0
    assert Run(longer).document["resolved"]["ranks"] == 1


def test_a_rank_that_is_killed_is_named_and_the_next_start_goes_on(
    whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    line = [*TRAIN, out, "--train.checkpoint-minutes", "0"]

    def die(rank: int) -> None:
        iterate = loop.iterate

        def step(state: TrainState, *given: Any) -> Any:
            if rank == 1 and state.n_images == 160:
                os.kill(os.getpid(), signal.SIGKILL)
            return iterate(state, *given)

        loop.iterate = step

    first, second = several(line, before=die)
    assert (first.wait(), second.wait()) == (1, -signal.SIGKILL)
    assert f"rank 1 (process {second.pid} on " in first.err
    assert "died; the last checkpoint is intact" in first.err
    assert Run(out).status["state"] == "failed"
    ranks = several(line, restarts=1)
    assert [child.wait() for child in ranks] == [0, 0], [child.err for child in ranks]
    assert_same(whole, out)


def scores_of(run: Path) -> Any:
    """What was measured, without how long it took."""
    (file,) = (run / "scores").glob("*.json")
    (score,) = parse(file.read_text(), str(file))["scores"]
    return {**score, "seconds": 0}


def test_ranks_measure_what_one_process_does(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "PART", 64)
    monkeypatch.setattr(_pairwise, "TILE", 64)  # five rows of tiles, the last one short
    monkeypatch.chdir(tmp_path)
    caches = [tmp_path / name for name in ("cache of ranks", "cache of one")]
    line = ["evaluate", "run", "--n", "300", "--features", "classifier", "--quiet"]

    shutil.copytree(whole, "run")
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches[0]))
    ranks = several(line)
    assert [child.wait() for child in ranks] == [0, 0], [child.err for child in ranks]
    assert "precision" in ranks[0].out
    assert ranks[0].err.startswith("Features: classifier")
    assert ranks[1].out == ranks[1].err == ""
    found = scores_of(Path("run"))

    # A script: from the cache and beside it, and every rank gets the document.
    def ask(rank: int) -> None:
        given = [
            api.evaluate("run", n=300, features="classifier", quiet=True)[0],
            api.evaluate("run", n=200, features="pixels", quiet=True)[0],
        ]
        Path(f"given-{rank}").write_text(dumps(given))
        os._exit(0)

    ranks = several(line, before=ask)
    assert [child.wait() for child in ranks] == [0, 0], [child.err for child in ranks]
    given = [parse(Path(f"given-{rank}").read_text(), "given") for rank in (0, 1)]
    assert given[0] == given[1]
    assert {**given[0][0], "seconds": 0} == found

    shutil.rmtree("run")
    shutil.copytree(whole, "run")
    classifiers = "saddlepoint/classifiers"
    shutil.copytree(caches[0] / classifiers, caches[1] / classifiers)
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches[1]))
    assert main(line) == 0
    assert scores_of(Path("run")) == found
    ranks_, one = ({p.relative_to(cache) for p in cache.rglob("*")} for cache in caches)
    assert one < ranks_  # which have also what the script asked for
    sums = [name for name in one if name.name.startswith("pairs-")]
    assert sums
    for name in sums:  # float64, to the last bit
        here, two = (load_file(cache / name) for cache in caches)
        assert all(torch.equal(here[key], two[key]) for key in here.keys() | two.keys())
    pixels, _ = api.evaluate("run", n=200, features="pixels", quiet=True)
    assert pixels["values"] == given[0][1]["values"]


def test_a_rank_that_hangs_is_named_after_the_time_that_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_words, "_ROLL_CALL", 0.5)

    def hang(rank: int) -> None:
        iterate = loop.iterate

        def step(state: TrainState, *given: Any) -> Any:
            if state.n_images == 160:
                # Not before: a busy machine may take its time to start the other one.
                _set_pg_timeout(timedelta(seconds=1))
                if rank == 1:
                    os.kill(os.getpid(), signal.SIGSTOP)
            return iterate(state, *given)

        loop.iterate = step

    line = [*TRAIN, tmp_path / "run"]
    first, second = several(line, before=hang, SADDLE_RANK_TIMEOUT="300")
    try:
        assert first.wait() == 1
    finally:
        second.kill()
    assert f"rank 1 (process {second.pid} on " in first.err
    assert "did not answer (SADDLE_RANK_TIMEOUT is 300 seconds); the last" in first.err
    assert Run(tmp_path / "run").status["state"] == "failed"


def test_a_rank_without_memory_makes_all_go_on_in_parts(tmp_path: Path) -> None:
    out = tmp_path / "run"
    line = [*TRAIN, out, "--train.checkpoint-minutes", "0"]

    def run_out(rank: int) -> None:
        turn = steps.turn

        def short(state: TrainState, config: Config, *given: Any, **more: Any) -> Any:
            if rank == 1 and state.n_images == 160 and config.train.accumulate == 1:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB.\nMore.")
            return turn(state, config, *given, **more)

        steps.turn = short

    ranks = several(line, before=run_out)
    said = ["Out of memory (rank 1 (process ", "Tried to allocate 2 GiB.). From 160 images on"]
    refused(ranks, *said, "in 2 parts of 8", f"`saddle resume {out}`", code=1)
    document = Run(out).document
    assert document["out_of_memory"] == [{"at_images": 160, "accumulate": [1, 2]}]
    assert document["config"]["train"]["accumulate"] == 2
    # As torchrun does it.
    ranks = several(line, before=run_out, restarts=1)
    assert [child.wait() for child in ranks] == [0, 0], [child.err for child in ranks]
    assert Run(out).status["state"] == "finished"
    assert [row["images"] for row in Run(out).history.rows][-1] == 320


def test_a_rank_that_is_killed_while_it_measures_is_named(tmp_path: Path) -> None:
    def die(rank: int) -> None:
        if rank == 1:
            bank._extract = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

    line = ["evaluate", "digits", "digits", "--features", "pixels"]
    first, second = several(line, before=die, XDG_CACHE_HOME=str(tmp_path))
    assert (first.wait(), second.wait()) == (1, -signal.SIGKILL)
    assert f"rank 1 (process {second.pid} on " in first.err
    assert "died; start all of them again." in first.err


def test_what_ranks_cannot_share_is_refused_by_one_of_them(tmp_path: Path) -> None:
    line = [*TRAIN, tmp_path / "run"]
    host = socket.gethostname()
    for more, words in (
        (["--train.batch-size", "17"], ["train.batch_size=17", "--train.batch-size 16"]),
        (["--doctor", "treat"], ["--doctor advise"]),
    ):
        refused(several([*line, *more]), *words)
    refused(several(line, [*line, "--seed", "1"]), "has seed 1, but rank 0", host)
    other = ["rank 1 (process ", "ended: ", "no-such-data"]
    refused(several(line, [w if w != "digits" else "./no-such-data" for w in line]), *other)
    measure = ["evaluate", "digits", "digits", "--features", "pixels", "--n"]
    refused(several([*measure, 64], [*measure, 65]), "has --n 65, but rank 0", host)
    refused(several([*measure, 64, "--device", "cuda:1"]), "--device cuda")
    refused(several(["presets"]), "any other command is for one")
    for child in several(line, SADDLE_RANK_TIMEOUT="nan"):  # they do not know of each other
        assert child.wait() == 2
        assert "SADDLE_RANK_TIMEOUT=nan" in child.err
    refused(several([*TRAIN[:-1]], TORCHELASTIC_MAX_RESTARTS="3"), "give --out RUN")
    assert not (tmp_path / "run").exists()


def test_a_stop_and_a_value_that_is_not_finite_reach_all(tmp_path: Path) -> None:
    def at_image(n: int, act: Callable[[int, TrainState], None]) -> Callable[[int], None]:
        def arrange(rank: int) -> None:
            iterate = loop.iterate

            def step(state: TrainState, *given: Any) -> Any:
                if state.n_images == n:
                    act(rank, state)
                return iterate(state, *given)

            loop.iterate = step

        return arrange

    def interrupt(rank: int, _: TrainState) -> None:
        if rank == 1:  # rank 0 is not asked
            os.kill(os.getpid(), signal.SIGTERM)

    def spoil(rank: int, state: TrainState) -> None:
        if rank == 1:
            next(state.generator.parameters()).data.fill_(float("nan"))

    line = [*TRAIN, tmp_path / "stopped"]
    refused(several(line, before=at_image(96, interrupt)), "Saved at 96 images", code=130)
    refused(several(line, restarts=1), "was stopped", code=130)
    refused(several([*TRAIN, tmp_path / "nan"], before=at_image(96, spoil)), "not finite", code=1)
