"""CIFAR-10 and CIFAR-100, from the archives of plain bytes; those for Python are pickles."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from saddlepoint.core.checks import one_of
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.registry import register
from saddlepoint.data.archive import Reader, list_source
from saddlepoint.data.arrays import image_dataset
from saddlepoint.data.listing import Listing, Refused
from saddlepoint.data.search import NamedSource, RemoteFile, locate, obtain

URL = "https://www.cs.toronto.edu/~kriz/"
SIDE, PIXELS = 32, 3 * 32 * 32


@dataclass(frozen=True, kw_only=True)
class Cifar(NamedSource):
    """50,000 + 10,000 colour photographs, 32x32, in one archive."""

    split: Literal["train", "test", "all"] = "train"
    """train (50,000), test (10,000) or all."""
    path: str = ""
    """Folder with the archive (.tar.gz); empty searches the usual places, then downloads."""

    folder: ClassVar[str]
    """Name of the folder in the usual places."""
    file: ClassVar[RemoteFile]
    inside: ClassVar[str]
    """Folder in the archive."""
    members: ClassVar[dict[str, tuple[str, ...]]]
    """Split -> the files in it: records of the labels, a byte each, then the pixels: all of red,
    then green, then blue, row by row."""
    label_bytes: ClassVar[int] = 1
    label_at: ClassVar[int] = 0
    names: ClassVar[str]
    """The file with a line for each class."""

    def __post_init__(self) -> None:
        one_of(self, ("train", "test", "all"), "split")

    def open(self) -> Dataset:
        archive = obtain(self.folder, [self.file], path=self.path)[self.file.name]
        # The guarded reader wants a tar that is not compressed, and leaves the members inside it.
        with tempfile.TemporaryDirectory() as scratch:
            listing = list_source(archive, lambda: Path(scratch) / "unpacked.tar")
            splits = self.members if self.split == "all" else [self.split]
            parts = [name for split in splits for name in self.members[split]]
            with closing(Reader(listing.kind, listing.root)) as reader:
                contents = [self._member(reader, listing, archive, name) for name in parts]
                lines = self._member(reader, listing, archive, self.names)
        classes = tuple(lines.decode("ascii", "replace").split())
        records = np.frombuffer(b"".join(contents), np.uint8)
        records = records.reshape(-1, self.label_bytes + PIXELS)
        pixels = records[:, self.label_bytes :].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        labels = records[:, self.label_at].astype(np.int64)
        images = np.ascontiguousarray(pixels)
        return image_dataset(self.folder, images, labels, classes, where=str(archive))

    def _member(self, reader: Reader, listing: Listing, archive: Path, name: str) -> bytes:
        """The content of a file in the archive.

        Raises:
            InputError: there is no such file, or it does not consist of whole records.
        """
        entry = listing.files.get(f"{self.inside}/{name}")
        if entry is None:
            raise InputError(f"{archive} holds no {self.inside}/{name}; fetch {self.file.url}.")
        try:
            content = reader.read(entry)
        except Refused as error:
            raise InputError(f"{archive}: {entry.name} {error}; fetch it again.") from error
        if name.endswith(".bin") and (len(content) % (self.label_bytes + PIXELS) or not content):
            raise InputError(
                f"{archive}: {entry.name} has {len(content):,} bytes, which are not records of "
                f"{self.label_bytes + PIXELS:,}; fetch it again."
            )
        return content

    def where(self) -> str | None:
        folder = locate(self.folder, [self.file.name])
        return None if folder is None else str(folder)


@register("cifar-10")
@dataclass(frozen=True, kw_only=True)
class Cifar10(Cifar):
    """50,000 + 10,000 colour photographs, 32x32, ten classes of animals and vehicles.

    Paper: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """

    folder: ClassVar = "cifar-10"
    file: ClassVar = RemoteFile(
        name="cifar-10-binary.tar.gz",
        url=f"{URL}cifar-10-binary.tar.gz",
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    )
    inside: ClassVar = "cifar-10-batches-bin"
    members: ClassVar = {
        "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        "test": ("test_batch.bin",),
    }
    names: ClassVar = "batches.meta.txt"


@register("cifar-100")
@dataclass(frozen=True, kw_only=True)
class Cifar100(Cifar):
    """50,000 + 10,000 colour photographs, 32x32, a hundred classes in twenty groups.

    Paper: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """

    folder: ClassVar = "cifar-100"
    file: ClassVar = RemoteFile(
        name="cifar-100-binary.tar.gz",
        url=f"{URL}cifar-100-binary.tar.gz",
        sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    )
    inside: ClassVar = "cifar-100-binary"
    members: ClassVar = {"train": ("train.bin",), "test": ("test.bin",)}
    # Each record begins with the group (coarse label), then the class.
    label_bytes: ClassVar = 2
    label_at: ClassVar = 1
    names: ClassVar = "fine_label_names.txt"
