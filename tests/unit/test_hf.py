"""Hugging Face data sets, through a stand-in: the package itself is too large for `make test`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from saddlepoint.core.errors import InputError
from saddlepoint.data.resolve import resolve
from saddlepoint.data.sources.hf import HuggingFace


class Image:
    """As in `datasets`, whose pictures come as their bytes with decode=False alone."""

    def __init__(self, decode: bool = True) -> None:
        self.decode = decode


class ClassLabel:
    def __init__(self, names: list[str]) -> None:
        self.names = names


class Value: ...


class Rows(list):
    """A data set, or a stream without a length."""

    features: dict[str, Any]

    def cast_column(self, column: str, kind: Image) -> Any:
        assert isinstance(self.features[column], Image)
        assert not kind.decode
        return self


class Stream:
    def __init__(self, rows: Rows) -> None:
        self.features, self._rows = rows.features, rows

    def cast_column(self, column: str, kind: Image) -> Stream:
        return self

    def __iter__(self) -> Any:
        return iter(self._rows)


def picture(value: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", (20, 12), (value, 9, 9)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "4.png").write_bytes(picture(4))
    rows = Rows({"photo": {"bytes": picture(i)}, "kind": i % 3, "n": i} for i in range(4))
    rows.append({"photo": {"bytes": None, "path": str(tmp_path / "4.png")}, "kind": 0, "n": 4})
    rows.append({"photo": {"bytes": b"no picture"}, "kind": 1, "n": 5})
    kinds = ClassLabel(names=["zebra", "cat", "dog"])
    rows.features = {"n": Value(), "photo": Image(), "kind": kinds}

    def load_dataset(
        path: str, name: str | None, *, split: str, streaming: bool, revision: str = "main"
    ) -> Any:
        if (path, split) != ("owner/pets", "train"):
            raise ValueError(f"Unknown split {split!r}.\nShould be train.")
        return Stream(rows) if streaming else rows

    errors = SimpleNamespace(DatasetsError=type("DatasetsError", (Exception,), {}))
    kinds_of = {"Image": Image, "ClassLabel": ClassLabel, "exceptions": errors}
    quiet = {"disable_progress_bars": lambda: None}
    stand_in = SimpleNamespace(load_dataset=load_dataset, **kinds_of, **quiet)
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    return rows


@pytest.mark.parametrize("streaming", [False, True])
def test_rows_become_a_prepared_set(rows: Rows, streaming: bool) -> None:
    source = HuggingFace(name="owner/pets", size=8, streaming=streaming)
    dataset = source.open()
    assert (dataset.name, dataset.spec.shape) == ("pets", (3, 8, 8))
    assert np.asarray(dataset.images)[:, 4, 4, 0].tolist() == [0, 1, 2, 3, 4]
    assert dataset.labels is not None
    found = [dataset.classes[label] for label in dataset.labels]
    assert found == ["zebra", "cat", "dog", "zebra", "zebra"]
    assert list(dataset.quarantined) == ["000000005"]
    # From the cache from here on, however the rows come.
    rows.clear()
    again = HuggingFace(name="owner/pets", size=8, streaming=not streaming).open()
    assert again.fingerprint == dataset.fingerprint


def test_columns_and_faults(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(**fields: Any) -> Any:
        return HuggingFace(name="owner/pets", size=8, **fields).open()

    assert opened(label="n").classes == tuple("01234")
    assert opened(label="none").labels is None
    for fields, sentence in (
        ({"image": "x"}, r"has no column 'x' of pictures among n, photo, kind"),
        ({"label": "x"}, r"has no column 'x' of labels"),
        ({"split": "nosuch"}, r"cannot be loaded: Unknown split 'nosuch'. Should be train."),
        ({"label": "photo"}, r"row 0: the label .* is neither a whole number nor text"),
    ):
        with pytest.raises(InputError, match=sentence):
            opened(**fields)
    rows[2]["kind"] = -1
    with pytest.raises(InputError, match=r'1 of the 6 lines of metadata.jsonl have no "label"'):
        opened(fit="pad")
    assert resolve("hf:owner/pets") == HuggingFace(name="owner/pets")
    monkeypatch.setenv("SADDLE_OFFLINE", "1")
    with pytest.raises(InputError, match=r"SADDLE_OFFLINE=1 forbids reading hf:owner/pets"):
        opened(image="photo")
    monkeypatch.setenv("SADDLE_OFFLINE", "0")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"pip install 'saddlepoint\[hf\]'"):
        opened(image="photo")
