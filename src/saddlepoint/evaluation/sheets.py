"""Pictures beside the numbers: suspected copies, and the most and least realistic samples."""

from __future__ import annotations

import numpy as np

from saddlepoint.core import images
from saddlepoint.evaluation.measure import Evaluation
from saddlepoint.evaluation.metrics._pairwise import pairwise
from saddlepoint.evaluation.metrics.memorisation import closest

N_PAIRS, N_EXTREMES, COLUMNS = 32, 32, 16


def sheets_of(done: Evaluation) -> dict[str, np.ndarray]:
    """Name -> sheet, uint8 [h, w, c]; {} for points.

    closest: pairs of a sample and, to its right, its nearest training image, the most suspicious
    first: those whose distance is smallest relative to that image's distance to its own neighbour.
    realism: the samples with the highest realism scores, then those with the lowest.
    """
    if not done.fake.spec.is_image:
        return {}
    sheets = {}
    samples = done.fake.images
    if done.train is not None:
        found = closest(done.comparison)["fake"]
        order = found.share.argsort()[:N_PAIRS].tolist()
        pairs = [
            picture
            for i in order
            for picture in (samples[i], done.train.images[int(found.neighbours[i, 0])])
        ]
        sheets["closest"] = images.enlarge(images.grid(np.stack(pairs), COLUMNS))
    order = pairwise(done.comparison).realism.argsort(descending=True).tolist()
    n = min(N_EXTREMES, len(order) // 2)
    shown = np.stack([samples[i] for i in (*order[:n], *order[-n:])])
    sheets["realism"] = images.enlarge(images.grid(shown, COLUMNS))
    return sheets
