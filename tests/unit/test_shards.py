"""Data in shards: written, read in an order that is a function of (seed, position), and hostile."""

from __future__ import annotations

import functools
import http.server
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from _forked import wait_until

import saddlepoint as sp
from saddlepoint.cli.main import main
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.files import sha256_of
from saddlepoint.core.json_files import read_json, write_json
from saddlepoint.data import loader, order
from saddlepoint.data.loader import DeviceData
from saddlepoint.data.order import Order
from saddlepoint.data.resolve import resolve
from saddlepoint.data.shards import pictures, store
from saddlepoint.data.shards.index import fingerprint_of
from saddlepoint.data.shards.opening import open_shards
from saddlepoint.data.shards.writing import write_shards
from saddlepoint.evaluation.sets import subset_of
from saddlepoint.training import checkpoint, device, steps
from saddlepoint.training.loop import iterate
from saddlepoint.training.moment import Moment
from saddlepoint.training.state import TrainState

N, N_SHARDS = 300, 12


@pytest.fixture(scope="module")
def original() -> Dataset:
    """Colour pictures whose first two pixels spell their number."""
    images = np.random.default_rng(0).integers(0, 256, (N, 8, 8, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.arange(N) // 256, np.arange(N) % 256
    labels = np.arange(N, dtype=np.int64) % 3
    spec = DataSpec(shape=(3, 8, 8), n_classes=3)
    named = {"name": "numbered", "classes": ("a", "b", "c"), "fingerprint": ""}
    return Dataset(spec=spec, images=images, labels=labels, **named)


@pytest.fixture(scope="module")
def written(original: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_shards(original, folder, N_SHARDS, {"source": "numbered", "options": {}})
    return folder


@pytest.fixture
def shards(written: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(written, tmp_path / "shards")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "WAITS", (0.01, 0.02))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of two shards, and no room for the data on the device."""
    monkeypatch.setattr(order, "WINDOW_BYTES", 2 * 8 * 8 * 3 * N // N_SHARDS)
    monkeypatch.setattr(loader, "MAX_RESIDENT_BYTES", 0)


def numbers(images: np.ndarray) -> np.ndarray:
    return images[..., 0, 0, 0].astype(int) * 256 + images[..., 0, 1, 0]


def test_what_is_written_is_read_and_any_tar_program_can(original: Dataset, written: Path) -> None:
    dataset = resolve(str(written)).open()
    found = numbers(dataset.images[:])
    assert sorted(found.tolist()) == list(range(N))
    assert found.tolist() != list(range(N)), "shards are shuffled"
    assert np.array_equal(np.asarray(dataset.images), original.images[found])
    assert dataset.labels is not None
    assert dataset.labels.tolist() == (found % 3).tolist()
    assert (dataset.spec, dataset.classes) == (original.spec, original.classes)
    chosen = np.array([[5, -1], [250, 5]])
    assert np.array_equal(numbers(dataset.images[chosen]), found[chosen])
    assert numbers(dataset.images[7]) == found[7]
    with pytest.raises(IndexError):
        dataset.images[N]
    with tarfile.open(written / "shard-000003.tar") as archive:
        first, second = archive.next(), archive.next()
        assert first is not None
        assert second is not None
        key = found[sum(dataset.shards[:3])]
        assert (first.name, second.name) == (f"{key:09d}.png", f"{key:09d}.cls")
        assert archive.extractfile(second).read() == b"%d" % (key % 3)


def test_two_writings_are_equal(original: Dataset, written: Path, tmp_path: Path) -> None:
    write_shards(original, tmp_path, N_SHARDS, {"source": "numbered", "options": {}})
    for file in written.iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()


@pytest.mark.parametrize("counts", [(25,) * 12, (1, 40, 3, 17, 2), (7,)])
def test_every_epoch_shows_every_item_once_in_windows(
    counts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "WINDOW_BYTES", 2 * max(counts))
    n, of_item = sum(counts), np.repeat(np.arange(len(counts)), counts)
    whole = Order(n, 5, counts)(0, 3 * n)
    for epoch in whole.reshape(3, n):
        assert sorted(epoch.tolist()) == list(range(n))
        # Shards are visited two by two: each is done before the next pair begins.
        seen = of_item[epoch.numpy()]
        visits = [set(seen[: i + 1]) - set(seen[i + 1 :]) for i in range(n)]
        assert all(len(set(seen[: i + 1])) - len(visits[i]) <= 2 for i in range(n))
    assert n < 9 or not torch.equal(whole[:n], whole[n : 2 * n])
    # Any position by itself, in steps of any size.
    for position, count in ((0, 1), (n - 1, 2), (n + n // 2, 5), (2 * n - 3, n)):
        assert torch.equal(Order(n, 5, counts)(position, count), whole[position:][:count])


def test_batches_from_shards_are_those_of_resident_data(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "WINDOW_BYTES", 2 * 8 * 8 * 3 * N // N_SHARDS)
    resident = DeviceData(open_shards(str(written)), seed=2)
    streamed = DeviceData(open_shards(str(written)), seed=2, max_resident_bytes=0)
    assert resident.is_resident
    assert not streamed.is_resident
    for n_images in (0, 32, 64, 96, 320, 3000):  # goes on, jumps, another epoch
        a, b = (data.items(n_images, 32) for data in (resident, streamed))
        assert torch.equal(a.raw, b.raw)
        assert a.labels is not None
        assert torch.equal(a.labels, b.labels)
        assert torch.equal(a.labels, torch.from_numpy(numbers(a.raw.numpy()) % 3))


@pytest.mark.usefixtures("narrow")
def test_going_on_reads_no_earlier_shard(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()

    def spy(place: store.Store, shard: dict) -> bytes:
        if place is dataset.images._store:  # not another test's
            read.add(shard["name"])
        return pictures_read(place, shard)

    pictures_read = pictures.read_shard
    monkeypatch.setattr(pictures, "read_shard", spy)
    dataset = open_shards(str(written))
    data = DeviceData(dataset, seed=1)
    data.items(5 * N + 101, 10)  # the third of six windows, not at its beginning
    # Its two shards, and those of the window after it.
    wait_until(lambda: len(read) >= 4, "the window after it is not read")
    assert len(read) == 4


@pytest.mark.usefixtures("narrow")
def test_a_run_from_shards_goes_on_with_the_same_bits(written: Path, tmp_path: Path) -> None:
    changes = {"arch.generator_width": 8, "arch.discriminator_width": 8, "train.batch_size": 20}
    config = sp.configure("cgan-embedding", str(written), kimg=1, changes=changes)
    config = replace(config, train=device.resolve(config.train))

    def advance(state: TrainState, n: int) -> TrainState:
        dataset = config.source.open()
        data = DeviceData(dataset, "cpu", config.seed)
        assert not data.is_resident
        for _ in range(n):
            iterate(state, config, data, steps.Sums())
        return state

    dataset = config.source.open()
    with torch.random.fork_rng(devices=[]):
        whole = advance(TrainState.new(config, dataset.spec), 5)
        half = advance(TrainState.new(config, dataset.spec), 2)
        checkpoint.save(sp.Run(tmp_path), Moment.of(half), config, dataset, None)
        loaded = TrainState.new(config, dataset.spec)
        assert checkpoint.load_newest(sp.Run(tmp_path), loaded)
        resumed = advance(loaded, 3)
    assert resumed.n_images == whole.n_images
    for name, net in whole.nets.items():
        for key, value in net.state_dict().items():
            assert torch.equal(value, resumed.nets[name].state_dict()[key]), f"{name}.{key}"


def test_some_images_come_from_few_shards(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saddlepoint.data.drawing.FEWEST_SHARDS", 2)
    monkeypatch.setattr("saddlepoint.data.drawing.MOST_ITEMS", 90)
    dataset = open_shards(str(written))
    few = subset_of(dataset, 40, 0, {})
    assert len(set(numbers(np.asarray(few.images)).tolist())) == 40
    assert len(dataset.images._bytes) <= 3
    assert few.fingerprint == subset_of(open_shards(str(written)), 40, 0, {}).fingerprint
    assert len(subset_of(dataset, None, 0, {})) == 90


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-700])


def change(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[600] ^= 1
    file.write_bytes(content)


DAMAGE = {"is missing": Path.unlink, "of 52,224 bytes": cut, "holds changed bytes": change}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_bad_shard_is_named_and_left_out_if_asked(
    what: str, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGE[what](shards / "shard-000004.tar")
    with pytest.raises(InputError, match=rf"shard-000004.tar .*{what}.*--source.skip-bad-shards"):
        np.asarray(open_shards(str(shards)).images)
    dataset = open_shards(str(shards), skip_bad=True)
    assert "Left out 1 bad shard(s) with 25 pictures: shard-000004.tar" in capsys.readouterr().err
    assert len(dataset) == len(np.asarray(dataset.images)) == N - 25
    assert dataset.labels is not None
    assert dataset.labels.tolist() == (numbers(dataset.images[:]) % 3).tolist()
    assert list(dataset.quarantined) == ["shard-000004.tar"]
    assert dataset.fingerprint != open_shards(str(shards)).fingerprint


def test_a_bad_index_is_refused(shards: Path) -> None:
    good = read_json(shards / "manifest.json")
    table = np.load(shards / "samples.npy")

    def refused(sentence: str, **changed: object) -> None:
        document = {**good, **changed}
        write_json(shards / "manifest.json", document)
        with pytest.raises(InputError, match=sentence):
            open_shards(str(shards))

    refused("is not as it was written", classes=["b", "a", "c"])
    refused("of the form saddlepoint-shards-9", schema="saddlepoint-shards-9")
    refused("shards must be a list", shards=7)
    refused("is not as it was written", shards=[])
    write_json(shards / "manifest.json", good)
    (shards / "samples.npy").write_bytes(b"no table")
    with pytest.raises(InputError, match=r"samples.npy does not have the sha256"):
        open_shards(str(shards))
    # One that vouches for itself and yet points outside.
    for column, value in ((0, 2**62), (1, 2**62), (0, -1), (1, 0), (2, 3)):
        wrong = table.copy()
        wrong[7, column] = value
        np.save(shards / "samples.npy", wrong)
        sha256 = sha256_of(shards / "samples.npy")
        document = {**good, "table_sha256": sha256}
        write_json(shards / "manifest.json", {**document, "fingerprint": fingerprint_of(document)})
        with pytest.raises(InputError, match=r"points outside shard-000000.tar"):
            open_shards(str(shards))


class Misbehaving(http.server.SimpleHTTPRequestHandler):
    """Fails as the test says, some answers for each file, before it behaves."""

    faults: dict[str, list[str]]

    def do_GET(self) -> None:
        waiting = self.faults.get(self.path.rpartition("/")[2], [])
        fault = waiting.pop(0) if waiting else ""
        if fault.isdigit():
            self.send_error(int(fault))
        elif fault == "cut":
            content = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        elif fault == "short":  # a proxy that calls half a file the whole
            content = Path(self.translate_path(self.path)).read_bytes()[:5000]
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(content)
        else:
            if fault == "slow":
                time.sleep(0.3)
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def served(written: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """The address of the shards on a server of this machine, and the faults that it has."""
    faults: dict[str, list[str]] = {}
    handler = type("Handler", (Misbehaving,), {"faults": faults})
    bound = functools.partial(handler, directory=str(written))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), bound) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", faults
        server.shutdown()
        thread.join()


def test_a_store_that_misbehaves_is_asked_again(
    served: tuple[str, dict[str, list[str]]],
    written: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address, faults = served
    faults["manifest.json"] = ["503"]
    faults["samples.npy"] = ["cut"]
    faults["shard-000002.tar"] = ["503", "cut"]
    faults["shard-000005.tar"] = ["short"]
    faults["shard-000006.tar"] = ["slow"]
    dataset = resolve(f"{address}/manifest.json").open()
    assert np.array_equal(np.asarray(dataset.images), np.asarray(open_shards(str(written)).images))
    told = capsys.readouterr().err
    assert "manifest.json: 503, message='Service Unavailable'" in told
    assert "shard-000002.tar: 503" in told
    assert "trying again in 0.01 s" in told
    assert not any(faults.values())
    faults["shard-000001.tar"] = ["503"] * 3
    dataset = open_shards(address)
    with pytest.raises(RunFailed, match=r"shard-000001.tar could not be read .*saddle resume"):
        dataset.images[30]
    assert numbers(dataset.images[30]) >= 0, "it is asked again once it is back"
    faults["shard-000003.tar"] = ["short", "short"]
    with pytest.raises(InputError, match=r"shard-000003.tar holds 5,000 of 52,224 bytes"):
        dataset.images[80]
    faults["shard-000003.tar"] = ["404"]
    with pytest.raises(InputError, match=r"shard-000003.tar is missing"):
        dataset.images[80]
    with pytest.raises(InputError, match=r"has no manifest.json of shards"):
        open_shards(f"{address}/elsewhere")
    monkeypatch.setenv("SADDLE_OFFLINE", "1")
    with pytest.raises(InputError, match="SADDLE_OFFLINE=1 forbids reading http"):
        open_shards(address)


def test_addresses_that_nothing_reads() -> None:
    with pytest.raises(InputError, match=r"pip install 'saddlepoint\[shards\]' s3fs"):
        resolve("s3://bucket/faces").open()
    with pytest.raises(InputError, match=r"nosuch://x cannot be read: Protocol not known: nosuch"):
        resolve("nosuch://x").open()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "digits"
    assert main(["data", "prepare", "digits", "--out", str(out), "--shards", "3"]) == 0
    assert "Wrote 1,797 pictures as 3 shards" in capsys.readouterr().out
    assert resolve(f"file://{out}").open().shards == (599, 599, 599)
    again = ["data", "prepare", "digits", "--out", str(out), "--shards", "3"]
    for words, sentence in (
        (again, "is not empty"),
        (["data", "prepare", "digits", "--out", f"{out}2", "--shards", "0"], "--shards 0 must be"),
        (["data", "prepare", "digits", "--out", f"{out}2", "--shards", "1798"], "at most 1,797"),
        (["data", "prepare", "ring8", "--out", f"{out}2", "--shards", "2"], "has no pictures"),
    ):
        assert main(words) == 2
        assert sentence in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["digits"]
