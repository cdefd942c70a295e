"""The verbs as plain functions, called by the command line and by notebooks."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint import presets
from saddlepoint.core import runs
from saddlepoint.core.checks import MOST_SEED, at_least
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json, with_changes
from saddlepoint.core.contracts import Dataset, Player
from saddlepoint.core.errors import InputError, Interrupted, RunFailed, failure, reason, remedy
from saddlepoint.core.findings import Finding
from saddlepoint.core.json_files import write_json
from saddlepoint.core.outputs import (
    check_writable,
    output_file,
    output_file_or_folder,
    output_folder,
    output_place,
)
from saddlepoint.core.provenance import budget_line, describe, read_config
from saddlepoint.core.streams import tell
from saddlepoint.data.prepare import prepare as prepare_data
from saddlepoint.data.progress import progress_bars
from saddlepoint.data.report import PrepareReport
from saddlepoint.data.resolve import first_data_set, resolve
from saddlepoint.data.search import NamedSource
from saddlepoint.diagnosis.diagnose import diagnose
from saddlepoint.evaluation.compare import compare_runs
from saddlepoint.evaluation.evaluate import evaluate as evaluate_images
from saddlepoint.evaluation.nearest import Nearest, nearest_to
from saddlepoint.evaluation.projecting import Projected, project_pictures
from saddlepoint.exporting.contract import Tracker
from saddlepoint.exporting.export import export as export_model
from saddlepoint.exporting.export import tracker
from saddlepoint.exporting.following import followed
from saddlepoint.reporting.comparison import write_comparison
from saddlepoint.reporting.html import notebook_view, write_report
from saddlepoint.reporting.projection import write_projections
from saddlepoint.sampling.direction_sheets import DEVIATIONS, directions_to
from saddlepoint.sampling.directions import Directions, principal_directions
from saddlepoint.sampling.hub import model_path
from saddlepoint.sampling.outputs import check_out, sample_to, training_to
from saddlepoint.sampling.sampler import Seeds, load_sampler
from saddlepoint.training import budget, device, treatment
from saddlepoint.training.guards import check_budget, disk_errors, own_randomness
from saddlepoint.training.loop import begun_at
from saddlepoint.training.memory import require_memory_for
from saddlepoint.training.monitor import Monitor
from saddlepoint.training.schedule import extended
from saddlepoint.training.scoring import check_scoring
from saddlepoint.training.state import TrainState
from saddlepoint.training.threads import use as use_threads


class Run(runs.Run):
    """A run folder with the verbs that read it; shows itself in a notebook."""

    def sample(
        self,
        seeds: Seeds = range(64),
        labels: Sequence[int] | None = None,
        truncation: float = 1.0,
    ) -> np.ndarray:
        """uint8 [n, h, w, c], or float32 [n, 2] of points, from the newest checkpoint's averaged
        generator.

        Args:
            seeds: or latents, float32 [n, latent_dim].
        """
        return load_sampler(self.path).images(seeds, labels, truncation=truncation)

    def directions(self, k: int | None = None, label: int | None = None) -> Directions:
        """The directions of z that change the generator's first hidden layer most."""
        return principal_directions(load_sampler(self.path), k, label)

    def project(self, *pictures: str | os.PathLike[str], **settings: Any) -> list[Projected]:
        """The latents that come nearest to pictures; `settings` as of the verb `project`."""
        return project_pictures(self.path, pictures, **settings).pictures

    def evaluate(self, real: str | None = None, **settings: Any) -> dict[str, Any]:
        """As the verb `evaluate`; returns its document, which is also written to scores/."""
        return evaluate(self.path, real, **settings)[0]

    def diagnose(self) -> list[Finding]:
        """What is wrong with it now, worst first; [] for a healthy run."""
        return list(diagnose(self).findings)

    def export(self, out: str | os.PathLike[str], *, format: str, **settings: Any) -> Path:
        """As the verb `export`; returns what was written."""
        return export(self.path, out, format=format, **settings)

    def report(self) -> Path:
        """Write report.html again, marking fields that differ from the preset; returns its path."""
        config = read_config(self)
        known = config.preset in presets.PRESETS
        preset = to_json(presets.preset(config.preset, config.source)) if known else None
        return write_report(self, preset)

    def _repr_html_(self) -> str:
        return notebook_view(self)


