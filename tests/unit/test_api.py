"""The verbs as a person calls them from Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import saddlepoint as sp
from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core import registry
from saddlepoint.core.config_json import to_json
from saddlepoint.core.provenance import read_config

TINY: dict[str, Any] = {
    "arch.generator_width": 8,
    "arch.discriminator_width": 8,
    "train.batch_size": 16,
    "train.n_samples": 4,
}


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sp.Run:
    """A finished run of a conditional preset."""
    out = tmp_path_factory.mktemp("api") / "run"
    return sp.train("cgan-onehot", data="digits", kimg=0.2, out=out, changes=TINY, quiet=True)


def test_importing_the_package_imports_no_torch() -> None:
    code = (
        "import sys, saddlepoint as sp; assert 'train' in dir(sp); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_is_there() -> None:
    for name in sp.__all__:
        assert getattr(sp, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        sp.trian  # noqa: B018


def test_train_returns_a_run_that_is_finished(run: sp.Run) -> None:
    assert isinstance(run, sp.Run)
    assert run.status["state"] == "finished"
    assert run.status["n_images"] == 208  # 200 rounded up to whole batches of 16
    assert run.history["images"][-1] == 208
    assert np.isfinite(run.history["loss_d"]).all()
    assert run.report_file.is_file()
    for kind in ("generator", "ema", "discriminator", "optim"):
        assert (run.checkpoints[-1] / f"{kind}.safetensors").is_file()
    names = "checkpoints config.json lock metrics.jsonl report.html samples status.json"
    assert sorted(path.name for path in run.path.iterdir()) == names.split()


def test_config_json_holds_everything_that_was_run(run: sp.Run) -> None:
    document = run.document
    assert document["schema"] == 1
    assert document["config"]["train"]["kimg"] == 0.2
    assert document["config"]["train"]["device"] != "auto"
    assert document["data"]["n"] == 1797
    assert len(document["data"]["fingerprint"]) == 64
    assert document["versions"]["torch"] == torch.__version__
    assert to_json(read_config(run)) == document["config"]


def test_sampling_is_a_function_of_the_seed(run: sp.Run) -> None:
    images = run.sample(seeds=range(5))
    assert images.shape == (5, 8, 8, 1)
    assert images.dtype == np.uint8
    alone = run.sample(seeds=[3])
    assert np.abs(images[3].astype(int) - alone[0].astype(int)).max() <= 1
    one_class = run.sample(seeds=range(4), labels=[2])
    assert one_class.shape == (4, 8, 8, 1)
    assert (run.sample(seeds=[1], truncation=0.5) != run.sample(seeds=[1])).any()
    with pytest.raises(sp.InputError, match="--labels 12"):
        run.sample(labels=[12])


def test_sample_writes_files(run: sp.Run, tmp_path: Path) -> None:
    out = sp.sample(run.path, tmp_path / "few.npz", seeds=range(3), labels=[4])
    arrays = np.load(out)
    assert arrays["labels"].tolist() == [4, 4, 4]
    assert (arrays["images"] == run.sample(seeds=range(3), labels=[4])).all()
    alone = (tmp_path / "moved.safetensors").resolve()
    alone.write_bytes((run.checkpoints[-1] / "ema.safetensors").read_bytes())
    again = np.load(sp.sample(alone, tmp_path / "again.npz", seeds=range(3), labels=[4]))
    assert (again["images"] == arrays["images"]).all()
    assert api.training_film(run.path, tmp_path / "film.gif").stat().st_size > 0


def test_a_run_shows_itself_in_a_notebook(run: sp.Run) -> None:
    view = run._repr_html_()
    assert "data:image/" in view
    assert "cgan-onehot" in view
    for elsewhere in ('src="http', "url(http", "@import"):
        assert elsewhere not in view


def test_the_report_needs_nothing_from_elsewhere(run: sp.Run) -> None:
    run.report_file.unlink()
    page = run.report().read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "cgan-onehot" in page
    for elsewhere in ('src="http', 'rel="stylesheet"', "url(http", "@import"):
        assert elsewhere not in page


@pytest.mark.parametrize("minutes", [None, 0.03])
def test_the_callers_random_numbers_are_untouched(tmp_path: Path, minutes: float | None) -> None:
    torch.manual_seed(123)
    np.random.seed(123)  # noqa: NPY002 - the caller may use the global one
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    kimg = None if minutes else 0.1
    made = sp.train("dcgan", data="digits", kimg=kimg, minutes=minutes, changes=TINY, quiet=True)
    made.sample(seeds=range(4))
    sp.resume(made.path, kimg=made.status["n_images"] / 1000 + 0.1, quiet=True)
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == before_numpy).all()  # noqa: NPY002


def test_a_budget_in_minutes_is_recorded_as_images(tmp_path: Path) -> None:
    made = sp.train("dcgan", data="digits", minutes=0.05, out="run", changes=TINY, quiet=True)
    (budget,) = made.document["budgets"]
    train = made.document["config"]["train"]
    assert train["minutes"] == budget["minutes"] == 0.05
    assert train["kimg"] == budget["kimg"] > 0
    assert budget["images_per_second"] > 0
    assert made.status["n_images"] >= train["kimg"] * 1000
    more = sp.resume("run", minutes=0.03, quiet=True)
    assert len(more.document["budgets"]) == 2
    assert more.document["config"]["train"]["kimg"] > train["kimg"]
    assert more.history["images"][-1] >= more.document["config"]["train"]["kimg"] * 1000


def test_a_whole_config_trains(tmp_path: Path) -> None:
    config = sp.configure("wgan-gp", "digits", seed=3, kimg=0.2, changes=TINY)
    made = sp.train(config, quiet=True)
    assert made.path == Path("runs/wgan-gp-digits-001")
    assert made.document["config"]["seed"] == 3
    assert "penalty" in made.history.rows[-1]
    again = sp.train(config, quiet=True)
    assert again.path == Path("runs/wgan-gp-digits-002")
    assert (again.sample(range(4)) == made.sample(range(4))).all()
    other = sp.train(sp.configure("wgan-gp", "digits", seed=4, kimg=0.2, changes=TINY), quiet=True)
    assert (other.sample(range(4)) != made.sample(range(4))).any()


def test_a_finished_run_can_be_extended(tmp_path: Path) -> None:
    made = sp.train("dcgan", data="digits", kimg=0.1, out="run", changes=TINY, quiet=True)
    with pytest.raises(sp.InputError, match="already reached"):
        sp.resume("run", quiet=True)
    longer = sp.resume("run", kimg=0.2, quiet=True)
    assert longer.status["n_images"] == 208
    images = made.history["images"]
    assert (np.diff(images) > 0).all()
    assert len(made.document["budgets"]) == 2


def test_an_extended_run_keeps_its_schedule_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Progress over the new budget would throw the rate up by a factor of 25 in mid-training."""
    made = sp.train("dcgan", data="digits", kimg=0.1, out="run", changes=TINY, quiet=True)
    assert made.history["lr_g"][-1] == pytest.approx(0.02 * 1e-3, rel=1e-6)
    longer = sp.resume("run", kimg=0.2)
    assert longer.history["lr_g"][-1] == pytest.approx(0.02 * 1e-3, rel=1e-6)
    assert read_config(longer).train.schedule_kimg == 0.1
    said = capsys.readouterr().err
    assert "follow their 0.1 kimg schedule" in said
    assert "--stretch-schedule" in said
    again = sp.resume("run", kimg=0.3, quiet=True)
    assert read_config(again).train.schedule_kimg == 0.1


