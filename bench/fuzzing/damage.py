"""What is done to the files of a world before a command runs: bytes, kinds and permissions."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from fuzzing import sandbox, wild
from fuzzing.case import Step

MOST_BYTES = 2**28
STEPS: dict[str, Callable[..., None]] = {}
"""Name of a step -> what does it, called with the world and the step's own arguments."""


def step(function: Callable[..., None]) -> Callable[..., None]:
    """Let a step be called by its function's name."""
    STEPS[function.__name__] = function
    return function


def apply(world: Path, steps: tuple[Step, ...]) -> None:
    """Do all steps; one that an earlier one has made impossible is left out."""
    for each in steps:
        arguments: dict[str, Any] = {**each}
        try:
            STEPS[arguments.pop("do")](world, **arguments)
        except OSError:
            continue


def matching(world: Path, pattern: str, pick: float) -> Path:
    """The file at a relative path, or one of those that fit a pattern with `*`."""
    if "*" not in pattern:
        return world / pattern
    found = sorted(path for path in world.glob(pattern) if not path.is_dir())
    if not found:
        raise FileNotFoundError(pattern)
    return found[int(pick * len(found))]


def _content(path: Path) -> bytes:
    # An earlier step may have put a pipe, a device or 30 GB of nothing there.
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise FileNotFoundError(path)
    return path.read_bytes()


@step
def truncate(world: Path, path: str, at: float, pick: float = 0.0) -> None:
    target = matching(world, path, pick)
    content = _content(target)
    target.write_bytes(content[: int(at * len(content))])


@step
def flip(world: Path, path: str, seed: int, n: int = 1, pick: float = 0.0) -> None:
    """Change n bits."""
    target, draw = matching(world, path, pick), Random(seed)
    content = bytearray(_content(target))
    for _ in range(n if content else 0):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    target.write_bytes(content)


@step
def swap(world: Path, path: str, seed: int, pick: float = 0.0) -> None:
    """Exchange two blocks of up to 64 bytes."""
    target, draw = matching(world, path, pick), Random(seed)
    content = bytearray(_content(target))
    size = min(64, len(content) // 2)
    if size == 0:
        return
    first = draw.randrange(len(content) - 2 * size + 1)
    second = draw.randrange(first + size, len(content) - size + 1)
    left, right = content[first : first + size], content[second : second + size]
    content[first : first + size], content[second : second + size] = right, left
    target.write_bytes(content)


@step
def zero(world: Path, path: str, at: float, n: int, pick: float = 0.0) -> None:
    """Bytes that a file system lost in a power cut."""
    target = matching(world, path, pick)
    content = _content(target)
    begin = int(at * len(content))
    size = min(n, len(content) - begin)
    target.write_bytes(content[:begin] + bytes(size) + content[begin + size :])


@step
def insert(world: Path, path: str, at: float, seed: int, n: int, pick: float = 0.0) -> None:
    target = matching(world, path, pick)
    content = _content(target)
    begin = int(at * len(content))
    target.write_bytes(content[:begin] + Random(seed).randbytes(n) + content[begin:])


@step
def repeat(world: Path, path: str, times: int, pick: float = 0.0) -> None:
    """The same content several times: lines twice, a document behind a document."""
    target = matching(world, path, pick)
    target.write_bytes(_content(target) * times)


@step
def grow(world: Path, path: str, size: int, pick: float = 0.0) -> None:
    """A hole at the end, so that the file claims `size` bytes and holds few."""
    target = matching(world, path, pick)
    if target.is_file():
        os.truncate(target, size)


@step
def delete(world: Path, path: str, pick: float = 0.0) -> None:
    target = matching(world, path, pick)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink()


@step
def become(world: Path, path: str, kind: str, pick: float = 0.0) -> None:
    """Something else at the place of a file."""
    target = matching(world, path, pick)
    if os.path.lexists(target):
        delete(world, str(target.relative_to(world)))
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        target.mkdir()
    elif kind == "fifo":
        os.mkfifo(target)
    elif kind in ("null", "zero", "full"):
        os.mknod(target, stat.S_IFCHR | 0o666, os.makedev(*sandbox.DEVICES[kind]))
    else:
        targets = {"dangling": "nowhere", "loop": target.name, "outside": "/proc/self/environ"}
        targets["precious"] = os.path.relpath(world / "precious.txt", target.parent)
        (world / "precious.txt").write_text("Years of work.\n")
        os.symlink(targets[kind], target)


@step
def document(world: Path, path: str, name: str, pick: float = 0.0) -> None:
    """A whole content that a file of ours never has."""
    target = matching(world, path, pick)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(wild.DOCUMENTS[name])


@step
def mode(world: Path, path: str, to: int, pick: float = 0.0) -> None:
    os.chmod(matching(world, path, pick), to)


@step
def owner(world: Path, path: str, uid: int, pick: float = 0.0) -> None:
    os.chown(matching(world, path, pick), uid, uid, follow_symlinks=False)


@step
def time(world: Path, path: str, to: int, pick: float = 0.0) -> None:
    os.utime(matching(world, path, pick), (to, to))


@step
def name(world: Path, path: str, to: str, pick: float = 0.0) -> None:
    """Rename a file or folder inside its folder."""
    target = matching(world, path, pick)
    target.rename(target.with_name(to))


@step
def read_only(world: Path, path: str) -> None:
    (world / path).mkdir(exist_ok=True)
    sandbox.make_read_only(world / path)


@step
def small_disk(world: Path, path: str, kilobytes: int) -> None:
    (world / path).mkdir(exist_ok=True)
    sandbox.mount("tmpfs", world / path, "tmpfs", 0, f"size={kilobytes}k")


def mounted(world: Path, steps: tuple[Step, ...]) -> Iterator[Path]:
    """The places that must be unmounted after the case."""
    for each in steps:
        if each["do"] in ("read_only", "small_disk"):
            yield world / each["path"]
