"""saddle lab lecture: fair tables, under a recipe that one chooses and a budget that one names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json
from saddlepoint.core.flat import flatten
from saddlepoint.core.runs import Run
from saddlepoint.lab import lecture

LAB = ["lab", "lecture", "--data", "digits", "--n", "100", "--features", "pixels", "--quiet"]


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SADDLE_OFFLINE", "1")


def planned(monkeypatch: pytest.MonkeyPatch, *argv: str) -> dict[str, Config]:
    """Name of the run's folder -> its configuration, of a lab in which nothing is trained."""
    found: dict[str, Config] = {}

    def train(lab: object, config: Config, name: str, minutes: float | None) -> Run:
        found[name if name.startswith("faces") else name.rpartition("/")[2]] = config
        return Run(name)

    monkeypatch.setattr(lecture.LabFolder, "train", train)
    monkeypatch.setattr(lecture.LabFolder, "measure", lambda *given: None)
    monkeypatch.setattr(lecture, "_titled", lambda application, run: application)
    monkeypatch.setattr(lecture, "write_lecture", lambda *given: Path("report.html"))
    assert main([*LAB, *argv]) == 0
    return found


@pytest.mark.parametrize(
    ("family", "wanted"),
    [
        ("dcgan", {"optim_g.lr": 2e-4, "optim_g.beta1": 0.5, "train.batch_size": 128}),
        ("wgan", {"optim_d.kind": "rmsprop", "optim_d.lr": 5e-5, "loss.clip": 0.01}),
        ("wgan", {"train.n_critic": 5, "train.batch_size": 64}),
        ("wgan-gp", {"optim_d.lr": 1e-4, "optim_d.beta1": 0.0, "optim_d.beta2": 0.9}),
        ("wgan-gp", {"penalties.0.weight": 10.0, "train.n_critic": 5}),
        ("cgan-onehot", {"arch.kind": "mlp", "arch.conditioning": "onehot"}),
    ],
)
def test_the_papers_recipes_are_the_papers(
    monkeypatch: pytest.MonkeyPatch, family: str, wanted: dict[str, object]
) -> None:
    configs = planned(monkeypatch, "--recipe", "paper")
    assert set(configs) == {
        f"{name}-0" for name in ("gan", "dcgan", "wgan", "wgan-gp", "cgan-onehot")
    }
    fields = flatten(to_json(configs[f"{family}-0"]))
    assert {name: fields[name] for name in wanted} == wanted


def test_an_equal_recipe_leaves_what_differs_by_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = planned(monkeypatch, "--recipe", "equal", "--kimg", "1")
    assert len(configs) == 7
    flat = {name: flatten(to_json(config)) for name, config in configs.items()}
    nets = [fields for fields in flat.values() if fields["arch.kind"] == "dcgan"]
    for fields in (*nets, flat["gan-0"]):
        assert fields["optim_g.lr"] == fields["optim_d.lr"] == 2e-4
        assert (fields["arch.latent_dim"], fields["train.batch_size"]) == (64, 64)
    names = {name for fields in nets for name in fields}
    differing = {name for name in names if len({str(net.get(name)) for net in nets}) > 1}
    by_definition = {"preset", "arch.conditioning", "arch.embedding_dim", "arch.init", "penalties"}
    by_definition |= {"arch.discriminator_norm", "loss.kind", "loss.clip", "train.n_critic"}
    by_definition |= {"train.wrong_label_fraction"}
    assert {name for name in differing if not name.startswith("penalties.")} <= by_definition
    # One share of wrong labels for every way to condition.
    shares = {
        config.train.wrong_label_fraction for name, config in configs.items() if "cgan" in name
    }
    assert shares - {0.0} == {0.25}


def test_a_budget_in_generator_steps_is_the_same_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = planned(monkeypatch, "--steps", "50")
    for config in configs.values():
        images = config.train.total_images
        assert images == 50 * config.train.batch_size * config.train.n_critic


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--data", "ring8"], "the data are points"),
        (["--steps", "3", "--kimg", "1"], "replaces --kimg"),
        (["--steps", "0"], "at least 1"),
        (["--recipe", "paper", "--only", "cgan-embedding"], "has none of cgan-embedding"),
        (["--only", "wgann"], "did you mean 'wgan'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_trained(
    capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    assert main([*LAB, "--out", "lab", *argv]) == 2
    assert words in capsys.readouterr().err
    assert not Path("lab").exists()


def test_the_page_says_what_differs_and_how_long_it_took() -> None:
    argv = [*LAB, "--steps", "4", "--only", "gan,wgan", "--out", "lab"]
    assert main(argv) == 0
    page = Path("lab/report.html").read_text()
    for text in ("What differs, digits", "train.n_critic", "loss.clip", "Recipe: ours"):
        assert text in page
    for row in ("generator steps", "seconds", "parameters, generator"):
        assert f'<th scope="row">{row}</th>' in page
    for curve in ("Losses", "Distance to the data", "Generator steps"):
        assert f"gan, seed 0, digits: {curve}" in page
    assert "--features inception" in page


def test_features_by_name_are_measured_beside_the_ones_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = Path("lab")
    assert main([*LAB, "--steps", "2", "--only", "gan", "--out", str(out)]) == 0
    asked: list[str] = []

    def evaluate(path: Path, features: str, n: int, quiet: bool) -> tuple[dict, str]:
        asked.append(features)
        return {}, ""

    monkeypatch.setattr(api, "evaluate", evaluate)
    lab = lecture.LabFolder(out, {}, True, False)
    # Inception's weights may have come since; auto and pixels are what was measured.
    for features in ("pixels", "auto", "inception"):
        lab.measure(Run(out / "digits/gan-0"), features, 100)
    assert asked == ["inception"]


# -- faces -------------------------------------------------------------------------------------

LAYOUTS = {
    "folders of a thousand": ["ffhq/thumbnails128x128/{0:02d}000/{0:02d}000.png", 128],
    "flat": ["ffhq/{0:05d}.png", 512],
    "a zip": ["ffhq/thumbnails128x128/{0:05d}.png", 128],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_faces_in_colour_from_the_files_as_they_come(
    layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern, side = LAYOUTS[layout]
    colours = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), np.uint8)
    for index, small in enumerate(colours):
        path = Path(pattern.format(index))
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(small).resize((side, side)).save(path)
    place = Path("ffhq").absolute()  # a bare name would be the data set's
    if layout == "a zip":
        place = Path(shutil.make_archive("ffhq", "zip", "ffhq"))
    given = ["--data", "ffhq", "--source.path", str(place), "--arch.generator-width", "4"]
    given += ["--arch.discriminator-width", "4", "--train.n-samples", "4"]
    assert main(["train", "dcgan", *given, "--kimg", "0.1", "--out", "run", "--quiet"]) == 0
    data = Run("run").document["data"]
    assert data["spec"]["shape"] == [3, 64, 64]
    # Folders of a thousand faces are no classes.
    assert (data["name"], data["n"], data["classes"]) == ("ffhq", 12, [])
    with Image.open(Run("run").samples[-1]) as sheet:
        assert sheet.mode == "RGB"
    # The lab reads the same place in the same way.
    config = planned(monkeypatch, "--faces", str(place), "--only", "dcgan")["faces/dcgan-0"]
    assert config.source.open().fingerprint == data["fingerprint"]


def test_both_layouts_of_ffhq_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list", "--json"]) == 0
    about = next(row for row in json.loads(capsys.readouterr().out) if row["name"] == "ffhq")
    for text in ("70,000", "52,000", "folders of a thousand", "zip"):
        assert text in about["description"]
