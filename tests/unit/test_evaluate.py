"""saddle evaluate, saddle compare: from a run or a set to numbers with their protocol."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import saddlepoint as sp
from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder
from saddlepoint.core.images import write_png
from saddlepoint.core.measures import Features, LoadedExtractor, Settings
from saddlepoint.core.registry import get
from saddlepoint.core.runs import Run
from saddlepoint.data.sources.digits import Digits
from saddlepoint.evaluation import bank, measure, sets
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.compare import compare_runs, protocol_differences
from saddlepoint.evaluation.measure import evaluate_sets
from saddlepoint.evaluation.metrics import _pairwise
from saddlepoint.evaluation.scores import as_rows, newest_scores, read_scores
from saddlepoint.evaluation.sets import subset_of
from saddlepoint.evaluation.sheets import sheets_of
from saddlepoint.evaluation.tensor_files import cached_tensors

SMALL = {"arch.generator_width": 8, "arch.discriminator_width": 8, "train.batch_size": 32}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("SADDLE_DATA", raising=False)
    monkeypatch.setenv("SADDLE_OFFLINE", "1")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three short runs on digits: two seeds of one configuration, and a conditional one."""
    folder = tmp_path_factory.mktemp("runs")
    made = {}
    for name, preset, seed in (("a0", "dcgan", 0), ("a1", "dcgan", 1), ("c0", "cgan-onehot", 0)):
        api.train(
            preset,
            "digits",
            out=folder / name,
            seed=seed,
            kimg=0.5,
            changes=SMALL,
            quiet=True,
        )
        made[name] = folder / name
    return made


def quick(model: Path | str, real: str | None = None, **settings: Any) -> dict[str, Any]:
    settings = {"features": "pixels", "n": 200, "n_bootstrap": 20, "quiet": True} | settings
    return api.evaluate(model, real, **settings)[0]


class Counting(LoadedExtractor):
    """Mean and spread of each image; counts the images that it was shown."""

    def __init__(self, kind: str = "counting") -> None:
        self.protocol = {"kind": kind, "sha256": None}
        self.seen = 0

    def __call__(self, images: torch.Tensor) -> Features:
        self.seen += len(images)
        x = images.flatten(1).float()
        return Features(torch.stack([x.mean(1), x.std(1)], 1), None)


# -- a run -----------------------------------------------------------------------------


def test_a_run_is_measured_and_its_score_kept(runs: dict[str, Path]) -> None:
    document = quick(runs["a0"])
    values = document["values"]
    assert {"fid", "kid", "kid_subsets", "precision", "recall", "density", "coverage"} <= set(
        values
    )
    for name in ("fid", "precision", "recall", "density", "coverage", "kid"):
        low, high = values[name]["interval"]
        assert low <= values[name]["value"] <= high, name
    protocol = document["protocol"]
    assert protocol["n_real"] == protocol["n_fake"] == 200
    assert protocol["features"]["kind"] == "pixels"
    assert document["fake"]["seeds"] == "1000000-1000199"
    assert "no labels" in document["unfit"]["label-accuracy"]
    (score,) = newest_scores(Run(runs["a0"]))
    assert json.loads(json.dumps(score["values"])) == json.loads(json.dumps(values))
    assert score["checkpoint"] == Run(runs["a0"]).checkpoints[-1].name
    assert (runs["a0"] / "scores" / f"{score['checkpoint']}-realism.png").is_file()


def test_the_same_command_gives_the_same_numbers_and_one_entry(runs: dict[str, Path]) -> None:
    first, again = quick(runs["a1"]), quick(runs["a1"])
    assert first["values"] == again["values"]
    quick(runs["a1"], seed=1)
    kinds = [score["protocol"]["seed"] for score in newest_scores(Run(runs["a1"]))]
    assert sorted(kinds) == [0, 1]


def test_a_conditional_run_has_measures_per_class(runs: dict[str, Path]) -> None:
    document = quick(runs["c0"], features="classifier", n=400)
    assert set(document["per_class"]) == {str(digit) for digit in range(10)}
    assert 0 <= document["per_class"]["3"]["precision"] <= 1
    accuracy = document["values"]["label_accuracy_real"]["value"]
    assert accuracy > 0.9
    assert document["protocol"]["features"]["accuracy"] > 0.9
    assert document["fake"]["labels"] == "as the real images"