def test_a_schedule_may_be_stretched_over_the_new_budget(tmp_path: Path) -> None:
    sp.train("dcgan", data="digits", kimg=0.1, out="run", changes=TINY, quiet=True)
    with pytest.raises(sp.InputError, match="needs a new budget"):
        sp.resume("run", stretch_schedule=True, quiet=True)
    longer = sp.resume("run", kimg=0.2, stretch_schedule=True, quiet=True)
    assert read_config(longer).train.schedule_kimg == 0
    assert longer.history["lr_g"][-1] == pytest.approx(0.02 * 1e-3, rel=1e-6)
    first = sp.resume("run", kimg=0.4, stretch_schedule=True, quiet=True).history["lr_g"]
    assert first[-1] < 0.1 * 1e-3


def test_an_evaluated_runs_page_is_written_anew(run: sp.Run) -> None:
    run.report_file.unlink()
    run.evaluate("digits", features="pixels", n=100, n_bootstrap=5, quiet=True)
    assert run.report_file.is_file()


def test_a_run_of_a_plugin_says_which_file_it_needs(
    tmp_path: Path, fresh_registry: None, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from saddlepoint.core.registry import register\n"
        "from saddlepoint.losses.classic import NonSaturating\n"
        '@register("mine")\n'
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Mine(NonSaturating):\n"
        '    """As its parent."""\n'
    )
    tiny = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    given = ["--plugins", str(plugin)]
    train = ["train", "--data", "digits", "--out", "run", "--kimg", "0.1", "--quiet", *tiny]
    assert main([*train, "--loss", "mine", *given]) == 0
    # As in a new process, which knows nothing of the file.
    del registry._classes["loss"]["mine"]
    registry._plugins.clear()
    resume = ["resume", "run", "--kimg", "0.2", "--quiet"]
    assert main(resume) == 2
    assert f"was trained with a plug-in: add --plugins {plugin}" in capsys.readouterr().err
    assert main([*resume, *given]) == 0


