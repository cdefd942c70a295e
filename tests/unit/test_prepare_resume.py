"""Two runs are equal byte for byte, also when one was killed; nothing is overwritten."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from _forked import wait_until
from PIL import Image

from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.data.prepare import prepare

N = 1100
"""More than the number from which worker processes are used."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(N):
        pixels = rng.integers(0, 256, (24, 20, 3), np.uint8)
        Image.fromarray(pixels).save(root / f"{number:05d}.{'jpg' if number % 2 else 'png'}")
    (root / "00007.jpg").write_bytes(b"nothing")
    shutil.copy(root / "00100.png", root / "00900.png")
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def reference(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("reference") / "out"
    report = prepare(pictures, out, size=16, workers=1)
    assert report.n_images == N - 2
    return contents(out)


def test_workers_do_not_change_a_byte(
    pictures: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    seen = []
    prepare(
        pictures,
        tmp_path / "out",
        size=16,
        workers=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert contents(tmp_path / "out") == reference
    assert seen[0] == (0, N)
    assert seen[-1] == (N, N)
    assert seen == sorted(seen)


def test_a_killed_preparation_goes_on(
    pictures: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    program = (  # on its top level, as a notebook or a user's first script would
        "import sys, time; from pathlib import Path; from saddlepoint.data.prepare import prepare\n"
        "prepare(Path(sys.argv[1]), Path(sys.argv[2]), size=16, workers=2,\n"
        "  progress=lambda done, total: done and time.sleep(600))\n"
    )
    script = tmp_path / "run.py"
    script.write_text(program)
    process = subprocess.Popen([sys.executable, script, pictures, out], start_new_session=True)
    chunks = tmp_path / "out.partial/chunks"
    wait_until(lambda: list(chunks.glob("*.json")), "no chunk is written")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists()
    wait_until(lambda: is_empty(process.pid), "a worker outlived its killed parent")
    started_with = []
    prepare(pictures, out, size=16, workers=1, progress=lambda done, _: started_with.append(done))
    assert started_with[0] > 0
    assert contents(out) == reference
    assert not (tmp_path / "out.partial").exists()


def is_empty(session: int) -> bool:
    """Whether no process of the session is left."""
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_torn_chunk_is_done_again(
    pictures: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(pictures, out, size=16, workers=1, progress=stop)
    torn = tmp_path / "out.partial/chunks/000001.bin"
    torn.write_bytes(torn.read_bytes()[:-1] + b"\0")
    prepare(pictures, out, size=16, workers=1)
    assert contents(out) == reference


def test_chunks_of_other_options_are_not_used(
    pictures: Path, reference: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def stop(done: int, total: int) -> None:
        if done > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(pictures, out, size=8, workers=1, progress=stop)
    prepare(pictures, out, size=16, workers=1)
    assert contents(out) == reference


def test_a_worker_that_dies_is_one_sentence(
    pictures: Path, reference: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(RunFailed, match="run the same command again to go on"):
            prepare(pictures, out, size=16, workers=2)
    prepare(pictures, out, size=16, workers=2)
    assert contents(out) == reference


def small(root: Path) -> Path:
    root.mkdir()
    for number in range(3):
        pixels = np.full((8, 8), 50 * number, np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")
        os.utime(root / f"{number}.png", (1e9, 1e9))
    return root


def test_the_same_preparation_is_not_done_twice(tmp_path: Path) -> None:
    source, out = small(tmp_path / "in"), tmp_path / "out"
    first = prepare(source, out, size=8)
    inode = (out / "images.npy").stat().st_ino
    again = prepare(source, out, size=8)
    assert (first.reused, again.reused) == (False, True)
    assert again.manifest == first.manifest
    assert (out / "images.npy").stat().st_ino == inode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_an_out_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    source, out = small(tmp_path / "in"), tmp_path / "out"
    prepare(source, out, size=8)
    before = contents(out)
    with pytest.raises(InputError, match="holds in, prepared with other options"):
        prepare(source, out, size=16)
    changed = Image.fromarray(np.full((8, 8), 7, np.uint8))
    changed.save(source / "0.png")
    os.utime(source / "0.png", (4e9, 4e9))
    with pytest.raises(InputError, match="prepared before its files changed"):
        prepare(source, out, size=8)
    assert contents(out) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(InputError, match=r"not empty and holds no manifest\.json"):
        prepare(source, tmp_path / "mine", size=8)
    with pytest.raises(InputError, match="is inside the source"):
        prepare(source, source / "out", size=8)
    with pytest.raises(InputError, match="is prepared already"):
        prepare(out, tmp_path / "twice", size=8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "mine", "out"]


def test_an_empty_out_is_filled(tmp_path: Path) -> None:
    source = small(tmp_path / "in")
    (tmp_path / "out").mkdir()
    assert prepare(source, tmp_path / "out", size=8).n_images == 3


def test_a_full_disk_stops_cleanly_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = small(tmp_path / "in"), tmp_path / "out"

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("saddlepoint.data.assemble.os.fsync", full)
        with pytest.raises(RunFailed, match=r"No space left .*out was prepared; free some space"):
            prepare(source, out, size=8)
    assert not out.exists()
    assert prepare(source, out, size=8).n_images == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_an_out_that_cannot_be_written(tmp_path: Path) -> None:
    source = small(tmp_path / "in")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        prepare(source, tmp_path / "file/out", size=8)
