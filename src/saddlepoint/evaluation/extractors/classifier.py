"""Features of a small classifier that learns the labelled data set once: the offline choice."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.core.checks import at_least
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import LoadedExtractor, Progress, no_progress
from saddlepoint.core.registry import register
from saddlepoint.evaluation.extractors._small_classifier import (
    LoadedNet,
    TaughtExtractor,
    to_unit,
    unfit_images,
)


@register("classifier")
@dataclass(frozen=True, kw_only=True)
class Classifier(TaughtExtractor):
    """128 features and the class logits of a classifier trained on the real data's labels.

    It is trained once for each data set, kept in the cache under the data's fingerprint, and its
    accuracy on a tenth of the images, which it never saw, stands in the protocol. Numbers of two
    classifiers do not compare.
    """

    epochs: int = 6
    """Times that it sees each image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "epochs")

    def unfit(self, reference: Dataset) -> str:
        if reference.spec.is_image and reference.labels is None:
            return "the data have no labels to learn from"
        return unfit_images(reference)

    def load(
        self, reference: Dataset, device: str, progress: Progress = no_progress
    ) -> LoadedExtractor:
        if reference.labels is None or reference.spec.n_classes < 2:
            raise InputError(
                f"--features classifier: {reference.name} has no labels to learn from; use "
                "--features inception or --features rotations."
            )
        if reason := unfit_images(reference):
            raise InputError(f"--features classifier: {reason}; use --features pixels.")
        labels = torch.from_numpy(reference.labels)

        def lesson(index: Tensor) -> tuple[Tensor, Tensor]:
            return to_unit(reference.images[index.numpy()]), labels[index]

        n_classes = reference.spec.n_classes
        taught = self.taught(reference, device, progress, n_classes, self.epochs, lesson)
        return LoadedNet("classifier", taught, reference, device)
