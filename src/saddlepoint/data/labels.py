"""Labels from sub-folders, labels.csv, metadata.jsonl or dataset.json; any gap is an error."""

from __future__ import annotations

import csv
import io
import logging
import posixpath
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import parse
from saddlepoint.core.shapes import short
from saddlepoint.data.archive import Reader
from saddlepoint.data.listing import Entry, Refused, few

Label = int | str
log = logging.getLogger("saddlepoint")


class Labelling(NamedTuple):
    """The labels, known before any image is decoded."""

    origin: str
    """Where the labels come from, for the report; "none" if there are none."""
    by_name: dict[str, Label] | None
    """Label of each image file, or None."""


def is_label_file(name: str) -> bool:
    return posixpath.basename(name) in LABEL_FILES


def find_labels(
    label_files: list[Entry], images: list[str], rejected: Iterable[str], reader: Reader
) -> Labelling:
    """Decide where labels come from and check that they match the images.

    Args:
        label_files: entries whose name is one of LABEL_FILES.
        images: names of all image files.
        rejected: names that exist but are not read; labels for them are not a mistake.

    Raises:
        InputError: several label files, a malformed one, or one that does not match the images.
    """
    if len(label_files) > 1:
        found = few(entry.name for entry in label_files)
        raise InputError(
            f"There are {len(label_files)} label files ({found}), but only one may be used; "
            f"remove the others, or prepare the sub-folders one by one."
        )
    if not label_files:
        labels = _class_folders(images)
        return Labelling("sub-folders" if labels else "none", labels)
    labels = _parse(label_files[0], reader)
    if labels is None:
        return Labelling("none", None)
    _check_match(label_files[0].name, labels, images, rejected)
    return Labelling(label_files[0].name, {name: labels[name] for name in images})


