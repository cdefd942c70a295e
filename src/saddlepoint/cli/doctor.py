"""saddle doctor: what a run folder says about the health of its run, without torch."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import tyro

from saddlepoint.cli.flags import load_named_plugin, parse
from saddlepoint.core.errors import Unhealthy


def doctor(argv: list[str]) -> None:
    """Findings with evidence and remedies: saddle doctor RUN; exit code 3 for any."""

    def flags(
        run: Annotated[Path, tyro.conf.Positional],
        plugins: Path | None = None,
        json: bool = False,
    ) -> dict[str, Any]:
        """Name what goes wrong in a run, with the numbers that show it and what may help.

        Exit code 0: healthy; 3: a finding holds at the end of the run.

        Args:
            run: The folder of a run, which may still be training.
            plugins: A Python file whose @register lines add detectors or remedies.
            json: One JSON document on stdout.
        """
        return locals()

    asked = parse(flags, "saddle doctor", argv)
    # None of these imports torch, so that the answer comes at once.
    from saddlepoint.core.runs import Run
    from saddlepoint.diagnosis.diagnose import diagnose
    from saddlepoint.reporting.facts import Facts

    load_named_plugin(asked["plugins"])
    run = Run.open(asked["run"])
    facts = Facts.of(run)
    diagnosis = diagnose(run)
    if asked["json"]:
        document = {"run": str(run.path), "state": run.status.get("state"), **diagnosis.to_json()}
        print(json_module.dumps(document, indent=2))
    else:
        for finding in diagnosis.findings:
            print(finding)
            if finding.missing:
                print(f"  missing: {', '.join(facts.bin_names(finding.missing))}")
        if not diagnosis.findings:
            print(f"No finding in {diagnosis.rows} lines of metrics.")
        if diagnosis.past:
            print(f"Found earlier, and over by the end: {', '.join(diagnosis.past)}.")
        if not diagnosis.watched:
            print("The doctor was off during training (--doctor off): only losses were checked.")
    if diagnosis.unhealthy:
        raise Unhealthy
