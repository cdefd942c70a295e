"""What diagnosis is made of: findings, detectors that make them, remedies. No torch in here."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from saddlepoint.core.history import History
from saddlepoint.core.json_files import finite

if TYPE_CHECKING:
    from saddlepoint.core.config import Config

Range = tuple[float | None, float | None]
"""Least and greatest healthy value; None where there is no bound."""
Severity = Literal["info", "warn", "fatal"]
Category = Literal["behaviour", "wiring"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One number that speaks for a finding, with what it is in a healthy run."""

    name: str
    """Column of metrics.jsonl, or what was computed from it."""
    value: float
    healthy: Range = (None, None)
    note: str = ""
    """What the number means, in a few words."""

    @property
    def healthy_text(self) -> str:
        """The healthy range in words, such as `at least 0.3`; "" without bounds."""
        low, high = self.healthy
        # A count that must be 0, or a flag that must be 1.
        if low is not None and low == high:
            return f"{low:.4g}"
        if low is None:
            return "" if high is None else f"at most {high:.4g}"
        return f"at least {low:.4g}" if high is None else f"{low:.4g} to {high:.4g}"

    def __str__(self) -> str:
        healthy = f" (healthy: {self.healthy_text})" if self.healthy_text else ""
        return f"{self.name} = {self.value:.4g}{healthy}" + (f": {self.note}" if self.note else "")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A failure, by name, with what shows it."""

    name: str
    """One of the stable names, such as partial-mode-collapse."""
    severity: Severity
    at_images: int
    """Images shown to the discriminator when it was found."""
    since_step: int
    """Step from which on the evidence holds."""
    evidence: tuple[Evidence, ...]
    message: str
    """One or two sentences in plain words: what happens, and why it is believed."""
    missing: tuple[int, ...] = ()
    """Classes or bins that the generator leaves out (partial-mode-collapse)."""
    remedies: tuple[str, ...] = ()
    """Names of remedies, best first; filled by the doctor."""

    def __str__(self) -> str:
        """As a person reads it: name, message, numbers, what to do."""
        numbers = [f"  {item}" for item in self.evidence]
        remedies = [f"  try: {', '.join(self.remedies)}"] if self.remedies else []
        head = f"{self.severity}: {self.name}, since step {self.since_step:,}: {self.message}"
        return "\n".join([head, *numbers, *remedies])

    def to_json(self) -> dict[str, Any]:
        """With None for numbers that are not finite."""
        document = asdict(self)
        for item in document["evidence"]:
            item["value"] = finite(item["value"])
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Finding:
        """document: as `documents.FoundLine`."""
        evidence = tuple(
            Evidence(
                name=item["name"],
                value=math.nan if item["value"] is None else item["value"],
                healthy=tuple(item.get("healthy", (None, None))),
                note=item.get("note", ""),
            )
            for item in document["evidence"]
        )
        # Whatever else a line of findings.jsonl holds (its event, its time) is not the finding's.
        names = ("name", "severity", "at_images", "since_step", "message")
        return cls(
            **{name: document[name] for name in names},
            evidence=evidence,
            missing=tuple(document.get("missing", ())),
            remedies=tuple(document.get("remedies", ())),
        )


class Detector(ABC):
    """Names one failure from the columns of a history; the fields are its thresholds.

    It is a pure function of the history: the doctor asks it after each check, and `saddle doctor`
    asks it again, with the same answer, from the run folder. Its registered name is the finding's.

    A detector from elsewhere may bring classmethods `healthy()` and `unhealthy()` -> list[History]:
    the conformance tests hold it to them.
    """

    group: ClassVar[str] = "detector"
    kind: ClassVar[str]
    """The registered name, which is the finding's name."""
    category: ClassVar[Category] = "behaviour"
    """Whether it is about what the run does, or about how the loop is written."""
    explained_by: ClassVar[tuple[str, ...]] = ()
    """Findings, or categories of them, that explain this one: where one of them holds, this one is
    not reported."""
    # The order belongs to the failure, so it stands here, in one place for each finding; a remedy
    # that comes from elsewhere joins by its own `cures`. Either way, adding one is one file.
    remedies: ClassVar[tuple[str, ...]] = ()
    """Names of what treats it, best first."""

    def waits(self, history: History) -> bool:
        """Whether the history is too short for it, so that its silence means nothing yet."""
        return False

    def bounds(self, history: History) -> dict[str, Range]:
        """Column -> what is healthy in this run, as far as the thresholds alone say it: what the
        figures show behind the curves."""
        return {}

    @abstractmethod
    def inspect(self, history: History) -> Finding | None:
        """The failure as of the last row, or None. `history` has every row so far, and each row
        has whatever columns the loop could give: an absent column is not evidence."""


class Remedy(ABC):
    """One way to treat findings by changing the configuration; the fields are its doses."""

    group: ClassVar[str] = "remedy"
    kind: ClassVar[str]
    """The registered name."""
    cures: ClassVar[tuple[str, ...]] = ()
    """Findings that it treats although their detectors do not name it; it comes after those that
    they name."""
    last_resort: ClassVar[bool] = False
    """Whether it comes after everything else."""
    advice: ClassVar[str]
    """What to do, in one plain sentence, for people whose loop we cannot change."""

    @abstractmethod
    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        """Dotted path -> new value for `with_changes`, or None where it cannot help
        (already done, or this configuration has no place for it)."""

    def treat(self, config: Config, finding: Finding) -> Config | None:
        """The configuration with the changes made; None where there are none to make."""
        # core.config_json needs torch, which `saddle doctor` must not wait for.
        from saddlepoint.core.config_json import with_changes

        changes = self.changes(config, finding)
        return with_changes(config, changes) if changes else None
