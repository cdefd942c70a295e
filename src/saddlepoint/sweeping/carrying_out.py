"""Trains the trials of a sweep, some at a time, and ends those that are not worth it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from saddlepoint.core import registry
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json
from saddlepoint.core.errors import InputError
from saddlepoint.core.reading import read_bytes
from saddlepoint.core.runs import Run
from saddlepoint.sweeping.folder import SweepFolder, TrialLine
from saddlepoint.sweeping.outcomes import Outcome, outcome_of
from saddlepoint.sweeping.processes import Going, Launcher
from saddlepoint.sweeping.search import Tried, hopeless_at, propose
from saddlepoint.sweeping.space import (
    Settings,
    Space,
    configuration,
    described,
    settings_of,
    size_of,
)

_SECONDS = 0.3
"""Between two looks at the trials."""
_STOPPED = 130
_MOST_SAID = 300
"""Characters of the line that a failed trial ended with."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep does."""

    base: Config
    space: Space
    seeds: Sequence[int]
    n_trials: int
    minutes: float | None
    """Budget of each training; None: that of the configuration."""
    lower: bool
    """Whether a lower objective is better."""
    pruner: str
    ends_ill: bool
    jobs: int
    words_of: Callable[[Config], list[str]]
    """A configuration -> the words after `saddle` that train it."""

    @property
    def objective(self) -> str:
        return self.base.scoring.by

    @property
    def asked(self) -> dict[str, Any]:
        """What must be the same when the sweep goes on."""
        return {
            "configuration": {**to_json(self.base), "seed": self.seeds[0]},
            "over": {path: str(one) for path, one in self.space.items()},
            "seeds": list(self.seeds),
            "minutes": self.minutes,
            "pruner": self.pruner,
            "end_ill": self.ends_ill,
        }

    def config(self, settings: Settings, seed: int) -> Config:
        return configuration(self.base, settings, seed)


@dataclass
class _Training:
    """A trial with one seed, going on."""

    trial: int
    seed: int
    run: Run
    going: Going
    slot: int
    end: str = ""
    """Why this sweep has asked it to stop."""
    seen: int = 0
    """Bytes of its metrics at the last look."""


