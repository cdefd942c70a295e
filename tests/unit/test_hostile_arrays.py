"""Arrays that lie about themselves, and prepared sets that are not what was prepared."""

from __future__ import annotations

import gzip
import io
import os
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core.documents import metrics_line
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import read_json, read_rows, write_json
from saddlepoint.data import verified
from saddlepoint.data.prepare import prepare
from saddlepoint.data.resolve import resolve
from saddlepoint.data.sources.idx import Idx
from saddlepoint.data.sources.mnist import Mnist
from saddlepoint.data.sources.npz import Npz
from saddlepoint.data.sources.prepared import Prepared


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def npy(shape: object, kind: object = "|u1", data: bytes = b"", order: object = False) -> bytes:
    """An array file whose header says whatever it is given."""
    text = repr({"descr": kind, "fortran_order": order, "shape": shape}).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def pack(path: Path, method: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


GOOD = npy((2, 4, 4, 1), data=bytes(32))
HEADERS = {
    "10^10 images": npy((10**10, 8, 8, 1), data=bytes(64)),
    "2^63 pixels": npy((1, 2**63 - 1, 2**63 - 1, 1)),
    "negative": npy((-1, 8, 8, 1), data=bytes(64)),
    "negative twice": npy((-2, -4, 4, 1), data=bytes(32)),
    "one too many": npy((3, 4, 4, 1), data=bytes(32)),
    "one too few": npy((1, 4, 4, 1), data=bytes(32)),
    "no header": b"hello" * 40,
    "empty": b"",
    "half": GOOD[:50],
    "no dictionary": b"\x93NUMPY\x01\x00" + struct.pack("<H", 10) + b"{'descr':\n" + bytes(32),
    "open bracket": b"\x93NUMPY\x01\x00" + struct.pack("<H", 10) + b"((((((((((" + bytes(32),
    "new version": b"\x93NUMPY\x09\x00" + GOOD[8:],
    "no tuple": npy([2, 4, 4, 1], data=bytes(32)),
    "a float": npy((2.0, 4, 4, 1), data=bytes(32)),
    "bad kind": npy((2, 4, 4, 1), "zz", data=bytes(32)),
    "bad order": npy((2, 4, 4, 1), data=bytes(32), order="x"),
}


@pytest.mark.parametrize("how", HEADERS)
def test_an_npz_whose_header_lies(tmp_path: Path, how: str) -> None:
    path = pack(tmp_path / "a.npz", images=HEADERS[how])
    with pytest.raises(InputError, match=r"a\.npz is damaged \(.+\); save it again"):
        Npz(path=str(path)).open()


def flag(path: Path, offset: int, value: bytes) -> None:
    """Change bytes of the last entry in a zip's directory."""
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + offset
    content[at : at + len(value)] = value
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("offset", "value", "sentence"),
    [
        (8, b"\1\0", "is encrypted"),
        (10, b"\x0e\0", "compressed in another way than deflate"),
        (24, struct.pack("<I", 2**32 - 2), "claims 4,294,967,294 bytes, which are not there"),
        (24, struct.pack("<I", 40), "damaged"),
        (42, struct.pack("<I", 2**31), "damaged"),
    ],
)
def test_an_npz_whose_directory_lies(
    tmp_path: Path, offset: int, value: bytes, sentence: str
) -> None:
    path = pack(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, images=GOOD)
    flag(path, offset, value)
    with pytest.raises(InputError, match=sentence):
        Npz(path=str(path)).open()