def test_real_images_score_better_than_noise(tmp_path: Path) -> None:
    """The one thing that every measure must get right."""
    digits = Digits().open()
    rng = np.random.Generator(np.random.PCG64(0))
    order = rng.permutation(len(digits))
    halves = np.array_split(digits.images[order], 2)
    noise = rng.integers(0, 256, halves[0].shape, dtype=np.uint8)
    np.savez(tmp_path / "half.npz", images=halves[0])
    np.savez(tmp_path / "noise.npz", images=noise)
    good = sp.score_images(halves[1], str(tmp_path / "half.npz"), features="pixels")
    bad = sp.score_images(halves[1], str(tmp_path / "noise.npz"), features="pixels")
    assert good["fid"] < 0.05 * bad["fid"]
    assert good["kid"] < 0.01 * bad["kid"]
    for name in ("precision", "recall", "density", "coverage", "realism"):
        assert good[name] > bad[name] + 0.5, name


def test_weights_that_were_moved_are_measured_too(runs: dict[str, Path], tmp_path: Path) -> None:
    newest = Run(runs["a0"]).checkpoints[-1] / "ema.safetensors"
    moved = tmp_path / "mine.safetensors"
    moved.write_bytes(newest.read_bytes())
    of_run, of_file = quick(runs["a0"], "digits"), quick(moved, "digits")
    assert of_file["values"]["fid"] == of_run["values"]["fid"]
    with pytest.raises(InputError, match="real images are unknown"):
        quick(moved)


def test_copies_of_training_images_are_found_and_shown() -> None:
    """A generator that gives back what it has seen, and one that draws like unseen images."""
    digits = Digits().open()
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(digits))
    seen, unseen, real = (replace_images(digits, order[a:b]) for a, b in PARTS)
    copies = replace_images(digits, order[:200])
    extractor = get("extractor", "pixels")().load(digits, "cpu")
    settings = Settings(n_bootstrap=20)
    guilty = evaluate_sets(real, copies, extractor, settings, train=seen)
    honest = evaluate_sets(real, unseen, extractor, settings, train=seen)
    assert guilty.document["values"]["memorised"]["value"] == 1.0
    assert guilty.document["values"]["nearest_training_ratio"]["value"] == 0.0
    chance = honest.document["values"]["memorised_real"]["value"]
    assert honest.document["values"]["memorised"]["value"] == pytest.approx(chance, abs=0.12)
    sheet = sheets_of(guilty)["closest"]
    left, right = sheet_cells(sheet, 2)
    assert np.array_equal(left, right)


PARTS = ((0, 1000), (1000, 1350), (1350, 1797))


def replace_images(digits: Any, rows: np.ndarray) -> Any:
    part = replace(digits, images=digits.images[rows], labels=None, fingerprint=str(rows[:3]))
    return subset_of(part, None, 0, {})


def sheet_cells(sheet: np.ndarray, n: int) -> list[np.ndarray]:
    """The first n cells of a sheet of 8 x 8 images in 16 columns."""
    factor = sheet.shape[1] // (16 * 10 + 2)
    small = sheet[::factor, ::factor]
    return [small[2:10, 2 + 10 * i : 10 + 10 * i] for i in range(n)]


# -- features are made once ------------------------------------------------------------


def test_features_are_extracted_once_and_a_kill_costs_one_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sets, "PART", 100)
    images = subset_of(Digits().open(), 350, 0, {})
    extractor = Counting()
    whole = bank.bank_of(images, extractor)
    assert extractor.seen == 350
    assert torch.equal(bank.bank_of(images, extractor).features.vectors, whole.features.vectors)
    assert extractor.seen == 350
    parts = sorted(whole.folder.glob("0*.safetensors"))
    assert len(parts) == 4
    parts[1].unlink()  # a kill between two parts
    parts[2].write_bytes(parts[2].read_bytes()[:-7])  # a torn disk
    damaged = bytearray(parts[3].read_bytes())
    damaged[-1] ^= 1
    parts[3].write_bytes(bytes(damaged))
    again = bank.bank_of(images, extractor)
    assert torch.equal(again.features.vectors, whole.features.vectors)
    assert extractor.seen == 350 + 100 + 100 + 50


