"""A training for each of several settings and seeds, and a page of what they say together."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

import torch

from saddlepoint.api.again import as_typed_in_full, asked_of, train_words
from saddlepoint.api.training import configure
from saddlepoint.core.checks import MOST_SEED, in_range
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json
from saddlepoint.core.contracts import Source
from saddlepoint.core.errors import InputError, Interrupted, RunFailed
from saddlepoint.core.json_files import write_json
from saddlepoint.core.outputs import output_folder, writing
from saddlepoint.core.streams import tell
from saddlepoint.core.texts import Language
from saddlepoint.data.resolve import resolve
from saddlepoint.reporting.facts import saddle_command
from saddlepoint.reporting.strings import words_in
from saddlepoint.reporting.sweep import write_sweep
from saddlepoint.sweeping.carrying_out import Plan, Sweeping, plugin_words
from saddlepoint.sweeping.folder import OWN, SweepFolder
from saddlepoint.sweeping.processes import Launcher, Processes
from saddlepoint.sweeping.results import results_of
from saddlepoint.sweeping.search import require_optuna
from saddlepoint.sweeping.space import (
    MOST,
    Space,
    configuration,
    corners,
    size_of,
    space_of,
)
from saddlepoint.training import device, warm_report
from saddlepoint.training.guards import check_budget
from saddlepoint.training.memory import require_memory_for
from saddlepoint.training.scoring import Scorer

MOST_JOBS = 1024
MOST_SEEDS = 1000
MOST_CORNERS = 4096
"""Configurations that are tried out before the first is trained."""
Pruner = Literal["none", "median"]
On = Literal["processes", "ray"]


def sweep(
    preset: str | Config = "dcgan",
    data: str | None = None,
    *,
    out: str | os.PathLike[str],
    over: Mapping[str, str | Sequence[Any]] | None = None,
    seeds: Sequence[int] | None = None,
    trials: int | None = None,
    kimg: float | None = None,
    minutes: float | None = None,
    changes: Mapping[str, Any] | None = None,
    objective: str | None = None,
    pruner: Pruner = "none",
    end_ill: bool = True,
    jobs: int = 1,
    on: On = "processes",
    lang: Language = "en",
    dry_run: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train every setting with every seed, each in a process of its own, and compare them.

    The same call goes on after a kill: what was trained stays, what was interrupted is resumed.

    Args:
        preset: a preset's name or a whole Config, as in `train`: what the trials have in common.
        out: the sweep's folder: a run folder for each training, sweep.html, results.json.
        over: field -> `"A,B,C"`, `"LOW:HIGH"`, `"LOW:HIGH:log"` or a list of values. The fields
            are those of `changes`, and loss, arch, optim_g, optim_d and penalties by name. Lists
            alone are a grid: every combination, in order. With a range, or with fewer `trials`
            than the grid has, Optuna's TPE proposes.
        seeds: every setting is trained with each (default: the configuration's).
        trials: settings to try; by default the whole grid. A finished sweep is extended by more.
        kimg: budget of each training, exact; or `minutes`, its wall clock.
        objective: sliced_wasserstein, or a number of `evaluate`: what ranks the trials, measured
            on the way and at the end as `scoring` says (default: `scoring.by`).
        pruner: median ends a training whose best score so far is worse than the median of the
            finished ones of its seed at the same place, once there are four.
        end_ill: end a training at a fatal finding of the doctor.
        jobs: trainings at a time; they share this machine's cores and GPUs.
        on: processes of this machine, or tasks of Ray (cluster: RAY_ADDRESS).
        lang: of the page.
        dry_run: return what would be trained (of a search what would be tried first), and stop.

    Returns:
        The content of results.json.

    Raises:
        InputError: bad input, before anything is written; a folder of another sweep.
        RunFailed: trainings failed; the others are in the results.
        Interrupted: Ctrl-C or SIGTERM, after all trainings have saved.
    """
    place = output_folder(out, own=OWN)
    check_budget(kimg, minutes)
    base = _base(preset, data, changes, kimg, objective)
    chosen = _seeds(base, seeds)
    space = space_of(over or {}, base)
    n_trials = _n_trials(space, trials)
    in_range(jobs, 1, MOST_JOBS, "--jobs")
    _check_optuna(space, n_trials, pruner)
    where = _source_word(base)
    plan = Plan(
        base=base,
        space=space,
        seeds=chosen,
        n_trials=n_trials,
        minutes=minutes,
        lower=_try_out(base, space, chosen[0], on),
        pruner=pruner,
        ends_ill=end_ill,
        jobs=jobs,
        words_of=lambda config: _words(config, *where, minutes),
    )
    folder = SweepFolder(place, plan.asked)
    words = _sweep_words(plan, {"on": on, "lang": lang, "out": str(folder.path)})
    command = f"{saddle_command()} {shlex.join(words)}"
    say = (lambda text: None) if quiet else tell
    if dry_run:
        sweeping = Sweeping(plan, folder, Processes(jobs), say)
        sweeping.choose_all()
        return results_of(sweeping, command)
    return _carried_out(Sweeping(plan, folder, _launcher(on, jobs), say), command, lang)


def _base(
    preset: str | Config,
    data: str | None,
    changes: Mapping[str, Any] | None,
    kimg: float | None,
    objective: str | None,
) -> Config:
    """What all trainings have in common."""
    if not isinstance(preset, Config):
        base = configure(preset, data, changes=changes)
    elif data is None and changes is None:
        base = preset
    else:
        raise InputError("sweep(Config, ...): a whole Config decides data and changes itself.")
    if kimg is not None:
        base = replace(base, train=replace(base.train, kimg=kimg))
    if objective is not None:
        base = replace(base, scoring=replace(base.scoring, by=objective))
    return base


