"""CIFAR from archives of the authors' layout, made here: the originals cannot be in the tests."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from saddlepoint.core.errors import InputError
from saddlepoint.data.sources.cifar import Cifar10, Cifar100

RED_FIRST = np.arange(3 * 32 * 32).reshape(3, 32, 32) % 251
TEN = "batches.meta.txt", "".join(f"class{i}\n" for i in range(10)) + "\n"
HUNDRED = "fine_label_names.txt", "".join(f"kind{i}\n" for i in range(100))


def record(*labels: int) -> bytes:
    return bytes(labels) + RED_FIRST.astype(np.uint8).tobytes()


def put(file: Path, folder: str, members: dict[str, bytes]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.parent


def cifar10(folder: Path, **changed: bytes) -> Path:
    batches = {f"data_batch_{i}": record(i) + record(9) for i in range(1, 6)}
    files = {**batches, "test_batch": record(7), **changed}
    members = {f"{name}.bin": content for name, content in files.items() if content is not None}
    members[TEN[0]] = TEN[1].encode()
    return put(folder / "cifar-10-binary.tar.gz", "cifar-10-batches-bin", members)


def test_splits_labels_and_colours(tmp_path: Path) -> None:
    ten = Cifar10(path=str(cifar10(tmp_path))).open()
    assert ten.spec.shape == (3, 32, 32)
    assert ten.labels is not None
    assert ten.labels.tolist() == [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]
    assert ten.classes == tuple(TEN[1].split())
    assert np.array_equal(ten.images[3], RED_FIRST.transpose(1, 2, 0))
    lengths = [len(Cifar10(path=str(tmp_path), split=s).open()) for s in ("test", "all")]
    assert lengths == [1, 11]
    members = {"train.bin": record(3, 99) + record(19, 0), "test.bin": record(0, 5)}
    put(
        tmp_path / "cifar-100-binary.tar.gz",
        "cifar-100-binary",
        {**members, HUNDRED[0]: HUNDRED[1].encode()},
    )
    hundred = Cifar100(path=str(tmp_path)).open()
    assert hundred.labels is not None
    assert hundred.labels.tolist() == [99, 0]
    assert hundred.spec.n_classes == 100
    assert np.array_equal(hundred.images[1], RED_FIRST.transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"data_batch_3": None}, "holds no cifar-10-batches-bin/data_batch_3.bin; fetch https"),
        ({"data_batch_3": record(1)[:-1]}, "data_batch_3.bin has 3,072 bytes, which are not rec"),
        ({"data_batch_3": b""}, "data_batch_3.bin has 0 bytes"),
        ({"data_batch_3": record(10)}, "holds the label 10"),
    ],
)
def test_bad_archives(tmp_path: Path, changed: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Cifar10(path=str(cifar10(tmp_path, **changed))).open()


def test_torn_archive_and_other_file(tmp_path: Path) -> None:
    file = cifar10(tmp_path) / "cifar-10-binary.tar.gz"
    whole = file.read_bytes()
    for content in (whole[:-500], b"not a tar", b""):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"cifar-10-binary.tar.gz"):
            Cifar10(path=str(tmp_path)).open()
