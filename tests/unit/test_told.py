"""What a person is told: nothing is dropped, renamed or passed over in silence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core.history import History
from saddlepoint.core.images import name_columns, name_rows
from saddlepoint.core.runs import Run
from saddlepoint.data.loader import DeviceData
from saddlepoint.lab.failures import FAILURES
from saddlepoint.reporting import figures
from saddlepoint.reporting.html import write_report
from saddlepoint.reporting.wording import Wording, wording_of
from saddlepoint.training.snapshots import Snapshots


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SADDLE_OFFLINE", "1")


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A healthy run of 47 steps."""
    out = tmp_path_factory.mktemp("short") / "run"
    argv = ["train", "gan", "--data", "digits", "--kimg", "3", "--out", str(out), "--quiet"]
    assert main(argv) == 0
    return out


def dry_run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[dict, str]:
    assert main(["train", *argv, "--dry-run"]) == 0
    out, err = capsys.readouterr()
    return json.loads(out), err


@pytest.mark.parametrize("arch", ["mlp", "dcgan"])
def test_other_nets_keep_the_presets_condition(
    capsys: pytest.CaptureFixture[str], arch: str
) -> None:
    config, _ = dry_run(capsys, "cgan-onehot", "--data", "digits", "--arch", arch)
    assert config["arch"]["kind"] == arch
    assert config["arch"]["conditioning"] == "onehot"


def test_a_critic_keeps_the_presets_norm(capsys: pytest.CaptureFixture[str]) -> None:
    config, _ = dry_run(capsys, "wgan-gp", "--data", "digits", "--arch", "dcgan")
    # BatchNorm would mix the images whose gradients the penalty takes one by one.
    assert config["arch"]["discriminator_norm"] == "none"


