"""A run that is stopped and resumed equals one that was never stopped, in everything that decides:
lines of metrics, findings, treatments, scores, weights and pictures."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import pytest
from _contents import contents
from _forked import PATIENCE, Gate, Saddle, wait_until

from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.errors import Interrupted
from saddlepoint.core.json_files import write_json
from saddlepoint.core.runs import Run
from saddlepoint.diagnosis import diagnose, doctor
from saddlepoint.diagnosis.detectors.complete_mode_collapse import CompleteModeCollapse
from saddlepoint.lab.failures import FAILURES
from saddlepoint.training import loop, treatment

SMALL = {
    "train.batch_size": 16,
    "train.device": "cpu",
    "train.n_samples": 4,
    "train.tick_kimg": 0.08,
    "train.sample_kimg": 0.16,
    "doctor.probe_kimg": 0.16,
}
MLP = {"arch.generator_widths": (16,), "arch.discriminator_widths": (16,)}
DCGAN = {"arch.generator_width": 4, "arch.discriminator_width": 4}


@pytest.fixture(autouse=True)
def without_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take half of the time, and have tests of their own."""
    monkeypatch.setattr(api.Run, "report", lambda run: run.report_file)


def healthy(preset: str, data: str, **changes: Any) -> Config:
    sizes = MLP if preset.startswith("gan") else DCGAN
    dotted = {f"train.{name}": value for name, value in changes.items()}
    return with_changes(api.configure(preset, data, kimg=0.48), {**SMALL, **sizes, **dotted})


@pytest.fixture(autouse=True)
def found_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor as it is, but it needs half the steps to be sure of a collapse."""
    soon = CompleteModeCollapse(warmup=100, steps=100)
    others = [one for one in diagnose.all_detectors() if type(one) is not CompleteModeCollapse]
    for module in (diagnose, doctor):
        monkeypatch.setattr(module, "all_detectors", lambda: [soon, *others])


def collapsing() -> Config:
    """The lecture's complete collapse in small: it is found and treated."""
    often = {"train.tick_kimg": 0.2, "train.sample_kimg": 0.8, "doctor.probe_kimg": 0.2}
    changes = {**SMALL, **MLP, **often, "train.kimg": 4}
    return with_changes(FAILURES["complete-collapse"].config("treated", 0), changes)


