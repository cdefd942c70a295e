"""A mount namespace of our own in which only the scratch folder can be written.

The cases run as root and name paths such as /etc/passwd or /dev/stdout on purpose; a fault of the
command line must not cost the machine a file.
"""

from __future__ import annotations

import ctypes
import os
import stat
from pathlib import Path

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWNET = 0x00020000, 0x08000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND = 1, 2, 4, 32, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}
HIDDEN = ("/usr/share/datasets",)
"""Data sets of this machine: the cases must be the same on every machine."""
KEPT_FLAGS = {"nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": 8}

_libc = ctypes.CDLL(None, use_errno=True)


class NoSandbox(Exception):
    """The machine does not let us be safe; the sentence says what is missing."""


def enter(scratch: Path, megabytes: int = 3072) -> None:
    """Give this process its own mounts: a tmpfs at `scratch`, everything else read-only.

    Raises:
        NoSandbox: not permitted here, or something outside could still be written.
    """
    try:
        _call("unshare", CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET)
        mount(None, "/", None, MS_REC | MS_PRIVATE)
        mount("tmpfs", scratch, "tmpfs", 0, f"size={megabytes}m,mode=755")
        _small_dev(scratch)
        for place in HIDDEN:
            if os.path.isdir(place):
                mount("tmpfs", place, "tmpfs", 0, "size=4k")
        for point, flags in _mounts():
            if point != str(scratch):
                mount(None, point, None, MS_BIND | MS_REMOUNT | MS_RDONLY | flags)
    except OSError as error:
        raise NoSandbox(
            f"No private mount namespace ({error.strerror}): fuzz.py plays hostile cases only "
            "where nothing but its scratch folder can be written. Run it as root on Linux."
        ) from error
    verify(scratch)


def verify(scratch: Path) -> None:
    """Raises NoSandbox where a place outside `scratch` can be written."""
    for point, _ in _mounts(writable=True):
        if point != str(scratch) and not point.startswith(f"{scratch}/"):
            raise NoSandbox(f"{point} can still be written: fuzz.py does not start.")
    for place in (Path.home(), Path(__file__).parent, scratch.parent, Path("/dev")):
        probe = place / f".saddle-fuzz-{os.getpid()}"
        try:
            probe.touch()
        except OSError:
            continue
        probe.unlink()
        raise NoSandbox(f"{place} can still be written: fuzz.py does not start.")


def mount(
    source: str | None, target: str | Path, kind: str | None, flags: int, data: str = ""
) -> None:
    """mount(2). Raises OSError."""
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    _call("mount", *words, ctypes.c_ulong(flags), data.encode() or None)


def unmount(target: Path) -> None:
    _call("umount2", os.fsencode(target), MNT_DETACH)


def make_read_only(folder: Path) -> None:
    """A mount of its own, read-only; undo by `unmount`."""
    mount(str(folder), folder, None, MS_BIND)
    mount(None, folder, None, MS_BIND | MS_REMOUNT | MS_RDONLY)


def die_with_parent(number: int) -> None:
    """Let the kernel send this process a signal when its parent ends."""
    _libc.prctl(PR_SET_PDEATHSIG, number)


def _small_dev(scratch: Path) -> None:
    """/dev without disks: a read-only mount does not keep a device node from being written."""
    new = scratch / "dev"
    new.mkdir()
    for name, (major, minor) in DEVICES.items():
        os.mknod(new / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        os.chmod(new / name, 0o666)
    for name, target in (("stdin", "0"), ("stdout", "1"), ("stderr", "2")):
        os.symlink(f"/proc/self/fd/{target}", new / name)
    os.symlink("/proc/self/fd", new / "fd")
    for name in ("pts", "shm"):
        (new / name).mkdir()
    mount("devpts", new / "pts", "devpts", MS_NOSUID, "newinstance,ptmxmode=0666,mode=620")
    os.symlink("pts/ptmx", new / "ptmx")
    unmount(Path("/dev"))
    mount(str(new), "/dev", None, MS_BIND | MS_REC)


def _mounts(writable: bool = False) -> list[tuple[str, int]]:
    """Mount points and the flags that a remount must repeat; the later of two at one place."""
    found = {}
    with open("/proc/self/mountinfo") as file:
        for line in file:
            words = line.split()
            point, options = words[4].encode().decode("unicode_escape"), words[5].split(",")
            found[point] = options
    return [
        (point, sum(KEPT_FLAGS.get(option, 0) for option in options))
        for point, options in found.items()
        if (not writable or "rw" in options) and not point.endswith("/pts")
    ]


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