def test_arrays_larger_than_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of 0.02 MB that honestly holds 20 MB, and 10 MB of memory."""
    zeros = bytes(20 * 10**6)
    pack(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, images=npy((len(zeros), 1, 1, 1), data=zeros))
    head = struct.pack(">4I", 0x803, len(zeros), 1, 1)
    (tmp_path / "b-idx3.gz").write_bytes(gzip.compress(head + zeros, 1))
    monkeypatch.setattr("saddlepoint.core.limits.available_memory", lambda: 10**7)
    for source in (Npz(path=str(tmp_path / "a.npz")), Idx(path=str(tmp_path / "b-idx3.gz"))):
        with pytest.raises(InputError, match="about 20 MB of memory, but 10 MB are available"):
            source.open()


IDX = struct.pack(">4I", 0x803, 2, 4, 4) + bytes(32)
PACKED = gzip.compress(IDX, mtime=0)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (struct.pack(">4I", 0x803, *[2**32 - 1] * 3), "bytes, which are not there"),
        (
            gzip.compress(struct.pack(">4I", 0x803, *[2**32 - 1] * 3), mtime=0),
            "which are not there",
        ),
        (PACKED[:30], r"damaged \(Compressed file ended.*download may be incomplete"),
        (PACKED[:3], r"damaged \(Compressed file ended"),
        (PACKED + b"junk", "damaged"),
        (PACKED[:-8] + bytes(8), "damaged"),
        (PACKED + bytes(2**20 + 2**14), r"damaged \(its end is nothing but zeros\)"),
        (struct.pack(">4I", 0x803, 2, 4, 5) + bytes(40), "h = w"),
        (struct.pack(">4I", 0x803, 0, 4, 4), "at least one image"),
    ],
    ids=range(9),
)
def test_an_idx_file_that_lies(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "x-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        resolve(str(tmp_path / "x-idx3-ubyte.gz")).open()


def test_labels_that_are_no_class(tmp_path: Path) -> None:
    for prefix in ("train", "t10k"):
        images = struct.pack(">4I", 0x803, 2, 4, 4) + bytes(range(32))
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(images)
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 2) + b"ab")
    with pytest.raises(InputError, match=r"mnist holds the label 97, .* below 10"):
        Mnist(path=str(tmp_path)).open()
    for wrong in (-1, 10**9, 2**63 - 1):
        labels = np.array([0, wrong])
        np.savez(tmp_path / "a.npz", images=np.zeros((2, 4, 4, 1), np.uint8), labels=labels)
        with pytest.raises(InputError, match=f"holds the label {wrong}, "):
            Npz(path=str(tmp_path / "a.npz")).open()


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Six pictures of two classes, prepared."""
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8), np.uint8)
        (tmp_path / f"in/{i % 2}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"in/{i % 2}/{i}.png")
    prepare(tmp_path / "in", tmp_path / "set", size=8, workers=1)
    return tmp_path / "set"


def changed(place: str, value: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        document = read_json(folder / "manifest.json")
        *path, last = place.split(".")
        holder = document
        for key in path:
            holder = holder[key]
        holder[last] = value
        write_json(folder / "manifest.json", document)

    return change


def saved(name: str, array: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / name, array)


def written(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


def pixel(folder: Path) -> None:
    content = bytearray((folder / "images.npy").read_bytes())
    content[-1] ^= 1
    (folder / "images.npy").write_bytes(content)


def piped(folder: Path) -> None:
    (folder / "images.npy").unlink()
    os.mkfifo(folder / "images.npy")


def as_folder(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (pixel, r"does not hold the images and labels that were prepared.*prepare the set again"),
        (saved("labels.npy", np.array([0, 1, 0, 1, 0, 0])), "does not hold the images and labels"),
        (saved("labels.npy", np.array([0, 1, 2, 0, 1, 0])), r"labels\.npy holds the label 2"),
        (saved("labels.npy", np.array([0, 1, -1, 0, 1, 0])), "holds the label -1"),
        (saved("labels.npy", np.zeros(6)), "whole numbers"),
        (saved("labels.npy", np.zeros(5, int)), "one for each of the 6"),
        (saved("images.npy", np.zeros((6, 8, 8, 2), np.uint8)), "must be uint8"),
        (saved("images.npy", np.zeros((6, 8, 8, 1))), "must be uint8"),
        (saved("images.npy", np.zeros((5, 8, 8, 1), np.uint8)), "manifest.json says 6 of"),
        (piped, r"images\.npy is a pipe"),
        (written("images.npy", HEADERS["10^10 images"]), r"images\.npy is damaged"),
        (written("images.npy", HEADERS["open bracket"]), r"images\.npy is damaged"),
        (written("manifest.json", b"[" * 100_000), r"manifest\.json: nested too deeply"),
        (as_folder, r"manifest\.json is a folder, where a file is needed\.$"),
        (changed("files", 7), r"manifest\.json: document\.files must be a list"),
        (changed("classes", ["a", 7]), r"document\.classes\.1=7 must be text"),
        (changed("classes", ["a"]), "2 classes and 1 names"),
        (changed("spec.n_classes", 3), "3 classes and 2 names"),
        (changed("spec.n_classes", 10**9), r"manifest\.json: .*n_classes=1000000000 must be"),
        (changed("spec.shape", [10**9, 8, 8]), r"manifest\.json: .*shape=\[1000000000, 8, 8\]"),
        (changed("spec.shape", [2]), "manifest.json says 6 of"),
        (changed("spec.value_range", None), "does not hold the images and labels"),
        (changed("fingerprint", "x"), "and manifest.json says 'x'"),
        (changed("fingerprint", None), r"document\.fingerprint=null must be text"),
        (changed("quarantined", []), "must be an object"),
    ],
)
@pytest.mark.parametrize("opened_before", [False, True])
def test_a_prepared_set_that_was_changed(
    prepared: Path, opened_before: bool, harm: Callable[[Path], None], sentence: str
) -> None:
    if opened_before:
        Prepared(path=str(prepared)).open()
    harm(prepared)
    with pytest.raises(InputError, match=sentence):
        Prepared(path=str(prepared)).open()


def test_a_set_is_hashed_once_and_again_when_a_file_changed(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    verify = verified.verify

    def counting(folder: Path, wanted: str, measure: Callable[[], str]) -> None:
        verify(folder, wanted, lambda: hashed.append(wanted) or measure())

    monkeypatch.setattr("saddlepoint.data.sources._prepared.verify", counting)
    for _ in range(3):
        Prepared(path=str(prepared)).open()
    assert len(hashed) == 1
    os.utime(prepared / "images.npy")
    Prepared(path=str(prepared)).open()
    assert len(hashed) == 2
    for note in (tmp_path / "cache/saddlepoint/verified").iterdir():
        note.write_text("[[")
    Prepared(path=str(prepared)).open()
    assert len(hashed) == 3
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nothing")
    for _ in range(2):
        Prepared(path=str(prepared)).open()
    assert len(hashed) == 5, "without a cache it is hashed each time, and opens all the same"


def test_pictures_are_held_one_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(12):
        Image.new("RGB", (1024, 1024), (i, 0, 0)).save(tmp_path / f"in/{i}.png", compress_level=1)
    tracemalloc.start()
    try:
        prepare(tmp_path / "in", tmp_path / "out", size=None, workers=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * 1024 * 1024 * 3, "12 pictures of 3 MB"


def test_huge_pictures_are_not_decoded_to_be_refused(tmp_path: Path) -> None:
    """81 million pixels each, in files of 79 KB, which --size 0 would keep as they are."""
    (tmp_path / "in").mkdir()
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    for i in range(40):
        (tmp_path / f"in/{i}.png").write_bytes(buffer.getvalue())
    started = time.process_time()
    with pytest.raises(InputError, match=r"9000x9000, but 4 to 1024 pixels are allowed"):
        prepare(tmp_path / "in", tmp_path / "out", size=None, workers=1)
    assert time.process_time() - started < 1
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_images_train_and_are_told_to_be_few(
    tmp_path: Path, n: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set smaller than a batch is shown again and again; doctor, grids and scores included."""
    if n > 1:  # one page is enough
        monkeypatch.setattr(api.Run, "report", lambda run: run.report_file)
    images = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "few.npz", images=images)
    out, few = str(tmp_path / "run"), str(tmp_path / "few.npz")
    widths = ("--arch.generator-width", "4", "--arch.discriminator-width", "4")
    told = ("--kimg", "0.2", "--doctor.mode", "treat", "--doctor.probe-kimg", "0.1", "--quiet")
    assert main(["train", "dcgan", "--data", few, "--out", out, *widths, *told]) == 0
    assert read_rows(Path(out) / "metrics.jsonl", metrics_line).good[-1]["diversity"] > 0
    assert main(["doctor", out]) == 0
    capsys.readouterr()
    assert main(["evaluate", out, "--features", "pixels", "--quiet"]) == 2
    assert f"few has {n} image(s), and k = 3 neighbours need at least 4" in capsys.readouterr().err
