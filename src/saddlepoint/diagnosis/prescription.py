"""Which remedies a finding has, best first. No torch in here."""

from __future__ import annotations

from dataclasses import replace

from saddlepoint.core import registry
from saddlepoint.core.findings import Finding, Remedy


def remedies_for(finding_name: str) -> list[Remedy]:
    """Every registered remedy that cures the finding, by its rank there, then by name."""
    found: list[tuple[int, str, Remedy]] = []
    for name in registry.names("remedy"):
        remedy: Remedy = registry.get("remedy", name)()
        if finding_name in remedy.cures:
            found.append((remedy.cures[finding_name], name, remedy))
    return [remedy for _, _, remedy in sorted(found, key=lambda item: item[:2])]


def with_remedies(finding: Finding) -> Finding:
    """The finding with the names of its remedies filled in."""
    return replace(finding, remedies=tuple(r.kind for r in remedies_for(finding.name)))


def advice_of(remedy_name: str) -> str:
    """The plain sentence of a remedy by its name."""
    return registry.get("remedy", remedy_name).advice
