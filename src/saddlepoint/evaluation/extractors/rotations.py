"""Features of a net trained to tell how images are rotated: for data without labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.core.checks import at_least
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.registry import register
from saddlepoint.evaluation.extractors._small_classifier import Task, TrainedExtractor, to_unit


@register("rotations")
@dataclass(frozen=True, kw_only=True)
class Rotations(TrainedExtractor):
    """128 features of a small net that names the quarter turn (0, 90, 180, 270 degrees) of images.

    Telling up from down needs no labels, but some idea of what is in the picture. The net is
    trained once for each data set and cached; the protocol holds its accuracy on a held-out tenth
    of the images. Numbers from two such nets cannot be compared.
    Papers: Gidaris et al. 2018, https://arxiv.org/abs/1803.07728, section 2; for self-supervised
    features in evaluation Morozov et al. 2021, https://openreview.net/forum?id=NeRdBeTionN.
    """

    n_seen: int = 60_000
    """Images shown in training, repeats counted; every image is shown at least once."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "n_seen")

    def task(self, data: Dataset) -> Task:
        def examples(index: Tensor) -> tuple[Tensor, Tensor]:
            images = to_unit(data.images[index.numpy()])
            turns = torch.randint(4, (len(index),))
            for turn in range(1, 4):
                images[turns == turn] = images[turns == turn].rot90(turn, (2, 3))
            return images, turns

        # Its logits stand for rotations, not for classes of images.
        return Task(4, -(-self.n_seen // len(data)), examples, classes=False)
