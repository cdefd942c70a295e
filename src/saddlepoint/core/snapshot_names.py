"""Names of checkpoints, grids and scores: how many images a run had seen."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from saddlepoint.core.reading import unreadable

_T = TypeVar("_T")

# 000200k, or 000200k512 where two snapshots fall into one thousand.
_SNAPSHOT = re.compile(r"[0-9]{6,12}k[0-9]{0,3}")


def snapshot_name(n_images: int, images_per_step: int) -> str:
    """`000200k`: thousands of images; the rest is appended when it is at least one step."""
    rest = n_images % 1000
    return f"{n_images // 1000:06d}k" + (f"{rest:03d}" if rest >= images_per_step else "")


def images_of(snapshot: Path) -> int:
    """The number of images in a snapshot's name: the nominal thousand."""
    thousands, rest = snapshot.stem.split("k")
    return int(thousands) * 1000 + int(rest or 0)


def snapshots_in(folder: Path, suffix: str) -> list[Path]:
    """Those of a folder with this suffix, oldest first; [] where there is no such folder.

    Raises:
        InputError: the folder cannot be read.
        OSError: the machine is in trouble, such as an error of the disk.
    """
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise unreadable(folder, error) from error
    paths = [folder / name for name in names]
    found = [p for p in paths if p.suffix == suffix and _SNAPSHOT.fullmatch(p.stem)]
    # By number: above 999,999k, names are longer and would sort before shorter ones.
    return sorted(found, key=images_of)


def spread(items: Sequence[_T], most: int) -> list[_T]:
    """At most `most` items: the first, the last, and between them closer together early on."""
    if len(items) <= most:
        return list(items)
    # The power puts more of them early, where training changes most.
    places = np.rint(np.linspace(0, 1, most) ** 1.5 * (len(items) - 1)).astype(int)
    return [items[i] for i in np.unique(places)]
