"""All detectors asked at once, and what explains what. No torch in here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from saddlepoint.core import registry
from saddlepoint.core.findings import Detector, Finding, Range, Remedy
from saddlepoint.core.history import History
from saddlepoint.core.runs import Run

ORDER = {"fatal": 0, "warn": 1, "info": 2}


def all_detectors() -> list[Detector]:
    """Every registered detector with its own thresholds, by name."""
    return [registry.get("detector", name)() for name in registry.names("detector")]


def inspect(history: History, detectors: Iterable[Detector] | None = None) -> list[Finding]:
    """What holds as of the last row, worst first; what another finding explains is left out."""
    asked = all_detectors() if detectors is None else detectors
    found = [detector.inspect(history) for detector in asked]
    return unexplained(finding for finding in found if finding is not None)


def unexplained(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that no other one explains, worst first."""
    found = list(findings)
    detectors = {finding.name: registry.get("detector", finding.name) for finding in found}
    # Information explains nothing: it would hide what is worse than itself.
    serious = {finding.name for finding in found if finding.severity != "info"}
    explaining = serious | {detectors[name].category for name in serious}
    left = [one for one in found if explaining.isdisjoint(detectors[one.name].explained_by)]
    return sorted(left, key=lambda finding: (ORDER[finding.severity], finding.since_step))


def healthy_ranges(history: History) -> dict[str, Range]:
    """Column -> what no detector's threshold minds in this run, where one has a threshold."""
    found: dict[str, Range] = {}
    for detector in all_detectors():
        for column, (low, high) in detector.bounds(history).items():
            known = found.get(column, (None, None))
            lows = [one for one in (low, known[0]) if one is not None]
            highs = [one for one in (high, known[1]) if one is not None]
            found[column] = max(lows, default=None), min(highs, default=None)
    return found


def remedies_for(name: str) -> list[Remedy]:
    """Everything that treats the finding of this name, best first: what its detector names, then
    what else says that it cures it, and last resorts at the end."""
    named = registry.get("detector", name).remedies
    cures = [
        kind for kind in registry.names("remedy") if name in registry.get("remedy", kind).cures
    ]
    joined = [kind for kind in cures if kind not in named]
    # The sort is stable: within the two groups the order stays.
    found: list[Remedy] = [registry.get("remedy", kind)() for kind in (*named, *joined)]
    return sorted(found, key=lambda remedy: remedy.last_resort)


def with_remedies(finding: Finding) -> Finding:
    """The finding with the names of its remedies, best first."""
    return replace(finding, remedies=tuple(r.kind for r in remedies_for(finding.name)))


@dataclass(frozen=True)
class Diagnosis:
    """What a run folder says about its run's health."""

    findings: tuple[Finding, ...]
    """What holds at the end, worst first."""
    past: tuple[str, ...]
    """Names of what was found on the way and is over."""
    watched: bool
    """Whether a doctor checked it while it trained; otherwise there are only its losses."""
    rows: int
    """Lines of metrics that were read."""
    waiting: tuple[str, ...]
    """Failures that the run is still too short to judge."""

    @property
    def unhealthy(self) -> bool:
        """True when a finding that is more than information holds at the end."""
        return any(finding.severity != "info" for finding in self.findings)

    @property
    def silence(self) -> str:
        """What it means that nothing was found."""
        if not self.watched:
            return "The doctor was off during training (--doctor off): only losses were checked."
        if not self.waiting:
            return f"No finding in {self.rows} lines of metrics."
        names = ", ".join(self.waiting[:3]) + (", ..." if len(self.waiting) > 3 else "")
        return (
            f"Too short to judge {len(self.waiting)} kinds of failure ({names}); no finding of "
            f"another kind in {self.rows} lines of metrics."
        )

    def to_json(self) -> dict[str, Any]:
        """What `saddle doctor --json` prints."""
        return {
            "unhealthy": self.unhealthy,
            "findings": [finding.to_json() for finding in self.findings],
            "past": list(self.past),
            "watched": self.watched,
            "rows": self.rows,
            "too_short_to_judge": list(self.waiting),
        }


def diagnose(run: Run) -> Diagnosis:
    """Ask the detectors again, about everything in the run folder."""
    history = run.history
    findings = tuple(with_remedies(finding) for finding in inspect(history))
    # The log tells what held on the way; the detectors, asked again, what holds now.
    holding = {finding.name for finding in findings}
    found = dict.fromkeys(line["name"] for line in run.findings if line.get("event") == "found")
    return Diagnosis(
        findings=findings,
        past=tuple(name for name in found if name not in holding),
        # A column that every check has, and no loop writes by itself.
        watched=any("nonfinite" in row for row in history.rows),
        rows=len(history),
        waiting=tuple(detector.kind for detector in all_detectors() if detector.waits(history)),
    )