def configure(
    preset: str = "dcgan",
    data: str | None = None,
    *,
    seed: int | None = None,
    kimg: float | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Config:
    """A Config from a preset's name and what differs from it.

    Args:
        data: a data set's name or a path; by default the first one found.
        changes: dotted path -> value, such as {"arch.generator_width": 32}.

    Raises:
        InputError: unknown preset, data or field; wrong type or range.
    """
    config = presets.preset(preset, resolve(data or first_data_set()))
    named = {"seed": seed, "train.kimg": kimg}
    wanted = {path: value for path, value in named.items() if value is not None}
    config = with_changes(config, {**(changes or {}), **wanted})
    # Before a lab claims its folder; the rest of `check` needs the data.
    at_least(config, 0, "seed", most=MOST_SEED)
    return config


def n_parameters(config: Config) -> dict[Player, int] | None:
    """How many numbers each net learns on the configuration's data; None where the data would have
    to be downloaded first.

    Raises:
        InputError: data that cannot be opened, or that the nets do not fit.
    """
    source = config.source
    if isinstance(source, NamedSource) and not getattr(source, "path", "") and not source.where():
        return None
    spec = source.open().spec
    config.check(spec)
    return config.arch.n_parameters(spec)


def train(
    preset: str | Config = "dcgan",
    data: str | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    kimg: float | None = None,
    minutes: float | None = None,
    changes: Mapping[str, Any] | None = None,
    track: str | None = None,
    quiet: bool = False,
    preview: bool = True,
) -> Run:
    """Train a new run and return it.

    Args:
        preset: a preset's name, or a whole Config, which decides `data`, `seed`, `kimg` and
            `changes` itself: giving both is refused.
        out: the run's folder; must not exist. By default runs/<preset>-<data>-NNN.
        kimg: budget in thousands of real images shown to the discriminator; exact.
        minutes: budget in wall clock, turned into images by a short measured warm-up.
        track: the name of a tracker, such as tensorboard, that shows the run while it trains.
        preview: show the newest samples where stderr is a terminal that has colours.

    Raises:
        InputError: bad input, before anything is written.
        RunFailed: training could not go on; the last checkpoint is intact.
        Interrupted: Ctrl-C or SIGTERM, after saving.
    """
    # A budget in minutes starts here: opening the data is part of it.
    started = time.monotonic()
    place = output_place("runs/new" if out is None else out)
    if out is not None and place.exists():
        Run.create(place, "")  # refuse a folder that is in use before any work, not after
    if isinstance(preset, Config):
        config = preset
        given = {"data": data, "seed": seed, "kimg": kimg, "changes": changes}
        for name, value in given.items():
            if value is not None:
                raise InputError(
                    f"train(Config, {name}=...): a whole Config decides {name} itself; give it to "
                    "sp.configure, or change the Config with dataclasses.replace."
                )
    else:
        config = configure(preset, data, seed=seed, kimg=kimg, changes=changes)
    check_budget(kimg, minutes)
    shown = None if track is None else tracker(track)
    config = replace(config, train=device.resolve(config.train))
    dataset = config.source.open()
    config.check(dataset.spec)
    require_memory_for(config, dataset)
    # Whatever is wrong shows here: before the warm-up, and before there is a folder.
    check_scoring(config, dataset)
    monitor = Monitor(quiet, preview)
    for doubt in config.doubts():
        tell(f"warning: {doubt}")
    rate = None
    with own_randomness(), use_threads(config.train.threads):
        if minutes is not None:
            monitor.say(f"Measuring this machine's speed for a budget of {minutes:g} minutes ...")
            config, rate = budget.for_minutes(config, dataset, minutes, started)
        run = Run.create(None if out is None else place, f"{config.preset or 'run'}-{dataset.name}")
        with disk_errors(run), run.lock():
            # Another process may have found the same folder empty, and have ended already.
            Run.create(run.path, "")
            # config.json first: from here on a killed run can be resumed.
            write_json(run.config_file, describe(config, dataset, rate))
            state = TrainState.new(config, dataset.spec)
            _train(run, config, dataset, state, monitor, shown)
    return run


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
    their final values, which train.schedule_kimg records.

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
    started = time.monotonic()
    run = Run.open(path)
    check_budget(kimg, minutes)
    shown = None if track is None else tracker(track)
    if stretch_schedule and kimg is None and minutes is None:
        raise InputError("--stretch-schedule needs a new budget: give --kimg or --minutes, too.")
    config = read_config(run)
    document = run.document
    # Runs from before train.threads have the number under "resolved" alone.
    so_far = config.train.threads or document.get("resolved", {}).get("threads", 0)
    config = replace(config, train=replace(config.train, threads=threads or so_far))
    monitor = Monitor(quiet, preview)
    with disk_errors(run), run.lock(), own_randomness(), use_threads(threads or so_far):
        try:
            config = replace(config, train=device.resolve(config.train))
        except InputError as error:
            raise InputError(
                f"{run.path} was trained on {config.train.device}, which is not available here; "
                "resume it on a machine that has it."
            ) from error
        dataset = config.source.open()
        recorded = document["data"]["fingerprint"]
        # Other data would train on without a sign of it.
        if dataset.fingerprint != recorded:
            raise InputError(
                f"{run.path} was trained on data with fingerprint {recorded[:12]}, but "
                f"{dataset.name} now has {dataset.fingerprint[:12]}; restore the data."
            )
        config.check(dataset.spec)  # config.json may have been edited
        require_memory_for(config, dataset)
        state = treatment.begin(run, config, dataset.spec)
        rate = None
        if minutes is not None:
            more, rate = budget.for_minutes(config, dataset, minutes, started)
            kimg = more.train.kimg + state.n_images / 1000
        if kimg is not None:
            config = replace(config, train=extended(config.train, kimg, minutes, stretch_schedule))
            document["budgets"].append(budget_line(config, rate, state.n_images))
            if config.train.schedule_kimg:
                monitor.say(
                    f"Learning rates and noise keep their schedule of "
                    f"{config.train.schedule_kimg:g} kimg and stay at its end; "
                    "--stretch-schedule spreads it over the new budget."
                )
        document["config"] = to_json(config)
        if state.n_images >= config.train.total_images or (
            kimg is None and _ended_early(run, config, state)
        ):
            _end_again(run, config, state, monitor, extends=kimg is not None)
            return run
        # The new budget counts only once all checks have passed.
        write_json(run.config_file, document)
        run.rewind(state.n_images)
        _train(run, config, dataset, state, monitor, shown)
    return run


def sample(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    seeds: Seeds = range(64),
    labels: Sequence[int] | None = None,
    truncation: float = 1.0,
    interpolate: bool = False,
    class_grid: bool = False,
) -> Path:
    """Write samples of a run, of one ema.safetensors, or of a model on a hub (hf://owner/name), to
    a PNG, GIF, MP4, .npz or folder.

    Args:
        seeds: or latents, float32 [n, latent_dim].
    """
    check_out(out, interpolate, class_grid)
    sampler = load_sampler(model_path(model))
    return sample_to(sampler, out, seeds, labels, truncation, interpolate, class_grid)


def export(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    format: str,
    licence: str = "unknown",
    push: str | None = None,
) -> Path:
    """As `exporting.export.export`; `push` is its `push_to`."""
    return export_model(model, out, format=format, licence=licence, push_to=push)


def training_film(run: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Write a GIF or MP4 of a run's training from its sample grids, which show the same latents."""
    return training_to(runs.Run.open(run), out)


def directions(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    k: int | None = None,
    *,
    seeds: Seeds = range(3),
    labels: Sequence[int] | None = None,
    deviations: float = DEVIATIONS,
) -> Path:
    """Write what a generator's principal directions change, to a PNG or a folder."""
    output_file_or_folder(out, [".png"])
    return directions_to(load_sampler(model_path(model)), out, k, seeds, labels, deviations)


@functools.wraps(nearest_to)
def nearest(
    model: str | os.PathLike[str], out: str | os.PathLike[str], **settings: Any
) -> tuple[Nearest, str]:
    return nearest_to(model_path(model), out, **settings)


def project(
    model: str | os.PathLike[str],
    pictures: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    labels: Sequence[int] | None = None,
    steps: int = 200,
    seed: int = 0,
    **settings: Any,
) -> dict[str, Any]:
    """Find the latent that comes nearest to each picture, and write a folder about it.

    Args:
        labels: the classes to try, of a conditional model; None: all.
        settings: `features`, `device` and `quiet` of `evaluation.projecting.project_pictures`.

    Returns:
        What projection.json says.
    """
    place = output_folder(out)
    chosen = {"labels": None if labels is None else list(labels), "steps": steps, "seed": seed}
    done = project_pictures(model_path(model), pictures, **chosen, **settings)
    return write_projections(done, place, os.fspath(model), chosen)


def report(run: str | os.PathLike[str]) -> Path:
    """Write the page of a run again; returns its path."""
    opened = Run.open(run)
    opened.remove_leftovers()
    return opened.report()


@functools.wraps(evaluate_images)
def evaluate(
    model: str | os.PathLike[str], real: str | None = None, **settings: Any
) -> tuple[dict[str, Any], str]:
    run = Run(model_path(model))
    is_run = run.config_file.is_file()
    if is_run:
        check_writable(run.scores_folder, str(run.scores_folder))
        run.remove_leftovers()
    done = evaluate_images(run.path, real, **settings)
    if is_run and (fault := _report_fault(run)):  # the page shows the scores as well
        tell(f"warning: {fault}")
    return done


def compare(
    runs_given: Sequence[str | os.PathLike[str] | runs.Run],
    out: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Evaluated runs side by side; runs that differ only by seed are one row.

    Args:
        out: also write the page there.

    Raises:
        InputError: a run without scores, or scores of different protocols.
    """
    page = None if out is None else output_file(out, [".html"])
    opened = [r if isinstance(r, runs.Run) else runs.Run.open(r) for r in runs_given]
    document = compare_runs(opened)
    if page is not None:
        write_comparison(document, page)
    return document


@functools.wraps(prepare_data)
def prepare(
    source: str | os.PathLike[str], out: str | os.PathLike[str], **options: Any
) -> PrepareReport:
    with progress_bars() as progress:
        shown = functools.partial(progress, "Preparing")
        return prepare_data(source, out, progress=shown, **options)


def _train(
    run: Run,
    config: Config,
    dataset: Dataset,
    state: TrainState,
    monitor: Monitor,
    shown: Tracker | None,
) -> None:
    run.take_control()  # what was asked of a process that has ended
    try:
        run.write_status("running", state.n_images)
        with followed(run, shown, monitor):
            treatment.train(run, config, dataset, state, monitor)
    except (Interrupted, treatment.GivenUp):
        if fault := _report_fault(run):
            tell(f"warning: {fault}")
        raise
    except BaseException as error:  # of any kind: recorded in status.json, then raised again
        if run.status.get("state") == "running":
            with contextlib.suppress(OSError):
                if isinstance(error, KeyboardInterrupt):  # outside the loop, which saves first
                    run.write_status("interrupted", state.n_images)
                else:
                    reason = f"{type(error).__name__}: {error}"
                    run.write_status("failed", state.n_images, error=reason)
        raise
    if fault := _report_fault(run):
        raise fault


def _report_fault(run: Run) -> InputError | RunFailed | None:
    """Write the page of a run that is saved; -> why that could not be done."""
    try:
        run.report()
    except (OSError, InputError) as error:
        why = f"{reason(error)}; {remedy(error)}." if isinstance(error, OSError) else str(error)
        said = f"{run.path} is saved, but not its report: {why} Then `saddle report {run.path}`."
        return failure(error, said) if isinstance(error, OSError) else InputError(said)
    return None


def _ended_early(run: Run, config: Config, state: TrainState) -> bool:
    """True for a run that patience has ended, and that was given no new budget since."""
    status = run.status
    ended = status.get("state") == "finished" and status.get("n_images") == state.n_images
    return ended and config.scoring.patience > 0 and state.n_images > (begun_at(run) or 0)


def _end_again(
    run: Run, config: Config, state: TrainState, monitor: Monitor, extends: bool
) -> None:
    """Write the end that a run lacks which has nothing left to train.

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
    monitor.say(f"{reached}. Only its report was missing, and is written; {to_extend}.")


def _is_complete(run: Run) -> bool:
    """True for a finished run whose page was written since."""
    if run.status.get("state") != "finished" or not run.report_file.is_file():
        return False
    return run.report_file.stat().st_mtime >= run.status_file.stat().st_mtime
