"""manifest.json: what a prepared folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import parse
from saddlepoint.core.reading import Absent, read_bytes
from saddlepoint.core.shapes import shaped

SCHEMA = "saddlepoint-prepared-1"
"""The format; a folder of another one is refused."""
RULES = 2
"""How files become images and labels: raised where the same files would now give others, so that
nothing prepared earlier is reused. 2: sub-folders of a thousand (FFHQ's) are not classes."""
MOST_BYTES = 2**30
"""A million images need about 100 MB."""
MIN_SIZE, MAX_SIZE = 4, 1024
"""Height and width in pixels."""


class Manifest(TypedDict):
    """What readers rely on; the rest is for the report."""

    schema: str
    fingerprint: str
    spec: dict[str, Any]
    classes: list[str]
    files: list[str]
    quarantined: dict[str, str]
    options: dict[str, Any]
    listing: str
    source: str


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a prepared folder, or None if the folder is not one.

    Raises:
        InputError: prepared by another version, or damaged.
    """
    try:
        content = read_bytes(folder / "manifest.json", MOST_BYTES)
    except Absent:
        return None
    try:
        document = parse(content, f"{folder}/manifest.json")
    except InputError as error:
        raise InputError(f"{error} The manifest is damaged; prepare again.") from None
    if not isinstance(document, dict) or "saddlepoint-prepared" not in str(document.get("schema")):
        return None
    if document["schema"] != SCHEMA:
        raise InputError(
            f"{folder} was prepared as {document['schema']}, this version reads {SCHEMA}; "
            f"prepare the original images again."
        )
    shaped(document, Manifest, f"{folder}/manifest.json: document")
    return document
