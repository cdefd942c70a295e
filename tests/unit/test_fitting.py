"""What a run takes, said before it starts; the batch that fits; steps that do not fit after all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _contents import contents

from saddlepoint import api
from saddlepoint.core.config_json import to_json, with_changes
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.json_files import write_json
from saddlepoint.training import batch, beside, budget, loop, steps
from saddlepoint.training.expected import duration
from saddlepoint.training.memory import Need
from saddlepoint.training.parts import more_parts
from saddlepoint.training.state import TrainState

NETS = {"arch.latent_dim": 8, "arch.generator_width": 8, "arch.discriminator_width": 8}
TINY = {
    **NETS,
    **{"train.batch_size": 16, "train.tick_kimg": 0.1, "train.precision": "fp32"},
}


def test_the_first_line_says_batch_memory_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rates: list[tuple[float, float]] = []
    real = budget.images_per_second

    def measured(config: Any, dataset: Any, seconds: float, most: float) -> float:
        rates.append((real(config, dataset, 1e-6, most), most))
        return 1.6

    monkeypatch.setattr(budget, "images_per_second", measured)
    monkeypatch.setattr(budget, "seconds_beside", lambda *_: 20.0)
    config = api.configure("dcgan", "digits", kimg=6.4, changes=TINY | {"train.threads": 1})

    def ends(*_: Any) -> None:  # the line is what counts
        raise RunFailed("enough")

    monkeypatch.setattr(loop, "attempt", ends)
    with pytest.raises(RunFailed, match="enough"):
        api.train(config, out=tmp_path / "run")
    ((rate, most),) = rates
    assert rate > 0
    assert most == 12  # 3 % of 400 steps
    line = capsys.readouterr().err.splitlines()[0]
    said = re.fullmatch(
        r"dcgan on digits \(1,797 items\): 6\.4 kimg at batch 16, about (\d[.\d]*) ([MG]B) and 68 "
        r"min on 1 thread \(cpu, fp32\) -> .*run",
        line,
    )
    assert said is not None, line
    expected = api.Run.open(tmp_path / "run").document["expected"]
    mb = float(said[1]) * {"MB": 1, "GB": 1000}[said[2]]
    assert expected["memory_mb"] == pytest.approx(mb, rel=0.06)  # two digits are said
    assert expected["seconds"] == pytest.approx(6400 / 1.6 * 1.02 + 20, abs=0.1)
    # 3 % of 231 steps are too few to be timed.
    short = api.configure("dcgan", "digits", kimg=3.7, changes=TINY | {"train.device": "cpu"})
    assert budget.expected_seconds(short, short.source.open()) is None


def test_pictures_and_scores_count_as_often_as_they_are_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(beside, "_seconds_when_due", lambda *_: 100.0)
    dataset = api.configure("dcgan", "digits").source.open()

    def n_due(kimg: float, begun: int) -> float:
        """Every 500 images."""
        changes = TINY | {"train.sample_kimg": 0.5}
        config = api.configure("dcgan", "digits", kimg=kimg, changes=changes)
        return (beside.seconds_beside(config, dataset, begun) - beside.REPORT_SECONDS) / 100

    # The untrained generator, each 500 images, and the end.
    assert [n_due(2, 0), n_due(2.2, 0), n_due(2, 1000), n_due(2.2, 1024)] == [5, 6, 2, 3]


def test_what_is_due_takes_time_with_labels_and_without() -> None:
    for preset, data in [("cgan-onehot", "digits"), ("gan-points", "ring8")]:
        config = api.configure(preset, data, kimg=1, changes={"train.device": "cpu"})
        dataset = config.source.open()
        assert beside.seconds_beside(config, dataset) > beside.REPORT_SECONDS


def test_an_expected_time_has_no_digits_that_it_does_not_know() -> None:
    said = [duration(s) for s in (0.1, 12, 58, 99, 130, 599, 3000, 9000)]
    assert said == ["5 s", "10 s", "60 s", "100 s", "2.2 min", "10.0 min", "50 min", "2.5 h"]


def speeds(monkeypatch: pytest.MonkeyPatch, most: int, rate: Callable[[int], float]) -> None:
    """A machine that has memory for batches of `most`, and trains `rate(batch)` images a second."""
    monkeypatch.setattr(
        batch, "need_of", lambda config, _: Need({}, config.train.batch_size * 10**6, most * 10**6)
    )
    monkeypatch.setattr(batch, "_rate", lambda config, _, size: rate(size))


BATCHES = [
    (40, lambda n: n, 32, "64 need about 64 MB of memory, but 40 MB are available"),
    (10**6, lambda n: min(n, 70.0), 64, "128 are not worth their steps"),
    (10**6, lambda n: n, 1024, "2,048 are more than the 1,797 that are possible"),
    (5, lambda n: n, 4, "8 need about 8 MB of memory"),
    (10**6, lambda n: n * (n < 300), 256, "512 need more memory than there is"),
    (10**6, lambda n: n * (n < 8), 4, "8 need more memory than there is"),
]


@pytest.mark.parametrize(("memory", "rate", "size", "why"), BATCHES)
def test_the_greatest_batch_says_why_it_is_that_one(
    monkeypatch: pytest.MonkeyPatch, memory: int, rate: Callable[[int], float], size: int, why: str
) -> None:
    speeds(monkeypatch, memory, rate)
    config = api.configure("dcgan", "digits", changes=TINY | {"train.device": "cpu"})
    found, said = batch.greatest(config, config.source.open())
    assert found.train.batch_size == size
    assert found.optim_g == config.optim_g
    assert why in said
    assert ("Learning rates stay those of batch 16" in said) == (size != 16)


def test_the_batch_found_is_that_of_the_run_and_of_its_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[int] = []
    real = batch.images_per_second

    def measured(config: Any, dataset: Any, seconds: float) -> float:
        assert real(config, dataset, 1e-6) > 0
        timed.append(config.train.batch_size)
        return 100 / config.train.batch_size

    monkeypatch.setattr(batch, "images_per_second", measured)
    made = api.train(
        "dcgan", "digits", kimg=0.1, batch="auto", out=tmp_path / "run", changes=TINY, quiet=True
    )
    assert timed == [16, 32]
    assert made.document["config"]["train"]["batch_size"] == 16
    assert api.resume(made.path, kimg=0.2, quiet=True).history.rows[-1]["step"] == 13
    with pytest.raises(InputError, match="batch='12' must be 'auto'"):
        api.train("dcgan", "digits", batch="12")


# -- out of memory -------------------------------------------------------------------------------


def without_memory(patch: pytest.MonkeyPatch, *at: int, error: type[Exception]) -> None:
    """At these calls the generator's step, which comes after the discriminator's, fails."""
    calls = []
    real = steps.generator_step

    def fails(state: TrainState, *arguments: Any) -> None:
        if not next(state.generator.parameters()).is_meta:  # as in the estimate
            calls.append(0)
            if len(calls) in at:
                raise error("CUDA out of memory. Tried to allocate 2 GiB.\nMore.")
        real(state, *arguments)

    patch.setattr(steps, "generator_step", fails)


def decisive(run: api.Run) -> dict[str, Any]:
    found = contents(run.path)
    newest = run.checkpoints[-1].name
    weights = {name: sha for name, sha in found["weights"].items() if newest in name}
    return {"weights": weights, **{part: found[part] for part in ("rows", "findings", "pictures")}}


@pytest.mark.parametrize(
    ("preset", "data", "error"),
    [("dcgan", "digits", MemoryError), ("gan-points", "ring8", RuntimeError)],
)
def test_a_step_that_does_not_fit_is_played_again_in_parts_from_the_last_tick(
    preset: str,
    data: str,
    error: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    of_arch = {} if preset == "dcgan" else dict.fromkeys(NETS)
    changes = {name: value for name, value in TINY.items() if name not in of_arch}
    config = api.configure(preset, data, kimg=0.7, changes=changes)
    at = 20
    with monkeypatch.context() as patch:
        without_memory(patch, at, error=error)
        short = api.train(config, out=tmp_path / "short")
    (line,) = short.document["out_of_memory"]
    back_to = line["at_images"]
    assert (back_to, line["accumulate"]) == (304, [1, 2])
    said = capsys.readouterr().err
    assert f"Out of memory (CUDA out of memory. Tried to allocate 2 GiB.). From {back_to}" in said
    assert "of 16 is computed in 2 parts of 8 instead of 1" in said
    assert ("BatchNorm sees 8 images at a time" in said) == (preset == "dcgan")

    # The same as a run that was killed there and resumed in two parts.
    other = with_changes(config, {"train.checkpoint_minutes": 0})
    with monkeypatch.context() as patch:
        without_memory(patch, at, error=ValueError)
        with pytest.raises(ValueError, match="out of memory"):
            api.train(other, out=tmp_path / "other", quiet=True)
    killed = api.Run.open(tmp_path / "other")
    document = killed.document
    document["config"] = to_json(with_changes(other, {"train.accumulate": 2}))
    write_json(killed.config_file, document)
    resumed = api.resume(killed.path, quiet=True)
    assert decisive(resumed) == decisive(short)


def test_parts_end_where_there_are_no_smaller_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [more_parts(96, n, 1) for n in (1, 8, 32, 48, 96)] == [2, 16, 96, 96, None]
    assert [more_parts(7, 1, least) for least in (1, 2)] == [7, None]
    without_memory(monkeypatch, *range(100), error=MemoryError)
    with pytest.raises(RunFailed, match="in 8 parts needs more memory than there is"):
        api.train("dcgan", "digits", kimg=0.1, out=tmp_path / "run", changes=TINY, quiet=True)
    run = api.Run.open(tmp_path / "run")
    assert run.status["state"] == "failed"
    assert run.document["config"]["train"]["accumulate"] == 8  # BatchNorm needs two images


LIMITED = """
import resource, sys
from saddlepoint import api
from saddlepoint.core import limits
from saddlepoint.training import loop

real, steps = loop.iterate, 0

def iterate(state, *arguments):
    global steps
    steps += 1
    if steps == 3:  # as where another program takes memory after the start
        most = 1024 * limits._numbers(limits._OWN / "status")["VmSize:"] + HEADROOM * 10**6
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return real(state, *arguments)

loop.iterate = iterate
nets = {"arch.generator_width": 16, "arch.discriminator_width": 16, "arch.latent_dim": 8}
nets |= {"train.batch_size": 4096, "train.precision": "fp32", "train.threads": 1}
run = api.train("dcgan-r1", "digits", kimg=16.384, out=sys.argv[1], changes=nets)
print(run.status["state"], run.document["config"]["train"]["accumulate"])
"""


def test_a_process_whose_memory_is_limited_while_it_trains_goes_on_in_parts(
    tmp_path: Path,
) -> None:
    code = LIMITED.replace("HEADROOM", os.environ.get("HEADROOM", "60"))
    # Freed memory goes back to the system at once, so that the limit is of what is in use.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    state, parts = done.stdout.split()[-2:]
    assert state == "finished"
    assert int(parts) > 1
    assert "Out of memory" in done.stderr