def test_points_are_trained_on_too(tmp_path: Path) -> None:
    made = sp.train(
        "gan",
        data="ring8",
        kimg=1,
        out="points",
        changes={"arch.generator_widths": [16], "arch.discriminator_widths": [16]},
        quiet=True,
    )
    assert made.report_file.is_file()
    with np.load(sp.sample("points", "points.npz", seeds=range(9))) as arrays:
        assert arrays["images"].shape == (9, 2)
        assert (arrays["images"] == made.sample(range(9))).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"preset": "dcgann"}, "did you mean 'dcgan'"),
        ({"kimg": 0}, "greater than 0"),
        ({"kimg": 1, "minutes": 1}, "choose one"),
        ({"changes": {"train.batch_sise": 3}}, "did you mean 'train.batch_size'"),
        ({"changes": {"train.batch_size": "many"}}, "whole number"),
    ],
)
def test_bad_arguments_are_input_errors(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(sp.InputError, match=sentence):
        sp.train(**{"data": "digits", "quiet": True, **arguments})
    assert not Path("runs").exists()


@pytest.mark.parametrize("name", ["data", "seed", "kimg", "changes"])
def test_what_a_whole_config_decides_is_refused_beside_it(name: str) -> None:
    value: Any = {"data": "digits", "seed": 1, "kimg": 2, "changes": {"seed": 2}}[name]
    config = sp.configure("dcgan", "digits", kimg=0.1, changes=TINY)
    with pytest.raises(sp.InputError, match=rf"train\(Config, {name}=\.\.\.\).*sp\.configure"):
        sp.train(config, quiet=True, **{name: value})
    assert not Path("runs").exists()


def test_prepare_reports_what_it_did(tmp_path: Path, run: sp.Run) -> None:
    images = sp.sample(run.path, tmp_path / "made", seeds=range(6))
    (images / "broken.png").write_bytes(b"not a picture")
    report = api.prepare(images, tmp_path / "ready", size=8, workers=1)
    assert "broken.png" in json.dumps(report.to_json())
    assert "broken.png" in report.text()
    made = sp.train("dcgan", data="ready", kimg=0.1, out="trained", changes=TINY, quiet=True)
    assert made.document["data"]["n"] == 6
