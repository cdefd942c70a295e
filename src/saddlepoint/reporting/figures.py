"""Each figure of a run, defined once: report, notebook and studio show the same.

plotly is imported when a figure is drawn, so that everything else works without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from saddlepoint.core.runs import History
from saddlepoint.reporting.wording import Wording

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Okabe and Ito's colours, told apart by every kind of colour vision, lightened a little so that
# one set serves a white and a dark page: https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, PINK = "#2f8fd0", "#dd6a1f", "#0f9d78", "#c66a9f"
INK, RULE = "#7b8490", "rgba(128,138,150,0.22)"
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


@dataclass(frozen=True)
class Series:
    """One curve: a column of metrics.jsonl and how it is shown."""

    column: str
    label: str
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Panel:
    """A figure with its place in a report and the text that tells how to read it."""

    name: str
    title: str
    """May hold `{critic}`, for the name that the family gives its discriminator."""
    draw: Callable[[History, Wording], go.Figure | None]
    reading: Callable[[Wording], str]


def loss_curves(history: History, wording: Wording) -> go.Figure | None:
    """Both players' losses, the penalty, and dotted where they rest at equilibrium."""
    figure = _curves(
        history,
        [
            Series("loss_d", wording.critic.capitalize(), BLUE),
            Series("loss_g", "Generator", ORANGE),
            Series("penalty", "Penalty", GREEN, "dash"),
        ],
        "Loss",
    )
    if figure is not None:
        for value, colour in ((wording.rest_d, BLUE), (wording.rest_g, ORANGE)):
            _rest(figure, value, colour)
    return figure


def logits(history: History, wording: Wording) -> go.Figure | None:
    """Mean logit of real and of generated images."""
    figure = _curves(
        history,
        [
            Series("real_logit", "Real images", BLUE),
            Series("fake_logit", "Generated images", ORANGE, "dash"),
        ],
        f"Mean output of the {wording.critic}",
    )
    if figure is not None and wording.zero_is_neutral:
        _rest(figure, 0.0, INK)
    return figure


def gradient_norms(history: History, wording: Wording) -> go.Figure | None:
    """Length of each player's gradient, on a logarithmic axis."""
    series = [
        Series("grad_norm_d", wording.critic.capitalize(), BLUE),
        Series("grad_norm_g", "Generator", ORANGE, "dash"),
    ]
    return _curves(history, series, "Gradient norm (log scale)", log=True)


def diversity(history: History, wording: Wording) -> go.Figure | None:
    """Spread of a batch of generated images beside the spread of a real one."""
    series = [Series("diversity", "Generated / real", GREEN)]
    figure = _curves(history, series, "Spread, as a share of real", from_zero=True)
    if figure is not None:
        _rest(figure, 1.0, GREEN)
    return figure


def distance(history: History, wording: Wording) -> go.Figure | None:
    """Sliced Wasserstein distance of samples to real images, measured at each sample grid."""
    series = [Series("sliced_wasserstein", "Distance", PINK)]
    return _curves(history, series, "Sliced Wasserstein distance", from_zero=True, markers=True)


def throughput(history: History, wording: Wording) -> go.Figure | None:
    """Real images a second."""
    series = [Series("images_per_second", "Images a second", BLUE)]
    return _curves(history, series, "Real images / second", from_zero=True)


def learning_rates(history: History, wording: Wording) -> go.Figure | None:
    """Learning rate of each player; None when both stay as they began."""
    columns = [history[name] for name in ("lr_d", "lr_g")]
    if all(len(np.unique(c[np.isfinite(c)])) < 2 for c in columns):
        return None
    series = [
        Series("lr_d", wording.critic.capitalize(), BLUE),
        Series("lr_g", "Generator", ORANGE, "dash"),
    ]
    return _curves(history, series, "Learning rate", from_zero=True)


def _read_losses(wording: Wording) -> str:
    return f"{wording.reading} {wording.equilibrium}".strip()


def _read_logits(wording: Wording) -> str:
    if not wording.zero_is_neutral:
        return (
            f"Only the gap counts: the {wording.critic}'s output has no zero of its own. A gap "
            "that shrinks while images improve is good; a gap that grows without end is not."
        )
    return (
        "Above 0 the discriminator says real, below 0 it says generated; 5 is a certainty of "
        "99 %. Healthy is a gap of a few units that stays. Curves that run apart mean that the "
        "discriminator wins and the generator learns nothing; curves that lie on each other from "
        "the start mean that the discriminator is too weak to teach. At equilibrium both are at 0."
    )


def _read_gradients(wording: Wording) -> str:
    return (
        "Steady is healthy, at any height. A generator's norm that falls to nothing means that no "
        "signal reaches it; a climb by powers of ten, or lone spikes, announce a divergence: lower "
        "the learning rate."
    )


