"""What each source gives: shapes, labels, modes, and a sentence for damaged files."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saddlepoint.cli.main import main
from saddlepoint.core import registry
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import read_json
from saddlepoint.data.prepare import prepare
from saddlepoint.data.sources.digits import Digits
from saddlepoint.data.sources.ffhq import Ffhq
from saddlepoint.data.sources.folder import Folder
from saddlepoint.data.sources.idx import Idx
from saddlepoint.data.sources.mixtures import Grid25, Ring8
from saddlepoint.data.sources.mnist import CLOTHES, FashionMnist, StackedMnist
from saddlepoint.data.sources.npz import Npz
from saddlepoint.data.sources.prepared import Prepared


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def faces(folder: Path, names: list[str], side: int = 12) -> None:
    for index, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)


def test_fashion_mnist_is_balanced_and_named() -> None:
    if FashionMnist().where() is None:
        pytest.skip("Fashion-MNIST is not on this machine (apt install dataset-fashion-mnist)")
    dataset = FashionMnist().open()
    assert dataset.images.shape == (60_000, 28, 28, 1)
    assert dataset.labels is not None
    assert np.bincount(dataset.labels).tolist() == [6000] * 10
    assert dataset.spec.shape == (1, 28, 28)
    assert dataset.classes == CLOTHES
    assert dataset.labels[:3].tolist() == [9, 0, 0]
    test = FashionMnist(split="test").open()
    assert test.labels is not None
    assert np.bincount(test.labels).tolist() == [1000] * 10
    assert test.fingerprint != dataset.fingerprint


def put_mnist(folder: Path) -> np.ndarray:
    """Ten "digits" whose pixels all equal ten times the label."""
    folder.mkdir(parents=True)
    labels = np.arange(10, dtype=np.uint8)
    images = np.repeat(labels * 10, 28 * 28).tobytes()
    for prefix in ("train", "t10k"):
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(
            struct.pack(">4I", 0x803, 10, 28, 28) + images
        )
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(
            struct.pack(">2I", 0x801, 10) + labels.tobytes()
        )
    return labels


def test_stacked_mnist_labels_spell_the_digits(tmp_path: Path) -> None:
    put_mnist(tmp_path / "mnist")
    dataset = StackedMnist(path=str(tmp_path / "mnist"), n_items=5000).open()
    assert dataset.spec.shape == (3, 28, 28)
    assert dataset.spec.n_classes == len(dataset.classes) == 1000
    assert dataset.labels is not None
    digits = dataset.images[:, 5, 5].astype(int) // 10
    assert np.array_equal(dataset.labels, digits @ [100, 10, 1])
    assert len(np.unique(dataset.labels)) > 950
    again = StackedMnist(path=str(tmp_path / "mnist"), n_items=5000)
    assert again.open().fingerprint == dataset.fingerprint
    other = StackedMnist(path=str(tmp_path / "mnist"), n_items=5000, draw_seed=1)
    assert other.open().fingerprint != dataset.fingerprint
    bordered = StackedMnist(path=str(tmp_path / "mnist"), n_items=50, border=2).open()
    assert bordered.spec.shape == (3, 32, 32)
    plain = StackedMnist(path=str(tmp_path / "mnist"), n_items=50).open()
    assert np.array_equal(bordered.images[:, 2:-2, 2:-2], plain.images)
    assert bordered.images.sum() == plain.images.sum()


def test_digits_are_embedded() -> None:
    dataset = Digits().open()
    assert dataset.images.shape == (1797, 8, 8, 1)
    assert (dataset.images.min(), dataset.images.max()) == (0, 255)
    assert len(np.unique(dataset.images)) == 17
    assert dataset.labels is not None
    assert dataset.labels[:10].tolist() == list(range(10))
    assert dataset.spec.n_classes == 10


@pytest.mark.parametrize(("source", "n_modes"), [(Ring8(), 8), (Grid25(), 25)])
def test_mixtures_follow_the_protocol(source: Ring8 | Grid25, n_modes: int) -> None:
    dataset = source.open()
    assert dataset.images.shape == (100_000, 2)
    assert dataset.images.dtype == np.float32
    assert dataset.labels is None
    assert dataset.spec.shape == (2,)
    assert dataset.spec.value_range is None
    centres = source.centres()
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    assert gaps[~np.eye(n_modes, dtype=bool)].min() > 10 * source.std
    distance = np.linalg.norm(dataset.images[:, None] - centres[None], axis=2)
    counts = np.bincount(distance.argmin(1), minlength=n_modes)
    share = 100_000 / n_modes
    assert (abs(counts - share) < 5 * np.sqrt(share)).all()
    # Round Gaussians: 1 - exp(-9/2) of the points lie within three standard deviations.
    assert (distance.min(1) < 3 * source.std).mean() == pytest.approx(0.98889, abs=0.002)


def test_ring8_leaves_the_endpoint_out() -> None:
    angles = np.sort(np.arctan2(*Ring8().centres().T[::-1]) % (2 * np.pi))
    assert np.allclose(np.diff(angles), np.pi / 4)
    assert np.allclose(np.linalg.norm(Ring8().centres(), axis=1), 1)


def test_fields_out_of_range() -> None:
    with pytest.raises(InputError, match="std=0 must be greater than 0"):
        Ring8(std=0)
    with pytest.raises(InputError, match="n_items=0 must be at least 1"):
        StackedMnist(n_items=0)
    with pytest.raises(InputError, match="must be one of train, test, all"):
        FashionMnist(split="valid")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="size=2 must be between 4 and 1,024"):
        Folder(path="x", size=2)


def test_idx_finds_its_labels(tmp_path: Path) -> None:
    labels = put_mnist(tmp_path / "mnist")
    dataset = Idx(path=str(tmp_path / "mnist/train-images-idx3-ubyte")).open()
    assert dataset.labels is not None
    assert np.array_equal(dataset.labels, labels)
    assert dataset.spec.n_classes == 10
    (tmp_path / "mnist/train-labels-idx1-ubyte").unlink()
    assert Idx(path=str(tmp_path / "mnist/train-images-idx3-ubyte")).open().labels is None


HEAD = struct.pack(">4I", 0x803, 10, 28, 28)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "starts with nothing"),
        (struct.pack(">I", 0x801) + bytes(99), "starts with 00000801, but an IDX file of unsigned"),
        (b"\x89PNG" + bytes(99), "starts with 89504e47"),
        (HEAD + bytes(7839), "holds 7,855 bytes, but its header announces 7,856"),
        (HEAD + bytes(7841), "holds more bytes, but its header announces 7,856"),
        (HEAD[:9], "is damaged"),
        (b"\x1f\x8b\x08\x00" + bytes(30), "is damaged .*download may be incomplete"),
    ],
)
def test_bad_idx_files(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "x-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        Idx(path=str(tmp_path / "x-images-idx3-ubyte")).open()


def test_idx_pairs_must_agree(tmp_path: Path) -> None:
    put_mnist(tmp_path / "m")
    labels = struct.pack(">2I", 0x801, 9) + bytes(9)
    (tmp_path / "m/train-labels-idx1-ubyte").write_bytes(labels)
    with pytest.raises(InputError, match=r"10 images but .* holds 9 labels"):
        Idx(path=str(tmp_path / "m/train-images-idx3-ubyte")).open()


@pytest.mark.parametrize("key", ["images", "arr_0"])
def test_npz(tmp_path: Path, key: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "a.npz", **{key: images}, labels=np.array([0, 2, 1, 2, 0]))
    dataset = Npz(path=str(tmp_path / "a.npz")).open()
    assert np.array_equal(dataset.images, images)
    assert dataset.spec.n_classes == 3
    assert dataset.name == "a"


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"images": np.array([{}], dtype=object)}, "Python objects"),
        ({"x": np.zeros(3)}, "has the keys x, but `images`"),
        ({"images": np.zeros((2, 8, 8, 3), np.float32)}, "must be uint8"),
        ({"images": np.zeros((2, 8, 8), np.uint8)}, "must be uint8"),
        ({"images": np.zeros((0, 8, 8, 1), np.uint8)}, "at least one"),
        ({"images": np.zeros((2, 8, 9, 1), np.uint8)}, "h = w"),
        ({"images": np.zeros((2, 8, 8, 1), np.uint8), "labels": np.zeros(3, int)}, "one for each"),
        ({"images": np.zeros((2, 8, 8, 1), np.uint8), "labels": np.zeros(2)}, "whole numbers"),
        ({"images": np.zeros((1, 8, 8, 1), np.uint8), "labels": np.array([-1])}, "label -1"),
    ],
)
def test_bad_npz(tmp_path: Path, arrays: dict, sentence: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=sentence):
        Npz(path=str(tmp_path / "a.npz")).open()


def test_npz_that_is_none(tmp_path: Path) -> None:
    for content in (b"", b"hello", b"PK\x03\x04" + bytes(50), b"\x80\x04K\x01."):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(InputError, match=r"a\.npz"):
            Npz(path=str(tmp_path / "a.npz")).open()
    with pytest.raises(InputError, match="no such file"):
        Npz(path=str(tmp_path / "b.npz")).open()


def test_prepared_opens_as_a_memory_map(tmp_path: Path) -> None:
    faces(tmp_path / "in", ["a/1.png", "b/2.png", "b/3.png"])
    report = prepare(tmp_path / "in", tmp_path / "out", size=8)
    dataset = Prepared(path=str(tmp_path / "out")).open()
    assert isinstance(dataset.images, np.memmap)
    assert not dataset.images.flags.writeable
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1, 1]
    assert dataset.classes == ("a", "b")
    assert dataset.fingerprint == report.manifest["fingerprint"]
    np.savez(tmp_path / "same.npz", images=dataset.images, labels=dataset.labels)
    assert Npz(path=str(tmp_path / "same.npz")).open().fingerprint == dataset.fingerprint


def test_damaged_prepared_folders(tmp_path: Path) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(InputError, match=r"has no manifest\.json"):
            Prepared(path=str(folder)).open()
    faces(tmp_path / "in", ["1.png", "2.png"])
    prepare(tmp_path / "in", tmp_path / "out", size=8)
    images = (tmp_path / "out/images.npy").read_bytes()
    (tmp_path / "out/images.npy").write_bytes(images[:-5])
    with pytest.raises(InputError, match="needs 384 bytes, and 379 are there"):
        Prepared(path=str(tmp_path / "out")).open()
    np.save(tmp_path / "out/images.npy", np.zeros((3, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"holds 3 images .*manifest\.json says 2 of"):
        Prepared(path=str(tmp_path / "out")).open()
    manifest = (tmp_path / "out/manifest.json").read_text()
    (tmp_path / "out/manifest.json").write_text(manifest.replace("prepared-1", "prepared-9"))
    with pytest.raises(InputError, match="was prepared as saddlepoint-prepared-9"):
        Prepared(path=str(tmp_path / "out")).open()


def test_folder_is_prepared_once_and_again_when_it_changes(tmp_path: Path, capfd) -> None:
    faces(tmp_path / "in", ["cat/1.png", "dog/2.png"])
    source = Folder(path=str(tmp_path / "in"), size=8)
    first = source.open()
    assert first.classes == ("cat", "dog")
    assert first.name == "in"
    capfd.readouterr()
    assert source.open().fingerprint == first.fingerprint
    assert capfd.readouterr() == ("", ""), "nothing is done the second time"
    faces(tmp_path / "in", ["cat/1.png", "dog/2.png", "dog/3.png"])
    assert len(source.open()) == 3
    assert Folder(path=str(tmp_path / "in"), size=8, labels="none").open().labels is None
    with pytest.raises(InputError, match="does not exist"):
        Folder(path=str(tmp_path / "absent")).open()


def test_what_older_rules_prepared_is_prepared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["00000/00000.png", "01000/01000.png"]
    faces(tmp_path / "in", names)
    source, out = Folder(path=str(tmp_path / "in"), size=8), tmp_path / "out"
    with monkeypatch.context() as before:
        before.setattr("saddlepoint.data.labels._is_thousand", lambda *_: False)
        for module in ("assemble", "prepare", "sources._prepared"):
            before.setattr(f"saddlepoint.data.{module}.RULES", 1)
        prepare(tmp_path / "in", out, size=8)
        assert source.open().classes == ("00000", "01000")
    assert source.open().classes == ()
    with pytest.raises(InputError, match="holds in, prepared by an older version"):
        prepare(tmp_path / "in", out, size=8)


def test_names_that_are_no_text_come_through_to_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A class folder in Latin-1, and one that would speak to a terminal or a browser."""
    folders = [b"caf\xe9", b"\xff\x1b]0;pwned\x07", b"<b>bold&"]
    for i, folder in enumerate(folders):
        faces(tmp_path / "in" / os.fsdecode(folder), [f"{i + 3 * j}.png" for j in range(4)], i + 8)
    made, out = str(tmp_path / "made"), tmp_path / "run"
    prepare = ["data", "prepare", str(tmp_path / "in"), "--out", made, "--size", "8"]
    assert main([*prepare, "--workers", "1"]) == 0
    widths = ("--arch.generator-width", "4", "--arch.discriminator-width", "4", "--quiet")
    data = ("--data", made, "--out", str(out), "--kimg", "0.1")
    assert main(["train", "cgan-onehot", *data, *widths]) == 0
    assert main(["evaluate", str(out), "--features", "pixels", "--json", "--quiet"]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert sorted(map(os.fsencode, read_json(out / "config.json")["data"]["classes"])) == sorted(
        folders
    )
    page = (out / "report.html").read_text()
    assert "caf\\udce9" in page
    assert "<b>bold" not in page
    assert "\x1b" not in page


@pytest.mark.parametrize(
    "names",
    [
        ["thumbnails128x128/00000.png", "thumbnails128x128/00001.png"],
        ["thumbnails128x128/00000/00000.png", "thumbnails128x128/01000/01000.png"],
        ["00001.png", "52000.png"],
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_ffhq_layouts(tmp_path: Path, names: list[str], packed: bool) -> None:
    faces(tmp_path / "ffhq", names, side=16)
    path = tmp_path / "ffhq"
    if packed:
        path = tmp_path / "ffhq.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.write(tmp_path / "ffhq" / name, name)
    dataset = Ffhq(path=str(path), size=8).open()
    assert dataset.images.shape == (2, 8, 8, 3)
    assert dataset.labels is None
    assert dataset.name == "ffhq"


def test_ffhq_is_found_in_the_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADDLE_DATA", str(tmp_path))
    faces(tmp_path / "ffhq", ["00000.png", "00001.png"])
    assert len(Ffhq(size=8).open()) == 2


@pytest.mark.parametrize("name", registry.names("source"))
def test_every_field_of_a_source_is_explained(name: str) -> None:
    import dataclasses
    import inspect

    cls = registry.get("source", name)
    assert cls.__dataclass_params__.frozen
    bases = [base for base in cls.__mro__ if dataclasses.is_dataclass(base)]
    text = "".join(inspect.getsource(base) for base in bases)
    for field in dataclasses.fields(cls):
        after = text.split(f"\n    {field.name}: ", 1)[1].split("\n", 2)[1]
        assert after.strip().startswith('"""'), f"{name}.{field.name} has no docstring"