@pytest.mark.parametrize(
    ("make", "stops", "events"),
    [
        # At these steps of each process: a tick is five steps, a probe two ticks.
        pytest.param(lambda: healthy("gan", "ring8"), (4, 6, 13), [], id="points"),
        pytest.param(lambda: healthy("dcgan", "digits"), (3, 11), [], id="images"),
        pytest.param(
            lambda: healthy("wgan-gp", "digits", tick_kimg=0.01, kimg=0.8),
            (1, 2, 3),
            [],
            id="each step a tick",
        ),
        pytest.param(collapsing, (60, 220), ["found", "treated"], id="treated"),
    ],
)
def test_a_run_that_is_stopped_again_and_again_equals_one_never_stopped(
    make: Callable[[], Config],
    stops: tuple[int, ...],
    events: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api.train(make(), out=tmp_path / "whole", quiet=True)
    expected = contents(tmp_path / "whole")
    assert [line["event"] for line in expected["findings"]] == events

    out = tmp_path / "run"
    work = lambda: api.train(make(), out=out, quiet=True)  # noqa: E731 - then another one
    for index, step in enumerate(stops):
        stop_at(step, monkeypatch, work, (signal.SIGINT, signal.SIGTERM)[index % 2])
        assert Run(out).status["state"] == "interrupted"
        work = lambda: api.resume(out, quiet=True)  # noqa: E731 - as above
    work()
    found = contents(out)
    for part, value in expected.items():
        assert found[part] == value, part


def stop_at(step: int, patch: pytest.MonkeyPatch, work: Callable[[], object], number: int) -> None:
    """Do the work up to this step, with a real signal in it."""
    iterate, steps = loop.iterate, []

    def iterate_and_stop(*given: Any) -> Any:
        steps.append(1)
        if len(steps) == step:
            os.kill(os.getpid(), number)
        return iterate(*given)

    with patch.context() as until:
        until.setattr(loop, "iterate", iterate_and_stop)
        with pytest.raises(Interrupted):
            work()


def test_a_stop_by_control_json_is_one_at_a_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = healthy("gan", "ring8")
    api.train(config, out=tmp_path / "whole", quiet=True)
    out = tmp_path / "run"
    finite = loop.fail_unless_finite

    def ask(row: dict[str, Any], run: Run) -> None:
        finite(row, run)
        if row["images"] == 240:
            write_json(run.control_file, {"stop": True})

    with monkeypatch.context() as patch:
        patch.setattr(loop, "fail_unless_finite", ask)
        with pytest.raises(Interrupted, match="Saved at 240 images"):
            api.train(config, out=out, quiet=True)
    api.resume(out, quiet=True)
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("moment", ["choose", "_settle"])
def test_a_stop_in_the_middle_of_a_treatment_comes_after_it(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    step = getattr(treatment, moment)

    def stop_and_do(*given: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return step(*given)

    monkeypatch.setattr(treatment, moment, stop_and_do)
    with pytest.raises(Interrupted):
        api.train(collapsing(), out=out, quiet=True)
    run = Run(out)
    assert run.status["state"] == "interrupted"
    assert [line["event"] for line in run.findings] == ["found", "treated"]
    assert run.document["treatments"]


# -- a stop whose terminal is lost -----------------------------------------------------------------

GATE = """
import time
from pathlib import Path
from saddlepoint import api
from saddlepoint.training import loop

api.Run.report = lambda run: run.report_file
iterate, steps = loop.iterate, []


def wait_at_the_eighth_step(*given):
    steps.append(1)
    if len(steps) == 8:
        Path("here").touch()
        while not Path("go").exists():
            time.sleep(0.005)
    return iterate(*given)


loop.iterate = wait_at_the_eighth_step
"""
"""A plug-in: an interpreter of its own has no other way in."""
TRAIN = ["train", "gan", "--data", "ring8", "--kimg", "0.48"]
TRAIN += ["--arch.generator-widths", "16", "--arch.discriminator-widths", "16"]
for name, value in SMALL.items():
    TRAIN += [f"--{name.replace('_', '-')}", str(value)]


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.Run, "report", lambda run: run.report_file)
        assert main([*TRAIN, "--out", str(out), "--quiet"]) == 0
    return contents(out)


def interpreter(out: Path, stream: int) -> Popen[bytes]:
    """`saddle` as a shell starts it, in a group that a Ctrl-C reaches as a whole."""
    (out.parent / "gate.py").write_text(GATE)
    argv = [*TRAIN, "--out", str(out), "--plugins", "gate.py"]
    return Popen(
        [sys.executable, "-m", "saddlepoint", *argv],
        cwd=out.parent,
        env={**os.environ, "PYTHONPATH": str(Path(api.__file__).parents[2])},
        stdout=stream,
        stderr=stream,
        process_group=0,
    )


@pytest.mark.parametrize(
    ("start", "lost", "number"),
    [
        ("interpreter", "tee", signal.SIGINT),
        *(
            ("fork", lost, number)
            for lost in ("full", "gone", "tee")
            for number in (signal.SIGINT, signal.SIGTERM)
        ),
    ],
)
def test_a_stop_is_saved_though_the_terminal_is_lost(
    start: str, lost: str, number: int, never_stopped: dict[str, Any], tmp_path: Path
) -> None:
    """`2>/dev/full`, `2>&1 | head -1`, and `2>&1 | tee log` under a Ctrl-C, which ends both."""
    out, gate = tmp_path / "run", Gate(tmp_path)
    reader, stream = os.pipe()
    if lost == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), stream)
    if start == "fork":
        before = gate.at_step(8)
        child = Saddle(*TRAIN, "--out", out, before=before, streams=(stream, stream))
    else:
        child = interpreter(out, stream)
    os.close(stream)
    tee = None
    try:
        wait_until(gate.here.exists, "it does not train")
        if lost == "gone":
            while b"\n" not in os.read(reader, 1):
                pass
        if lost == "tee":
            argv = ["tee", tmp_path / "log"]
            tee = Popen(argv, stdin=reader, stdout=DEVNULL, process_group=child.pid)
        os.close(reader)
        if tee and number == signal.SIGINT:
            os.killpg(child.pid, number)
            tee.wait(PATIENCE)
        else:
            os.kill(child.pid, number)
        gate.open()
        assert child.wait(PATIENCE) == 130
    finally:
        for process in (child, *([tee] if tee else [])):
            process.kill()
            process.wait()
    run = Run(out)
    assert run.status["state"] == "interrupted"
    assert run.status["n_images"] == 80
    assert run.checkpoints
    api.resume(out, quiet=True)
    found = contents(out)
    found["document"] |= {"plugins": []}  # the gate
    assert found == never_stopped
