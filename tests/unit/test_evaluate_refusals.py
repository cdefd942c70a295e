"""Bad input of `saddle evaluate`: labels and files that do not fit, measures without their data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.data.sources.digits import Digits


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def quick(model: Path, real: str) -> dict[str, Any]:
    return api.evaluate(model, real, features="pixels", n=200, n_bootstrap=0, quiet=True)[0]


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0, 3, 12, 9], "holds the label 12, but digits has 10 classes, 0 to 9"),
        ([0, -1, 2, 3], "holds the label -1, but labels count from 0"),
        ([0, 1, 2, 10**12], "must be below 100,000"),
        ([0.0, 1.0, 2.0, 3.0], "must be whole numbers"),
        ([0, 1], "one for each of the 20 images"),
    ],
    ids=["too great", "negative", "absurd", "fractions", "too few"],
)
def test_labels_outside_the_range_are_named(
    labels: list[float], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.npz"
    whole = labels * 5 if len(labels) == 4 else labels
    np.savez(mine, images=Digits().open().images[:20], labels=np.array(whole))
    px = ("--features", "pixels", "--quiet")
    assert said in refused(capsys, "evaluate", str(mine), "digits", *px)


def test_files_of_features_are_no_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Statistics or features that another tool saved: what they are of cannot be known."""
    file = tmp_path / "stats.npz"
    np.savez(file, mu=np.zeros(2048), sigma=np.eye(4))
    said = refused(capsys, "evaluate", str(file), "digits", "--features", "pixels", "--quiet")
    assert "has the keys mu, sigma, but `images`" in said
    said = refused(capsys, "evaluate", "digits", "digits", "--features", str(file), "--quiet")
    assert "is not the Inception network" in said


def test_absent_measures_per_class_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digits = Digits().open()
    mine, few = tmp_path / "mine.npz", tmp_path / "few.npz"
    np.savez(mine, images=digits.images[:50])
    np.savez(few, images=digits.images[:12], labels=digits.labels[:12])
    document = quick(few, str(mine))
    assert document["per_class"] == {}
    assert document["unfit"]["per-class"] == "the real images have no labels"
    assert "no class has more than k = 3" in quick(few, "digits")["unfit"]["per-class"]
    argv = ["evaluate", str(mine), "digits", "--features", "pixels", "--quiet"]
    assert main([*argv, "--bootstrap", "0"]) == 0
    assert "no measures per class: the fakes have no labels" in capsys.readouterr().out
    np.savez(mine, images=digits.images[:60], labels=digits.labels[:60])
    assert "per-class" not in quick(mine, "digits")["unfit"]