def test_other_images_weights_or_settings_are_another_bank() -> None:
    digits = Digits().open()
    extractor = Counting()
    folders = {
        bank.bank_of(subset_of(digits, 100, 0, {}), extractor).folder,
        bank.bank_of(subset_of(digits, 100, 1, {}), extractor).folder,
        bank.bank_of(subset_of(digits, 100, 0, {}), Counting("other")).folder,
    }
    assert len(folders) == 3


def test_a_bank_of_another_extractor_is_never_taken() -> None:
    """Not even when its files are put where this one's belong."""
    images = subset_of(Digits().open(), 100, 0, {})
    foreign = bank.bank_of(images, get("extractor", "pixels")().load(Digits().open(), "cpu"))
    extractor = Counting()
    own = bank.bank_of(images, extractor)
    for part in foreign.folder.glob("0*.safetensors"):
        shutil.copy(part, own.folder / part.name)
    again = bank.bank_of(images, extractor)
    assert torch.equal(again.features.vectors, own.features.vectors)
    assert extractor.seen == 200


def test_features_that_are_not_finite_are_named() -> None:
    class Broken(Counting):
        def __call__(self, images: torch.Tensor) -> Features:
            vectors = super().__call__(images).vectors
            vectors[17] = torch.nan
            return Features(vectors, None)

    with pytest.raises(InputError, match="image 17 of digits are not finite"):
        bank.bank_of(subset_of(Digits().open(), 50, 0, {}), Broken())


