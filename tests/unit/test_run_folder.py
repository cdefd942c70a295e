"""Any sequence of verbs, stops, kills and damage leaves a run folder that goes on where it was.

HYPOTHESIS_EXAMPLES=200 plays longer sequences in other orders.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from _contents import contents, differing
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from saddlepoint import api
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.errors import InputError, Interrupted
from saddlepoint.core.runs import Run
from saddlepoint.training import loop

BUDGETS = (0.16, 0.32, 0.4)
"""kimg: ten steps each, and a tick every second one."""
TINY = {
    "arch.generator_widths": (8,),
    "arch.discriminator_widths": (8,),
    "train.batch_size": 16,
    "train.checkpoint_minutes": 0,
    "train.device": "cpu",
    "train.n_samples": 4,
    "train.sample_kimg": 0.096,
    "train.tick_kimg": 0.032,
    "doctor.probe_kimg": 0.064,
}
CALLS = ("replace", "rename", "fsync", "mkdir", "unlink", "rmdir")
LONG = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))

write_report = api.Run.report

disturbances = st.one_of(
    st.none(),
    st.tuples(st.just("stop"), st.integers(1, 10)),
    st.tuples(st.just("kill"), st.integers(1, 120)),
)


class Killed(BaseException):
    """What a process that is gone does with everything after this moment."""


@contextmanager
def killed_at(number: int) -> Iterator[None]:
    """In place of call `number` of those that change a folder, and at all after it, raise."""
    calls = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def call(*given: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls >= number:
                raise Killed
            return real(*given, **more)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, counted(getattr(os, name)))
        yield


@contextmanager
def stopped_at(step: int) -> Iterator[None]:
    """A real signal in this step."""
    iterate, steps = loop.iterate, 0

    def stop(*given: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGINT)
        return iterate(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "iterate", stop)
        yield


def train(out: Path) -> None:
    config = with_changes(api.configure("gan", "ring8", kimg=BUDGETS[0]), TINY)
    api.train(config, out=out, quiet=True)


@functools.cache
def undisturbed() -> list[dict[str, Any]]:
    """What a run holds after each budget when nothing ever happens to it."""
    held = []
    with tempfile.TemporaryDirectory() as folder:
        for budget in BUDGETS:
            run = Path(folder) / "run"
            api.resume(run, kimg=budget, quiet=True) if held else train(run)
            held.append(contents(run))
    return held


class RunFolder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "run"
        self.run = Run(self.path)
        self.budget = 0
        """Which of BUDGETS config.json has."""
        self.lines_damaged = False

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @property
    def begun(self) -> bool:
        return self.run.config_file.is_file()

    @property
    def finished(self) -> bool:
        return self.begun and self.run.status.get("state") == "finished"

    def attempt(self, work: Callable[[], object], disturbed: tuple[str, int] | None) -> None:
        """Every call ends in success or in a word for why it did not."""
        kind, number = disturbed or ("", 0)
        try:
            if kind == "kill":
                with killed_at(number):
                    work()
            elif kind == "stop":
                with stopped_at(number):
                    work()
            else:
                work()
        except Killed:
            assert kind == "kill"
        except Interrupted:
            assert self.run.status["state"] == "interrupted"
        else:
            assert kind == "kill" or self.finished
            assert not list(self.path.rglob(".*"))

    @precondition(lambda self: not self.finished)
    @rule(disturbed=disturbances)
    def go_on(self, disturbed: tuple[str, int] | None) -> None:
        """What a person does: the same command again, or `saddle resume`."""
        if self.begun:
            self.attempt(lambda: api.resume(self.path, quiet=True), disturbed)
        else:
            self.attempt(lambda: train(self.path), disturbed)

    @precondition(lambda self: self.finished and self.budget + 1 < len(BUDGETS))
    @rule(disturbed=disturbances)
    def extend(self, disturbed: tuple[str, int] | None) -> None:
        kimg = BUDGETS[self.budget + 1]
        self.attempt(lambda: api.resume(self.path, kimg=kimg, quiet=True), disturbed)
        self.budget += self.run.document["config"]["train"]["kimg"] == kimg

    @precondition(lambda self: self.begun and len(self.run.checkpoints) > 1)
    @rule(
        name=st.sampled_from(("ema", "optim", "discriminator")),
        place=st.integers(0, 10**6),
        extended=st.booleans(),
    )
    def damage_the_newest_checkpoint(self, name: str, place: int, extended: bool) -> None:
        newest = self.run.checkpoints[-1]
        content = bytearray((newest / f"{name}.safetensors").read_bytes())
        content[place % len(content)] ^= 1
        (newest / f"{name}.safetensors").write_bytes(content)
        if not self.finished:
            self.go_on(None)
        elif extended and self.budget + 1 < len(BUDGETS):
            self.extend(None)
        else:
            api.resume(self.path, quiet=True)

    @precondition(lambda self: self.begun and len(self.run.history) > 2)
    @rule(place=st.integers(0, 10**6))
    def damage_a_line(self, place: int) -> None:
        lines = self.run.metrics_file.read_bytes().splitlines(keepends=True)
        lines[place % len(lines)] = b"\xff{not a line\n"
        self.run.metrics_file.write_bytes(b"".join(lines))
        self.lines_damaged = True

    @precondition(lambda self: self.begun)
    @rule(text=st.sampled_from(("[]", "{", "\x00", '{"save": true}', '{"sample": 1}')))
    def write_a_request(self, text: str) -> None:
        self.run.control_file.write_text(text)

    @precondition(lambda self: self.begun)
    @rule()
    def sample(self) -> None:
        try:
            api.sample(self.path, self.folder / "sample.png", seeds=range(4))
        except InputError:
            assert not self.run.checkpoints

    @precondition(lambda self: self.finished)
    @rule()
    def evaluate(self) -> None:
        api.evaluate(self.path, n=64, n_bootstrap=0, quiet=True)

    @precondition(lambda self: self.begun)
    @rule(kill=st.one_of(st.none(), st.integers(1, 6)))
    def report(self, kill: int | None) -> None:
        """Killed and given again, or given once."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(api.Run, "report", write_report)
            if kill is not None:
                with suppress(Killed), killed_at(kill):
                    api.report(self.path)
            page = api.report(self.path)
        assert page.read_text().rstrip().endswith("</html>")
        assert not list(self.path.glob(".*"))

    @invariant()
    def lines_are_those_of_a_run_never_disturbed(self) -> None:
        if not self.begun or self.lines_damaged:
            return
        # While an extension goes on, the last line of the budget before is there already.
        expected = undisturbed()[min(self.budget + 1, len(BUDGETS) - 1)]["rows"]
        rows = contents(self.path)["rows"] if self.run.status else []
        assert rows == expected[: len(rows)]
        saved = [int(folder.name.split("k")[0]) * 1000 for folder in self.run.checkpoints]
        assert len(rows) >= sum(row["images"] <= max(saved, default=0) for row in expected)

    @invariant()
    def images_rise(self) -> None:
        images = self.run.history["images"].tolist() if self.begun else []
        assert images == sorted(set(images))

    @invariant()
    def what_is_finished_equals_a_run_never_disturbed(self) -> None:
        if not self.finished or self.lines_damaged:
            return
        found = contents(self.path)
        # Whether there is a page is up to `report` alone; the next writer removes what a kill left.
        found |= {"report": False, "leftovers": []}
        assert differing(found, undisturbed()[self.budget]) == []


@pytest.fixture(autouse=True)
def in_less_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports would take half of the time, and have tests of their own."""
    monkeypatch.setattr(api.Run, "report", lambda run: run.report_file)


def test_any_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        RunFolder,
        settings=settings(
            max_examples=LONG or 6,
            stateful_step_count=40 if LONG else 8,
            derandomize=not LONG,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=tuple(Phase) if LONG else (Phase.explicit, Phase.generate),
        ),
    )
