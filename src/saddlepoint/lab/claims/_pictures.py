"""What the pictures of many claims have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from saddlepoint.core.texts import Text
from saddlepoint.lab.claims._base import means
from saddlepoint.reporting.pictures import Chart, Curve

SPAN = Text(en="Mean, lowest and highest seed.", vi="Trung bình, seed thấp nhất và cao nhất.")
FIRST = Text(en="The first seed.", vi="Seed đầu tiên.")


def spread(
    name: Text | str, x: Sequence[Any], rows: Sequence[Sequence[float]], **more: Any
) -> Curve:
    """The mean of a row for each seed, with the lowest and highest seed as its interval.

    Args:
        more: further fields of `Curve`.
    """
    mean, low, high = means(rows)
    return Curve(name=name, x=x, y=mean, low=low, high=high, **more)


def cloud(title: Text, points: Sequence[Sequence[float]], centres: np.ndarray) -> Chart:
    """Samples in the plane, on the centres of the clusters that they should be in."""
    two = ((Text(en="centres", vi="tâm"), centres.tolist(), 1),)
    two += ((Text(en="samples", vi="mẫu"), points, 0),)
    return Chart(
        title=title,
        x_label=Text(en="First coordinate", vi="Tọa độ thứ nhất"),
        y_label=Text(en="Second coordinate", vi="Tọa độ thứ hai"),
        curves=[
            Curve(
                name=name, x=[x for x, _ in at], y=[y for _, y in at], mark="points", colour=colour
            )
            for name, at, colour in two
        ],
        square=True,
        reads=FIRST,
    )
