"""The extractor that learns how images are turned: features where there are no labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.data.sources.digits import Digits
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.extractors.rotations import Rotations


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def unlabelled() -> Dataset:
    digits = Digits().open()
    spec = DataSpec(shape=digits.spec.shape)
    return replace(digits, spec=spec, labels=None, classes=(), fingerprint="without labels")


def test_it_tells_how_images_are_turned_and_is_taught_once(unlabelled: Dataset) -> None:
    told: list[str] = []

    def progress(what: str, done: int, total: int) -> None:
        told.append(what)

    rotations = Rotations(n_seen=15_000)
    loaded = rotations.load(unlabelled, "cpu", progress)
    assert loaded.protocol["accuracy"] > 0.7, "guessing is right in one of four"
    assert told
    told.clear()
    again = rotations.load(unlabelled, "cpu", progress)
    assert again.protocol == loaded.protocol
    assert not told, "it came from the cache"

    images = torch.from_numpy(unlabelled.images[:30].copy())
    seen = loaded(images)
    assert seen.vectors.shape == (30, 128)
    assert seen.logits is None, "four turns are no classes of the data"
    assert torch.equal(loaded(images[7:8]).vectors, seen.vectors[7:8])


def test_auto_takes_it_for_images_without_labels(
    unlabelled: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADDLE_OFFLINE", "1")
    monkeypatch.setattr(Rotations, "n_seen", 100)
    loaded, said = choose_extractor("auto", unlabelled)
    assert loaded.protocol["kind"] == "rotations"
    assert "no labels" in said


def test_points_are_refused() -> None:
    with pytest.raises(InputError, match="the data are points; use --features pixels"):
        Rotations().load(Ring8().open(), "cpu")
