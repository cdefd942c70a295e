"""A killed run goes on as if it had never been killed; a finished one is extended."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace

from saddlepoint.api.carrying import carry_out, recorded_end
from saddlepoint.api.run import Run
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import write_json
from saddlepoint.core.provenance import among_ranks, budget_line, read_config, training_data
from saddlepoint.core.ranks import here
from saddlepoint.diagnosis.diagnose import diagnose
from saddlepoint.exporting.export import tracker
from saddlepoint.training import budget, device, treatment
from saddlepoint.training.expected import Expected
from saddlepoint.training.follower import follow
from saddlepoint.training.guards import check_budget, disk_errors, own_randomness
from saddlepoint.training.launch import agree, joined, own_part
from saddlepoint.training.memory import require_memory_for
from saddlepoint.training.monitor import Monitor
from saddlepoint.training.schedule import extended
from saddlepoint.training.stages import begun_at
from saddlepoint.training.state import TrainState
from saddlepoint.training.threads import use as use_threads


@joined()
def resume(
    path: str | os.PathLike[str],
    *,
    kimg: float | None = None,
    minutes: float | None = None,
    stretch_schedule: bool = False,
    threads: int | None = None,
    track: str | None = None,
    quiet: bool = False,
    preview: bool = True,
) -> Run:
    """Continue a killed run as if it had never been killed, or extend a finished one.

    A run with a new budget keeps the schedule it had: beyond it, learning rates and noise stay at
    their final values, which train.schedule_kimg records. Another number of processes (torchrun)
    than before gives other last bits.

    Args:
        kimg: the new whole budget; by default the one recorded.
        minutes: more wall clock from now on, turned into images as in `train`.
        stretch_schedule: spread the schedules over the new budget instead, so that learning rates
            jump to where they would be in a run of that budget.
        threads: compute with another number of threads than so far; gives other last bits.
        track: as in `train`; the tracker is given the run from its start.

    Raises:
        InputError: no run, a newer schema, other data than before, no intact checkpoint, or
            nothing left to do.
    """
    started, ranks = time.monotonic(), here()
    run = Run.open(path)
    check_budget(kimg, minutes)
    shown = None if track is None else tracker(track)
    if stretch_schedule and kimg is None and minutes is None:
        raise InputError("--stretch-schedule needs a new budget: give --kimg or --minutes as well.")
    config = read_config(run)
    document = run.document
    # Runs from before train.threads have the number under "resolved" alone.
    so_far = config.train.threads or document.get("resolved", {}).get("threads", 0)
    config = replace(config, train=replace(config.train, threads=threads or so_far))
    monitor = Monitor(quiet or not ranks.leads, preview)
    lock = run.lock() if ranks.leads else contextlib.nullcontext()
    with disk_errors(run), lock, own_randomness(), use_threads(threads or so_far):
        config = _on_its_device(run, config)
        # Other data would train on without a sign of it.
        dataset = training_data(run, config)
        config.check(dataset.spec)  # config.json may have been edited
        agree(config, dataset)
        n_bytes = require_memory_for(own_part(config), dataset)
        state = treatment.begin(run, config, dataset.spec)
        rate = None
        if minutes is not None:
            more, rate = budget.for_minutes(config, dataset, minutes, started)
            kimg = more.train.kimg + state.n_images / 1000
        if kimg is not None:
            ended_at = _ended_at(run, config, state)
            if ended_at is not None and document["budgets"]:
                document["budgets"][-1]["ended_at"] = ended_at
            config = replace(config, train=extended(config.train, kimg, minutes, stretch_schedule))
            line = budget_line(config, rate, ended_at or state.n_images)
            document["budgets"].append(line)
            _say_schedule(config, monitor)
        document["config"] = to_json(config)
        document["resolved"] = {**document.get("resolved", {}), **among_ranks()}
        ended = state.n_images >= config.train.total_images
        if ranks.told(ended or (kimg is None and _ended_early(run, config, state))):
            if ranks.leads:
                _end_again(run, config, state, monitor, extends=kimg is not None)
            return run
        if not quiet:
            seconds = budget.expected_seconds(config, dataset, rate, state.n_images)
            monitor.expected = Expected(n_bytes=n_bytes, seconds=seconds)
        ranks.meet({"a checkpoint of images": state.n_images})
        if not ranks.leads:
            follow(config, document["budgets"], dataset, state)
            return run
        # The new budget counts only once all checks have passed. The status comes before it: a run
        # that is killed in between would be called finished, and lack images of its budget.
        with recorded_end(run, state):
            run.write_status("running", state.n_images)
            write_json(run.config_file, document)
            run.rewind(state.n_images)
            carry_out(run, config, dataset, state, monitor, shown)
    return run


def _ended_at(run: Run, config: Config, state: TrainState) -> int | None:
    """Images at which the present budget has ended, also where the checkpoint of that end is
    damaged; None where it was stopped before its end."""
    status = run.status
    if status.get("state") == "finished":
        return max(status.get("n_images", 0), state.n_images)
    return state.n_images if state.n_images >= config.train.total_images else None


def _say_schedule(config: Config, monitor: Monitor) -> None:
    """Of an extended run whose schedules end before its budget."""
    if config.train.schedule_kimg:
        monitor.say(
            f"Learning rates and noise follow their {config.train.schedule_kimg:g} kimg schedule "
            "and then stay as they are; --stretch-schedule spreads it over the new budget."
        )


def _on_its_device(run: Run, config: Config) -> Config:
    """The configuration with its device and precision resolved, on this machine."""
    try:
        return replace(config, train=device.resolve(config.train))
    except InputError as error:
        raise InputError(
            f"{run.path} was trained on {config.train.device}, which is not available here; "
            "resume it on a machine that has it."
        ) from error


def _ended_early(run: Run, config: Config, state: TrainState) -> bool:
    """True for a run that patience has ended, and that was given no new budget since."""
    status = run.status
    ended = status.get("state") == "finished" and status.get("n_images") == state.n_images
    since = begun_at(run.document["budgets"]) or 0
    return ended and config.scoring.patience > 0 and state.n_images > since


def _end_again(
    run: Run, config: Config, state: TrainState, monitor: Monitor, extends: bool
) -> None:
    """Complete the ending of a run that has nothing left to train.

    Raises:
        InputError: it lacks nothing, or the new budget is too small.
    """
    kimg, total = state.n_images / 1000, config.train.kimg
    reached = f"{run.path} has already reached {kimg:g} kimg of {total:g}"
    if kimg < total:
        reached += f", where its scores got no better (scoring.patience {config.scoring.patience})"
    to_extend = "extend it with a larger --kimg or with --minutes"
    if extends or _is_complete(run):
        raise InputError(f"{reached}; {to_extend}.")
    # Killed, or out of space, after the last checkpoint.
    names = [finding.name for finding in diagnose(run).findings]
    run.write_status("finished", state.n_images, findings=names)
    run.report()
    monitor.say(f"{reached}. Its report was missing or old, and is written now; {to_extend}.")


def _is_complete(run: Run) -> bool:
    """True for a finished run whose page was written since."""
    if run.status.get("state") != "finished" or not run.report_file.is_file():
        return False
    return run.report_file.stat().st_mtime >= run.status_file.stat().st_mtime