@pytest.mark.parametrize("argv", [["--preset", "wgan"], ["gan", "--preset=wgan"]])
def test_a_preset_is_not_a_name_for_other_nets(
    capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    assert main(["train", *argv, "--data", "digits", "--dry-run"]) == 2
    assert "saddle train wgan" in capsys.readouterr().err


LISTS = [
    (["--penalties", "r1,r2"], ["r1", "r2"]),
    (["--penalties=r1,r2"], ["r1", "r2"]),
    (["--penalties", "r1", "r2"], ["r1", "r2"]),
    (["--penalties", "r1,", "r2"], ["r1", "r2"]),
    (["--penalties", "none"], []),
]


@pytest.mark.parametrize(("argv", "wanted"), LISTS)
def test_penalties_are_a_list_in_either_form(
    capsys: pytest.CaptureFixture[str], argv: list[str], wanted: list[str]
) -> None:
    config, _ = dry_run(capsys, "gan", "--data", "digits", *argv)
    assert [penalty["kind"] for penalty in config["penalties"]] == wanted


@pytest.mark.parametrize("words", [["96", "64"], ["96,64"]])
def test_widths_are_a_list_in_either_form(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    argv = ["gan", "--data", "digits", "--arch.generator-widths", *words]
    config, _ = dry_run(capsys, *argv)
    assert config["arch"]["generator_widths"] == [96, 64]


BOUNDED = [["--penalties", "gradient-penalty"], ["--loss.clip", "0.05"]]
BOUNDED += [["--arch.discriminator-norm", "spectral"], ["--loss", "hinge"]]


@pytest.mark.parametrize("more", [[], *BOUNDED])
def test_a_critic_that_nothing_bounds_is_warned_of(
    capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    loss = [] if "--loss" in more else ["--loss", "wasserstein"]
    _, err = dry_run(capsys, "gan", "--data", "digits", *loss, *more)
    assert ("bounds nothing" in err) == (not more)


def test_training_gives_the_same_warning(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["train", "gan", "--data", "ring8", "--loss", "wasserstein", "--kimg", "0.1", "--quiet"]
    assert main(argv) == 0
    assert "bounds nothing" in capsys.readouterr().err


def test_parameters_are_counted(capsys: pytest.CaptureFixture[str], short: Path) -> None:
    # By hand: 100 x 256 + 256, and so on; each BatchNorm has two numbers a unit.
    layers = [(100, 256), (256, 512), (512, 1024), (1024, 64)]
    generator = sum(a * b + b for a, b in layers) + 2 * (256 + 512 + 1024)
    discriminator = sum(a * b + b for a, b in [(64, 512), (512, 256), (256, 1)])
    _, err = dry_run(capsys, "gan", "--data", "digits")
    assert f"generator {generator:,}, discriminator {discriminator:,}" in err
    recorded = Run(short).document["parameters"]
    assert recorded == {"generator": generator, "discriminator": discriminator}
    assert f"{generator:,}" in write_report(Run(short)).read_text()


def test_silence_about_a_short_run_is_no_health(
    capsys: pytest.CaptureFixture[str], short: Path
) -> None:
    assert main(["doctor", str(short)]) == 0
    assert "Too short to judge" in capsys.readouterr().out
    assert main(["doctor", str(short), "--json"]) == 0
    waiting = json.loads(capsys.readouterr().out)["too_short_to_judge"]
    assert {"complete-mode-collapse", "oscillation"} <= set(waiting)
    # Faults of the wiring show within the first steps.
    assert not {"wrong-sign", "double-sigmoid"} & set(waiting)
    assert "Too short to judge" in write_report(Run(short)).read_text()


def test_a_measurement_says_what_it_is_of(capsys: pytest.CaptureFixture[str], short: Path) -> None:
    argv = ["evaluate", str(short), "--features", "pixels", "--k", "4", "--bootstrap", "0"]
    assert main([*argv, "--n", "5000"]) == 0
    out = capsys.readouterr().out
    assert "features: pixels" in out
    assert "k = 4" in out
    # As many samples as there are real images, however many were asked for.
    assert "1,797 samples" in out
    assert "1,797 real images" in out
    assert main(["compare", str(short), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["rows"][0]
    assert row["steps"] == [47]
    assert row["parameters"]["discriminator"] == Run(short).document["parameters"]["discriminator"]
    assert main(["compare", str(short)]) == 0
    assert "generator steps" in capsys.readouterr().out


# -- pictures and figures ----------------------------------------------------------------------


def test_real_images_stand_in_the_columns_of_their_classes(tmp_path: Path) -> None:
    config = api.configure("cgan-onehot", "digits")
    dataset = config.source.open()
    run = Run(tmp_path / "run")
    run.path.mkdir()
    snapshots = Snapshots(run, config, dataset, DeviceData(dataset, "cpu", 0))
    with Image.open(snapshots.reals()) as file:
        sheet = np.asarray(file)
    # 6 rows and 10 columns of 8 px with 2 px around each, every pixel 6 x 6.
    assert snapshots.names == tuple("0123456789")
    shown = sheet[: 62 * 6 : 6, ::6]
    assert dataset.labels is not None
    of_class = {
        label: {image.tobytes() for image in dataset.images[dataset.labels == label]}
        for label in range(10)
    }
    for row in range(6):
        for column in range(10):
            image = shown[2 + 10 * row : 10 + 10 * row, 2 + 10 * column : 10 + 10 * column]
            assert np.ascontiguousarray(image).tobytes() in of_class[column]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_names_its_classes(channels: int) -> None:
    sheet = np.zeros((120, 120, channels), np.uint8)
    below, beside = name_columns(sheet, "abc"), name_rows(sheet, ["a", "b\n\x1b" * 90, "c"])
    assert below.shape == (140, 120, channels)
    assert (below[:120] == 0).all()
    for column in range(3):  # something is written under each column
        assert below[120:, 40 * column : 40 * column + 40].min() < 100
    assert beside.shape[0] == 120
    assert 120 < beside.shape[1] <= 120 + 172
    # No room for a name: the grid as it was.
    assert name_columns(sheet, "a" * 10) is sheet
    assert name_rows(sheet, "a" * 10) is sheet


def axis(name: str, column: str, values: list[float]) -> tuple[str | None, str, str]:
    """Kind, format and title of the y axis of a panel."""
    panel = next(panel for panel in figures.PANELS if panel.name == name)
    rows = [{"images": 1000 * i, column: value} for i, value in enumerate(values)]
    shape = panel.draw(History(rows), Wording()).layout.yaxis
    return shape.type, shape.tickformat, shape.title.text


def test_axes_have_ticks_with_numbers_that_a_person_reads() -> None:
    # Between 2.1 and 4.8 plotly's logarithmic axis has ticks and not one number.
    kind, _, title = axis("gradients", "grad_norm_d", [2.1, 3.0, 4.8])
    assert (kind, title) == (None, "Gradient norm")
    kind, _, title = axis("gradients", "grad_norm_d", [0.21, 3.0, 4.8])
    assert (kind, title) == ("log", "Gradient norm (log scale)")
    # "~g": 0.0006, where plotly's own would be 600µ.
    assert axis("learning-rates", "lr_d", [6e-4, 3e-4])[1] == "~g"


def test_the_critics_loss_is_said_to_hold_no_penalty() -> None:
    # The column has none, with clipping or with a penalty.
    reading = wording_of({"kind": "wasserstein", "clip": 0.0}).reading
    assert "without any penalty" in reading
    assert "plus the penalty" not in reading


# -- labs --------------------------------------------------------------------------------------


def test_the_failures_are_listed_where_one_chooses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "failures", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert all(name in text for name in FAILURES)
    assert main(["lab", "failures", "--only", "mode-collapse", "--out", "lab"]) == 2
    err = capsys.readouterr().err
    assert "complete-collapse" in err
    assert "partial-collapse" in err
    assert not Path("lab").exists()
