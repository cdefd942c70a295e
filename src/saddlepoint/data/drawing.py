"""Some items of a data set, drawn at random and cheap to read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from saddlepoint.core.contracts import Dataset
from saddlepoint.core.randomness import derive_seed

FEWEST_SHARDS = 16
"""Shards that a draw comes from, where there are so many: one alone may be of one kind, as those of
others are not always shuffled."""
MOST_ITEMS, MOST_BYTES = 50_000, 2**30
"""Of data in shards, where anything looks at "all" of them: as many as FID takes."""


def drawn_items(dataset: Dataset, n: int, drawing: np.random.Generator) -> np.ndarray:
    """int64 [n], rising: items drawn without replacement, of data in shards from as few of them as
    hold n."""
    if not dataset.shards:
        return np.sort(drawing.permutation(len(dataset))[:n])
    counts = np.array(dataset.shards, np.int64)
    ends = np.cumsum(counts)
    order = drawing.permutation(len(counts))
    enough = 1 + int(np.searchsorted(np.cumsum(counts[order]), n))
    shards = order[: max(enough, FEWEST_SHARDS)]
    items = np.concatenate([np.arange(int(ends[s] - counts[s]), int(ends[s])) for s in shards])
    return np.sort(items[drawing.permutation(len(items))[:n]])


def affordable(dataset: Dataset) -> int:
    """How many items "all" are: of data in shards a part, as nobody has room for them."""
    if not dataset.shards:
        return len(dataset)
    item_bytes = dataset.images.nbytes // len(dataset)
    return max(1, min(len(dataset), MOST_ITEMS, MOST_BYTES // item_bytes))


def at_hand(dataset: Dataset) -> Dataset:
    """The data set with any item as near as any other: of data in shards a part, in memory, always
    the same."""
    if not dataset.shards:
        return dataset
    n = affordable(dataset)
    drawing = np.random.Generator(np.random.PCG64(derive_seed(0, "at-hand", n)))
    items = drawn_items(dataset, n, drawing)
    labels = None if dataset.labels is None else dataset.labels[items]
    return replace(dataset, images=dataset.images[items], labels=labels, shards=())
