"""What our own files hold: types that every reader of them checks. No torch in here.

Fields that these types do not name are kept as they are: a newer version may write more.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from saddlepoint.core.errors import InputError
from saddlepoint.core.shapes import shaped, short
from saddlepoint.core.texts import Language

Count = Annotated[int, (0, 10**15)]
"""Of images, steps, classes: far more than anybody counts, and exact as a float."""
Size = Annotated[float, (0, 1e15)]
"""Seconds, images a second: a number that is not negative."""


class Budget(TypedDict, total=False):
    kimg: Size | None
    minutes: Size | None
    images_per_second: Size | None
    schedule_kimg: Size
    begun_at: Count
    """Images at which it was given."""
    ended_at: Count
    """Images at which it ended: by itself, not by a stop."""


class Expected(TypedDict, total=False):
    """What a run was expected to take; null where that was not known."""

    memory_mb: Size | None
    seconds: Size | None


class Spec(TypedDict, total=False):
    shape: list[Count]
    n_classes: Count


class Data(TypedDict, total=False):
    name: str
    fingerprint: str
    spec: Spec
    classes: list[str]


class Resolved(TypedDict, total=False):
    threads: Annotated[int, (0, 4096)]
    ranks: Count
    launch: str


Start = TypedDict(
    "Start",
    {"from": str, "data": str, "n_images": Count, "files": dict[str, str], "said": list[str]},
)
"""What a warm start began with: `files` are names in the folder `start` -> sha256, `said` what was
taken and what was not."""


class Treatment(TypedDict):
    """An entry of `treatments` in config.json."""

    name: str
    at_images: Count
    remedy: str
    changes: dict[str, list[Any]]
    back_to: Count
    message: str


class Plugin(TypedDict):
    file: str


class _Train(TypedDict, total=False):
    kimg: Size
    n_samples: Count


class Configuration(TypedDict, total=False):
    """The fields that pages show of a run whose plug-ins may be absent; `config_json` reads all."""

    preset: str
    train: _Train


class ConfigFile(TypedDict, total=False):
    """config.json; `provenance.read_config` says what it must have."""

    schema: Count
    config: Configuration
    data: Data
    start: Start
    parameters: dict[str, Count]
    """Net -> how many numbers it learns."""
    budgets: list[Budget]
    expected: Expected
    treatments: list[Treatment]
    resolved: Resolved
    plugins: list[Plugin]
    lang: Language
    """Of the run's page, unless the page itself was written in another since."""


class Status(TypedDict, total=False):
    """status.json."""

    state: Literal["running", "finished", "interrupted", "failed"]
    heartbeat: Size
    n_images: Count
    error: str
    findings: list[str]


class Control(TypedDict, total=False):
    """control.json."""

    stop: bool
    save: bool
    sample: bool


class _State(TypedDict):
    schema: Annotated[int, (1, 10**6)]
    n_images: Count
    n_steps: Count
    score: float | None
    files: dict[str, str]


class State(_State, total=False):
    """state.json of a checkpoint."""

    n_treatments: Count
    sha256: str


class _Evidence(TypedDict):
    name: str
    value: float | None


class EvidenceLine(_Evidence, total=False):
    healthy: tuple[float | None, float | None]
    note: str


class FindingLine(TypedDict):
    """A line of findings.jsonl: found, ended or treated."""

    event: str
    name: str
    at_images: Count


class _FoundLine(FindingLine):
    severity: Literal["info", "warn", "fatal"]
    since_step: Count
    evidence: list[EvidenceLine]
    message: str


class FoundLine(_FoundLine, total=False):
    missing: list[Count]
    remedies: list[str]


class _Number(TypedDict):
    value: float
    interval: tuple[float, float] | None


class Number(_Number, total=False):
    """One measured number."""

    better: str | None
    note: str


class _Features(TypedDict):
    kind: str


class Features(_Features, total=False):
    sha256: str | None
    resize: str | None


class Protocol(TypedDict):
    features: Features
    n_real: Count
    n_fake: Count
    k: Count


class _Measured(TypedDict):
    name: str


class Measured(_Measured, total=False):
    """One of the two sets that were compared."""

    split: str


class Samples(Measured):
    trained_images: Count


class Score(TypedDict):
    """One evaluation."""

    checkpoint: str
    fake: Samples
    real: Measured
    protocol: Protocol
    protocol_sha256: str
    values: dict[str, Number]
    per_class: dict[str, dict[str, float]]


class Scores(TypedDict):
    """scores/<checkpoint>.json."""

    scores: list[Score]


class About(TypedDict):
    """What the metadata of a generator file say."""

    schema: Count
    arch: dict[str, Any]
    spec: dict[str, Any]
    classes: list[str]
    data: str
    n_images: Count
    weights_sha256: str


COUNTS, LISTS = ("images", "step"), ("bins", "bins_real")
NUMBER = (int, float)
"""`int | float` would be made anew at each look, which takes longer than the look."""


def finding_line(line: Any, where: str) -> dict[str, Any]:
    """A line of findings.jsonl, checked; raises InputError, which names the field."""
    found = isinstance(line, dict) and line.get("event") == "found"
    return shaped(line, FoundLine if found else FindingLine, where)


def metrics_line(line: Any, where: str) -> dict[str, Any]:
    """A line of metrics.jsonl, checked: numbers, null, lists of numbers, and one text.

    By hand and not by a type, as a history has thousands of lines with sixty columns each.

    Raises:
        InputError: names the column.
    """
    if not isinstance(line, dict) or "images" not in line:
        raise InputError(f"{where}: not a line of metrics: it has no `images`.")
    for name, value in line.items():
        if name in COUNTS:
            good = type(value) is int and 0 <= value < 10**15
        elif name in LISTS:
            good = isinstance(value, list) and all(_is_share(item) for item in value)
        elif name == "seconds":
            good = _is_share(value)
        elif name == "loss_family":
            good = isinstance(value, str) or _is_share(value)
        else:
            good = value is None or isinstance(value, NUMBER) or _is_numbers(value)
        if not good:
            raise InputError(f"{where}: {name} cannot be {short(value)}.")
    return line


def _is_share(value: Any) -> bool:
    return type(value) in NUMBER and 0 <= value < 10**15


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) in NUMBER for item in value)
