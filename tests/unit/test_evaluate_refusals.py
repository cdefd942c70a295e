"""Bad input of `saddle evaluate`: labels and files that do not fit, measures without their data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

import saddlepoint as sp
from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Features, LoadedExtractor, Settings
from saddlepoint.data.resolve import resolve
from saddlepoint.data.sources.digits import Digits
from saddlepoint.evaluation.measure import evaluate_sets
from saddlepoint.evaluation.sets import subset_of


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
        ([0, -1, 2, 3], "holds the label -1, but labels count the classes from 0"),
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


class _Resizing(LoadedExtractor):
    """Brings images of any size to 2 x 2 pixels, as the large networks do to theirs."""

    protocol: ClassVar = {"kind": "pooled", "sha256": None, "resize": "mean"}

    def __call__(self, images: Tensor) -> Features:
        return Features(adaptive_avg_pool2d(images.permute(0, 3, 1, 2).float(), 2).flatten(1), None)


def test_sets_of_two_sizes_or_colours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw = np.random.default_rng(0)
    sides = {"small": (8, 1), "large": (16, 1), "colour": (8, 3)}
    for name, (side, channels) in sides.items():
        images = draw.integers(0, 256, (20, side, side, channels), np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=images)
    small, large, colour = (str(tmp_path / f"{name}.npz") for name in sides)
    said = refused(capsys, "evaluate", small, large, "--features", "pixels", "--quiet")
    assert "large holds grey images of 16x16 pixels and small holds grey images of 8x8" in said
    said = refused(capsys, "evaluate", colour, small, "--features", "pixels", "--quiet")
    assert "small holds grey images of 8x8 pixels and colour holds colour images of 8x8" in said
    with pytest.raises(InputError, match="real holds grey images of 8x8 pixels and fake"):
        sp.score_images(np.load(small)["images"], np.load(large)["images"], "pixels")
    sets = [subset_of(resolve(path).open(), None, 0, {}) for path in (small, large)]
    done = evaluate_sets(*sets, _Resizing(), Settings(n_bootstrap=0))
    assert done.document["values"]["fid"]["value"] > 0


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
    assert "no scores per class: the fakes have no labels" in capsys.readouterr().out
    np.savez(mine, images=digits.images[:60], labels=digits.labels[:60])
    assert "per-class" not in quick(mine, "digits")["unfit"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--k", "0"), "--k 0 must be at least 1"),
        (("--bootstrap", "-1"), "--bootstrap -1 must be at least 0"),
        (("--device", "gpu"), "--device gpu is not available here; use cpu"),
        (("--n", "1"), "--n 1 must be at least 2"),
    ],
)
def test_bad_settings_are_named_before_any_work(
    flags: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    err = refused(capsys, "evaluate", "digits", "digits", "--features", "pixels", *flags)
    assert said in err


def test_bad_settings_of_arrays_are_named() -> None:
    x = np.random.default_rng(0).normal(size=(9, 3))
    with pytest.raises(InputError, match=r"--k 0 must be at least 1"):
        sp.score_features(x, x, k=0)
    with pytest.raises(InputError, match=r"--bootstrap -2 must be at least 0"):
        sp.score_features(x, x, n_bootstrap=-2)


def test_measures_per_class_that_cannot_be_are_refused_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digits = Digits().open()
    mine, few = tmp_path / "mine.npz", tmp_path / "few.npz"
    np.savez(mine, images=digits.images[:50])
    np.savez(few, images=digits.images[:12], labels=digits.labels[:12])
    asked = ("--features", "pixels", "--per-class", "--bootstrap", "0", "--quiet")
    said = refused(capsys, "evaluate", str(mine), "digits", *asked)
    assert "--per-class: the fakes have no labels" in said
    said = refused(capsys, "evaluate", "digits", str(mine), *asked)
    assert "--per-class: the real images have no labels" in said
    said = refused(capsys, "evaluate", str(few), "digits", *asked)
    assert "--per-class: no class has more than k = 3 images in both sets" in said
    # Asked for, they are taken of any number of classes.
    many = tmp_path / "many.npz"
    np.savez(many, images=digits.images[:150], labels=np.arange(150) % 25)
    assert "--per-class measures them" in quick(many, str(many))["unfit"]["per-class"]
    assert main(["evaluate", str(many), str(many), *asked]) == 0
    shown = capsys.readouterr().out.partition("class  ")[2].splitlines()[1:]
    assert [line.split()[0] for line in shown] == [str(label) for label in range(25)]
