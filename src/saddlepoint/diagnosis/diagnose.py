"""All detectors asked at once, and what explains what. No torch in here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from saddlepoint.core import registry
from saddlepoint.core.findings import Detector, Finding, Remedy
from saddlepoint.core.runs import History, Run

ORDER = {"fatal": 0, "warn": 1, "info": 2}


def all_detectors() -> list[Detector]:
    """Every registered detector with its own thresholds, by name."""
    return [registry.get("detector", name)() for name in registry.names("detector")]


def inspect(history: History, detectors: Iterable[Detector] | None = None) -> list[Finding]:
    """What holds as of the last row, worst first; what another finding explains is left out."""
    asked = list(all_detectors() if detectors is None else detectors)
    found = [finding for detector in asked if (finding := detector.inspect(history)) is not None]
    return unexplained(found)


def unexplained(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that no other one of them causes, worst first. What is mere information explains
    nothing that is more."""
    found = list(findings)
    names = {finding.name for finding in found if finding.severity != "info"}
    left = [
        finding
        for finding in found
        if not names.intersection(registry.get("detector", finding.name).explained_by)
    ]
    return sorted(left, key=lambda finding: (ORDER[finding.severity], finding.since_step))


def remedies_for(name: str) -> list[Remedy]:
    """Every registered remedy that cures the finding of this name, best first."""
    everything = [registry.get("remedy", kind)() for kind in registry.names("remedy")]
    cures: list[Remedy] = [remedy for remedy in everything if name in remedy.cures]
    return sorted(cures, key=lambda remedy: (remedy.cures[name], remedy.kind))


def with_remedies(finding: Finding) -> Finding:
    """The finding with the names of what cures it, best first."""
    return replace(finding, remedies=tuple(r.kind for r in remedies_for(finding.name)))


@dataclass(frozen=True)
class Diagnosis:
    """What a run folder says of its run's health."""

    findings: tuple[Finding, ...]
    """What holds at the end, worst first."""
    past: tuple[str, ...]
    """Names of what was found on the way and does not hold at the end."""
    watched: bool
    """Whether a doctor looked while it trained; otherwise only its losses speak."""
    looks: int
    """Lines of metrics that were read."""

    @property
    def unhealthy(self) -> bool:
        """True when a finding that is more than information holds at the end."""
        return any(finding.severity != "info" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "unhealthy": self.unhealthy,
            "findings": [finding.to_json() for finding in self.findings],
            "past": list(self.past),
            "watched": self.watched,
            "looks": self.looks,
        }


def diagnose(run: Run) -> Diagnosis:
    """Ask the detectors again, about all that the run folder tells."""
    history = run.history
    findings = tuple(with_remedies(finding) for finding in inspect(history))
    holding = {finding.name for finding in findings}
    found = dict.fromkeys(line["name"] for line in run.findings if line.get("event") == "found")
    return Diagnosis(
        findings=findings,
        past=tuple(name for name in found if name not in holding),
        watched=any("nonfinite" in row for row in history.rows),
        looks=len(history),
    )