def _read_diversity(wording: Wording) -> str:
    return (
        "How much the images of one batch differ from each other, per pixel, beside real ones: 1 "
        "is as varied as the data. A fall towards 0 is mode collapse (every sample the same); far "
        "above 1 is noise."
    )


def _read_distance(wording: Wording) -> str:
    return (
        "How far the distribution of samples is from the data's, by one-dimensional projections of "
        "pixels; lower is better. It should fall and flatten out: when it has been flat for long, "
        "more training brings little. It judges coarse layout and colours, not fine detail."
    )


def _read_throughput(wording: Wording) -> str:
    return (
        "Short dips are checkpoints and sample grids. A lasting fall means that something else "
        "uses the machine, or that it is too hot."
    )


def _read_learning_rates(wording: Wording) -> str:
    return "As the schedule of the configuration tells; useful beside a sudden change elsewhere."


PANELS = (
    Panel("losses", "Losses", loss_curves, _read_losses),
    Panel("logits", "What the {critic} says", logits, _read_logits),
    Panel("distance", "Distance to the data", distance, _read_distance),
    Panel("diversity", "Diversity", diversity, _read_diversity),
    Panel("gradients", "Gradients", gradient_norms, _read_gradients),
    Panel("throughput", "Speed", throughput, _read_throughput),
    Panel("learning-rates", "Learning rates", learning_rates, _read_learning_rates),
)
"""Every figure, in the order of a report."""


def _curves(
    history: History,
    series: Sequence[Series],
    y_title: str,
    *,
    log: bool = False,
    from_zero: bool = False,
    markers: bool = False,
) -> go.Figure | None:
    """One line for each column that has a finite value; None when none has."""
    import plotly.graph_objects as go

    kimg = history["images"] / 1000
    figure = go.Figure()
    n_curves = 0
    for item in series:
        values = history[item.column]
        shown = np.isfinite(values) & np.isfinite(kimg) & ((values > 0) | (not log))
        if shown.any():
            n_curves += 1
            mode = "lines+markers" if markers or shown.sum() < 3 else "lines"
            figure.add_scatter(
                # Lists: arrays would be written in base64, which no person and no diff can read.
                x=kimg[shown].tolist(),
                y=values[shown].tolist(),
                name=item.label,
                mode=mode,
                line={"color": item.colour, "width": 2, "dash": item.dash},
                marker={"size": 6},
                hovertemplate="%{y:.4~g}",
            )
    if not n_curves:
        return None
    figure.update_layout(_layout(y_title, n_curves))
    # One range for all figures of a run, so that the eye can go straight down a column of them.
    figure.update_xaxes(range=[0, 1.02 * float(np.nanmax(kimg))])
    if log:
        figure.update_yaxes({"type": "log", **_log_ticks(history, series)})
    if from_zero:
        figure.update_yaxes(rangemode="tozero")
    return figure


def _log_ticks(history: History, series: Sequence[Series]) -> dict[str, list[float] | list[str]]:
    """Ticks of a logarithmic axis: 1, 2, 5 in a small range, else whole powers of ten."""
    values = np.concatenate([history[item.column] for item in series])
    values = values[np.isfinite(values) & (values > 0)]
    lowest, highest = (int(np.floor(np.log10(v))) for v in (values.min(), values.max()))
    digits = (1, 2, 5) if highest - lowest < 3 else (1,)
    step = max(1, (highest - lowest) // 8)
    ticks = [d * 10.0**power for power in range(lowest, highest + 2, step) for d in digits]
    return {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _layout(y_title: str, n_curves: int) -> dict[str, object]:
    axis = {
        "gridcolor": RULE,
        "zeroline": False,
        "automargin": True,
        "title_standoff": 10,
        "title_font_size": 13,
        # Ticks that nobody sees keep the numbers away from the curves.
        "ticks": "outside",
        "ticklen": 6,
        "tickcolor": "rgba(0,0,0,0)",
    }
    return {
        "template": "none",
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "height": 320,
        "margin": {"l": 56, "r": 12, "t": 36 if n_curves > 1 else 12, "b": 48},
        "hovermode": "x unified",
        "hoverlabel": {
            "font": {"family": FONT, "size": 13, "color": "#1b2027"},
            "bgcolor": "rgba(255,255,255,0.95)",
        },
        "showlegend": n_curves > 1,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        "xaxis": {
            **axis,
            "title_text": "Real images shown (thousands)",
            "spikecolor": INK,
            "spikethickness": 1,
            "hoverformat": ",.1~f",
            "unifiedhovertitle": {"text": "%{x} thousand images"},
        },
        "yaxis": {**axis, "title_text": y_title},
    }


def _rest(figure: go.Figure, value: float | None, colour: str) -> None:
    """A dotted line where a curve rests at equilibrium."""
    if value is not None:
        figure.add_hline(y=value, line={"color": colour, "width": 1.5, "dash": "dot"}, opacity=0.7)
