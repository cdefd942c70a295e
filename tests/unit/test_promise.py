"""The product's promise in small: a healthy setting learns and the doctor is silent; sabotage is
named."""

from __future__ import annotations

from pathlib import Path

import pytest

from saddlepoint import api
from saddlepoint.lab.failures import FAILURES


def test_a_healthy_gan_covers_the_ring_and_the_doctor_is_silent(tmp_path: Path) -> None:
    adam = {"kind": "adam", "lr": 2e-3, "beta1": 0.5, "beta2": 0.9}
    changes = {
        "arch.generator_widths": (128, 128),
        "arch.discriminator_widths": (128, 128),
        "arch.generator_norm": "none",
        "arch.latent_dim": 8,
        "optim_g": adam,
        "optim_d": adam,
        "penalties": ({"kind": "r1", "gamma": 0.1, "every": 1},),
        "train.batch_size": 128,
        "train.tick_kimg": 4,
        "doctor.probe_kimg": 4,
    }
    out = tmp_path / "run"
    run = api.train("gan", "ring8", out=out, kimg=120, changes=changes, quiet=True)
    measured = run.evaluate(n=2500, n_bootstrap=0, quiet=True)["values"]
    assert measured["modes"]["value"] >= 7
    assert run.diagnose() == []
    assert run.findings == [], "nor was anything found on the way"


@pytest.mark.parametrize("name", ["complete-collapse", "oscillation"])
def test_sabotage_gives_the_finding_that_was_expected(name: str, tmp_path: Path) -> None:
    failure = FAILURES[name]
    run = api.train(failure.config("untreated", 0), out=tmp_path / "run", quiet=True)
    found = [line["name"] for line in run.findings if line["event"] == "found"]
    assert found, "nothing was found"
    assert found[0] in failure.expected
