"""What Saddlepoint promises, in small: a healthy preset learns and the doctor is silent; each of
the lecture's failures is named, by the one name that fits."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from saddlepoint import api
from saddlepoint.core.errors import Interrupted
from saddlepoint.core.runs import Run
from saddlepoint.lab.failures import FAILURES

EXPECTED = {
    "complete-collapse": "complete-mode-collapse",
    "partial-collapse": "partial-mode-collapse",
    "discriminator-wins": "discriminator-wins",
    "generator-wins": "generator-wins",
    "oscillation": "oscillation",
    "clipped-critic": "lipschitz-violation",
    "latent-ignored": "latent-ignored",
    "condition-forgotten": "condition-ignored",
    "dcgan-discriminator-wins": "discriminator-wins",
    "wgan-gp-generator-wins": "generator-wins",
    "cgan-condition-forgotten": "condition-ignored",
}


def test_the_healthy_preset_covers_the_ring_and_the_doctor_is_silent(tmp_path: Path) -> None:
    run = api.train("gan-points", "ring8", out=tmp_path / "run", kimg=60, quiet=True)
    measured = run.evaluate(n=2500, n_bootstrap=0, quiet=True)["values"]
    assert measured["modes"]["value"] >= 7
    assert run.diagnose() == []
    assert run.findings == [], "nor was anything found on the way"


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = Run.append_finding

    def append_and_stop(run: Run, line: Mapping[str, Any]) -> None:
        """The first name counts: the rest of the run would only cost time."""
        append(run, line)
        if len(run.findings) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Run, "append_finding", append_and_stop)
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        api.train(FAILURES[name].config("untreated", 0), out=out, quiet=True)
    assert Run(out).findings[0]["name"] == EXPECTED[name]
