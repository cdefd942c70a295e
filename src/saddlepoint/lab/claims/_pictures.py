"""What the pictures of many claims have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from saddlepoint.core.texts import Text
from saddlepoint.lab.claims._base import Numbers, means
from saddlepoint.reporting.pictures import Chart, Curve, HeatMap, Photo

SPAN = Text(en="Mean, lowest and highest seed.", vi="Trung bình, seed thấp nhất và cao nhất.")
FIRST = Text(en="The first seed.", vi="Seed đầu tiên.")
BAND = Text(
    en="Mean over seeds, with the lowest and highest seed.",
    vi="Trung bình trên các seed, kèm seed thấp nhất và cao nhất.",
)
SAMPLES = Text(en="Samples: {name}", vi="Mẫu: {name}")
"""For `photos`."""
FID = Text(en="FID", vi="FID")
SHARE = Text(en="Share of images", vi="Tỉ lệ ảnh")
KIMG = Text(en="Real images shown (thousands)", vi="Số ảnh thật đã xem (nghìn)")
WAY = Text(en="How the label enters", vi="Cách đưa nhãn vào")
LABELS = Text(en="Number of labels (log scale)", vi="Số nhãn (thang log)")
AXES = (
    Text(en="First coordinate", vi="Tọa độ thứ nhất"),
    Text(en="Second coordinate", vi="Tọa độ thứ hai"),
)

Rows = Sequence[Sequence[float]]
"""A row for each seed."""


def rows(seeds: Sequence[Numbers], arms: Sequence[str], what: str) -> Rows:
    """One number of every arm."""
    return [[numbers[arm][what] for arm in arms] for numbers in seeds]


def line(name: Text | str, x: Sequence[Any], y: Sequence[Any], **more: Any) -> Curve:
    """A curve.

    Args:
        more: further fields of `Curve`.
    """
    return Curve(name=name, x=x, y=y, **more)


def spread(name: Text | str, x: Sequence[Any], rows: Rows, **more: Any) -> Curve:
    """The mean of the rows, with the lowest and highest seed as its interval.

    Args:
        more: further fields of `Curve`.
    """
    mean, low, high = means(rows)
    return Curve(name=name, x=x, y=mean, low=low, high=high, **more)


def bars(
    labels: tuple[Text, Text, Text],
    names: Sequence[Text | str],
    groups: Sequence[tuple[Text | str, Rows]],
    reads: Text = SPAN,
    **more: Any,
) -> Chart:
    """For each name a bar of each group, with the lowest and highest seed.

    Args:
        labels: title, and what is on the x and on the y axis.
        groups: each with its name and, for each seed, a number a name.
        more: further fields of `Chart`.
    """
    curves = [spread(word, names, rows, mark="bars") for word, rows in groups]
    title, x_label, y_label = labels
    return Chart(title=title, x_label=x_label, y_label=y_label, curves=curves, reads=reads, **more)


def precision_and_recall(
    seeds: Sequence[Numbers],
    arms: Mapping[str, Text | str],
    x_label: Text,
    reads: Text = SPAN,
) -> Chart:
    """A bar of each for every arm, by its name."""
    marks = [(mark, rows(seeds, list(arms), mark)) for mark in ("precision", "recall")]
    labels = Text(en="Precision and recall", vi="Precision và Recall"), x_label, SHARE
    return bars(labels, list(arms.values()), marks, reads)


def gradients(curves: Sequence[Curve]) -> Chart:
    """The generator's gradient norm over the images shown, with the spread over seeds."""
    return Chart(
        title=Text(en="The generator's gradient", vi="Gradient của generator"),
        x_label=KIMG,
        y_label=Text(en="Gradient norm (log scale)", vi="Chuẩn gradient (thang log)"),
        curves=curves,
        log_y=True,
        reads=BAND,
    )


def photos(
    title: Text,
    seed: Numbers,
    names: Mapping[str, Text | str],
    what: str = "grid",
    reads: Text = FIRST,
) -> list[Photo]:
    """A picture of each arm of one seed.

    Args:
        title: with a place for the arm's `{name}`.
        names: arm -> its name.
        what: the number that is the picture's file.
    """
    return [
        Photo(title=title.filled(name=name), file=seed[arm][what], reads=reads)
        for arm, name in names.items()
    ]


def cloud(title: Text, points: Sequence[Sequence[float]], centres: np.ndarray) -> Chart:
    """Samples in the plane, on the centres of the clusters that they should be in."""
    two = ((Text(en="centres", vi="tâm"), centres.tolist(), 1),)
    two += ((Text(en="samples", vi="mẫu"), points, 0),)
    return Chart(
        title=title,
        x_label=AXES[0],
        y_label=AXES[1],
        curves=[
            line(name, [x for x, _ in at], [y for _, y in at], mark="points", colour=colour)
            for name, at, colour in two
        ],
        square=True,
        reads=FIRST,
    )


def square(
    title: Text, labels: tuple[Text, Text], side: Sequence[float], z: Rows, reads: Text
) -> HeatMap:
    """A number for each place of a square.

    Args:
        labels: of the x and of the y axis.
        side: places along either.
    """
    x_label, y_label = labels
    return HeatMap(title=title, x_label=x_label, y_label=y_label, x=side, y=side, z=z, reads=reads)
