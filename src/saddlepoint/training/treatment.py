"""Treated training: on a fatal finding back to the last healthy checkpoint, and on from there with
a configuration that a remedy has changed.

A treatment takes effect when config.json is written. What follows (dropping what lies beyond that
checkpoint, loading it) is idempotent, and a resume does it again by the same functions. So a run
that is killed at any moment of a treatment and resumed equals the run never killed, bit for bit.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from saddlepoint.core.checkpoints import healthy_until, recorded
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError, OutOfMemory, RunFailed
from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.json_files import write_json
from saddlepoint.core.ranks import here
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.diagnosis.diagnose import diagnose, remedies_for
from saddlepoint.training import checkpoint, loop, trained_model
from saddlepoint.training.attending import FoundUnhealthy
from saddlepoint.training.device import cuda_stream
from saddlepoint.training.interrupt import StopRequest
from saddlepoint.training.monitor import Monitor
from saddlepoint.training.parts import ended_for_more_parts, in_more_parts
from saddlepoint.training.rows import NotFinite
from saddlepoint.training.stages import stages, without_ends_after
from saddlepoint.training.state import TrainState


class GivenUp(RunFailed):
    """A fatal finding is left, and no treatment is."""


def train(run: Run, config: Config, dataset: Dataset, state: TrainState, monitor: Monitor) -> None:
    """`loop.train` for each budget that is left; treatments where `config.doctor.mode` is treat.

    Raises:
        RunFailed, Interrupted: as `loop.train`.
        GivenUp: a fatal finding is left, and no treatment is.
    """
    # One for all of it: a stop that is asked for in the middle of a treatment comes after it.
    with StopRequest() as stop:
        while True:
            try:
                budgets = run.document.get("budgets", [])
                with cuda_stream(config.train.device):
                    for stage in stages(budgets, config, state.n_images):
                        loop.train(run, stage, dataset, state, monitor, stop)
                return
            except OutOfMemory as short:
                if here().size > 1:
                    raise ended_for_more_parts(run, config, state, str(short)) from short
                config = in_more_parts(run, config, state, str(short), monitor)
                continue
            except FoundUnhealthy as unhealthy:
                finding = unhealthy.finding
            except NotFinite as failure:
                # The loop itself stopped, before the doctor's next check: ask the detectors now.
                fatal = [one for one in diagnose(run).findings if one.severity == "fatal"]
                if config.doctor.mode != "treat" or not fatal:
                    raise
                monitor.say(str(failure))
                finding = fatal[0]
            config, state = treat(run, config, dataset, finding, monitor)


def begin(run: Run, config: Config, spec: DataSpec) -> TrainState:
    """The state that a run continues from: its newest checkpoint, or a new state without one.

    Raises:
        InputError: a checkpoint, or what a warm start began with, is damaged.
    """
    treatments = run.document.get("treatments", [])
    state = TrainState.new(config, spec, trained_model.kept_by(run))
    state.n_treatments = len(treatments)
    if treatments:
        _settle(run, treatments[-1])
    checkpoint.load_newest(run, state)
    return state


def treat(
    run: Run, config: Config, dataset: Dataset, finding: Finding, monitor: Monitor
) -> tuple[Config, TrainState]:
    """Decide on a treatment, write it down, go back.

    Raises:
        GivenUp: no treatment is left, or there were as many as `doctor.treatments` allows.
    """
    # Another remedy each time the finding comes back, as far as there are any.
    document = run.document
    past: list[dict[str, Any]] = document.get("treatments", [])
    used = [line["remedy"] for line in past if line["name"] == finding.name]
    chosen = choose(config, dataset.spec, finding, used)
    if chosen is None or len(past) >= config.doctor.treatments:
        _give_up(run, finding, past)
    remedy, treated = chosen
    back_to = way_back(run, finding, past)
    line = {
        "event": "treated",
        "name": finding.name,
        "at_images": finding.at_images,
        "remedy": remedy.kind,
        "changes": differences(to_json(config), to_json(treated)),
        "back_to": back_to,
    }
    line["message"] = _sentence(len(past) + 1, line)
    document["config"] = to_json(treated)
    document["treatments"] = [*past, line]
    document["budgets"] = without_ends_after(document["budgets"], back_to)
    # From here on the decision stands, even if the run is killed.
    write_json(run.config_file, document)
    monitor.say(f"doctor: {line['message']}")
    state = begin(run, treated, dataset.spec)
    run.rewind(state.n_images)
    run.write_status("running", state.n_images)
    return treated, state


def choose(
    config: Config, spec: DataSpec, finding: Finding, used: Sequence[str]
) -> tuple[Remedy, Config] | None:
    """The best remedy that changes something here; None where there is none.

    One that was used before comes after the others, but it may come again: many take a step at a
    time, such as a lower learning rate.
    """
    found = applicable(remedies_for(finding.name), config, spec, finding)
    new = [option for option in found if option[0].kind not in used]
    return next(iter(new or found), None)


def applicable(
    remedies: Iterable[Remedy], config: Config, spec: DataSpec, finding: Finding
) -> list[tuple[Remedy, Config]]:
    """Those of the remedies that change something here, with the configuration that they give."""
    found: list[tuple[Remedy, Config]] = []
    for remedy in remedies:
        treated = remedy.treat(config, finding)
        if treated is not None:
            # A change that this data or another setting forbids is left out.
            with suppress(InputError):
                treated.check(spec)
                found.append((remedy, treated))
    return found


def differences(old: Any, new: Any, path: str = "") -> dict[str, list[Any]]:
    """Dotted path -> [value before, value after] of every field of two JSON documents."""
    if isinstance(old, dict) and isinstance(new, dict) and old.get("kind") == new.get("kind"):
        found: dict[str, list[Any]] = {}
        for name, value in new.items():
            found |= differences(old.get(name), value, f"{path}.{name}" if path else name)
        return found
    return {} if old == new else {path: [old, new]}


def way_back(run: Run, finding: Finding, past: list[dict[str, Any]]) -> int:
    """Images of the last checkpoint from before the evidence; 0 means the start."""
    # A finding that came back was in that checkpoint already, where nothing showed it yet.
    if any(line["name"] == finding.name for line in past):
        return 0
    healthy = healthy_until(run, finding.since_step)
    # Those with a score alone: others depend on the clock, and on when the run was stopped.
    scored = [f for f in run.checkpoints if checkpoint.recorded(f, "score") is not None]
    saved = [images_of(folder) for folder in scored]
    return max((images for images in saved if images <= healthy), default=0)


def _settle(run: Run, line: dict[str, Any]) -> None:
    """Drop the checkpoints and grids from after the point that the treatment goes back to.

    The last grid stays as before-treatment-N.png.
    """
    # A checkpoint that was written since then carries this number of treatments: then it is done.
    n_treatments = len(run.document["treatments"])
    done = [recorded(folder, "n_treatments") for folder in run.checkpoints]
    if n_treatments in done:
        return
    kept = run.samples_folder / f"before-treatment-{n_treatments}.png"
    if run.samples and not kept.exists():
        shutil.copyfile(run.samples[-1], kept)
    for folder in run.checkpoints:
        if images_of(folder) > line["back_to"]:
            checkpoint.remove(folder)
    for picture in run.samples:
        if images_of(picture) > line["back_to"]:
            picture.unlink()
    if sum(found.get("event") == "treated" for found in run.findings) < n_treatments:
        run.append_finding(line)


def _sentence(number: int, line: dict[str, Any]) -> str:
    """What is done, in a sentence."""
    pairs: dict[str, list[Any]] = line["changes"]
    changes = ", ".join(f"{path} {short(a)} -> {short(b)}" for path, (a, b) in pairs.items())
    start = f"back to {line['back_to']:,} images" if line["back_to"] else "back to the start"
    return f"treatment {number} of {line['name']}, {line['remedy']}: {changes}; {start}."


def short(value: Any) -> str:
    """A value of a configuration in a few characters."""
    # A whole component is too long for a sentence; its name is enough.
    if isinstance(value, dict):
        return str(value.get("kind", "..."))
    if isinstance(value, list):
        return "[" + ", ".join(short(item) for item in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _give_up(run: Run, finding: Finding, past: list[dict[str, Any]]) -> NoReturn:
    tried = ", ".join(line["remedy"] for line in past) or "none applies here"
    # All that is left is advice: the two best remedies in words.
    advice = " ".join(remedy.advice for remedy in remedies_for(finding.name)[:2])
    reason = f"{finding.name} is not cured by its treatments ({tried})"
    run.write_status("failed", finding.at_images, error=reason, findings=[finding.name])
    raise GivenUp(
        f"{reason}: training stopped at {finding.at_images:,} images. {finding.message} {advice}"
    )