def test_what_is_kept_of_the_real_images_gives_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever else decides them is told apart: other settings, fewer fakes."""
    digits = Digits().open()
    real = subset_of(digits, 300, 0, {})
    cases = [
        (size, Settings(**asked))
        for size, asked in (
            (299, {"n_bootstrap": 0}),
            (200, {"n_bootstrap": 0}),
            (299, {"n_bootstrap": 5}),
            (299, {"n_bootstrap": 0, "k": 5}),
            (299, {"n_bootstrap": 0, "seed": 1}),
        )
    ]

    def numbers() -> list[dict[str, Any]]:
        found = []
        for n, settings in cases:
            fake = replace(subset_of(digits, n, 1, {}), labels=None)
            found.append(evaluate_sets(real, fake, Counting(), settings).document["values"])
        return found

    with monkeypatch.context() as without:
        without.setattr(measure, "keep_reference", lambda comparison, folder: None)
        expected = numbers()
    # What versions before the Cholesky factor kept has another name and is not taken for it.
    for folder in (cache_folder() / "features").iterdir():
        old = {name: torch.ones(1) for name in ("total", "products", "root")}
        cached_tensors(folder / "moments.safetensors", lambda old=old: old)
    assert numbers() == expected
    # The second time no pair of real images is looked at.
    with monkeypatch.context() as forbidden:
        forbidden.setattr(_pairwise, "_real_pairs", None)
        assert numbers() == expected


# -- the classifier --------------------------------------------------------------------


def test_the_classifier_is_trained_once_and_kept() -> None:
    digits = Digits().open()
    kind = get("extractor", "classifier")
    first = kind(epochs=1).load(digits, "cpu")
    again = kind(epochs=1).load(digits, "cpu")
    assert first.protocol == again.protocol
    other = kind(epochs=1, seed=1).load(digits, "cpu")
    assert other.protocol["sha256"] != first.protocol["sha256"]


def test_its_training_is_told_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[str, int, int]] = []
    kind = get("extractor", "classifier")
    kind(epochs=2).load(Digits().open(), "cpu", lambda *line: told.append(line))
    assert [done for _, done, _ in told] == [0, 1, 2]
    doing = "Training the net of --features classifier (epochs)"
    assert {(what, of) for what, _, of in told} == {(doing, 2)}
    told.clear()
    kind(epochs=2).load(Digits().open(), "cpu", lambda *line: told.append(line))
    assert told == []  # it was kept
    argv = ["evaluate", "digits", "digits", "--features", "classifier", "--n", "20", "--json"]
    assert main([*argv, "--bootstrap", "0"]) == 0
    assert f"{doing} ..." in capsys.readouterr().err
    shutil.rmtree(cache_folder() / "classifiers")
    assert main([*argv, "--bootstrap", "0", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_features_do_not_depend_on_the_neighbours_in_the_batch() -> None:
    digits = Digits().open()
    extractor = get("extractor", "classifier")(epochs=1).load(digits, "cpu")
    images = torch.from_numpy(np.array(digits.images[:230]))
    whole = extractor(images)
    alone = extractor(images[217:218])
    assert torch.equal(whole.vectors[217:218], alone.vectors)
    assert torch.equal(whole.logits[217:218], alone.logits)


def test_auto_says_what_it_took_and_why() -> None:
    _, said = choose_extractor("auto", Digits().open())
    assert "classifier" in said
    assert "inception: its weights are not on this machine" in said
    _, said = choose_extractor("auto", get("source", "ring8")(n_points=100).open())
    assert "pixels" in said


# -- compare ---------------------------------------------------------------------------


def test_seeds_of_one_configuration_share_a_row(runs: dict[str, Path], tmp_path: Path) -> None:
    for run in runs.values():
        quick(run)
    document = api.compare(list(runs.values()), tmp_path / "page.html")
    first, second = document["rows"]
    assert first["seeds"] == [0, 1]
    assert second["seeds"] == [0]
    each = first["values"]["fid"]["each"]
    assert first["values"]["fid"]["least"] == min(each)
    assert first["values"]["fid"]["median"] == pytest.approx(sum(each) / 2)
    assert document["differences"]["arch.conditioning"] == {
        "dcgan": "none",
        "cgan-onehot": "onehot",
    }
    assert "seed" not in document["differences"]
    assert "arch.generator_width" not in document["differences"]
    page = (tmp_path / "page.html").read_text()
    assert page.count('<figure class="film"') == 2
    assert "saddle train cgan-onehot" in page
    assert "arch.conditioning" in page
    assert "http://" not in page
    assert "https://" not in page


def test_numbers_of_different_protocols_are_refused(tmp_path: Path) -> None:
    folders = []
    for name, n in (("x", 150), ("y", 160)):
        run = api.train("dcgan", "digits", out=tmp_path / name, kimg=0.1, changes=SMALL, quiet=True)
        quick(run.path, n=n)
        folders.append(Run(run.path))
    with pytest.raises(InputError, match=r"different protocols .* n_real, n_fake"):
        compare_runs(folders)
    quick(folders[1].path, n=150)
    assert len(compare_runs(folders)["rows"][0]["runs"]) == 2


def test_a_run_without_scores_is_compared_by_the_rest(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick(runs["a0"])
    bare = shutil.copytree(runs["c0"], tmp_path / "bare run", symlinks=True)
    shutil.rmtree(bare / "scores", ignore_errors=True)
    page = tmp_path / "page.html"
    assert main(["compare", str(runs["a0"]), str(bare), "--out", str(page), "--json"]) == 0
    captured = capsys.readouterr()
    assert f"{bare} has no scores yet; `" in captured.err
    assert f"saddle evaluate '{bare}'` measures it." in captured.err
    document = json.loads(captured.out)
    assert document["unscored"] == [str(bare)]
    measured, other = document["rows"]
    assert (other["values"], other["kimg"]) == ({}, measured["kimg"])
    assert document["differences"]["arch.conditioning"]["cgan-onehot"] == "onehot"
    assert "saddle evaluate" in page.read_text()
    # Without any score there is still what differs.
    assert main(["compare", str(bare), "--out", str(page)]) == 0
    assert "thousands of images" in capsys.readouterr().out


def test_protocol_differences_name_the_fields() -> None:
    one = {"k": 3, "features": {"kind": "a", "sha256": "1"}}
    other = {"k": 3, "features": {"kind": "a", "sha256": "2"}, "seed": 0}
    assert protocol_differences(one, other) == ["features.sha256", "seed"]


def test_compare_needs_no_torch(runs: dict[str, Path]) -> None:
    quick(runs["a0"])
    code = (
        "import sys; from saddlepoint.cli.main import main; "
        f"code = main(['compare', {str(runs['a0'])!r}]); sys.exit(code or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "precision" in done.stdout


# -- bad input -------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_bad_input_gets_one_sentence(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(runs["a0"])
    colour, tiny = tmp_path / "colour.npz", tmp_path / "tiny.npz"
    np.savez(colour, images=np.zeros((50, 8, 8, 3), np.uint8))
    np.savez(tiny, images=np.zeros((3, 8, 8, 1), np.uint8))
    px = ("--features", "pixels", "--quiet")
    assert "digits holds grey images" in refused(capsys, "evaluate", str(colour), "digits", *px)
    assert "at least 4" in refused(capsys, "evaluate", str(tiny), "digits", *px)
    assert "name them" in refused(capsys, "evaluate", str(tiny), *px)
    assert "--n 1" in refused(capsys, "evaluate", run, "--n", "1", *px)
    assert "did you mean 'pixels'" in refused(capsys, "evaluate", run, "--features", "pixel")
    assert "named twice" in refused(capsys, "evaluate", run, "digits", "--data", "digits")
    assert "no labels" in refused(
        capsys, "evaluate", str(tiny), str(colour), "--features", "classifier", "--quiet"
    )
    weights = tmp_path / "inception.pth"
    weights.write_bytes(b"not these")
    assert "sha256" in refused(capsys, "evaluate", run, "--features", str(weights), "--quiet")
    assert "no such run" in refused(capsys, "compare", str(tmp_path / "nowhere"))


def test_files_that_cannot_be_read_are_named_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digits, folder = Digits().open(), tmp_path / "mine"
    folder.mkdir()
    for number in range(20):
        write_png(folder / f"{number:02d}.png", digits.images[number])
    (folder / "20.png").write_bytes((folder / "19.png").read_bytes()[:40])
    (folder / "notes.txt").write_text("hello")
    argv = ["evaluate", str(folder), "digits", "--features", "pixels", "--quiet", "--json"]
    assert main([*argv, "--bootstrap", "0"]) == 0
    captured = capsys.readouterr()
    assert "2 file(s) of mine" in captured.err
    assert "20.png" in captured.err
    document = json.loads(captured.out)
    assert document["protocol"]["n_fake"] == 20
    assert set(document["fake"]["unreadable"]) == {"20.png", "notes.txt"}


def test_a_damaged_score_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "000001k.json"
    file.write_text('{"scores": [{}]}')
    with pytest.raises(InputError, match="Remove it and evaluate again"):
        read_scores(file)


@pytest.mark.parametrize(
    ("real", "fake", "said"),
    [
        (np.zeros((10, 3)), np.zeros((10, 4)), "3 features and fake has 4"),
        (np.zeros((3, 3)), np.zeros((10, 3)), "at least 4"),
        (np.zeros((10, 3)), np.full((10, 3), np.nan), "Row 0 of fake is not finite"),
        (np.zeros((10, 3), int), np.zeros((10, 3)), "must be floats"),
    ],
)
def test_bad_features_are_named(real: np.ndarray, fake: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        sp.score_features(real, fake)


def test_score_features_gives_plain_numbers_with_ends() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    real, fake = rng.standard_normal((200, 5)), rng.standard_normal((150, 5)) + 0.1
    plain = sp.score_features(real, fake)
    assert {"fid", "kid", "precision", "recall", "density", "coverage"} <= set(plain)
    with_ends = sp.score_features(real, fake, n_bootstrap=50)
    assert with_ends["fid"] == plain["fid"]
    assert with_ends["precision_low"] <= plain["precision"] <= with_ends["precision_high"]


def test_constant_images_are_measured_without_nan() -> None:
    """A complete collapse: every fake the same image."""
    digits = Digits().open()
    fake = np.repeat(digits.images[:1], 300, axis=0)
    found = sp.score_images(digits.images[:300], fake, features="pixels")
    assert all(np.isfinite(value) for value in found.values())
    assert found["precision"] == 1.0
    assert found["recall"] < 0.02


def test_the_ends_of_an_interval_have_the_digits_of_their_value() -> None:
    values = {
        "fid": {"value": 10.09, "interval": [9.7704, 10.41]},
        "kid": {"value": 0.009, "interval": [0.0, 0.0123]},
        "recall": {"value": 0.98, "interval": None},
    }
    assert [row[:3] for row in as_rows({"values": values})] == [
        ("fid", "10.09", "9.77 to 10.41"),
        ("kid", "0.009000", "0 to 0.012300"),
        ("recall", "0.9800", ""),
    ]
