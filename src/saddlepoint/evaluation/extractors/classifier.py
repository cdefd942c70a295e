"""Features of a small classifier trained on the labelled data: the choice without downloads."""

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
    TrainedExtractor,
    to_unit,
    unfit_images,
)


@register("classifier")
@dataclass(frozen=True, kw_only=True)
class Classifier(TrainedExtractor):
    """128 features and the class logits of a classifier trained on the real data's labels.

    It is trained once for each data set and cached under the data's fingerprint; the protocol holds
    its accuracy on a held-out tenth of the images. Numbers from two classifiers cannot be compared.
    """

    epochs: int = 6
    """Passes over the data in training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "epochs")

    def unfit(self, reference: Dataset) -> str:
        if reference.spec.is_image and reference.labels is None:
            return "the data have no labels to train on"
        return unfit_images(reference)

    def load(
        self, reference: Dataset, device: str, progress: Progress = no_progress
    ) -> LoadedExtractor:
        if reference.labels is None or reference.spec.n_classes < 2:
            raise InputError(
                f"--features classifier: {reference.name} has no labels to train on; use "
                "--features inception or --features rotations."
            )
        if reason := unfit_images(reference):
            raise InputError(f"--features classifier: {reason}; use --features pixels.")
        labels = torch.from_numpy(reference.labels)

        def examples(index: Tensor) -> tuple[Tensor, Tensor]:
            return to_unit(reference.images[index.numpy()]), labels[index]

        n_classes = reference.spec.n_classes
        trained = self.trained(reference, device, progress, n_classes, self.epochs, examples)
        return LoadedNet("classifier", trained, reference, device)
