"""Sizes of images that are reached by doubling, as convolutional generators do."""

from __future__ import annotations

from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError

MOST = 256
"""Pixels; a family that goes further says so itself."""


def halvings(size: int) -> tuple[int, int] | None:
    """(base, n) with size = base * 2^n, base in 4..7 and n >= 1, or None: 28 -> (7, 2)."""
    n = 0
    while size > 7 and size % 2 == 0:
        size //= 2
        n += 1
    # Below 4 px there is nothing left to arrange, and above 7 one more stage fits.
    return (size, n) if 4 <= size <= 7 and n >= 1 else None


def plan(spec: DataSpec) -> tuple[int, int]:
    """(base, n) of a size that `require_reachable` lets through."""
    found = halvings(spec.size)
    assert found is not None, "Architecture.check was not called"
    return found


def require_reachable(kind: str, spec: DataSpec) -> None:
    """Raises InputError for points, and for images that cannot be reached by doubling from 4-7 px
    or that are larger than `MOST`."""
    if not spec.is_image:
        raise InputError(f"{kind}: the data are points, not images; use --arch mlp.")
    if halvings(spec.size) is None or spec.size > MOST:
        reachable = [size for size in range(8, MOST + 1) if halvings(size)]
        near = min(reachable, key=lambda size: (abs(size - spec.size), -size))
        raise InputError(
            f"{kind}: {spec.size} px cannot be reached by doubling from 4-7 px; the nearest "
            f"size that can is {near} px (resize with --source.size or `saddle data prepare`)."
        )