def _carried_out(sweeping: Sweeping, command: str, lang: Language) -> dict[str, Any]:
    """Do what is left to do; the results are written however it ends."""
    folder = sweeping.folder
    with folder.held():
        try:
            sweeping.carry_out()
        except KeyboardInterrupt:
            raise Interrupted(
                f"All trainings are saved in {folder.path}; the same command goes on."
            ) from None
        finally:
            document = results_of(sweeping, command)
            with writing(f"--out {folder.path}"):
                write_json(folder.results, document)
                write_sweep(document, folder.page, words_in(lang))
    _refuse_failures(sweeping)
    return document


def _seeds(base: Config, seeds: Sequence[int] | None) -> list[int]:
    found = [base.seed] if seeds is None else [int(seed) for seed in seeds]
    in_range(len(found), 1, MOST_SEEDS, "--seeds: a number of seeds of")
    for seed in found:
        in_range(seed, 0, MOST_SEED, "--seeds")
        if found.count(seed) > 1:
            raise InputError(f"--seeds names {seed} twice.")
    return found


def _n_trials(space: Space, trials: int | None) -> int:
    size = size_of(space)
    if trials is not None:
        in_range(trials, 1, MOST, "--trials")
    if size is None and trials is None:
        raise InputError("A range has no end of settings; say how many to try with --trials N.")
    wanted = min(one for one in (size, trials) if one is not None)
    if wanted > MOST:
        raise InputError(f"--over gives {wanted:,} settings; try at most {MOST:,} with --trials N.")
    return wanted


def _check_optuna(space: Space, n_trials: int, pruner: Pruner) -> None:
    size = size_of(space)
    if pruner == "median":
        require_optuna("--pruner median")
    elif size is None:
        require_optuna("--over FIELD=LOW:HIGH")
    elif n_trials < size:
        require_optuna(f"--trials {n_trials}, fewer than the {size:,} settings of --over,")


def _try_out(base: Config, space: Space, seed: int, on: On) -> bool:
    """Check what `train` would refuse, before the first training; -> whether less is better.

    Raises:
        InputError: a configuration that cannot be trained, or an objective that ranks nothing.
    """
    dataset = base.source.open()
    elsewhere = on == "ray"  # on machines that may have what this one lacks
    for settings in islice(corners(space), MOST_CORNERS):
        config = configuration(base, settings, seed)
        config.check(dataset.spec)
        warm_report.find(config, dataset.spec)
        if not elsewhere:
            resolved = replace(config, train=device.resolve(config.train))
            require_memory_for(resolved, dataset)
    # It needs the features of the real images, which are then there for all trials.
    train = replace(base.train, device="cpu" if elsewhere else base.train.device)
    here = replace(base, train=device.resolve(train))
    return Scorer(here, dataset, torch.zeros(0)).lower


def _source_word(base: Config) -> tuple[str, Source]:
    """What the data are called on the command line, and what that resolves to.

    Raises:
        InputError: a configuration that no command makes.
    """
    data = getattr(base.source, "path", "") or to_json(base.source)["kind"]
    source = resolve(data)
    asked_of(base, source)
    return data, source


def _words(config: Config, data: str, source: Source, minutes: float | None) -> list[str]:
    """The words after `saddle` that train a configuration."""
    words = train_words(config.preset, data, asked_of(config, source))
    budget = ("kimg", config.train.kimg) if minutes is None else ("minutes", minutes)
    return [*words, f"--{budget[0]}", as_typed_in_full(float(budget[1])), *plugin_words()]


def _sweep_words(plan: Plan, more: Mapping[str, Any]) -> list[str]:
    """The words after `saddle` that make this sweep, defaults left out.

    Args:
        more: flag -> value of what is no part of the plan.
    """
    words = ["sweep", *plan.words_of(plan.base)[1:]]
    for path, one in plan.space.items():
        words += ["--over", f"{path}={one}"]
    flags = {"seeds": ",".join(map(str, plan.seeds)), "trials": plan.n_trials}
    flags |= {"pruner": plan.pruner, "jobs": plan.jobs, **more}
    usual = {"seeds": str(plan.base.seed), "trials": size_of(plan.space), "pruner": "none"}
    usual |= {"jobs": 1, "on": "processes", "lang": "en"}
    for flag, value in flags.items():
        if value != usual.get(flag):
            words += [f"--{flag}", str(value)]
    return words if plan.ends_ill else [*words, "--no-end-ill"]


def _launcher(on: On, jobs: int) -> Launcher:
    if on == "processes":
        return Processes(jobs)
    from saddlepoint.sweeping.on_ray import RayTasks

    return RayTasks(max(1, (os.cpu_count() or 1) // jobs))


def _refuse_failures(sweeping: Sweeping) -> None:
    """Raises RunFailed where something is left that was not trained to its end."""
    for what, trainings in (("failed", sweeping.failed), ("were stopped", sweeping.stopped)):
        if trainings:
            trial, seed = min(trainings)
            why = sweeping.failed.get((trial, seed), "").rstrip(".")
            raise RunFailed(
                f"Of the sweep in {sweeping.folder.path} {len(trainings)} trainings {what}, the "
                f"first of them trial {trial + 1} with seed {seed}{f' ({why})' if why else ''}; "
                f"the same command tries again. What was trained is in {sweeping.folder.page}."
            )
