"""Training that is treated: on a fatal finding back to the last healthy checkpoint, and on with a
configuration that a remedy has changed.

A treatment is decided by writing config.json; whatever comes after it (dropping what lies beyond
the way back, loading) is done again by a resume, by the same functions. A run that is killed at any
moment of it and resumed is the run never killed, bit for bit.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from typing import Any

from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.files import write_json
from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.runs import Run, images_of
from saddlepoint.diagnosis.diagnose import diagnose, remedies_for
from saddlepoint.training import checkpoint, loop
from saddlepoint.training.attending import FoundUnhealthy
from saddlepoint.training.device import cuda_stream
from saddlepoint.training.monitor import Monitor
from saddlepoint.training.state import TrainState


class GivenUp(RunFailed):
    """A fatal finding is left, and no treatment is."""


def train(run: Run, config: Config, dataset: Dataset, state: TrainState, monitor: Monitor) -> None:
    """`loop.train`, with treatments where `config.doctor.mode` is treat.

    Raises:
        RunFailed, Interrupted: as `loop.train`.
        GivenUp: a fatal finding is left, and no treatment is.
    """
    while True:
        try:
            with cuda_stream(config.train.device):
                loop.train(run, config, dataset, state, monitor)
            return
        except FoundUnhealthy as ill:
            finding = ill.finding
        except loop.NotFinite as failure:
            fatal = [one for one in diagnose(run).findings if one.severity == "fatal"]
            if config.doctor.mode != "treat" or not fatal:
                raise
            monitor.say(str(failure))
            finding = fatal[0]
        config, state = treat(run, config, dataset, finding, monitor)


def begin(run: Run, config: Config, spec: DataSpec) -> TrainState:
    """The state that a run goes on from: its newest checkpoint, or a new state without one."""
    treatments = run.document.get("treatments", [])
    state = TrainState.new(config, spec)
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
    document = run.document
    past: list[dict[str, Any]] = document.get("treatments", [])
    used = [line["remedy"] for line in past if line["name"] == finding.name]
    found = choose(config, dataset.spec, finding, used)
    if found is None or len(past) >= config.doctor.treatments:
        _give_up(run, finding, past)
    assert found is not None
    remedy, treated = found
    back_to = way_back(run, finding, past)
    line = {
        "event": "treated",
        "name": finding.name,
        "at_images": finding.at_images,
        "remedy": remedy.kind,
        "changes": differences(config, treated),
        "back_to": back_to,
    }
    line["message"] = _sentence(len(past) + 1, line)
    document["config"] = to_json(treated)
    document["treatments"] = [*past, line]
    write_json(run.config_file, document)  # from here on it is done, whatever happens
    monitor.say(f"doctor: {line['message']}")
    state = begin(run, treated, dataset.spec)
    run.rewind(state.n_images)
    run.write_status("running", state.n_images)
    return treated, state


def choose(
    config: Config, spec: DataSpec, finding: Finding, used: Sequence[str]
) -> tuple[Remedy, Config] | None:
    """The best remedy that changes something here, those not used before first; None: no such."""
    found = applicable(remedies_for(finding.name), config, spec, finding)
    new = [option for option in found if option[0].kind not in used]
    return next(iter(new or found), None)


def applicable(
    remedies: Iterable[Remedy], config: Config, spec: DataSpec, finding: Finding
) -> list[tuple[Remedy, Config]]:
    """Those of the remedies that change something here, with what they make of the run."""
    found: list[tuple[Remedy, Config]] = []
    for remedy in remedies:
        treated = remedy.treat(config, finding)
        if treated is not None and _is_sound(treated, spec):
            found.append((remedy, treated))
    return found


def differences(before: Config, after: Config) -> dict[str, list[Any]]:
    """Dotted path -> [value before, value after] of every field that differs."""
    old, new = to_json(before), to_json(after)
    return {path: [a, b] for path, a, b in _differing(old, new, "")}


def _differing(old: Any, new: Any, path: str) -> Iterable[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict) and old.get("kind") == new.get("kind"):
        for name, value in new.items():
            yield from _differing(old.get(name), value, f"{path}.{name}" if path else name)
    elif old != new:
        yield path, old, new


def _is_sound(config: Config, spec: DataSpec) -> bool:
    try:
        config.check(spec)
    except InputError:
        return False
    return True


def way_back(run: Run, finding: Finding, past: list[dict[str, Any]]) -> int:
    """Images of the last checkpoint from before the evidence; 0: the start.

    Where the same finding came back, the checkpoint carried it already: then the start.
    """
    if any(line["name"] == finding.name for line in past):
        return 0
    history = run.history
    before = [row["images"] for row in history.rows if row["step"] < finding.since_step]
    healthy_until = max(before, default=0)
    good = [images_of(folder) for folder in run.checkpoints if images_of(folder) <= healthy_until]
    return max(good, default=0)


def _settle(run: Run, line: dict[str, Any]) -> None:
    """Drop the checkpoints and grids that belong to the life before the treatment.

    The last grid of it stays as before-treatment-N.png. Done twice, it is done once: what a state
    of the new life has written has its number of treatments and is left alone.
    """
    n_treatments = len(run.document["treatments"])
    if any(checkpoint.treatments_of(folder) == n_treatments for folder in run.checkpoints):
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
    changes = ", ".join(f"{path} {_short(a)} -> {_short(b)}" for path, (a, b) in _items(line))
    start = f"back to {line['back_to']:,} images" if line["back_to"] else "back to the start"
    return f"treatment {number} of {line['name']}, {line['remedy']}: {changes}; {start}."


def _items(line: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    return list(line["changes"].items())


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("kind", "..."))
    if isinstance(value, list):
        return "[" + ", ".join(_short(item) for item in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _give_up(run: Run, finding: Finding, past: list[dict[str, Any]]) -> None:
    tried = ", ".join(line["remedy"] for line in past) or "none applies here"
    advice = " ".join(remedy.advice for remedy in remedies_for(finding.name)[:2])
    reason = f"{finding.name} is not cured by its treatments ({tried})"
    run.write_status("failed", finding.at_images, error=reason, findings=[finding.name])
    raise GivenUp(
        f"{reason}: training stopped at {finding.at_images:,} images. {finding.message} {advice}"
    )
