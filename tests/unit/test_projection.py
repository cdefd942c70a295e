"""From a picture back to a latent: what a generator made is found again, and files can be bad."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import saddlepoint as sp
from saddlepoint import api
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.cli.main import main
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.images import write_png
from saddlepoint.data.picture import read_as
from saddlepoint.evaluation import projecting
from saddlepoint.evaluation.extractors.classifier import Classifier
from saddlepoint.reporting import projection as folder_of
from saddlepoint.sampling import projection
from saddlepoint.sampling.generator_file import GeneratorFile
from saddlepoint.sampling.latent_space import slerp
from saddlepoint.sampling.projection import STARTS, grey_error, project
from saddlepoint.sampling.sampler import Sampler, load_sampler

SPEC = DataSpec(shape=(1, 8, 8), n_classes=4)
TINY = {"arch.generator_width": 8, "arch.discriminator_width": 8, "train.batch_size": 16}
"""Pixels are compared alone, so that no classifier has to be trained."""
PIXELS = {"features": "pixels", "steps": 8, "quiet": True}
QUICK = ("--features", "pixels", "--steps", "2", "--quiet")


def sampler_of(conditioning: str, shape: tuple[int, int, int] = (1, 8, 8)) -> Sampler:
    """A generator with random weights, whose images fill the range."""
    torch.manual_seed(2)
    arch = Mlp(
        latent_dim=4,
        generator_widths=(16, 16),
        discriminator_widths=(8,),
        conditioning=conditioning,  # type: ignore[arg-type]  # one of the words
        embedding_dim=8,
    )
    spec = DataSpec(shape=shape, n_classes=4)
    net = arch.generator(spec)
    with torch.no_grad():
        net.head.weight.mul_(4)  # type: ignore[operator]  # a linear layer
    content = GeneratorFile(
        arch=arch, spec=spec, classes=("a", "b", "c", "d"), data="", n_images=0, weights={}
    )
    return Sampler(net, content)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "run"
    sp.train("cgan-onehot", "digits", kimg=0.1, out=out, changes=TINY, quiet=True)
    return out


@pytest.fixture
def pictures(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two images of the model, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = load_sampler(trained).images([3, 8], [3, 8])
    for name, image in zip(("three.png", "eight.png"), made, strict=True):
        write_png(Path(name), image)
    return [Path("three.png"), Path("eight.png")]


# -- the mathematics ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8)])
def test_what_the_generator_made_is_found_again(shape: tuple[int, int, int]) -> None:
    sampler = sampler_of("none", shape)
    z = sampler.z_of(range(100, 103))
    for latent, picture in zip(z, sampler.images(z), strict=True):
        found = project(sampler, picture, steps=120)
        assert found.error < 3  # grey levels of 255; the prior keeps it above 0
        assert found.curves.shape == (STARTS, 121)
        assert found.losses[:, -1].argmin() == found.start
        assert found.curves[found.start, -1] < 0.2 * found.curves[:, 0].min() + 3
        assert found.error == grey_error(found.image, picture)
        assert np.array_equal(sampler.images(found.z[None])[0], found.image)
        assert (found.z - latent).norm() < 0.3 * latent.norm()


def test_a_seed_decides_alone_and_uses_up_no_random_numbers() -> None:
    sampler = sampler_of("onehot")
    picture = sampler.images([5])[0]
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    one = project(sampler, picture, steps=5, seed=1)
    assert torch.equal(torch.rand(3), expected)
    with torch.no_grad():  # whatever the caller has switched off
        two = project(sampler, picture, steps=5, seed=1)
    other = project(sampler, picture, steps=5, seed=2)
    assert torch.equal(one.z, two.z)
    assert np.array_equal(one.curves, two.curves)
    assert not torch.equal(one.z, other.z)


def test_the_label_is_found_or_given() -> None:
    sampler = sampler_of("onehot")
    for label, picture in zip((0, 3), sampler.images([40, 41], [0, 3]), strict=True):
        found = project(sampler, picture, steps=80)
        assert (found.label, found.error < 4) == (label, True)
        wrong = project(sampler, picture, labels=[(label + 1) % 4], steps=80)
        assert wrong.label == (label + 1) % 4
        assert wrong.error > 2 * found.error
    assert project(sampler_of("none"), picture, steps=1).label is None


def test_the_prior_keeps_latents_where_the_generator_was_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampler = sampler_of("none")
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 1)).astype(np.uint8)
    lengths = []
    for prior in (0.0, projection.PRIOR, 10.0):
        monkeypatch.setattr(projection, "PRIOR", prior)
        lengths.append(float(project(sampler, noise, steps=60).z.norm()))
    assert lengths[0] > lengths[1] > lengths[2]
    assert lengths[2] < 0.5


def test_features_pull_the_image_to_those_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = sampler_of("none")
    picture = np.full((8, 8, 1), 230, np.uint8)
    picture[0, 0] = 0

    def corner(images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 0, :1]

    monkeypatch.setattr(projection, "FEATURES", 10.0)
    plain, pulled = (project(sampler, picture, f, steps=60) for f in (None, corner))
    assert pulled.image[0, 0, 0] < 20 < plain.image[0, 0, 0]
    assert pulled.error > plain.error - 1


def test_projections_that_cannot_be() -> None:
    picture = np.zeros((8, 8, 1), np.uint8)
    plain, labelled = sampler_of("none"), sampler_of("onehot")
    points = sampler_of("none")
    points.spec = DataSpec(shape=(2,), value_range=None)
    broken = sampler_of("none")
    broken.generator.head.bias.data.fill_(float("nan"))  # type: ignore[union-attr]
    for sampler, given, more, words in (
        (plain, picture, {"steps": 0}, "--steps 0"),
        (plain, picture[:7], {}, r"\[7, 8, 1\], but the model makes images"),
        (plain, picture, {"labels": [1]}, "unconditional"),
        (labelled, picture, {"labels": [4]}, "--labels 4"),
        (points, picture, {}, "points"),
        (broken, picture, {}, "not finite"),
    ):
        with pytest.raises(InputError, match=words):
            project(sampler, given, **{"steps": 2, **more})


# -- pictures that users have --------------------------------------------------------------------


def test_a_picture_is_brought_to_the_models_size_as_a_preparation_does(tmp_path: Path) -> None:
    colour = np.zeros((20, 30, 3), np.uint8)
    colour[:, 5:25] = (200, 40, 40)  # the middle square
    write_png(tmp_path / "wide.png", colour)
    image, notes = read_as(tmp_path / "wide.png", SPEC)
    assert (image.shape, image.dtype) == ((8, 8, 1), np.uint8)
    assert image.min() > 80  # hardly anything of the black sides is in it
    assert notes == ["colour made grey", "not square, cropped", "30x20 resized to 8x8"]
    sp_image, _ = read_as(tmp_path / "wide.png", DataSpec(shape=(3, 8, 8)))
    assert abs(sp_image.astype(int) - (200, 40, 40)).max() <= 12
    write_png(tmp_path / "same.png", image)
    again, notes = read_as(tmp_path / "same.png", SPEC)
    assert np.array_equal(again, image)
    assert notes == []


def odd_files(folder: Path) -> dict[str, str]:
    """A name for each kind of bad file -> a word of the sentence about it."""
    write_png(folder / "good.png", np.zeros((8, 8, 1), np.uint8))
    content = (folder / "good.png").read_bytes()
    (folder / "torn.png").write_bytes(content[:-30])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("no picture at all")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    bomb = bytearray(content)
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height in the header
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    (folder / "bomb.png").write_bytes(bomb)
    with open(folder / "huge.png", "wb") as file:
        file.truncate(2**27)
    return {
        "absent.png": "no such file",
        "torn.png": "cannot be used",
        "empty.png": "empty file",
        "text.png": "not readable as an image",
        "folder.png": "a folder",
        "pipe.png": "a pipe",
        "bomb.png": "too large",
        "huge.png": "at most",
        "a\0b.png": "NUL",
    }


def test_bad_pictures_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    for name, word in odd_files(tmp_path).items():
        with pytest.raises(InputError, match=word):
            read_as(f"{tmp_path}/{name}", SPEC)


# -- the folder ----------------------------------------------------------------------------------


def test_a_folder_to_go_on_from(
    pictures: list[Path], trained: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    argv = ["project", str(trained), *map(str, pictures), "--out", "found", "--quiet"]
    argv += ["--features", "pixels", "--steps", "20"]
    assert main([*argv, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document == json.loads(Path("found/projection.json").read_text())
    names = {path.name for path in Path("found").iterdir()}
    shown = {f"0{i}-{what}.png" for i in (1, 2) for what in ("given", "nearest")}
    assert names == shown | {
        *("projection.png", "curves.png", "latents.npz", "projection.json"),
    }
    for index, about in enumerate(document["pictures"]):
        assert about["file"] == str(pictures[index])
        assert len(about["curve"]) == len(about["loss"]) == 21
        assert len(about["errors_of_starts"]) == STARTS
        assert about["class"] == str(about["label"])
        with Image.open(pictures[index]) as given, Image.open(f"found/{about['given']}") as kept:
            assert np.array_equal(np.asarray(given), np.asarray(kept))

    assert main(["sample", str(trained), "--latents", "found/latents.npz", "--out", "again"]) == 0
    for index in range(2):
        with (
            Image.open(f"again/latent00000{index}.png") as again,
            Image.open(f"found/0{index + 1}-nearest.png") as nearest,
        ):
            assert abs(np.asarray(again).astype(int) - np.asarray(nearest)).max() <= 1
    walk = ["--interpolate", "--out", "walk.png"]
    assert main(["sample", str(trained), "--latents", "found/latents.npz", *walk]) == 0
    with np.load("found/latents.npz") as file:
        z, labels = torch.from_numpy(file["z"]), file["labels"].tolist()
    frames = load_sampler(trained).interpolate(z, labels, steps=4)
    with Image.open("found/01-nearest.png") as one, Image.open("found/02-nearest.png") as two:
        ends = np.stack([np.asarray(one), np.asarray(two)])[..., None].astype(int)
    assert abs(frames[[0, -1]] - ends).max() <= 1
    middle = load_sampler(trained).images(slerp(z[0], z[1], torch.tensor([0.5])), labels[:1])
    assert abs(frames[2] - middle[0].astype(int)).max() <= 1

    assert main(argv) == 2  # never written over
    assert "found is not empty" in capfd.readouterr().err


def test_a_picture_may_have_any_name(pictures: list[Path], trained: Path) -> None:
    names = ["$\\x$.png", "a\nb.png", os.fsdecode(b"\xff.png")]
    for name in names:
        shutil.copy(pictures[0], name)
    assert main(["project", str(trained), *names, "--out", "odd", *QUICK]) == 0
    told = json.loads(Path("odd/projection.json").read_text())
    assert len(told["pictures"]) == 3


def test_each_picture_is_projected_on_its_own(pictures: list[Path], trained: Path) -> None:
    both = api.project(trained, pictures, "both", **PIXELS)
    alone = api.project(trained, pictures[1:], "alone", **PIXELS)
    assert both["pictures"][1]["curve"] == alone["pictures"][0]["curve"]
    found = api.Run(trained).project(*pictures, **PIXELS)
    with np.load("both/latents.npz") as file:
        assert np.array_equal(file["z"], torch.stack([one.found.z for one in found]).numpy())


def test_a_stop_leaves_nothing_and_the_next_try_is_equal(
    pictures: list[Path], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = set(Path().iterdir())
    for owner, name in ((folder_of, "write_latents"), (projecting, "project")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, stopped)
            with pytest.raises(KeyboardInterrupt):
                api.project(trained, pictures, "out", **PIXELS)
        assert set(Path().iterdir()) == before
    api.project(trained, pictures, "out", **PIXELS)
    shutil.move("out", "first")
    api.project(trained, pictures, "out", **PIXELS)
    first, again = ({p.name: p.read_bytes() for p in Path(at).iterdir()} for at in ("first", "out"))
    assert "projection.json" in first
    assert first == again


def test_a_classifier_of_the_training_data_is_used_where_there_is_one(
    pictures: list[Path], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {"steps": 1, "quiet": True}
    monkeypatch.setattr(projecting, "Classifier", lambda: Classifier(epochs=1))
    done = api.project(trained, pictures[:1], "a", **quick)
    assert done["features"] == "Compared by pixels and the features of a classifier of digits."
    file = shutil.copy(sorted(trained.glob("checkpoints/*/ema.safetensors"))[-1], "alone.st")
    done = api.project(file, pictures[:1], "b", **quick)
    assert "pixels alone (alone.st is not in a run folder" in done["features"]
    with pytest.raises(InputError, match="not in a run folder"):
        api.project(file, pictures[:1], "c", features="classifier", **quick)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["absent.png"], "absent.png: no such file"),
        ([], "picture"),
        (["three.png", "--labels", "12"], "--labels 12"),
        (["three.png", "--steps", "0"], "--steps 0"),
        (["three.png", "--steps", "many"], "--steps takes a whole number"),
        (["three.png", "--seed=-1"], "--seed -1"),
        (["three.png", "--features", "dreams"], "dreams"),
        (["three.png", "--device", "abacus"], "--device abacus"),
        (["three.png"] * 101, "at most 100"),
    ],
)
def test_what_the_command_refuses(
    pictures: list[Path],
    trained: Path,
    more: list[str],
    words: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    argv = ["project", str(trained), *more, "--out", "out", "--features", "pixels", "--quiet"]
    if "--features" in more:
        argv = argv[:-3]
    assert main(argv) == 2
    assert words.lower() in capfd.readouterr().err.lower()
    assert not Path("out").exists()
