"""Each figure of a run, defined once: report and studio show the same."""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from saddlepoint.core.findings import Range
from saddlepoint.core.history import History
from saddlepoint.core.runs import Run
from saddlepoint.diagnosis.diagnose import healthy_ranges
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.figure_style import band
from saddlepoint.reporting.figure_words import axes_in, figure_in, title_in
from saddlepoint.reporting.palette import BLUE, GREEN, INK, ORANGE, PINK
from saddlepoint.reporting.panel import Panel, Rest, Series
from saddlepoint.reporting.strings import ENGLISH, Words
from saddlepoint.reporting.wording import Wording, wording_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


BANDS = "Green: the range that the doctor takes for healthy."


def drawn(
    run: Run, names: Collection[str] = (), title: str = "{title}", words: Words = ENGLISH
) -> list[tuple[str, go.Figure, str]]:
    """The figures of a run that have something to show; [] without plotly.

    Args:
        names: only these panels; by default all.
        title: of each figure, where `{title}` is the panel's own.

    Returns:
        (title, figure, how to read it) of each, as `plots.curves_section` takes them.
    """
    figures = figures_of(Facts.of(run).document, run.history, names, words)
    return [(title.format(title=shown), figure, text) for _, shown, figure, text in figures]


def figures_of(
    document: dict[str, Any],
    history: History,
    names: Collection[str] = (),
    words: Words = ENGLISH,
) -> list[tuple[str, str, go.Figure, str]]:
    """As `drawn`, each with the panel's name first.

    Args:
        document: the run's config.json.
    """
    if find_spec("plotly") is None:
        return []
    loss = (document.get("config") or {}).get("loss") or {}
    wording, kind = wording_of(loss), loss.get("kind", "") if isinstance(loss, dict) else ""
    healthy = healthy_ranges(history)
    figures = []
    for panel in PANELS:
        wanted = panel.name in names if names else not panel.only_if_named
        figure = panel.draw(history, wording, healthy) if wanted else None
        if figure is not None:
            text = panel.reading(wording)
            text += f" {BANDS}" if figure["layout"]["meta"] else ""
            title = title_in(words, panel, wording)
            said = figure_in(words, str(kind), panel.name, figure, text)
            figures.append((panel.name, title, *said))
    return figures


def evidence_figure(
    history: History, name: str, healthy: Range, words: Words = ENGLISH
) -> go.Figure | None:
    """The curve of a finding's evidence over its healthy range; None where it is no column of the
    history, but was computed from one."""
    series = (Series(name, name, BLUE),)
    panel = Panel(name=name, title=name, y_title=name, series=series, text="", markers=True)
    figure = panel.draw(history, Wording())
    if figure is None:
        return None
    axes_in(words, "evidence", figure)
    if healthy == (None, None):
        return figure
    values = history[name][np.isfinite(history[name])].tolist()
    figure.add_shape(**band(healthy, values))
    return figure


def _read_losses(wording: Wording) -> str:
    return f"{wording.reading} {wording.equilibrium}".strip()


def _read_logits(wording: Wording) -> str:
    if not wording.zero_is_neutral:
        return (
            f"Only the gap counts: the {wording.critic}'s output has no zero of its own. A gap "
            "that shrinks while images improve is good; a gap that keeps growing is not."
        )
    return (
        "Above 0 the discriminator says real, below 0 it says generated; 5 is a certainty of "
        "99 %. A steady gap of a few units is healthy. Curves that drift apart mean that the "
        "discriminator is winning and the generator no longer learns; curves that coincide from "
        "the start mean that the discriminator is too weak to teach. At equilibrium both are at 0."
    )


def _players(column: str, dash: str = "solid") -> tuple[Series, Series]:
    """A column of each player."""
    critic = Series(f"{column}_d", "{critic}", BLUE)
    return critic, Series(f"{column}_g", "Generator", ORANGE, dash)