@dataclass
class Sweeping:
    """One call of a sweep: begins what is not begun, goes on with what was interrupted."""

    plan: Plan
    folder: SweepFolder
    launcher: Launcher
    say: Callable[[str], None]
    failed: dict[tuple[int, int], str] = field(default_factory=dict)
    """(trial, seed) -> why it cannot go on."""
    stopped: set[tuple[int, int]] = field(default_factory=set)
    """Trainings that somebody else has stopped."""
    _going: list[_Training] = field(default_factory=list)
    _settled: dict[tuple[int, int], Outcome] = field(default_factory=dict)

    def carry_out(self) -> None:
        """Train until there is nothing left to train.

        Raises:
            RunFailed: a trial cannot be started, or the disk is full.
        """
        try:
            todo = self._todo()
            while self._fill(todo):
                time.sleep(_SECONDS)
                self._look()
        finally:  # after Ctrl-C, or a fault of this process: none of them goes on alone
            for one in self._going:
                one.going.stop()
            for one in self._going:
                while one.going.poll() is None:
                    time.sleep(_SECONDS / 10)

    def choose_all(self) -> None:
        """Choose the settings of all trials, of a search those of the first, without training."""
        n_chosen = 1 if self._is_search else self.plan.n_trials
        while len(self.folder.trials) < n_chosen:
            self.folder.trials.append(TrialLine(settings=self._next(), pruned=[]))

    def _fill(self, todo: Iterator[tuple[int, int]]) -> bool:
        """Start as many as there is room for; -> whether any goes on."""
        # Not one ahead of time: what comes next depends on how those before it ended.
        while len(self._going) < self.plan.jobs and (following := next(todo, None)):
            self._start(*following)
        return bool(self._going)

    def outcome(self, trial: int, seed: int) -> Outcome:
        """How one training stands."""
        if (known := self._settled.get((trial, seed))) is not None:
            return known
        pruned = seed in self.folder.trials[trial]["pruned"]
        found = outcome_of(
            self.folder.run(trial, seed),
            self.plan.objective,
            pruned=pruned,
            ends_ill=self.plan.ends_ill,
        )
        why = self.failed.get((trial, seed))
        if why is not None and not found.settled:
            return replace(found, state="failed", why=why)
        going = self._is_going(trial, seed)
        if found.state == "running" and not going:
            return replace(found, state="stopped")
        if found.settled and not going:
            self._settled[trial, seed] = found
        return found

    def _is_going(self, trial: int, seed: int) -> bool:
        return any((one.trial, one.seed) == (trial, seed) for one in self._going)

    def _todo(self) -> Iterator[tuple[int, int]]:
        """Trainings to start, in order; settings are chosen only when their turn comes, so that a
        search knows all that there is to know."""
        for trial in range(self.plan.n_trials):
            if trial == len(self.folder.trials):
                self.folder.trials.append(TrialLine(settings=self._next(), pruned=[]))
                self.folder.save()
            for seed in self.plan.seeds:
                if self.folder.trials[trial]["pruned"]:
                    break  # its other seeds would be ended as well
                if not self.outcome(trial, seed).settled:
                    yield trial, seed

    @property
    def _is_search(self) -> bool:
        size = size_of(self.plan.space)
        return size is None or self.plan.n_trials < size

    def _next(self) -> Settings:
        tried = [line["settings"] for line in self.folder.trials]
        if not self._is_search:
            return next(one for one in settings_of(self.plan.space) if one not in tried)
        past = [self._tried(trial) for trial in range(len(tried))]
        return propose(self.plan.space, past, self.plan.seeds[0], self.plan.lower)

    def _tried(self, trial: int) -> Tried:
        outcomes = [self.outcome(trial, seed) for seed in self.plan.seeds]
        scores = [one.score for one in outcomes]
        known = [score for score in scores if score is not None]
        mean = fmean(known) if len(known) == len(scores) else None
        return Tried(self.folder.trials[trial]["settings"], mean, outcomes[0].scores)

    def _start(self, trial: int, seed: int) -> None:
        run, settings = self.folder.run(trial, seed), self.folder.trials[trial]["settings"]
        self._wait_for(run)
        self.failed.pop((trial, seed), None)
        begun = run.config_file.is_file()
        if begun:
            words = ["resume", str(run.path), *plugin_words()]
        else:
            words = [*self.plan.words_of(self.plan.config(settings, seed)), "--out", str(run.path)]
        taken = {one.slot for one in self._going}
        slot = next(slot for slot in range(self.plan.jobs) if slot not in taken)
        going = self.launcher.start([*words, "--quiet"], self.folder.log(run), slot)
        self._going.append(_Training(trial, seed, run, going, slot))
        what = f" with {described(settings)}" if settings else ""
        self.say(
            f"Trial {trial + 1} of {self.plan.n_trials}, seed {seed}{what}"
            f"{': goes on' if begun else ''}"
        )

    def _wait_for(self, run: Run) -> None:
        """A sweep that was killed has told its trials to save, which may not be done yet."""
        while run.path.is_dir():
            try:
                with run.lock():
                    return
            except InputError as error:
                self.say(f"Waiting: {error}")
                time.sleep(5 * _SECONDS)

    def _look(self) -> None:
        for one in [*self._going]:
            code = one.going.poll()
            if code is None:
                self._judge(one)
            else:
                self._going.remove(one)
                self._ended(one, code)

    def _judge(self, one: _Training) -> None:
        """End a training that is ill, or worse than the others were at its place."""
        # Each look reads all of its lines, and a finding comes before the line of its tick.
        size = one.run.metrics_file.stat().st_size if one.run.metrics_file.is_file() else 0
        if one.end or size == one.seen:
            return
        one.seen = size
        outcome = self.outcome(one.trial, one.seed)
        if outcome.state == "ill":
            one.end = f"ended at {outcome.why}"
        elif outcome.state == "running" and self.plan.pruner == "median":
            others = [
                other.scores
                for trial in range(len(self.folder.trials))
                if trial != one.trial
                and (other := self.outcome(trial, one.seed)).state == "finished"
            ]
            place = hopeless_at(outcome.scores, others, self.plan.lower)
            if place is not None:
                one.end = f"ended at score {place}, which is worse than the median there"
                self.folder.trials[one.trial]["pruned"].append(one.seed)
                self.folder.save()
        if one.end:
            one.run.ask("stop")

    def _ended(self, one: _Training, code: int) -> None:
        outcome = self.outcome(one.trial, one.seed)
        said = f"Trial {one.trial + 1}, seed {one.seed}: "
        if outcome.settled:
            score = "" if outcome.score is None else f"{self.plan.objective} {outcome.score:.4g}"
            self.say(said + (score or one.end or f"ended at {outcome.why}"))
        elif code == _STOPPED:
            self.stopped.add((one.trial, one.seed))
            self.say(f"{said}was stopped at {outcome.images:,} images")
        else:
            why = outcome.why if outcome.state == "failed" else ""
            why = why or _last_line(self.folder, one.run) or _killed(code)
            self.failed[one.trial, one.seed] = why
            self.say(f"{said}failed: {why}")


def plugin_words() -> list[str]:
    """The flags that load here what this process has loaded."""
    return [word for plugin in registry.plugins() for word in ("--plugins", plugin["file"])]


def _last_line(folder: SweepFolder, run: Run) -> str:
    """What a training said last, without the word that every failure begins with."""
    try:
        text = read_bytes(folder.log(run)).decode(errors="replace")
    except InputError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    for word in ("error: ", "failed: "):
        if last.startswith(word):
            return last.removeprefix(word)[:_MOST_SAID]
    return ""


def _killed(code: int) -> str:
    return f"it was killed by signal {-code}" if code < 0 else f"it ended with exit code {code}"
