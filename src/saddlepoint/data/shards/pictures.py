"""The pictures in shards, read like an array: by number, whole shards at a time underneath."""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from PIL import Image

from saddlepoint.core.damage import decoding
from saddlepoint.core.errors import InputError
from saddlepoint.core.limits import require_memory
from saddlepoint.core.reading import Absent
from saddlepoint.data.background import Background
from saddlepoint.data.decode import Recipe, decode
from saddlepoint.data.listing import Refused
from saddlepoint.data.order import shards_in_window
from saddlepoint.data.shards.index import Index, ShardEntry
from saddlepoint.data.shards.store import Store

_READERS = 3
"""Shards that are read at once."""
_REMEDY = "fetch it again, or leave out all bad shards with --source.skip-bad-shards"


class ShardedPictures:
    """uint8 [n, h, w, c]: pictures that are decoded when they are asked for.

    The bytes of the shards of two windows (order.py) stay in memory: of the one that is being read,
    and of the next.

    Raises:
        InputError: they need more memory than there is.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, store: Store, index: Index, recipe: Recipe | None) -> None:
        """
        Args:
            recipe: how a picture becomes one of the set's size; None where it is of that size.
        """
        channels, height, width = index.manifest["spec"].shape
        self.shape = (len(index.table), height, width, channels)
        self.nbytes = int(np.prod(self.shape, dtype=np.int64))
        self._store, self._shards, self._table = store, index.manifest["shards"], index.table
        self._recipe = recipe
        self._starts = np.concatenate([[0], np.cumsum(index.counts)])
        in_window = shards_in_window(index.counts, self.nbytes // len(self))
        self._kept = 2 * in_window + 1
        require_memory(
            min(self._kept, len(self._shards)) * max(shard["bytes"] for shard in self._shards),
            f"Reading the shards in {store.place}",
            "write more and smaller shards",
        )
        self._bytes: OrderedDict[int, Future[bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._background = Background(_READERS)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def __getitem__(self, index: Any) -> np.ndarray:
        """A picture, or an array of them, as numpy takes numbers, slices and arrays."""
        numbers = np.arange(len(self))[index] if isinstance(index, slice) else np.asarray(index)
        if numbers.dtype == bool:
            numbers = np.flatnonzero(numbers)
        if numbers.size and not -len(self) <= int(numbers.min()) <= int(numbers.max()) < len(self):
            raise IndexError(f"a number outside the {len(self)} pictures")
        pictures = self._read(numbers.reshape(-1) % len(self))
        return pictures.reshape(*numbers.shape, *self.shape[1:])

    def expect(self, shards: Sequence[int] | np.ndarray) -> None:
        """Begin to read these shards, which will be needed soon."""
        for shard in shards:
            self._shard(int(shard))

    def _read(self, numbers: np.ndarray) -> np.ndarray:
        pictures = np.empty((len(numbers), *self.shape[1:]), np.uint8)
        shards = np.searchsorted(self._starts, numbers, side="right") - 1
        needed = np.unique(shards)
        for place, shard in enumerate(needed):
            self.expect(needed[place : place + _READERS])
            content = memoryview(self._shard(int(shard)).result())
            rows = np.flatnonzero(shards == shard)
            for row, (offset, size, _) in zip(
                rows, self._table[numbers[rows]].tolist(), strict=True
            ):
                where = (self._store.place, self._shards[shard]["name"], offset)
                pictures[row] = self._decode(bytes(content[offset : offset + size]), where)
        return pictures

    def _shard(self, number: int) -> Future[bytes]:
        with self._lock:
            future = self._bytes.get(number)
            # One that failed is tried again: its store may be back.
            if future is None or (future.done() and future.exception() is not None):
                shard = self._shards[number]
                future = self._background.call(read_shard, self._store, shard)
                self._bytes[number] = future
            self._bytes.move_to_end(number)
            while len(self._bytes) > self._kept:
                self._bytes.popitem(last=False)
            return future

    def _decode(self, content: bytes, where: tuple[str, str, int]) -> np.ndarray:
        place = f"{where[0]}/{where[1]}: the picture at byte {where[2]:,}"
        if self._recipe is not None:
            try:
                pixels = np.frombuffer(decode(content, self._recipe).pixels, np.uint8)
            except Refused as error:
                raise InputError(f"{place} cannot be read: {error}.") from error
            return pixels.reshape(self.shape[1:])
        with decoding(place, "write the shards again"):
            image = Image.open(io.BytesIO(content), formats=("PNG",))
            # Before it is decoded: the header says how much memory that would take.
            if image.size != (self.shape[2], self.shape[1]):
                raise ValueError(f"{image.width}x{image.height} pixels")
            return np.asarray(image).reshape(self.shape[1:])


def read_shard(store: Store, shard: ShardEntry) -> bytes:
    """The bytes of a shard, as long and with the hash that the manifest says.

    Raises:
        InputError: it is absent, short or changed.
        RunFailed: the store cannot be reached.
    """
    where = f"{store.place}/{shard['name']}"
    # A connection that was cut may look like the end of a file: a second answer decides.
    content = b""
    for _ in range(2):
        try:
            content = store.read(shard["name"], shard["bytes"])
        except Absent:
            raise InputError(f"{where} is missing; {_REMEDY}.") from None
        if hashlib.sha256(content).hexdigest() == shard["sha256"]:
            return content
    found = "changed bytes"
    if len(content) != shard["bytes"]:
        found = f"{len(content):,} of {shard['bytes']:,} bytes"
    raise InputError(f"{where} holds {found}, unlike manifest.json; {_REMEDY}.")
