"""From a preset's name to a run that is trained."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from saddlepoint import presets
from saddlepoint.api.carrying import carry_out
from saddlepoint.api.resuming import resume
from saddlepoint.api.run import Run
from saddlepoint.core.checks import MOST_SEED, at_least
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.contracts import Player
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import write_json
from saddlepoint.core.outputs import output_place
from saddlepoint.core.provenance import describe
from saddlepoint.core.ranks import here
from saddlepoint.core.streams import tell
from saddlepoint.core.texts import Language, check_language
from saddlepoint.data.resolve import first_data_set, resolve
from saddlepoint.data.search import NamedSource
from saddlepoint.exporting.export import tracker
from saddlepoint.training import budget, device, warm_report
from saddlepoint.training.batch import greatest
from saddlepoint.training.expected import Expected
from saddlepoint.training.follower import follow
from saddlepoint.training.guards import check_budget, disk_errors, own_randomness
from saddlepoint.training.launch import agree, begun_before, joined, own_part
from saddlepoint.training.memory import require_memory_for
from saddlepoint.training.monitor import Monitor
from saddlepoint.training.scoring import check_scoring
from saddlepoint.training.state import TrainState
from saddlepoint.training.threads import use as use_threads


def configure(
    preset: str = "dcgan",
    data: str | None = None,
    *,
    seed: int | None = None,
    kimg: float | None = None,
    start_from: str | os.PathLike[str] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Config:
    """A Config from a preset's name and what differs from it.

    Args:
        data: a data set's name or a path; by default the first one found.
        start_from: a trained model whose weights are taken as far as they fit: RUN, RUN@KIMG, a
            checkpoint's folder or ema.safetensors.
        changes: dotted path -> value, such as {"arch.generator_width": 32}.

    Raises:
        InputError: unknown preset, data or field; wrong type or range.
    """
    config = presets.preset(preset, resolve(data or first_data_set()))
    model = None if start_from is None else os.fspath(start_from)
    if model == "":
        raise InputError("--from is empty: name a run or a file, or leave it out.")
    named = {"seed": seed, "train.kimg": kimg, "start.model": model}
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


def warm_start(config: Config) -> list[str]:
    """A sentence each of what the nets take of the model that they start from, and what not; []
    without one. The data have to be on this machine.

    Raises:
        InputError: as `train`.
    """
    return warm_report.find(config, config.source.open().spec)[1]


@joined()
def train(
    preset: str | Config = "dcgan",
    data: str | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    kimg: float | None = None,
    minutes: float | None = None,
    batch: Literal["auto"] | None = None,
    start_from: str | os.PathLike[str] | None = None,
    changes: Mapping[str, Any] | None = None,
    track: str | None = None,
    lang: Language | None = None,
    quiet: bool = False,
    preview: bool = True,
) -> Run:
    """Train a new run and return it.

    Of the processes that `torchrun` starts, each trains on its share of every batch, and the first
    alone writes.

    Args:
        preset: a preset's name, or a whole Config, which decides `data`, `seed`, `kimg`,
            `start_from` and `changes` itself: giving both is refused.
        out: the run's folder; must not exist. By default runs/<preset>-<data>-NNN.
        kimg: budget in thousands of real images shown to the discriminator; exact.
        minutes: budget in wall clock, turned into images by a short measured warm-up.
        batch: auto: the greatest batch that fits into memory and, on a CPU, is worth its size,
            found by short trials; config.json records it as train.batch_size.
        start_from: a trained model to start from, as of `configure`.
        track: the name of a tracker, such as tensorboard, that shows the run while it trains.
        lang: language of the run's page, en (the default) or vi; the run remembers it.
        preview: show the newest samples where stderr is a terminal that has colours.

    Raises:
        InputError: bad input, before anything is written.
        RunFailed: training could not go on; the last checkpoint is intact.
        Interrupted: Ctrl-C or SIGTERM, after saving.
    """
    # A budget in minutes starts here: opening the data is part of it.
    started, ranks = time.monotonic(), here()
    place = output_place("runs/new" if out is None else out)
    if begun_before(None if out is None else place):
        return resume(place, track=track, quiet=quiet, preview=preview)
    if out is not None and place.exists():
        Run.create(place, "")  # refuse a folder that is in use before any work, not after
    if isinstance(preset, Config):
        config = preset
        given = {"data": data, "seed": seed, "kimg": kimg, "changes": changes}
        given["start_from"] = start_from
        for name, value in given.items():
            if value is not None:
                raise InputError(
                    f"train(Config, {name}=...): a whole Config decides {name} itself; give it to "
                    "sp.configure, or change the Config with dataclasses.replace."
                )
    else:
        given = {"seed": seed, "kimg": kimg, "start_from": start_from, "changes": changes}
        config = configure(preset, data, **given)
    check_budget(kimg, minutes)
    if lang is not None:
        check_language(lang)
    if batch not in (None, "auto"):
        raise InputError(f"batch={batch!r} must be 'auto'; for a number, set train.batch_size.")
    if batch and ranks.size > 1:
        raise InputError("--batch auto is for one process; give a number to several.")
    shown = None if track is None else tracker(track)
    config = replace(config, train=device.resolve(config.train))
    dataset = config.source.open()
    config.check(dataset.spec)
    agree(config, dataset)
    # With a batch that is still to be found, nothing is known yet.
    n_bytes = None if batch else require_memory_for(own_part(config), dataset)
    trained, said = warm_report.find(config, dataset.spec)
    if trained is not None:  # recorded: which checkpoint of the run that was named
        config = replace(config, start=replace(config.start, model=trained.origin))
    # Whatever is wrong shows here: before the warm-up, and before there is a folder.
    if ranks.leads:
        check_scoring(config, dataset)
    monitor = Monitor(quiet or not ranks.leads, preview)
    for doubt in config.doubts():
        tell(f"warning: {doubt}")
    for sentence in said:
        tell(sentence)
    rate = None
    with own_randomness(), use_threads(config.train.threads):
        if batch is not None:
            monitor.say("Trying sizes of the batch ...")
            config, chosen = greatest(config, dataset)
            monitor.say(chosen)
            n_bytes = require_memory_for(config, dataset)
        if minutes is not None:
            monitor.say(f"Measuring this machine's speed for a budget of {minutes:g} minutes ...")
            config, rate = budget.for_minutes(config, dataset, minutes, started)
        # The one who would read it is not there.
        seconds = None if quiet else budget.expected_seconds(config, dataset, rate)
        monitor.expected = Expected(n_bytes=n_bytes, seconds=seconds)
        if not ranks.leads:
            run = Run(ranks.told(None))
            follow(config, [], dataset, TrainState.new(config, dataset.spec, trained))
            return run
        run = Run.create(None if out is None else place, f"{config.preset or 'run'}-{dataset.name}")
        with disk_errors(run), run.lock():
            # Another process may have found the same folder empty, and have ended already.
            Run.create(run.path, "")
            start = None if trained is None else {**trained.keep_in(run), "said": said}
            # config.json comes before training: from here on a killed run can be resumed.
            expected = monitor.expected.to_json()
            document = describe(config, dataset, rate, start, expected)
            write_json(run.config_file, document | ({} if lang is None else {"lang": lang}))
            state = TrainState.new(config, dataset.spec, trained)
            del trained  # its weights need not stay in memory beside the nets'
            ranks.told(str(run.path))
            carry_out(run, config, dataset, state, monitor, shown)
    return run
