"""Samples beside the training images nearest to them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import saddlepoint as sp
from saddlepoint.cli.main import main
from saddlepoint.core.runs import Run
from saddlepoint.data.sources.digits import Digits
from saddlepoint.evaluation.extractors.pixels import Pixels
from saddlepoint.evaluation.nearest import nearest_training

TINY = {"arch.generator_width": 8, "arch.discriminator_width": 8, "train.batch_size": 16}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "run"
    sp.train("dcgan", "digits", kimg=0.1, out=out, changes=TINY, quiet=True)
    return out


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_nearest_are_those_of_all_distances() -> None:
    data = Digits().open()
    known = replace(data, images=data.images[:300], fingerprint="the first 300")
    copies, others = data.images[[7, 200]], data.images[[900, 901, 902]]
    asked = np.concatenate([copies, others])
    found = nearest_training(asked, known, Pixels().load(known, "cpu"), k=4)
    apart = asked.reshape(5, 1, -1).astype(float) - known.images.reshape(1, 300, -1)
    distances = np.sqrt((apart**2).sum(2))
    order = distances.argsort(1, kind="stable")[:, :4]
    assert found.index[:2, 0].tolist() == [7, 200]
    assert np.array_equal(
        np.take_along_axis(distances, found.index, 1).round(6),
        np.take_along_axis(distances, order, 1).round(6),
    )
    assert np.array_equal(found.images, known.images[found.index])
    own = known.images.reshape(300, -1).astype(float)
    for row, ratio in enumerate(found.ratio):
        first = found.index[row, 0]
        between = np.sqrt(((own - own[first]) ** 2).sum(1))
        expected = distances[row, first] / np.delete(between, first).min()
        assert ratio == pytest.approx(expected, abs=1e-6)
    assert found.ratio[:2].tolist() == [0, 0]


def test_a_sheet_of_a_run(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    argv = ["sample", str(trained), "--nearest", "--seeds", "3-15", "--out", "near.png"]
    assert main([*argv, "--json"]) == 0
    said = capfd.readouterr()
    document = json.loads(said.out)
    assert document["out"] == "near.png"
    assert np.array(document["training_images"]).shape == (13, 3)
    few = sum(ratio < 1 for ratio in document["ratio"])
    assert f"{few} of 13 samples are nearer to a training image" in said.err
    with Image.open("near.png") as picture:
        assert picture.height > picture.width / 2  # ten and three samples, in two bands
    first = Path("near.png").read_bytes()
    assert main([*argv]) == 0
    assert Path("near.png").read_bytes() == first


def test_sheets_that_cannot_be(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    alone = shutil.copy(Run(trained).checkpoints[-1] / "ema.safetensors", "alone.safetensors")
    changed = Path(shutil.copytree(trained, "changed"))
    document = json.loads((changed / "config.json").read_text())
    document["data"]["fingerprint"] = "0" * 64
    (changed / "config.json").write_text(json.dumps(document))
    for model, more, words in (
        (alone, (), "no such run folder"),
        (changed, (), "was trained on data with fingerprint 000000000000"),
        (trained, ("--out", "near.gif"), "unknown suffix"),
        (trained, ("--n", "1001"), "at most 1,000"),
        (trained, ("--interpolate",), "--interpolate and --nearest ask for different pictures"),
    ):
        out = () if "--out" in more else ("--out", "near.png")
        assert main(["sample", str(model), "--nearest", *more, *out]) == 2
        assert words in capfd.readouterr().err
    assert not Path("near.png").exists()
