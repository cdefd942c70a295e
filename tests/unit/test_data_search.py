"""Where named data is looked for, and what is said when it is nowhere."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from saddlepoint.core.errors import InputError
from saddlepoint.data import search
from saddlepoint.data.progress import DownloadBar
from saddlepoint.data.resolve import available, resolve
from saddlepoint.data.sources.digits import Digits
from saddlepoint.data.sources.ffhq import Ffhq
from saddlepoint.data.sources.mnist import FASHION_FILES, FashionMnist, Mnist


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any data and without a network."""
    monkeypatch.setattr(search, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SADDLE_OFFLINE", "1")
    monkeypatch.delenv("SADDLE_DATA", raising=False)


def put_set(folder: Path, value: int, ending: str = ".gz") -> Path:
    """Four IDX files of two images each, all pixels equal to `value`."""
    folder.mkdir(parents=True)
    images = struct.pack(">I3I", 0x803, 2, 28, 28) + bytes([value]) * (2 * 28 * 28)
    labels = struct.pack(">II", 0x801, 2) + bytes([3, 9])
    pack = gzip.compress if ending else bytes
    for prefix in ("train", "t10k"):
        (folder / f"{prefix}-images-idx3-ubyte{ending}").write_bytes(pack(images))
        (folder / f"{prefix}-labels-idx1-ubyte{ending}").write_bytes(pack(labels))
    return folder


def test_the_first_place_that_has_the_data_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADDLE_DATA", str(tmp_path / "own"))
    places = [
        tmp_path / "cache/saddlepoint/datasets/fashion-mnist",
        tmp_path / "system/fashion-mnist",
        tmp_path / "own/fashion-mnist",
        tmp_path / "explicit",
    ]
    for value, place in enumerate(places[:3]):
        put_set(place, value)
        assert int(FashionMnist().open().images[0, 0, 0, 0]) == value
        assert FashionMnist().where() == str(place)
    explicit = put_set(places[3], 3, ending="")
    assert int(FashionMnist(path=str(explicit)).open().images[0, 0, 0, 0]) == 3


def test_a_place_that_lacks_a_file_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADDLE_DATA", str(tmp_path / "own"))
    put_set(tmp_path / "own/mnist", 1)
    (tmp_path / "own/mnist/train-labels-idx1-ubyte.gz").unlink()
    put_set(tmp_path / "system/mnist", 2)
    assert int(Mnist().open().images[0, 0, 0, 0]) == 2
    assert int(Mnist(split="test").open().images[0, 0, 0, 0]) == 1


def test_all_joins_both_splits(tmp_path: Path) -> None:
    put_set(tmp_path / "system/mnist", 1)
    dataset = Mnist(split="all").open()
    assert dataset.images.shape == (4, 28, 28, 1)
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [3, 9, 3, 9]


def test_offline_and_absent_says_what_to_fetch_and_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        FashionMnist(split="all").open()
    sentence = str(caught.value)
    for file in FASHION_FILES:
        assert file.url in sentence
        assert file.sha256 in sentence
    assert str(tmp_path / "cache/saddlepoint/datasets/fashion-mnist") in sentence
    assert "apt install dataset-fashion-mnist" in sentence
    assert "SADDLE_OFFLINE" in sentence
    assert "\n" not in sentence
    with pytest.raises(InputError) as caught:
        Mnist().open()
    assert "t10k" not in str(caught.value), "only what is needed is asked for"


def test_ffhq_says_that_it_cannot_be_downloaded(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Ffhq().open()
    assert "cannot be downloaded automatically" in str(caught.value)
    assert str(tmp_path / "cache/saddlepoint/datasets/ffhq") in str(caught.value)


def test_a_path_without_the_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be a folder with train-images-idx3-ubyte.gz"):
        Mnist(path=str(tmp_path)).open()


def test_a_wrong_download_is_never_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server answers, but with other bytes than those that are pinned."""
    import pooch

    class WrongServer:
        def __init__(self, progressbar, timeout) -> None:
            pass

        def __call__(self, url: str, output_file, pooch) -> None:
            Path(output_file).write_bytes(b"half a download")

    monkeypatch.setenv("SADDLE_OFFLINE", "0")
    monkeypatch.setattr(pooch, "HTTPDownloader", WrongServer)
    with pytest.raises(InputError, match=r"the download of train-images-idx3-ubyte.gz failed"):
        FashionMnist().open()
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_a_right_download_is_kept_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    import pooch

    origin = put_set(tmp_path / "origin", 5)
    files = [
        search.RemoteFile(
            name=path.name,
            url=f"http://localhost/{path.name}",
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(origin.iterdir())
    ]
    asked = []

    class Server:
        def __init__(self, progressbar, timeout) -> None:
            pass

        def __call__(self, url: str, output_file, pooch) -> None:
            asked.append(url)
            Path(output_file).write_bytes((origin / url.rsplit("/", 1)[1]).read_bytes())

    monkeypatch.setenv("SADDLE_OFFLINE", "0")
    monkeypatch.setattr(pooch, "HTTPDownloader", Server)
    found = search.obtain("some-set", files)
    assert search.obtain("some-set", files) == found
    assert asked == [file.url for file in files]
    folder = tmp_path / "cache/saddlepoint/datasets/some-set"
    assert found == {file.name: folder / file.name for file in files}


def test_available_downloads_nothing_and_tells_where(tmp_path: Path) -> None:
    put_set(tmp_path / "system/mnist", 1)
    rows = {row.name: row for row in available()}
    expected = {"digits", "fashion-mnist", "ffhq", "grid25", "mnist", "ring8", "stacked-mnist"}
    assert expected <= set(rows)
    assert rows["fashion-mnist"].where is None
    assert rows["mnist"].where == str(tmp_path / "system/mnist")
    assert rows["digits"].where == "embedded"
    assert all(row.description.endswith(".") for row in rows.values())


def test_resolve_names_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    assert resolve("digits") == Digits()
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "pictures/a.png")
    put_set(tmp_path / "system/mnist", 1)
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 8, 8, 1), np.uint8))
    kinds = {
        "pictures": "folder",
        "a.npz": "npz",
        "system/mnist/train-images-idx3-ubyte.gz": "idx",
    }
    for path, kind in kinds.items():
        source = resolve(str(tmp_path / path))
        assert source.kind == kind  # type: ignore[attr-defined]
        assert len(source.open()) > 0
    monkeypatch.chdir(tmp_path)
    assert resolve("pictures") == resolve(str(tmp_path / "pictures"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fashon-mnist", "did you mean 'fashion-mnist'"),
        ("no/such/place", "no file or folder 'no/such/place'"),
    ],
)
def test_resolve_what_nobody_knows(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        resolve(text)


def test_resolve_a_file_of_no_known_kind(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError, match="is not data of a known kind"):
        resolve(str(tmp_path / "a.txt"))


def test_a_download_that_never_began_leaves_no_empty_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    DownloadBar("weights").close()
    assert capsys.readouterr().err == ""
