"""Conditional models that differ in how the label enters and in nothing else, and their marks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.errors import InputError
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.arrays import score_features
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.lab.claims._base import Numbers, Work, small_dcgan

WAYS = ("onehot", "embedding", "every-layer")
WAY_NAMES = {
    "none": Text(en="no label", vi="không có nhãn"),
    "onehot": Text(en="one-hot", vi="one-hot"),
    "embedding": Text(en="embedding", vi="embedding"),
    "every-layer": Text(en="every layer", vi="mọi lớp"),
}
MARKS = {
    "accuracy": Text(en="label accuracy", vi="độ chính xác nhãn"),
    "precision": "precision",
    "recall": "recall",
}
"""Shares among what `Marks` gives."""
WRONG_LABELS = 0.25
"""Share of wrong labels among the discriminator's fakes, the same for every way."""


def conditional(
    work: Work, way: str, kimg: float, width: int, data: str = "", **changes: Any
) -> Config:
    """A small DCGAN whose label enters by `way`, under one recipe.

    Args:
        width: of both nets' narrowest stage.
        data: instead of the claim's own.
        changes: more fields, with two underscores for the dot: `train__tick_kimg=1`.
    """
    fields = {
        "arch.conditioning": way,
        "arch.embedding_dim": 8,
        **small_dcgan(width),
        "train.wrong_label_fraction": 0.0 if way == "none" else WRONG_LABELS,
    }
    fields |= {name.replace("__", "."): value for name, value in changes.items()}
    # The lecture's DCGAN for all, so that nets, optimisers and schedule are the same.
    return api.configure("dcgan", data or work.data, seed=work.seed, kimg=kimg, changes=fields)


def learnt(*marks: Numbers) -> bool:
    """Whether one of these models has begun to obey its labels: three times as often as chance.

    Where none has, there is no difference to speak of.
    """
    return max(mark["accuracy"] for mark in marks) >= 3 / len(marks[0]["classes"])


class Marks:
    """Label accuracy, classes, precision, recall and FID by one classifier of the data.

    Args:
        n: images of each set, N real = N fake.

    Raises:
        InputError: the data have no labelled images.
    """

    def __init__(self, work: Work, n: int) -> None:
        data = work.dataset
        if data.labels is None or not data.spec.is_image:
            raise InputError(f"{data.name} has no labelled images; give other data by --data.")
        self.extractor = choose_extractor("classifier", data)[0]
        self.n_classes = data.spec.n_classes
        order = torch.randperm(len(data), generator=work.random("reals"))[:n].numpy()
        self.n = len(order)
        rows = np.array(data.images[np.sort(order)])
        self.real = self.extractor(torch.from_numpy(rows)).vectors

    def of(self, path: Path, labelled: bool = True) -> Numbers:
        """Of a run's newest checkpoint; every label is asked for equally often.

        Args:
            labelled: False for a model without labels.
        """
        run = api.Run(path)
        asked = [i % self.n_classes for i in range(self.n)]
        made = run.sample(seeds=range(self.n), labels=asked if labelled else None)
        seen = self.extractor(torch.from_numpy(made))
        assert seen.logits is not None
        classes = seen.logits.argmax(1)
        scores = score_features(self.real, seen.vectors)
        right = (classes == torch.tensor(asked)).float().mean().item()
        shares = classes.bincount(minlength=self.n_classes) / self.n
        return {
            "accuracy": right if labelled else None,
            "classes": shares.tolist(),
            **{name: scores[name] for name in ("precision", "recall", "fid")},
        }
