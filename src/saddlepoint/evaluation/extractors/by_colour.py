"""A classifier of grey images that judges each colour of stacked ones: for Stacked-MNIST."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from saddlepoint.core.checks import at_least
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Extractor, Features, LoadedExtractor, Progress, no_progress
from saddlepoint.core.registry import register
from saddlepoint.evaluation.extractors._small_classifier import (
    LoadedNet,
    Task,
    TrainedExtractor,
    labels_task,
)

COLOURS = 3
STACKED = "stacked-mnist"
"""The data that it is for."""


@register("by-colour")
@dataclass(frozen=True, kw_only=True)
class ByColour(Extractor):
    """Features and classes of data that are stacked of three grey images, such as stacked-mnist.

    One classifier of grey images is trained on the colours of the real ones, each distinct image
    once, and cached; the protocol holds its accuracy on a held-out tenth of them. Of a stacked
    image it sees each colour alone: three times 128 features, and a logit for each triplet of
    classes, the logarithm of the product of the three probabilities.
    Protocol: Metz et al. 2017, https://arxiv.org/abs/1611.02163, section 3.3. Differs from much
    published code: the classifier is evaluated without dropout, which would add modes by chance.
    """

    epochs: int = 3
    """Passes over the grey images in training."""

    def __post_init__(self) -> None:
        at_least(self, 1, "epochs")

    def unfit(self, reference: Dataset) -> str:
        stacked = reference.spec.is_image and reference.spec.channels == COLOURS
        if stacked and n_grey_classes(reference.spec.n_classes):
            return ""
        return "the images are not stacked of three grey ones with labels"

    def load(
        self, reference: Dataset, device: str, progress: Progress = no_progress
    ) -> LoadedByColour:
        if reason := self.unfit(reference):
            raise InputError(f"--features by-colour: {reason}; use --features auto.")
        grey = GreyClassifier(epochs=self.epochs).load(colours_of(reference), device, progress)
        return LoadedByColour(grey)


@dataclass(frozen=True, kw_only=True)
class GreyClassifier(TrainedExtractor):
    """What judges a single colour."""

    kind: ClassVar = "by-colour"
    epochs: int

    def task(self, data: Dataset) -> Task:
        return labels_task(data, self.epochs)


class LoadedByColour(LoadedExtractor):
    """A classifier of grey images, asked once for each colour."""

    def __init__(self, grey: LoadedNet) -> None:
        self.grey = grey
        self.protocol: dict[str, Any] = {**grey.protocol, "dim": COLOURS * grey.protocol["dim"]}

    def __call__(self, images: Tensor) -> Features:
        n, h, w, colours = images.shape
        if colours != COLOURS:
            raise InputError(
                f"--features by-colour takes images of {COLOURS} colours, and these have "
                f"{colours}; give images like {STACKED}."
            )
        # What else does not fit, the net of grey images says.
        grey = images.permute(0, 3, 1, 2).reshape(n * COLOURS, h, w, 1)
        found = self.grey(grey)
        assert found.logits is not None
        red, green, blue = found.logits.log_softmax(1).view(n, COLOURS, -1).unbind(1)
        triplets = red[:, :, None, None] + green[:, None, :, None] + blue[:, None, None, :]
        return Features(found.vectors.reshape(n, -1), triplets.flatten(1))


def n_grey_classes(n_classes: int) -> int:
    """The k of k^3 triplets of classes; 0 where there is none above 1."""
    k = round(n_classes ** (1 / COLOURS))
    return k if k > 1 and k**COLOURS == n_classes else 0


def colours_of(stacked: Dataset) -> Dataset:
    """The distinct grey images that the data is stacked of, with their classes.

    Distinct, because an image that is both trained on and held out would flatter the accuracy.
    """
    assert stacked.labels is not None
    k = n_grey_classes(stacked.spec.n_classes)
    first: dict[bytes, tuple[int, int, int]] = {}
    for colour in range(COLOURS):
        # One colour at a time: all of them would be a second copy of the data.
        grey = np.ascontiguousarray(np.asarray(stacked.images)[..., colour])
        classes = stacked.labels // k ** (COLOURS - 1 - colour) % k
        for row, image in enumerate(grey):
            mark = blake2b(image.tobytes(), digest_size=16).digest()
            first.setdefault(mark, (row, colour, int(classes[row])))
    rows, colours, labels = (np.array(column) for column in zip(*first.values(), strict=True))
    images = np.asarray(stacked.images)[rows, :, :, colours][..., None]
    return Dataset(
        name=f"{stacked.name} by colour",
        spec=DataSpec(shape=(1, *stacked.spec.shape[1:]), n_classes=k),
        images=images,
        labels=labels,
        classes=tuple(map(str, range(k))),
        # What is made of equal data is equal.
        fingerprint=sha256(f"{stacked.fingerprint} by colour".encode()).hexdigest(),
    )
