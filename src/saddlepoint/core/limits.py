"""The memory that is left to this process. No torch in here.

Sizes are checked before anything is built: an allocation that fails in the middle loses the work
before it, and one that succeeds may get the process killed later.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from saddlepoint.core.errors import InputError

_OWN = Path("/proc/self")
_CGROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    (
        Path("/sys/fs/cgroup/memory"),
        *("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ),
)
"""Where versions 2 and 1 are mounted; files of the limit and the use; what of the use is cache."""


def available_memory() -> int:
    """Bytes that this process may still take: the least of what the machine has left, the control
    group (of a container, say) allows, and `ulimit -v` and `-d` allow."""
    return max(0, min((_of_machine(), *_of_control_groups(), *_of_ulimit())))


def used_memory() -> int:
    """Bytes of memory that this process has now: its resident set."""
    used = _numbers(_OWN / "status").get("VmRSS:")
    if used is None:  # not Linux: the greatest so far; macOS counts bytes
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most
    return 1024 * used


def require_memory(n_bytes: int, what: str, remedy: str, available: int | None = None) -> None:
    """Raises InputError where `n_bytes` are more than there are.

    Args:
        what: what needs them, to begin the sentence with.
        remedy: what to lower: `give a smaller --n`.
        available: bytes; None: of `available_memory`. Of a device, what it has left.
    """
    left = available_memory() if available is None else available
    if n_bytes > left:
        raise InputError(
            f"{what} needs about {in_words(n_bytes)} of memory, but {in_words(left)} are "
            f"available; {remedy}."
        )


def in_words(n_bytes: int) -> str:
    """19.4 GB, 512 MB."""
    if n_bytes < 10**9:
        return f"{n_bytes // 10**6:,} MB"
    return f"{n_bytes / 10**9:,.1f} GB" if n_bytes < 10**15 else f"{n_bytes // 10**9:,} GB"


def _of_machine() -> int:
    free = _numbers(Path("/proc/meminfo")).get("MemAvailable:")
    if free is None:  # not Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 1024 * free


def _of_control_groups() -> Iterator[int]:
    with suppress(OSError):
        for line in (_OWN / "cgroup").read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds in ("", "memory"):
                root, limit, use, cache = _CGROUPS[kinds == "memory"]
                own = root / path.lstrip("/")
                # Every group above limits its members too. In a container the lower ones of this
                # path may not exist: there the root is the container's own.
                for group in (own, *own.parents):
                    if group.is_relative_to(root):
                        with suppress(OSError, ValueError):  # no such file; "max"
                            most = int((group / limit).read_text())
                            used = int((group / use).read_text())
                            yield most - used + _numbers(group / "memory.stat").get(cache, 0)


def _of_ulimit() -> Iterator[int]:
    own = _numbers(_OWN / "status")
    for kind, used in ((resource.RLIMIT_AS, "VmSize:"), (resource.RLIMIT_DATA, "VmData:")):
        most, _ = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY:
            yield most - 1024 * own.get(used, 0)


def _numbers(file: Path) -> dict[str, int]:
    """The lines `name number ...` of a file; {} where there is none."""
    found = {}
    with suppress(OSError):
        for line in file.read_text().splitlines():
            name, number, *_ = (*line.split(), "", "")
            if number.isdigit():
                found[name] = int(number)
    return found
