"""The page of `saddle lab failures`, from runs that were written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.images import write_png
from saddlepoint.core.runs import Run
from saddlepoint.reporting.failures import Case, write_failures

FOUND: dict[str, Any] = {
    "event": "found",
    "name": "oscillation",
    "severity": "fatal",
    "at_images": 12_000,
    "since_step": 100,
    "message": "It goes <round> and round.",
    "evidence": [{"name": "drift", "value": 0.5, "healthy": [None, 0.1], "note": "change"}],
}
TREATED: dict[str, Any] = {
    "event": "treated",
    "name": "oscillation",
    "at_images": 12_000,
    "remedy": "sound-optimizers",
    "message": "treatment 1 of oscillation, sound-optimizers: optim_g.beta1 0.95 -> 0.5.",
}


def run_of(path: Path, distance: float, treatments: list[dict[str, Any]]) -> Run:
    run = Run(path)
    run.samples_folder.mkdir(parents=True)
    for name in ("reals", "000010k"):
        write_png(run.samples_folder / f"{name}.png", np.zeros((8, 8, 1), dtype=np.uint8))
    config = {"loss": {"kind": "non-saturating"}}
    document = {"config": config, "data": {"name": "digits"}, "treatments": treatments}
    run.config_file.write_text(json.dumps(document))
    for images in (5000, 10_000):
        row = {"images": images, "step": images // 50, "loss_d": 1.0, "loss_g": 1.0}
        run.append_metrics({**row, "sliced_wasserstein": distance})
    run.append_finding(FOUND)
    for line in treatments:
        run.append_finding(line)
    run.write_status("finished", 10_000)
    return run


def test_finding_remedy_and_recovery_stand_side_by_side(tmp_path: Path) -> None:
    case = Case(
        title="Oscillation: round and round",
        story="Too much momentum.",
        expected=("oscillation",),
    )
    runs = {
        "untreated": run_of(tmp_path / "a", 0.75, []),
        "treated": run_of(tmp_path / "b", 0.031, [TREATED]),
    }
    page = write_failures([(case, runs)], tmp_path / "report.html").read_text()
    for text in (
        "oscillation at 12 kimg",
        "as expected",
        "sound-optimizers",
        "distance 0.75",
        "distance 0.031, no finding",
        "It goes &lt;round&gt; and round.",
        "at most 0.1",
        "optim_g.beta1 0.95 -&gt; 0.5",
        "Too much momentum.",
        "real, digits",
    ):
        assert text in page, text
    assert page.count("<img ") == 3
    assert "1. Losses, untreated" in page
    assert "1. Losses, treated" in page