def encode(labels: list[Label]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of the kept images -> int64 [n] and the class names, sorted (numbers by value)."""
    if not all(isinstance(label, int) for label in labels):
        labels = [str(label) for label in labels]
    classes = sorted(set(labels))  # type: ignore[type-var]  # all int or all str
    number = {label: index for index, label in enumerate(classes)}
    names = tuple(str(label) for label in classes)
    return np.array([number[label] for label in labels], np.int64), names


def _class_folders(images: list[str]) -> dict[str, Label] | None:
    """As ImageFolder: all images lie one folder deep, below any folders common to all."""
    folders = [posixpath.dirname(name) for name in images]
    if len(set(folders)) < 2 or "" in folders:
        return None
    # An archive often has one folder around everything, which is not a class.
    common = posixpath.commonpath(folders)
    classes = [folder[len(common) :].lstrip("/") for folder in folders]
    if any("/" in name or not name for name in classes):
        return None
    if all(map(_is_thousand, images, classes)):
        log.warning(
            f"The sub-folders {few(sorted(set(classes)))} hold a thousand numbered images each, "
            "as FFHQ's do, so they are not taken for classes: the images get no labels. FFHQ "
            "itself is best given as `--data ffhq --source.path PATH`."
        )
        return None
    return dict(zip(images, classes, strict=True))


def _is_thousand(image: str, folder: str) -> bool:
    """True for 31000/31999.png, and any other image whose folder is the thousand of its number."""
    number = posixpath.basename(image).partition(".")[0]
    named = all(re.fullmatch("[0-9]{5}", name) for name in (number, folder))
    return named and int(number) // 1000 * 1000 == int(folder)


def _parse(entry: Entry, reader: Reader) -> dict[str, Label] | None:
    """Path inside the source -> label; None if the file says that there are no labels."""
    name = entry.name
    try:
        text = reader.read(entry).decode("utf-8-sig")
    except (Refused, UnicodeDecodeError) as error:
        raise InputError(f"{name} cannot be read as UTF-8 ({error}); save it again.") from None
    rows = LABEL_FILES[posixpath.basename(name)](name, text)
    if rows is None:
        return None
    labels: dict[str, Label] = {}
    folder = posixpath.dirname(name)
    for file, label in rows:
        path = posixpath.normpath(posixpath.join(folder, file.replace("\\", "/")))
        if labels.setdefault(path, label) != label:
            raise InputError(
                f"{name} gives {file} two labels, {labels[path]!r} and {label!r}; keep one."
            )
    return labels


def _parse_csv(name: str, text: str) -> list[tuple[str, Label]]:
    reader = csv.reader(io.StringIO(text, newline=""))  # any line ends, of old Macs too
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: {error}; correct it.") from None
    header = [column.strip().lower() for column in rows[0]] if rows else []
    file_columns = [c for c in ("file", "file_name", "filename") if c in header]
    if not file_columns or "label" not in header:
        raise InputError(
            f"The first line of {name} is {','.join(header)[:80]!r}, but it must name the columns "
            f"`file` and `label`; add the line `file,label`."
        )
    file_at, label_at = header.index(file_columns[0]), header.index("label")
    pairs = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header) or not row[file_at].strip() or not row[label_at].strip():
            raise InputError(
                f"{name}, row {number}: {','.join(row)[:80]!r} does not fill the columns "
                f"{','.join(header)}; complete or delete it."
            )
        pairs.append((row[file_at].strip(), row[label_at].strip()))
    # Numbers sort by value (2 before 10) and names by letter, so a column is one or the other.
    if all(re.fullmatch(r"-?\d{1,18}", label) for _, label in pairs):
        return [(file, int(label)) for file, label in pairs]
    return pairs


def _parse_jsonl(name: str, text: str) -> list[tuple[str, Label]] | None:
    pairs: list[tuple[str, Label]] = []
    n_rows = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        row = _json(f"{name}, line {number}", line)
        if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
            raise InputError(
                f'{name}, line {number}: {line[:80]!r} is not an object with "file_name"; '
                f'write {{"file_name": "a.png", "label": 0}}.'
            )
        n_rows += 1
        if row.get("label") is not None:
            pairs.append((row["file_name"], _label(f"{name}, line {number}", row["label"])))
    if 0 < len(pairs) < n_rows:
        raise InputError(
            f'{n_rows - len(pairs)} of the {n_rows} lines of {name} have no "label"; give every '
            f"image one, or none."
        )
    return pairs or None


def _parse_stylegan(name: str, text: str) -> list[tuple[str, Label]] | None:
    document = _json(name, text)
    labels = document.get("labels") if isinstance(document, dict) else document
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(
        isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) for row in labels
    ):
        raise InputError(
            f'{name} must read {{"labels": [["a.png", 0], ...]}} or {{"labels": null}}; correct it.'
        )
    return [(file, _label(name, label)) for file, label in labels]


LABEL_FILES = {
    "labels.csv": _parse_csv,
    "metadata.jsonl": _parse_jsonl,
    "dataset.json": _parse_stylegan,
}
"""Name of a file of labels -> its parser."""


def _json(where: str, text: str) -> Any:
    try:
        return parse(text, where)
    except InputError as error:
        raise InputError(f"{error} Correct it.") from None


def _label(where: str, label: Any) -> Label:
    if isinstance(label, bool) or not isinstance(label, int | str):
        raise InputError(f"{where}: the label {short(label)} is neither a whole number nor text.")
    return label


def _check_match(
    name: str, labels: dict[str, Label], images: list[str], rejected: Iterable[str]
) -> None:
    absent = sorted(set(labels) - set(images) - set(rejected))
    if absent:
        raise InputError(
            f"{name} names {len(absent)} files that are not images here ({few(absent)}); "
            f"correct the names or delete these lines."
        )
    bare = [image for image in images if image not in labels]
    if bare:
        raise InputError(
            f"{len(bare)} of {len(images)} images have no label in {name} ({few(bare)}); "
            "add them to it, remove the images, or ignore all labels (`saddle data prepare` with "
            "--labels none, `saddle train` with --source.labels none)."
        )
