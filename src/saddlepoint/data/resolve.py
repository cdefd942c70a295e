"""From what a user gives as data to a source: the name of a data set, or a path."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import NamedTuple

from saddlepoint.core import registry
from saddlepoint.core.contracts import Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.paths import given_path
from saddlepoint.core.reading import open_regular
from saddlepoint.data.archive import archive_kind
from saddlepoint.data.manifest import read_manifest
from saddlepoint.data.search import NamedSource
from saddlepoint.data.shards.foreign import holds_tars, names_in
from saddlepoint.data.shards.index import MANIFEST, holds_shards
from saddlepoint.data.shards.store import is_address


class Available(NamedTuple):
    """A row of `saddle data list`."""

    name: str
    where: str | None
    """Where the data is; None if it would have to be fetched."""
    description: str


def resolve(text: str) -> Source:
    """The source that `--data TEXT` means; a name takes precedence over a path.

    Raises:
        InputError: neither a data set nor an existing path, or a path of no known kind.
    """
    named = _named_sources()
    if text in named:
        return named[text]()
    if text.startswith("hf:") and not is_address(text):
        name = text.removeprefix("hf:")
        name = str(Path(name).absolute()) if given_path(name).is_dir() else name
        return registry.get("source", "hf")(name=name)
    if is_address(text):
        return registry.get("source", "shards")(path=text)
    path = given_path(text.removeprefix("file://"))
    if path.suffix == ".tar" and len(names_in(path.name)) > 1:
        return registry.get("source", "shards")(path=str(path.absolute()))
    if not path.exists():
        raise InputError(
            f"{registry.unknown('data set', text, named).rstrip('.')} - and there is no file or "
            f"folder {str(path)!r} either."
        )
    if path.name == MANIFEST and holds_shards(path.parent):
        path = path.parent
    # Absolute, so that a run resumed from another folder still finds its data.
    return registry.get("source", _kind(path))(path=str(path.absolute()))


def available() -> list[Available]:
    """Every named data set, and where it is; downloads nothing."""
    rows = []
    for name, source in _named_sources().items():
        description = (inspect.getdoc(source) or "").partition("\n\n")[0].replace("\n", " ")
        rows.append(Available(name, source().where(), description))
    return rows


def _named_sources() -> dict[str, type[NamedSource]]:
    classes = {name: registry.get("source", name) for name in registry.names("source")}
    return {name: cls for name, cls in classes.items() if issubclass(cls, NamedSource)}


def _kind(path: Path) -> str:
    """The registered name of the source that reads this path."""
    if path.is_dir():
        if holds_shards(path) or holds_tars(path):
            return "shards"
        return "folder" if read_manifest(path) is None else "prepared"
    if path.suffix.lower() == ".npz":
        return "npz"
    if "idx3" in path.name or _starts_as_idx(path):
        return "idx"
    if archive_kind(path):  # read and prepared like a folder
        return "folder"
    raise InputError(
        f"{path} is not data of a known kind; give a folder, zip or tar of images, a prepared "
        f"folder, an .npz or an IDX file of images."
    )


def _starts_as_idx(path: Path) -> bool:
    with open_regular(path) as file:
        return file.read(4) == b"\x00\x00\x08\x03"


def first_data_set() -> str:
    """The data set to use if none is named: the first of these on this machine, else `digits`."""
    found = {name for name, where, _ in available() if where is not None}
    return next((n for n in ("fashion-mnist", "mnist", "ffhq") if n in found), "digits")
