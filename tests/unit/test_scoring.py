"""Scores while training runs: the best checkpoint and the early stop."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from saddlepoint import api
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import read_json, write_json
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


STILL = {"scoring__patience": 1, "optim_g__lr": 1e-12, "optim_d__lr": 1e-12}


@pytest.fixture
def without_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real ones have tests of their own and take longer than these runs."""

    def write(run: api.Run) -> Path:
        run.report_file.write_text("a page")
        return run.report_file

    monkeypatch.setattr(api.Run, "report", write)


def test_a_run_that_no_longer_gets_better_stops(tmp_path: Path, without_reports: None) -> None:
    run = train(tmp_path / "r", 20, **STILL)
    assert run.status["state"] == "finished"
    seen = list(scores(run, "sliced_wasserstein").values())
    assert run.status["n_images"] < 20_000
    assert seen[-1] >= min(seen[:-1])
    assert all(b < a for a, b in pairwise(seen[:-1]))


def test_an_early_stop_that_is_killed_before_its_last_word_trains_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_reports: None, capsys: Any
) -> None:
    write = Run.write_status

    def killed(run: Run, state: str, n_images: int, **details: Any) -> None:
        if state == "finished":
            os._exit(9)
        write(run, state, n_images, **details)

    child = os.fork()
    if not child:
        monkeypatch.setattr(Run, "write_status", killed)
        train(tmp_path / "r", 20, **STILL)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    run = Run(tmp_path / "r")
    assert run.status["state"] == "running"
    rows = run.history.rows
    api.resume(run.path, quiet=True)
    assert run.status["state"] == "finished"
    assert run.history.rows == rows

    # From now on it is finished: a resume without a budget says so, and what it did if anything.
    reached = rf"already reached {rows[-1]['images'] / 1000:g} kimg of 20, where .*patience 1\)"
    with pytest.raises(InputError, match=rf"{reached}; extend it with a larger --kimg"):
        api.resume(run.path)
    run.report_file.unlink()
    capsys.readouterr()
    api.resume(run.path)
    said = capsys.readouterr().err
    assert re.search(
        rf"{reached}\. Its report was missing or old, and is written now; extend it", said
    )
    assert run.report_file.is_file()
    assert run.history.rows == rows

    # An extension that was killed before its first checkpoint goes on, also where a version that
    # did not write down at how many images it began had given it.
    killed_later = shutil.copytree(run.path, tmp_path / "old")
    document = read_json(killed_later / "config.json")
    document["config"]["train"]["kimg"] = 30
    for budgets in (document["budgets"], [{"kimg": 20}]):
        document["budgets"] = [*budgets[:1], {"kimg": 30}]
        write_json(killed_later / "config.json", document)
        Run(killed_later).write_status("running", rows[-1]["images"])
        before = len(Run(killed_later).history)
        api.resume(killed_later, quiet=True)
        assert len(Run(killed_later).history) > before
    api.resume(run.path, kimg=30, quiet=True)
    assert run.history.rows[: len(rows)] == rows
    assert len(run.history) > len(rows)


def test_patience_looks_at_the_last_scores_only() -> None:
    scorer = Scorer.__new__(Scorer)
    scorer.scoring = api.configure("dcgan", "digits", changes={"scoring.patience": 2}).scoring
    rows = history(0.5, 0.4, 0.45)
    assert not scorer.exhausted(rows)
    assert scorer.exhausted([*rows, {"images": 4, "loss_d": 1.0}, *history(0.4, first=5)])
    assert not scorer.exhausted(history(0.5, 0.4, 0.45, 0.39))
    assert not scorer.exhausted([])


def test_a_new_budget_has_all_of_its_patience() -> None:
    scorer = Scorer.__new__(Scorer)
    scorer.scoring = api.configure("dcgan", "digits", changes={"scoring.patience": 2}).scoring
    rows = history(0.4, 0.5, 0.5)
    assert scorer.exhausted(rows)
    assert not scorer.exhausted(rows, since=3)
    assert not scorer.exhausted(history(0.4, 0.5, 0.5, 0.5), since=3)
    assert scorer.exhausted(history(0.4, 0.5, 0.5, 0.5, 0.4), since=3)
    assert not scorer.exhausted(history(0.4, 0.5, 0.5, 0.5, 0.3), since=3)


def history(*values: float, first: int = 1) -> list[dict[str, Any]]:
    return [{"images": i, "sliced_wasserstein": v} for i, v in enumerate(values, first)]


def test_a_score_that_is_no_number_ranks_nothing(tmp_path: Path) -> None:
    scorer = Scorer.__new__(Scorer)
    scorer.scoring = api.configure("dcgan", "digits", changes={"scoring.patience": 1}).scoring
    assert scorer.rank({"sliced_wasserstein": math.nan}) is None
    assert scorer.rank({}) is None
    assert scorer.rank({"sliced_wasserstein": 0.5}) == 0.5
    assert not scorer.exhausted(history(0.5, math.nan, 0.4))
    assert scorer.exhausted(history(0.5, math.nan, 0.4, 0.45))


def test_a_number_that_cannot_rank_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scoring\.by=fidd .* fid"):
        train(tmp_path / "r", scoring__by="fidd")
    with pytest.raises(InputError, match="label_accuracy cannot rank"):
        train(tmp_path / "s", scoring__by="label_accuracy")
    # Labelled data and a classifier do not help: the fakes of an unconditional run have no labels.
    with pytest.raises(InputError, match=r"label_accuracy cannot rank .*the fakes have no labels"):
        train(tmp_path / "t", scoring__by="label_accuracy", scoring__features="classifier")
    assert not list(tmp_path.iterdir())
