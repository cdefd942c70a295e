"""Data sets in the format of Hugging Face `datasets`, from the hub or a folder."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from saddlepoint.core.checks import between, one_of
from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder
from saddlepoint.core.json_files import dumps, sha256_of_json
from saddlepoint.core.outputs import check_writable, writing
from saddlepoint.core.reading import read_bytes
from saddlepoint.core.registry import register
from saddlepoint.data.archive import list_source
from saddlepoint.data.listing import MAX_MEMBERS, few
from saddlepoint.data.manifest import MAX_SIZE, MIN_SIZE, RULES
from saddlepoint.data.prepare import prepare
from saddlepoint.data.progress import progress_bars
from saddlepoint.data.search import offline
from saddlepoint.data.sources._prepared import open_prepared


@register("hf")
@dataclass(frozen=True, kw_only=True)
class HuggingFace(Source):
    """Pictures of a Hugging Face data set, prepared into the cache on first use: `hf:owner/name`,
    or `hf:FOLDER` of parquet files or pictures on this machine (extra `hf`)."""

    name: str
    """owner/name on the hub, or a folder."""
    subset: str = ""
    """The configuration, for data sets that have several."""
    split: str = "train"
    """train, test, or a part, as in train[:10%]."""
    revision: str = ""
    """A branch, tag or commit on the hub; a commit pins the data."""
    image: str = ""
    """The column of the pictures; empty takes the first."""
    label: str = "auto"
    """The column of the labels; auto takes the first of classes, none ignores them."""
    size: int = 64
    """Height and width in pixels, 4 to 1024."""
    fit: Literal["crop", "pad"] = "crop"
    """crop: the centred square of an image; pad: the whole image with black borders."""
    streaming: bool = False
    """Read the rows as they arrive, without a copy of the set's own files on this machine."""

    def __post_init__(self) -> None:
        between(self, MIN_SIZE, MAX_SIZE, "size")
        one_of(self, ("crop", "pad"), "fit")

    def open(self) -> Dataset:
        options = {**asdict(self), "streaming": False, "rules": RULES}
        if Path(self.name).is_dir():  # prepared again where a file in it changes
            spool = partial(Path, tempfile.gettempdir())
            options["stamp"] = list_source(Path(self.name), spool).key(stamps=True)
        out = cache_folder() / "prepared" / sha256_of_json(options)[:20]
        short = Path(self.name).name
        with suppress(InputError):
            return open_prepared(out, short)
        check_writable(out.parent, f"The cache {out.parent}, which XDG_CACHE_HOME can move,")
        out.parent.mkdir(parents=True, exist_ok=True)
        rows, image, label = self._rows()
        with (
            writing(f"The cache {out.parent}"),
            tempfile.TemporaryDirectory(dir=out.parent) as scratch,
            progress_bars() as progress,
        ):
            pictures = Path(scratch) / f"{short}.zip"
            told = partial(progress, f"Reading {short}")
            self._pack(pictures, self._pairs(rows, image, label), _length(rows), told)
            told = partial(progress, f"Preparing {short}")
            prepare(pictures, out, size=self.size, fit=self.fit, progress=told)
        return open_prepared(out, short)

    def _rows(self) -> tuple[Any, str, str]:
        """The rows, with pictures as the bytes that they are stored as; the two columns."""
        here = Path(self.name).is_dir()
        if offline() and not here:
            raise InputError(f"SADDLE_OFFLINE=1 forbids reading hf:{self.name}; give a folder.")
        try:
            datasets: Any = import_module("datasets")
        except ModuleNotFoundError:
            raise InputError(
                f"hf:{self.name} needs the package datasets: `pip install 'saddlepoint[hf]'`."
            ) from None
        datasets.disable_progress_bars()
        how = {"split": self.split, "streaming": self.streaming}
        how |= {} if here or not self.revision else {"revision": self.revision}
        troubles = (OSError, ValueError, datasets.exceptions.DatasetsError)
        try:
            rows: Any = datasets.load_dataset(self.name, self.subset or None, **how)
            columns = rows.features or {}
        except troubles as error:
            why = " ".join(str(error).split())[:300]
            raise InputError(f"hf:{self.name} cannot be loaded: {why}") from error
        image = self._image_column(columns, datasets.Image)
        label = "" if self.label == "none" else self.label
        if self.label == "auto":
            classes = (n for n, kind in columns.items() if isinstance(kind, datasets.ClassLabel))
            label = next(classes, "")
        elif label and label not in columns:
            raise InputError(
                f"hf:{self.name} has no column {label!r} of labels, only {few(columns, 20)}; name "
                "one with --source.label."
            )
        # Pictures are decoded by ours, which takes no bombs.
        return rows.cast_column(image, datasets.Image(decode=False)), image, label

    def _image_column(self, columns: dict[str, Any], kind: type) -> str:
        found = [n for n, k in columns.items() if isinstance(k, kind) and self.image in ("", n)]
        if not found:
            wanted = f" {self.image!r}" if self.image else ""
            raise InputError(
                f"hf:{self.name} has no column{wanted} of pictures among "
                f"{few(columns, 20) or '(none)'}; name one with --source.image."
            )
        return found[0]

    def _pairs(self, rows: Any, image: str, label: str) -> Iterator[tuple[bytes, Any]]:
        """The bytes of each picture, and its label: a name, a number, or None."""
        names = getattr((rows.features or {}).get(label), "names", None)
        for number, row in enumerate(rows):
            picture, value = row[image] or {}, row.get(label)
            content = picture.get("bytes")
            if content is None:
                content = read_bytes(picture["path"]) if picture.get("path") else b""
            if names is not None:  # -1 says that there is none
                value = names[value] if value is not None and value >= 0 else None
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | str)):
                raise InputError(
                    f"hf:{self.name}, row {number}: the label {str(value)[:40]!r} is neither a "
                    "whole number nor text; name another column with --source.label."
                )
            yield content, value

    def _pack(
        self, path: Path, pairs: Iterable[tuple[bytes, Any]], n: int | None, progress: Any
    ) -> None:
        """Write a zip that `prepare` reads."""
        lines = []
        with zipfile.ZipFile(path, "w") as archive:
            for number, (content, label) in enumerate(pairs):
                if number + 1 >= MAX_MEMBERS:
                    raise InputError(
                        f"hf:{self.name} has more than {MAX_MEMBERS:,} pictures; take a part, as "
                        "in --source.split 'train[:1000000]', or shards."
                    )
                name = f"{number:09d}"
                archive.writestr(name, content)
                known = {} if label is None else {"label": label}
                lines.append(dumps({"file_name": name, **known}) + "\n")
                progress(number + 1, n or number + 1)
            archive.writestr("metadata.jsonl", "".join(lines))


def _length(rows: Any) -> int | None:
    """How many rows there are; None where they only stream."""
    return len(rows) if hasattr(rows, "__len__") else None
