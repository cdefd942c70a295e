"""The page of `saddle lab failures`, from runs that were written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.core.images import write_png
from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Language, Text
from saddlepoint.reporting.failures import Case, verdict, write_failures
from saddlepoint.reporting.strings import words_in

NOTE = "how much the kinds of images change from check to check, in nats"
FOUND: dict[str, Any] = {
    "event": "found",
    "name": "oscillation",
    "severity": "fatal",
    "at_images": 12_000,
    "since_step": 100,
    "message": (
        "The generator makes nearly the same image for every latent: two fakes are only <5> % as "
        "far apart as two real images."
    ),
    "evidence": [{"name": "drift", "value": 0.5, "healthy": [None, 0.1], "note": NOTE}],
}
TREATED: dict[str, Any] = {
    "event": "treated",
    "name": "oscillation",
    "at_images": 12_000,
    "remedy": "sound-optimizers",
    "changes": {"optim_g.beta1": [0.95, 0.5]},
    "back_to": 8000,
    "message": (
        "treatment 1 of oscillation, sound-optimizers: optim_g.beta1 0.95 -> 0.5; back to 8,000 "
        "images."
    ),
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


def score(run: Run, **values: float | tuple[float, str]) -> Run:
    """Give a run an evaluation with these numbers, some with a note."""
    numbers = {}
    for name, value in values.items():
        number, note = value if isinstance(value, tuple) else (value, "")
        numbers[name] = {"value": number, "interval": None, "better": "higher", "note": note}
    document = {
        "values": numbers,
        "per_class": {},
        "protocol": {"features": {"kind": "pixels"}, "n_real": 9, "n_fake": 9, "k": 3},
        "protocol_sha256": "0",
        "checkpoint": "000010k",
        "real": {"name": "ring8"},
        "fake": {"name": "run", "trained_images": 10_000},
    }
    run.scores_folder.mkdir()
    file = run.scores_folder / "000010k.json"
    file.write_text(json.dumps({"schema": 1, "scores": [document]}))
    return run


TITLE = Text(en="Oscillation: round and round", vi="Dao động: xoay vòng mãi")
STORY = Text(en="Too much momentum.", vi="Quá nhiều quán tính.")


def written(cases: Any, out: Path, language: Language) -> str:
    def again(run: Run) -> dict[str, str]:
        return {"train": f"saddle train gan --out {run.path.name}"}

    return write_failures(cases, out, "saddle lab failures", again, words_in(language)).read_text()


RING, EMPTY = {"modes": (8, "of 8"), "high_quality": 0.6}, {"modes": (6, "of 8")}


@pytest.mark.parametrize(
    ("scores", "distance", "wanted"),
    [
        (RING, 0.03, "cured"),
        # A smeared ring: the doctor is silent, and the picture is wrong.
        ({**RING, "high_quality": 0.14}, 0.03, "better"),
        ({**EMPTY, "high_quality": 0.9}, 0.03, "better"),
        ({**EMPTY, "high_quality": 0.0}, 0.74, "no-better"),
        ({"precision": 0.6, "coverage": 0.4}, 0.03, "cured"),
        ({"precision": 0.6, "coverage": 0.2}, 0.03, "better"),
        # The pictures are right, and not of the classes that were asked for.
        ({"precision": 0.6, "coverage": 0.4, "label_accuracy": 0.1}, 0.74, "no-better"),
        ({}, 0.03, "better"),
    ],
)
def test_cured_is_what_looks_cured(
    tmp_path: Path, scores: dict[str, Any], distance: float, wanted: str
) -> None:
    untreated = run_of(tmp_path / "a", 0.75, [])
    treated = run_of(tmp_path / "b", distance, [TREATED])
    if scores:
        score(treated, **scores)
    assert verdict({"untreated": untreated, "treated": treated}) == wanted


def test_a_run_that_was_not_treated_is_shown_once(tmp_path: Path) -> None:
    case = Case(title=TITLE, story=STORY, expected=("oscillation",))
    runs = {way: run_of(tmp_path / way, 0.75, []) for way in ("untreated", "treated")}
    page = written([(case, runs)], tmp_path / "report.html", "en")
    assert "Nothing was treated" in page
    assert page.count("<img ") == 2
    assert "Losses, treated" not in page


def test_finding_remedy_and_recovery_stand_side_by_side(tmp_path: Path) -> None:
    case = Case(title=TITLE, story=STORY, expected=("oscillation",))
    runs = {
        "untreated": run_of(tmp_path / "a", 0.75, []),
        "treated": run_of(tmp_path / "b", 0.031, [TREATED]),
    }
    page = written([(case, runs)], tmp_path / "report.html", "en")
    for text in (
        "oscillation at 12 kimg",
        "as expected",
        "sound-optimizers",
        "distance 0.75",
        "distance 0.031, no finding",
        "two fakes are only &lt;5&gt; % as",
        "at most 0.1",
        "optim_g.beta1 0.95 -&gt; 0.5",
        "saddle train gan --out a",
        "saddle lab failures",
        "Too much momentum.",
        "real, digits",
    ):
        assert text in page, text
    assert page.count("<img ") == 3
    assert "1. Losses, untreated" in page
    assert "1. Losses, treated" in page
