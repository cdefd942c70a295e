"""The figures of a sweep: its objective over the trials, against each setting, and over images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from saddlepoint.core.values import as_word
from saddlepoint.reporting.figure_style import layout
from saddlepoint.reporting.palette import BLUE, INK, ORANGE
from saddlepoint.reporting.strings import Words

MOST_CURVES = 60
"""More in one figure are a grey area."""


def figures_of(document: dict[str, Any], words: Words) -> list[tuple[str, Any, str]]:
    """(title, figure, how to read it) of each, as `plots.curves_section` takes them; [] without
    plotly, or before there is a score."""
    if find_spec("plotly") is None:
        return []
    scored = [
        (trial, run)
        for trial in document["trials"]
        for run in trial["runs"]
        if run["score"] is not None
    ]
    objective = document["objective"]
    found = []
    if scored:
        reading = words("sweep.over-trials-reading")
        found.append(("sweep.over-trials", _over_trials(document, scored, words), reading, ""))
        reading = words("sweep.against-reading")
        for path in document["asked"]["over"]:
            found.append(("sweep.against", _against(document, scored, path), reading, path))
    if any(run["scores"] for trial in document["trials"] for run in trial["runs"]):
        found.append(("sweep.curves", _curves(document, words), words("sweep.curves-reading"), ""))
    return [
        (words(key, objective=objective, field=field), figure, reading)
        for key, figure, reading, field in found
    ]


def _over_trials(document: dict[str, Any], scored: Sequence[Any], words: Words) -> Any:
    means = [(trial["number"], trial["mean"]) for trial in document["trials"]]
    better = min if document["better"] == "lower" else max
    best: list[tuple[int, float]] = []
    for number, mean in means:
        if mean is not None:
            best.append((number, better(mean, best[-1][1]) if best else mean))
    dots = _dots([trial["number"] for trial, _ in scored], [run["score"] for _, run in scored])
    dots["name"] = words("sweep.each-training")
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [number for number, _ in best],
        "y": [mean for _, mean in best],
        "name": words("sweep.best-so-far"),
        "line": {"color": ORANGE, "width": 2, "shape": "hv"},
    }
    shape = _layout(document["objective"], words("sweep.trial-axis"), 2)
    shape["xaxis"] |= {"dtick": max(1, len(means) // 10), "tickformat": "d"}
    return _figure([dots, line], shape)


def _against(document: dict[str, Any], scored: Sequence[Any], path: str) -> Any:
    values = [trial["settings"][path] for trial, _ in scored]
    numbers = all(type(value) in (int, float) for value in values)
    x = values if numbers else [as_word(value) for value in values]
    shape = _layout(document["objective"], path, 1)
    shape["xaxis"]["type"] = "linear" if numbers else "category"
    if numbers and path in document["logarithmic"]:
        shape["xaxis"]["type"] = "log"
    return _figure([_dots(x, [run["score"] for _, run in scored])], shape)


def _curves(document: dict[str, Any], words: Words) -> Any:
    curves = [*_each_curve(document)]
    shape = _layout(document["objective"], words.get("figures.x"), 1)
    if words.language == "en":
        shape["xaxis"]["title_text"] = "Real images shown (thousands)"
    return _figure(curves, shape)


def _each_curve(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The best last, so that it lies above the others."""
    numbered = [*enumerate(document["trials"])]
    others = [trial for number, trial in numbered if number != document["best"]]
    best = [trial for number, trial in numbered if number == document["best"]]
    runs = [(trial, run) for trial in (*others, *best) for run in trial["runs"]][-MOST_CURVES:]
    for trial, run in runs:
        points = [(images / 1000, score) for images, score in run["scores"] if score is not None]
        is_best = trial in best
        yield {
            "type": "scatter",
            "mode": "lines+markers",
            "x": [x for x, _ in points],
            "y": [y for _, y in points],
            "name": f"{trial['number']}, seed {run['seed']}",
            "line": {"color": ORANGE if is_best else INK, "width": 2.5 if is_best else 1},
            "marker": {"size": 5},
            "opacity": 1 if is_best else 0.5,
            "hovertemplate": "%{y:.4~g}",
        }


def _dots(x: Sequence[Any], y: Sequence[float]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [*x],
        "y": [*y],
        "marker": {"size": 9, "color": BLUE, "opacity": 0.8},
        "hovertemplate": "%{x}: %{y:.4~g}<extra></extra>",
    }


def _layout(y_title: str, x_title: str, n_curves: int) -> dict[str, Any]:
    shape = layout(y_title, n_curves)
    for name in ("hoverformat", "unifiedhovertitle", "spikecolor", "spikethickness"):
        shape["xaxis"].pop(name)  # these are of images
    shape["xaxis"]["title_text"] = x_title
    return {**shape, "hovermode": "closest"}


def _figure(curves: Sequence[dict[str, Any]], shape: dict[str, Any]) -> Any:
    import plotly.graph_objects as go

    return go.Figure([*curves], shape)
