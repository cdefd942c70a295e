"""Features of a small classifier trained on the labelled data: the choice without downloads."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.checks import at_least
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.registry import register
from saddlepoint.evaluation.extractors._small_classifier import Task, TrainedExtractor, labels_task


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
        unlabelled = reference.spec.is_image and reference.spec.n_classes < 2
        return "the data have no labels to train on" if unlabelled else super().unfit(reference)

    def task(self, data: Dataset) -> Task:
        return labels_task(data, self.epochs)
