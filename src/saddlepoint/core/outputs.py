"""Where a verb may write what a user names with --out: one rule, checked before any work.

A file has a suffix that the verb writes. Nothing is replaced but a regular file of that name, which
the verb's help says. Nothing is written over the parts of a run folder. Parent folders are made.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from saddlepoint.core.errors import InputError, failure, remedy, words
from saddlepoint.core.files import check_replaceable, is_temporary, remove_leftovers
from saddlepoint.core.paths import given_path
from saddlepoint.core.reading import kind
from saddlepoint.core.runs import run_of_part


def output_file(path: str | os.PathLike[str], suffixes: Sequence[str]) -> Path:
    """The path of a file to write; what is there already is a regular file, to be replaced.

    Raises:
        InputError: another suffix, or a place that may not or cannot be written.
        RunFailed: the machine is in trouble, such as a full disk.
    """
    out = output_place(path)
    if out.suffix.lower() not in suffixes:
        raise InputError(f"--out {out}: unknown suffix {out.suffix!r}; use {', '.join(suffixes)}.")
    check_replaceable(out)
    remove_leftovers(out.parent, of=out)
    return out


def output_file_or_folder(
    path: str | os.PathLike[str], suffixes: Sequence[str]
) -> tuple[Path, str]:
    """The path and its suffix; "" for a folder to write. Raises as `output_file`."""
    out = given_path(path)
    # A folder may have a dot in its name.
    suffix = "" if out.is_dir() else out.suffix.lower()
    return (output_file(out, suffixes) if suffix else output_folder(out)), suffix


def output_folder(path: str | os.PathLike[str], own: str = "") -> Path:
    """The path of a folder to write, which is absent or empty, or was begun by the same verb.

    Args:
        own: the file by which a folder is known that the same verb has begun.

    Raises:
        InputError: it holds something else, or the place may not or cannot be written.
        RunFailed: the machine is in trouble, such as a full disk.
    """
    out = output_place(path)
    real = Path(os.path.realpath(out))
    remove_leftovers(real.parent, of=real)
    if not os.path.lexists(out):
        return out
    if not out.is_dir():
        raise InputError(f"--out {out} is {kind(os.lstat(out))}; choose the name of a new folder.")
    if own:
        remove_leftovers(out)
    with writing(f"--out {out}"):
        kept = not all(map(is_temporary, out.iterdir()))
    if kept and not (own and (out / own).is_file()):
        begun = f" and holds no {own}" if own else ""
        raise InputError(f"--out {out} is not empty{begun}; choose another folder.")
    return out


def output_place(path: str | os.PathLike[str]) -> Path:
    """The path of a file or folder to write, whatever is there now; raises as `output_file`."""
    out = given_path(path)
    if out.name in ("", ".."):
        raise InputError(f"--out {out}: the name of a file or folder is needed.")
    run = run_of_part(out)
    if run is not None:
        raise InputError(f"--out {out} is part of the run {run}; choose another name.")
    check_writable(out.parent, f"--out {out}")
    return out


def check_writable(folder: Path, what: str) -> None:
    """Raises as `output_file` unless files can be made in `folder`, or it can be made itself.

    Args:
        what: begins the sentence, as in `writing`.
    """
    made = folder
    while not os.path.lexists(made):
        made = made.parent
    # Written to for a moment, which says why it cannot be done; the file never has a name.
    with writing(what), tempfile.TemporaryFile(dir=made):
        pass


@contextmanager
def writing(what: str) -> Iterator[None]:
    """An OSError becomes a sentence: `what` cannot be written, why, and what helps.

    Raises:
        InputError, RunFailed: as `output_file`.
    """
    try:
        yield
    except OSError as error:
        sentence = f"{what} cannot be written ({words(error)}); {remedy(error)}."
        raise failure(error, sentence) from error
