"""saddle doctor: what a run folder says about the health of its run, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from saddlepoint.cli.flags import command, load_named_plugin, print_json
from saddlepoint.core.errors import Unhealthy
from saddlepoint.core.streams import answer


@command("Findings with evidence and remedies: saddle doctor RUN; exit code 3 for any.")
def doctor(
    run: Annotated[Path, tyro.conf.Positional], plugins: Path | None = None, json: bool = False
) -> None:
    """Name what goes wrong in a run, with the numbers that show it and what may help.

    Exit code 0: nothing is wrong as far as the run can be judged; a run that is too short for some
    failures says so, here and in the JSON. 3: something is wrong at the end of the run.

    Args:
        run: The folder of a run, which may still be training.
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
    if json:
        print_json({"run": str(run), "state": facts.status.get("state"), **diagnosis.to_json()})
    else:
        for finding in diagnosis.findings:
            answer(finding)
            if finding.missing:
                answer(f"  missing: {', '.join(facts.bin_names(finding.missing))}")
        if not diagnosis.findings:
            answer(diagnosis.silence)
        if diagnosis.past:
            answer(f"Found earlier, and gone by the end: {', '.join(diagnosis.past)}.")
    if diagnosis.unhealthy:
        raise Unhealthy
