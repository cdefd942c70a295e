"""saddle lab modes: counted against closed forms, resumed, and told on one page."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from saddlepoint.cli.main import main
from saddlepoint.core import registry
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.errors import InputError
from saddlepoint.data.arrays import image_dataset
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.extractors.by_colour import ByColour, LoadedByColour, colours_of
from saddlepoint.lab import beds, modes
from saddlepoint.reporting.modes import HEADS, about, table_rows
from saddlepoint.reporting.strings import words_in

LAB = ["lab", "modes", "--kimg", "0.3", "--quiet", "--threads", "1"]
TWO = ["--data", "ring8", "--loss", "hinge,relativistic+r1+r2"]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SADDLE_DATA", str(tmp_path))
    monkeypatch.setenv("SADDLE_OFFLINE", "1")


@pytest.mark.parametrize("bed", [beds.RING, beds.GRID])
def test_a_perfect_generator_has_the_share_and_the_floor_of_the_closed_forms(
    bed: beds.Bed,
) -> None:
    real = modes.Judge(bed, bed.config(0, None, {}).source).of_real()
    assert (real["modes"], real["n"]) == (bed.modes, 2500)
    share = 1 - math.exp(-9 / 2)  # of a normal in the plane within three deviations
    assert real["high_quality"] == pytest.approx(share, abs=3 * 0.0021)
    assert real["kl"] == pytest.approx((bed.modes - 1) / 5000, abs=0.003)


def test_the_lab_from_the_command_to_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    out = Path("lab-modes")
    assert main([*LAB, *TWO, "--seeds", "0"]) == 0
    assert capsys.readouterr().out == f"Report: {out / 'report.html'}\n"
    first = out / "ring8" / "hinge" / "seed-0.json"
    kept = first.read_bytes()
    counted = json.loads(kept)
    assert (counted["images"], counted["state"], counted["n"]) == (384, "finished", 2500)
    # Another seed joins, what is there is not trained again, and the page is in another language.
    trained = (out / "ring8" / "hinge" / "seed-0" / "status.json").stat().st_mtime_ns
    assert main([*LAB, *TWO, "--seeds", "0-1", "--lang", "vi"]) == 0
    assert first.read_bytes() == kept
    assert (out / "ring8" / "hinge" / "seed-0" / "status.json").stat().st_mtime_ns == trained
    page = (out / "report.html").read_text()
    words = words_in("vi")
    for text in (words("modes.title"), words("modes.perfect"), "PacGAN2", "98,9 %", "0 trên 2"):
        assert text in page
    (told,) = modes.told(out)
    assert {name: len(runs) for name, runs in told.losses.items()} == {
        "hinge": 2,
        "relativistic+r1+r2": 2,
    }
    rows = {row[0]: row for row in table_rows(told, words_in("en"))}
    assert rows["hinge"][1] == "2"
    assert rows["PacGAN2"][-1].startswith("Lin et al. 2018")
    # Another budget is another lab, and a damaged result is named.
    assert main([*LAB[:2], *TWO, "--kimg", "0.4"]) == 2
    first.write_bytes(kept[:20])
    assert main([*LAB, *TWO, "--seeds", "0-1"]) == 2
    assert str(first) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--data", "ring9"], "did you mean 'ring8'"),
        (["--loss", "hinge+r1"], "did you mean 'hinge+r1+r2'"),
        (["--seeds", "x"], "neither a whole number"),
        (["--seeds", "0-1000"], "more than 1,000"),
        (["--kimg", "nan"], "kimg"),
        (["--threads", "9999"], "threads"),
        (["--data", "stacked-mnist", "--loss", "hinge"], "mnist"),
    ],
)
def test_bad_input_is_refused_before_there_is_a_folder(
    argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*LAB[:2], *argv]) == 2
    assert sentence in capsys.readouterr().err
    assert not Path("lab-modes").exists()


def test_a_run_that_fails_counts_as_one_that_covers_nothing() -> None:
    bed = beds.RING
    judge = modes.Judge(bed, bed.config(0, None, {}).source)
    run = modes.Run(Path("nothing"))
    counted = judge.of_run(run, 3)
    assert (counted["seed"], counted["modes"], counted["high_quality"]) == (3, 0, None)


def test_stacked_digits_are_counted_by_a_classifier_of_single_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ten kinds of digits, each of one grey with a little noise.
    noise = np.random.default_rng(0).integers(0, 9, (40, 28, 28))
    labels = np.arange(40, dtype=np.uint8) % 10
    images = (25 * labels[:, None, None] + noise).astype(np.uint8)
    (tmp_path / "mnist").mkdir()
    for part in ("train", "t10k"):
        write = (tmp_path / "mnist").joinpath
        header = struct.pack(">4I", 0x803, 40, 28, 28)
        write(f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = struct.pack(">2I", 0x801, 40)
        write(f"{part}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    tiny = {"source.n_items": 400, "arch.generator_width": 4, "arch.discriminator_width": 4}
    bed = replace(beds.STACKED, n=200, changes={**beds.STACKED.changes, **tiny})
    monkeypatch.setitem(beds.BEDS, bed.name, bed)
    argv = ["--data", bed.name, "--loss", "relativistic+r1+r2", "--seeds", "0"]
    assert main(["lab", "modes", "--kimg", "0.06", "--quiet", "--threads", "1", *argv]) == 0
    (told,) = modes.told(Path("lab-modes"))
    (counted,) = told.losses["relativistic+r1+r2"]
    assert counted["n"] == told.real["n"] == 200
    assert 1 <= counted["modes"] < told.real["modes"] <= 200
    assert counted["high_quality"] is None
    assert told.real["accuracy"] == counted["accuracy"] is not None
    words = words_in("en")
    assert table_rows(told, words)[-1][:3] == ["RpGAN + R1 + R2", "", "1000"]
    assert "digits right that it never saw" in about(told, words)
    # Columns that say nothing of images are left out; the others are in order.
    page = Path("lab-modes/report.html").read_text()
    kept = [key for key in HEADS if key not in ("high-quality", "spread")]
    heads = "".join(f'<th scope="col">{words(f"modes.{key}")}</th>' for key in kept)
    assert f"<thead><tr>{heads}</tr></thead>" in page


def test_every_loss_is_there_and_every_configuration_can_be_made() -> None:
    ways = modes.ways()
    assert {name.partition("+")[0] for name in ways} == set(registry.names("loss"))
    for bed in beds.BEDS.values():
        for way, changes in ways.items():
            config = bed.config(1, 2.0, changes)
            assert config.loss.kind == way.partition("+")[0]
            assert {penalty.kind for penalty in config.penalties} == {
                "": set(),
                "r1+r2": {"r1", "r2"},
                "gp": {"gradient-penalty"},
                "clip": set(),
            }[way.partition("+")[2]]
            assert config == with_changes(config, {"train.kimg": 2.0})


def stacked() -> tuple[np.ndarray, np.ndarray]:
    """Images [n, 4, 4, 3] of two grey kinds, dark (0) and bright (1), and their triplets."""
    every = [(r, g, b) for r in (0, 1) for g in (0, 1) for b in (0, 1)]
    classes = np.array([triplet for triplet in every for _ in range(40)])
    shade = np.arange(len(classes))[:, None] % 40 + 200 * classes
    images = np.broadcast_to(shade[:, None, None, :], (len(classes), 4, 4, 3)).astype(np.uint8)
    return np.ascontiguousarray(images), classes @ [4, 2, 1]


def test_each_colour_is_judged_alone() -> None:
    images, labels = stacked()
    data = image_dataset("stacked", images, labels, tuple(map(str, range(8))))
    grey = colours_of(data)
    # Each distinct image once, with the class of its own colour.
    assert len(grey) == len(np.unique(images)) == 80
    assert grey.labels is not None
    assert np.array_equal(grey.labels, np.asarray(grey.images)[:, 0, 0, 0] >= 200)
    loaded, said = choose_extractor(ByColour(epochs=30), data)
    assert isinstance(loaded, LoadedByColour)
    assert "100.0 % accurate on held-out images" in said
    found = loaded(torch.from_numpy(images))
    assert found.vectors.shape == (320, 384)
    assert found.logits is not None
    assert torch.allclose(found.logits.exp().sum(1), torch.ones(320), atol=1e-4)
    assert np.array_equal(found.logits.argmax(1).numpy(), labels)
    with pytest.raises(InputError, match="3 colours"):
        loaded(torch.zeros(2, 4, 4, 1, dtype=torch.uint8))
    grey_data = image_dataset("grey", images[..., :1], labels)
    with pytest.raises(InputError, match="not stacked"):
        choose_extractor("by-colour", grey_data)
