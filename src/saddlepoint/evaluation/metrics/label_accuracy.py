"""Does a conditional generator draw the class that it was given?"""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.measures import Comparison, Measured, Metric
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import mean_of


@register("label-accuracy")
@dataclass(frozen=True, kw_only=True)
class LabelAccuracy(Metric):
    """Share of fakes that the extractor's classifier assigns to the class they were generated for.

    label_accuracy_real is the same for the real images, on which the classifier is not perfect
    either: a generator above it draws clearer examples than those in the data.
    """

    def unfit(self, comparison: Comparison) -> str:
        if comparison.fake.labels is None:
            return "the fakes have no labels"
        if comparison.fake.logits is None or comparison.real.labels is None:
            return "the features have no classes of this data"
        # Inception's 1,008 logits are of other classes than the data's.
        classes = comparison.fake.logits.shape[1]
        known = int(comparison.real.labels.max()) < classes <= 1000
        return "" if known else "the extractor's classes are not those of the data"

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        found = {}
        for name, images in (("", comparison.fake), ("_real", comparison.real)):
            assert images.logits is not None
            assert images.labels is not None
            right = images.logits.argmax(1) == images.labels
            found[f"label_accuracy{name}"] = mean_of(right, comparison, f"label-accuracy{name}")
        return found
