"""The world of a case: runs, data and files to work on, made once and copied for each case."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

SMALL = ("--arch.generator-width", "4", "--arch.discriminator-width", "4", "--arch.latent-dim", "8")
SHORT = (
    *("--train.batch-size", "16", "--train.tick-kimg", "0.032"),
    *("--train.sample-kimg", "0.064", "--train.n-samples", "4"),
)
MEASURED = ("--features", "pixels", "--n", "60", "--bootstrap", "3")
LINE = ("--arch.generator-widths", "8", "--arch.discriminator-widths", "8")
SETUP: tuple[tuple[str | tuple[str, ...], ...], ...] = (
    ("train dcgan --data digits --kimg 0.192 --out run", SMALL, SHORT),
    ("evaluate run --quiet", MEASURED),
    ("train cgan-onehot --data digits --kimg 0.064 --out labelled --doctor off", SMALL, SHORT),
    ("evaluate labelled --quiet", MEASURED),
    ("train gan --data ring8 --kimg 0.128 --out points --train.tick-kimg 0.064 --doctor off", LINE),
    ("data prepare pictures --out prepared --size 8 --workers 1",),
    ("train dcgan --data prepared --kimg 0.064 --out onown --doctor off", SMALL, SHORT),
)
"""What makes the world, by the command line itself."""
ALWAYS = ("home", "tmp", "precious.txt", "link", "loop", "fifo", "node", "empty", "full.")
"""How the names begin of what every case has."""
MOST_HASHED = 64 * 2**20
Snapshot = dict[str, tuple[Any, ...]]


def make_template(world: Path, play: Callable[[tuple[str, ...]], None]) -> None:
    """Fill the empty folder `world`; `play` runs one command line there."""
    (world / "home").mkdir()
    (world / "tmp").mkdir()
    draw_pictures(world / "pictures", 12, Random(0), classes=2)
    _pack(world)
    _arrays(world)
    (world / "precious.txt").write_text("Years of work.\n")
    os.symlink("precious.txt", world / "link")
    os.symlink("loop", world / "loop")
    (world / "empty").mkdir()
    # What no output may replace, under the endings that the verbs ask for too.
    for suffix in ("", ".png", ".npz", ".html", ".gif"):
        os.mkfifo(world / f"fifo{suffix}")
        os.mknod(world / f"node{suffix}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        (world / f"full{suffix or '.d'}").mkdir()
        (world / f"full{suffix or '.d'}" / "precious.txt").write_text("Years of work.\n")
    for suffix in (".png", ".html"):
        os.symlink("precious.txt", world / f"link{suffix}")
    for line, *more in SETUP:
        assert isinstance(line, str)
        play((*line.split(), *(word for words in more for word in words)))
    newest = sorted((world / "run/checkpoints").iterdir())[-1]
    shutil.copy(newest / "ema.safetensors", world / "ema.safetensors")
    _stop_half_way(world)


def _stop_half_way(world: Path) -> None:
    """`part`: the run as a kill after its last checkpoint but one has left it."""
    shutil.copytree(world / "run", world / "part")
    checkpoints = sorted((world / "part/checkpoints").iterdir())
    shutil.rmtree(checkpoints[-1])
    (world / "part/report.html").unlink()
    status = world / "part/status.json"
    status.write_text(status.read_text().replace("finished", "running"))
    # Nothing decides about a report less than its bulk of scripts; each case would copy it.
    for run in ("run", "labelled", "points", "onown"):
        (world / run / "report.html").write_text("<!doctype html><title>report</title>\n")


def draw_pictures(
    folder: Path,
    n: int,
    draw: Random,
    classes: int = 1,
    width: int = 11,
    height: int = 9,
    mode: str = "RGB",
) -> None:
    """n small pictures of noise, PNG and JPEG, in one sub-folder for each class."""
    names = [chr(ord("a") + i) for i in range(classes)] if classes > 1 else [""]
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(n):
        bands = len(Image.new(mode, (1, 1)).getbands())
        picture = Image.frombytes(mode, (width, height), draw.randbytes(width * height * bands))
        suffix = "jpg" if i % 3 == 0 and mode in ("L", "RGB") else "png"
        picture.save(folder / names[i % len(names)] / f"{i:03d}.{suffix}")


def _pack(world: Path) -> None:
    """The pictures as a zip and as two tars."""
    files = sorted(path for path in (world / "pictures").rglob("*") if path.is_file())
    with zipfile.ZipFile(world / "pictures.zip", "w") as archive:
        for path in files:
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(world))), path.read_bytes())
    for name in ("pictures.tar", "pictures.tgz"):
        with tarfile.open(world / name, "w:gz" if name.endswith("gz") else "w") as tar:
            for path in files:
                info = tarfile.TarInfo(str(path.relative_to(world)))
                info.size = path.stat().st_size
                tar.addfile(info, io.BytesIO(path.read_bytes()))


def _arrays(world: Path) -> None:
    """Sets of images as .npz and as IDX."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (64, 8, 8, 1), np.uint8)
    labels = np.arange(64, dtype=np.int64) % 10
    np.savez(world / "set.npz", images=images, labels=labels)
    np.savez(world / "other.npz", images=images[:40] // 2)
    folder = world / "idx"
    folder.mkdir()
    for name, array in (("images-idx3", images[..., 0]), ("labels-idx1", labels.astype(np.uint8))):
        head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (folder / f"train-{name}-ubyte").write_bytes(head + array.tobytes())
    whole = (folder / "train-images-idx3-ubyte").read_bytes()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(whole, mtime=0))


def copy_parts(template: Path, world: Path, wanted: Iterable[str]) -> None:
    """Empty `world` and copy what a case names of the template, times and links included."""
    clear(world)
    texts = list(wanted)
    texts += ["prepared"] * any("onown" in text for text in texts)  # what that run was trained on
    for entry in sorted(os.scandir(template), key=lambda entry: entry.name):
        target = world / entry.name
        always = entry.name.startswith(ALWAYS)
        if not always and not any(entry.name in text for text in texts):
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
        elif entry.is_dir():
            shutil.copytree(entry.path, target, symlinks=True)
        elif entry.is_file():
            shutil.copy2(entry.path, target)
        else:
            status = entry.stat()
            os.mknod(target, status.st_mode, status.st_rdev)
            os.chmod(target, status.st_mode & 0o7777)


def clear(folder: Path) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def snapshot(world: Path) -> Snapshot:
    """Path -> kind, mode and content of all that lies below; what cannot be read has no content."""
    found: Snapshot = {}
    for folder, folders, files in os.walk(os.fsencode(world)):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            content: Any = None
            if kind == stat.S_IFLNK:
                content = os.readlink(path)
            elif kind == stat.S_IFREG and status.st_size <= MOST_HASHED:
                content = _hash(path)
            elif kind == stat.S_IFREG:
                content = status.st_size
            relative = os.path.relpath(path, os.fsencode(world))
            found[os.fsdecode(relative)] = (kind, status.st_mode & 0o7777, content)
    return found


def _hash(path: bytes) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()
