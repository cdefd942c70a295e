"""Shards that others wrote."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saddlepoint.core.errors import InputError
from saddlepoint.data.resolve import resolve
from saddlepoint.data.shards import foreign
from saddlepoint.data.shards.opening import open_shards


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def picture(value: int, kind: str = "PNG", mode: str = "RGB") -> bytes:
    """20x12 pixels of one value."""
    buffer = io.BytesIO()
    Image.new(mode, (20, 12), (value,) * 3 if mode == "RGB" else value).save(buffer, kind)
    return buffer.getvalue()


def put(file: Path, members: dict[str, bytes]) -> None:
    file.parent.mkdir(exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    samples = {"a/1.png": picture(10), "a/1.cls": b"2\n", "a/2.json": b'{"label": 0, "x": [1]}'}
    put(folder / "f-00.tar", {**samples, "a/2.seg.jpg": picture(40, "JPEG"), "a/3.txt": b"none"})
    bad = {"b.png": b"\x89PNG no picture", "b.cls": b"0", "c.png": picture(9), "c.cls": b"cat"}
    put(folder / "f-01.tar", {**bad, "d.png": picture(90, mode="L"), "d.cls": b"1"})
    return folder


def test_samples_of_every_form_are_read_once(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (str(faces), str(faces / "f-{00..01}.tar")):
        source = resolve(place)
        assert type(source).__name__ == "Shards"
        dataset = source.open()
        assert dataset.spec.shape == (3, 64, 64)
        assert dataset.labels is not None
        assert dataset.labels.tolist() == [2, 0, 1]
        assert np.asarray(dataset.images)[:, 32, 32].tolist() == [[v] * 3 for v in (10, 40, 90)]
        assert dataset.shards == (2, 1)
        assert list(dataset.quarantined) == ["f-01.tar/b", "f-01.tar/c"]
        assert "its label" in dataset.quarantined["f-01.tar/c"]
    small = open_shards(str(faces), size=8, fit="pad")
    assert small.spec.shape == (3, 8, 8)
    assert small.fingerprint != dataset.fingerprint
    # From the cache from here on; a shard that is replaced is read again.
    monkeypatch.setattr(foreign, "_read_through", lambda *_: pytest.fail("read again"))
    assert resolve(str(faces)).open().fingerprint == dataset.fingerprint
    monkeypatch.undo()
    put(faces / "f-01.tar", {"d.png": picture(91), "d.cls": b"1"})
    assert resolve(str(faces)).open().fingerprint != dataset.fingerprint


def test_bad_shards_of_others(faces: Path) -> None:
    one = open_shards(str(faces / "f-00.tar"))
    assert len(one) == 2
    torn = (faces / "f-01.tar").read_bytes()[:1000]
    (faces / "f-01.tar").write_bytes(torn)
    with pytest.raises(InputError, match=r"f-01.tar is damaged .*; or leave out all bad shards"):
        open_shards(str(faces))
    assert len(open_shards(str(faces), skip_bad=True)) == 2
    with pytest.raises(InputError, match=r"f-02.tar is missing"):
        open_shards(str(faces / "f-{02..03}.tar"))
    with pytest.raises(InputError, match=r"stands for no names"):
        open_shards(str(faces / "f-{5..3}.tar"))
    put(faces / "f-01.tar", {"x.txt": b"no pictures"})
    with pytest.raises(InputError, match=r"no pictures in 1 shard"):
        open_shards(str(faces / "f-01.tar"))
    put(faces / "f-01.tar", {"d.png": picture(1)})
    with pytest.raises(InputError, match=r"1 pictures have no label, such as f-01.tar/d"):
        open_shards(str(faces))
    put(faces / "f-00.tar", {"e.png": picture(1, mode="L")})
    unlabelled = open_shards(str(faces / "f-00.tar"))
    assert (unlabelled.labels, unlabelled.spec.shape) == (None, (1, 64, 64))
