"""Scores while training runs: the best checkpoint and the early stop."""

from __future__ import annotations

import json
import math
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from saddlepoint import api
from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run
from saddlepoint.training.scoring import Scorer

SMALL = {"arch.generator_width": 8, "arch.discriminator_width": 8, "train.batch_size": 32}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("SADDLE_OFFLINE", "1")


def train(out: Path, kimg: float = 1.6, **changes: Any) -> Run:
    wanted = {name.replace("__", "."): value for name, value in changes.items()}
    fixed = {"train.sample_kimg": 0.2, "train.tick_kimg": 0.2, "scoring.features": "pixels"}
    changes = SMALL | fixed | wanted
    return api.train("dcgan", "digits", out=out, kimg=kimg, changes=changes, quiet=True)


def scores(run: Run, name: str) -> dict[int, float]:
    return {row["images"]: row[name] for row in run.history.rows if name in row}


def test_numbers_of_evaluate_become_columns_and_rank_the_checkpoints(tmp_path: Path) -> None:
    run = train(tmp_path / "r", scoring__by="precision", scoring__n=150)
    precision = scores(run, "precision")
    assert len(precision) == 8
    assert scores(run, "fid").keys() == precision.keys()
    assert scores(run, "sliced_wasserstein").keys() == precision.keys()
    kept = {}
    for folder in run.checkpoints:
        state = json.loads((folder / "state.json").read_text())
        kept[state["n_images"]] = state["score"]
    best = max(precision, key=lambda images: (precision[images], images))
    assert max(precision.values()) == pytest.approx(-min(kept.values()))
    assert best in kept or precision[best] in [-score for score in kept.values()]


def test_a_run_that_no_longer_gets_better_stops(tmp_path: Path) -> None:
    run = train(tmp_path / "r", 20, scoring__patience=1, optim_g__lr=1e-12, optim_d__lr=1e-12)
    assert run.status["state"] == "finished"
    seen = list(scores(run, "sliced_wasserstein").values())
    assert run.status["n_images"] < 20_000
    assert seen[-1] >= min(seen[:-1])
    assert all(b < a for a, b in pairwise(seen[:-1]))


def test_an_early_stop_that_is_killed_before_its_last_word_trains_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = {"scoring__patience": 1, "optim_g__lr": 1e-12, "optim_d__lr": 1e-12}
    write = Run.write_status

    def killed(run: Run, state: str, n_images: int, **details: Any) -> None:
        if state == "finished":
            os._exit(9)
        write(run, state, n_images, **details)

    child = os.fork()
    if not child:
        monkeypatch.setattr(Run, "write_status", killed)
        train(tmp_path / "r", 20, **still)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    run = Run(tmp_path / "r")
    assert run.status["state"] == "running"
    rows = run.history.rows
    for _ in range(2):
        api.resume(run.path, quiet=True)
        assert run.status["state"] == "finished"
        assert run.history.rows == rows
    # A new budget is a wish for more: on to the next score.
    api.resume(run.path, kimg=30, quiet=True)
    assert run.history.rows[: len(rows)] == rows
    assert len(run.history) > len(rows)


def test_patience_looks_at_the_last_scores_only() -> None:
    scorer = Scorer.__new__(Scorer)
    scorer.scoring = api.configure("dcgan", "digits", changes={"scoring.patience": 2}).scoring
    rows = [{"sliced_wasserstein": value} for value in (0.5, 0.4, 0.45)]
    assert not scorer.exhausted(rows)
    assert scorer.exhausted([*rows, {"loss_d": 1.0}, {"sliced_wasserstein": 0.4}])
    assert not scorer.exhausted([*rows, {"sliced_wasserstein": 0.39}])
    assert not scorer.exhausted([])


def test_a_score_that_is_no_number_ranks_nothing(tmp_path: Path) -> None:
    scorer = Scorer.__new__(Scorer)
    scorer.scoring = api.configure("dcgan", "digits", changes={"scoring.patience": 1}).scoring
    assert scorer.rank({"sliced_wasserstein": math.nan}) is None
    assert scorer.rank({}) is None
    assert scorer.rank({"sliced_wasserstein": 0.5}) == 0.5
    rows = [{"sliced_wasserstein": value} for value in (0.5, math.nan, 0.4)]
    assert not scorer.exhausted(rows)
    assert scorer.exhausted([*rows, {"sliced_wasserstein": 0.45}])


def test_a_number_that_cannot_rank_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scoring\.by=fidd .* fid"):
        train(tmp_path / "r", scoring__by="fidd")
    with pytest.raises(InputError, match="label_accuracy cannot rank"):
        train(tmp_path / "s", scoring__by="label_accuracy")
    # Labelled data and a classifier do not help: the fakes of an unconditional run have no labels.
    with pytest.raises(InputError, match=r"label_accuracy cannot rank .*the fakes have no labels"):
        train(tmp_path / "t", scoring__by="label_accuracy", scoring__features="classifier")
    assert not list(tmp_path.iterdir())
