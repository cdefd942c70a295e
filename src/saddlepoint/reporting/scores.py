"""The measured part of a report: every number with its interval, and the protocol behind it."""

from __future__ import annotations

from html import escape
from typing import Any

from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import as_rows, newest_scores
from saddlepoint.reporting import page
from saddlepoint.reporting.facts import flat

SHEETS = {
    "closest": "Samples, each with its nearest training image to the right, most suspicious first",
    "realism": "The most realistic samples, then the least realistic",
}
"""What `saddle evaluate` draws beside the numbers -> its caption."""


def scores_section(run: Run) -> str:
    """The section of report.html; "" before `saddle evaluate` has measured the run."""
    scores = newest_scores(run)
    # One evaluation for each protocol, the newest first: their numbers must not be mixed.
    parts = [_evaluation(document) for document in reversed(scores)]
    for name, caption in SHEETS.items() if scores else ():
        file = run.scores_folder / f"{scores[-1]['checkpoint']}-{name}.png"
        parts.append(page.figure(page.image(file, caption), caption))
    return page.section("Scores", "".join(parts)) if scores else ""


def protocol_sentence(document: dict[str, Any]) -> str:
    """What the numbers of an evaluation are of: both sets, features, resize, k."""
    real, fake, protocol = (document[name] for name in ("real", "fake", "protocol"))
    features = protocol["features"]
    weights = f" (weights sha256 {features['sha256'][:12]})" if features.get("sha256") else ""
    split = f", {real['split']} split" if "split" in real else ""
    trained = f" after {fake['trained_images']:,} images" if "trained_images" in fake else ""
    return (
        f"{protocol['n_fake']:,} samples{trained} against {protocol['n_real']:,} real images "
        f"({real['name']}{split}); features: {features['kind']}{weights}, "
        f"resize: {features.get('resize', 'none')}, k = {protocol['k']}."
    )


def _evaluation(document: dict[str, Any]) -> str:
    header = ("Measure", "Value", "95 % interval", "Note")
    numbers = page.grid_table(header, as_rows(document))
    classes = document["per_class"]
    by_name = page.folded("By class", page.grid_table(*by_class(classes))) if classes else ""
    protocol = page.folded("The whole protocol", page.table(flat(document["protocol"])))
    return f"<p>{escape(protocol_sentence(document))}</p>{numbers}{by_name}{protocol}"


def by_class(scores: dict[str, dict[str, float]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the scores per class, for the page and for the terminal."""
    shown = ("precision", "recall", "coverage", "fid", "label_accuracy")
    names = [name for name in shown if all(name in values for values in scores.values())]
    rows = [[label, *(f"{values[name]:.4f}" for name in names)] for label, values in scores.items()]
    return ["class", *names], rows