PANELS = (
    Panel(
        name="losses",
        title="Losses",
        y_title="Loss",
        series=(*_players("loss"), Series("penalty", "Penalty", GREEN, "dash")),
        text=_read_losses,
        rests=lambda wording: [
            Rest(wording.rest_d, BLUE, "loss_d"),
            Rest(wording.rest_g, ORANGE, "loss_g"),
        ],
    ),
    Panel(
        name="logits",
        title="What the {critic} says",
        y_title="Mean output of the {critic}",
        series=(
            Series("real_logit", "Real images", BLUE),
            Series("fake_logit", "Generated images", ORANGE, "dash"),
        ),
        gap="logit_gap",
        text=_read_logits,
        rests=lambda wording: [Rest(0.0, INK)] if wording.zero_is_neutral else [],
    ),
    Panel(
        name="auc",
        title="How well the {critic} tells them apart",
        y_title="Share of pairs judged right",
        series=(Series("auc", "Pairs judged right", BLUE),),
        text=(
            "Of a real and a generated image of the same step, how often the real one gets the "
            "higher output: 1 is always right, 0.5 is guessing, which is where a good game ends. "
            "Above the healthy range nothing gets past it, below it generated images are rated "
            "above real ones; either is a failure only while the images are bad and stay bad."
        ),
        rests=lambda wording: [Rest(0.5, INK)],
    ),
    Panel(
        name="distance",
        title="Distance to the data",
        y_title="Sliced Wasserstein distance",
        series=(Series("sliced_wasserstein", "Distance", PINK),),
        text=(
            "How far the distribution of the samples is from that of the data, measured on "
            "one-dimensional projections of the pixels; lower is better. It should fall and then "
            "level off, and once it has been level for long, more training brings little. It sees "
            "layout and colours, not fine detail."
        ),
        from_zero=True,
        markers=True,
    ),
    Panel(
        name="fid",
        title="FID during training",
        y_title="FID",
        series=(Series("fid", "FID", PINK),),
        text=(
            "The Fréchet distance of features, measured on few images at each sample grid to rank "
            "checkpoints; lower is better. Compare it within this run alone: it falls with the "
            "number of images that it is measured on."
        ),
        from_zero=True,
        markers=True,
    ),
    Panel(
        name="precision-recall",
        title="Precision and recall during training",
        y_title="Share of images",
        series=(
            Series("precision", "Precision", BLUE),
            Series("recall", "Recall", ORANGE, "dash"),
        ),
        text=(
            "Precision is the share of generated images that lie among real ones; recall the share "
            "of real images that lie among generated ones. Recall that falls while precision stays "
            "is the beginning of a collapse."
        ),
        from_zero=True,
        markers=True,
    ),
    Panel(
        name="diversity",
        title="Diversity",
        y_title="Spread, as a share of real",
        series=(Series("diversity", "Generated / real", GREEN),),
        text=(
            "How much the generated images of one batch differ from each other, per pixel, "
            "compared with real ones: 1 is as varied as the data. A fall towards 0 is mode "
            "collapse (every sample the same); far above 1 is noise."
        ),
        rests=lambda wording: [Rest(1.0, GREEN)],
        from_zero=True,
    ),
    Panel(
        name="gradients",
        title="Gradients",
        y_title="Gradient norm",
        series=_players("grad_norm", "dash"),
        text=(
            "Steady is healthy, at any height. A generator's norm that falls to nothing means "
            "that no signal reaches it; a climb by powers of ten, or lone spikes, come before a "
            "divergence: lower the learning rate."
        ),
        log=True,
    ),
    Panel(
        name="throughput",
        title="Speed",
        y_title="Real images / second",
        series=(Series("images_per_second", "Images a second", BLUE),),
        text=(
            "Short dips are checkpoints and sample grids. A lasting fall means that something "
            "else is using the machine, or that it is too hot."
        ),
        from_zero=True,
    ),
    Panel(
        name="steps",
        title="Generator steps",
        y_title="Generator steps / second",
        series=(Series("steps_per_second", "Steps a second", ORANGE),),
        text=(
            "The fair measure of speed between recipes: a critic that takes five steps for each of "
            "the generator's sees five times the images, which the axis below counts."
        ),
        from_zero=True,
        only_if_named=True,
    ),
    Panel(
        name="learning-rates",
        title="Learning rates",
        y_title="Learning rate",
        series=_players("lr", "dash"),
        text="As the configuration schedules them; compare with sudden changes elsewhere.",
        from_zero=True,
        only_if_changing=True,
    ),
)
"""Every figure, in the order of a report."""
