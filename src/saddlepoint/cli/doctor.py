"""saddle doctor: what a run folder says about the health of its run, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from saddlepoint.cli.flags import command, load_named_plugin, print_json
from saddlepoint.core.errors import Unhealthy
from saddlepoint.core.streams import answer

if TYPE_CHECKING:
    from saddlepoint.core.findings import Finding
    from saddlepoint.core.runs import Run
    from saddlepoint.studio.remedied import Cures


@command("Findings with evidence and remedies: saddle doctor RUN; exit code 3 for any.")
def doctor(
    run: Annotated[Path, tyro.conf.Positional],
    remedies: bool = False,
    plugins: Path | None = None,
    json: bool = False,
) -> None:
    """Name what goes wrong in a run, with the numbers that show it and what may help.

    Exit code 0: nothing is wrong as far as the run can be judged; a run that is too short for some
    failures says so, here and in the JSON. 3: something is wrong at the end of the run.

    Args:
        run: The folder of a run, which may still be training.
        remedies: Also what each remedy would change in this run, and the command that trains so,
            from the last checkpoint while the run was healthy.
        plugins: A Python file whose @register lines add detectors or remedies (default: none).
        json: One JSON document on stdout.
    """
    # None of these imports torch, so that the answer comes at once.
    from saddlepoint.core.runs import Run
    from saddlepoint.diagnosis.diagnose import diagnose
    from saddlepoint.reporting.facts import Facts

    load_named_plugin(plugins)
    facts = Facts.of(Run.open(run))
    diagnosis = diagnose(facts.run)
    # Only on demand: configurations need torch.
    found = _cures(facts.run, diagnosis.findings) if remedies else {}
    if json:
        more = (
            {"remedies": {name: one.to_json() for name, one in found.items()}} if remedies else {}
        )
        state = facts.status.get("state")
        print_json({"run": str(run), "state": state, **diagnosis.to_json(), **more})
    else:
        for finding in diagnosis.findings:
            answer(finding)
            if finding.missing:
                answer(f"  missing: {', '.join(facts.bin_names(finding.missing))}")
            if finding.name in found:
                _say(found[finding.name])
        if not diagnosis.findings:
            answer(diagnosis.silence)
        if diagnosis.past:
            answer(f"Found earlier, and gone by the end: {', '.join(diagnosis.past)}.")
    if diagnosis.unhealthy:
        raise Unhealthy


def _cures(run: Run, findings: Sequence[Finding]) -> dict[str, Cures]:
    from saddlepoint.studio.remedied import cures

    return {finding.name: cures(run, finding, run.path.parent) for finding in findings}


def _say(found: Cures) -> None:
    if found.remedies:
        answer(f"  {found.sentence}")
    for treated in found.remedies:
        answer(f"  {treated.remedy}: {_changes(treated.changes)}")
        for sentence in treated.taken[1:]:
            answer(f"    {sentence}")
        command = "the preset is not here, so change its command by hand"
        answer(f"    {treated.order.command if treated.order else command}")


def _changes(changes: dict[str, list[Any]]) -> str:
    from saddlepoint.training.treatment import short

    return ", ".join(f"{path} {short(a)} -> {short(b)}" for path, (a, b) in changes.items())
