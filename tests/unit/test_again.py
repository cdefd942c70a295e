"""What a report says on how to make a run again is what made it."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint import api
from saddlepoint.api.again import asked_of, commands_again, train_words
from saddlepoint.cli.main import main
from saddlepoint.core.config_json import to_json, with_changes
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.json_files import write_json
from saddlepoint.core.provenance import budget_line, describe
from saddlepoint.core.runs import Run
from saddlepoint.evaluation import nearest_pixels
from saddlepoint.evaluation.nearest_pixels import nearest_by_pixels
from saddlepoint.training.treatment import differences

CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("gan", {"seed": 3, "train.instance_noise": 0.1, "optim_g.lr": 1e-3 / 3}),
    ("gan", {"arch.generator_widths": (96, 64), "loss": {"kind": "hinge"}, "penalties": []}),
    ("wgan-gp", {"penalties": [{"kind": "r1", "gamma": 0.25}], "arch.dropout": 0.3}),
    ("dcgan", {"arch": {"kind": "mlp"}, "optim_d": {"kind": "adam", "lr": 3e-4}}),
]


@pytest.mark.parametrize(("preset", "changes"), CHANGES)
def test_the_words_make_the_configuration(
    preset: str, changes: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    config = api.configure(preset, "digits", changes=changes)
    words = train_words(preset, "digits", asked_of(config, config.source))
    assert main([*words, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(to_json(config)))


def test_treatments_and_extensions_are_taken_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = api.configure("gan", "digits", kimg=2, changes={"doctor.mode": "treat"})
    treated = with_changes(begun, {"optim_d.lr": 1e-5, "train.n_critic": 2})
    extended = replace(treated, train=replace(treated.train, kimg=5.0, schedule_kimg=2.0))
    run = Run(tmp_path / "run")
    run.path.mkdir()
    document = describe(extended, begun.source.open(), None)
    changes = differences(to_json(begun), to_json(treated))
    line = {"name": "x", "remedy": "y", "at_images": 1, "back_to": 0, "message": "z"}
    document["treatments"] = [{**line, "event": "treated", "changes": changes}]
    document["budgets"] = [budget_line(begun, None), budget_line(extended, None, 2000)]
    write_json(run.config_file, document)
    lines = {key: shlex.split(line)[1:] for key, line in commands_again(run).items()}
    assert lines["extend"] == ["resume", "again", "--kimg", "5"]
    assert main([*lines["train"], "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(to_json(begun)))
    # A Config of one's own has no words.
    document["config"]["preset"] = ""
    write_json(run.config_file, document)
    assert commands_again(run) == {}


@pytest.mark.parametrize("most", [2**28, 400])
def test_the_nearest_image_by_its_pixels(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (50, 4, 4, 1)).astype(np.uint8)
    monkeypatch.setattr(nearest_pixels, "PORTION", 100)
    monkeypatch.setattr(nearest_pixels, "MOST_VALUES", most)
    spec = DataSpec(shape=(1, 4, 4), n_classes=1)
    data = Dataset(name="x", spec=spec, images=images, labels=None, fingerprint="")
    made = draw.integers(0, 256, (7, 4, 4, 1)).astype(np.uint8)
    found, looked_at = nearest_by_pixels(made, data)
    step = 50 // looked_at
    gaps = made[:, None].astype(float) - images[None, ::step].astype(float)
    assert found.tolist() == (step * (gaps**2).sum((2, 3, 4)).argmin(1)).tolist()
    assert looked_at == {2**28: 50, 400: 25}[most]
