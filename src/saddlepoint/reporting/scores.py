"""The measured part of a report: every number with its interval, and the protocol behind it."""

from __future__ import annotations

from html import escape
from typing import Any

from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import as_rows, newest_scores
from saddlepoint.reporting import embedded, page
from saddlepoint.reporting.messages import in_language
from saddlepoint.reporting.strings import ENGLISH, Words

SHEETS = ("closest", "realism")
"""What `saddle evaluate` draws beside the numbers."""


def scores_section(run: Run, words: Words) -> str:
    """The section of report.html; "" before `saddle evaluate` has measured the run."""
    scores = newest_scores(run)
    # One evaluation for each protocol, the newest first: their numbers must not be mixed.
    parts = [_evaluation(document, words) for document in reversed(scores)]
    for name in SHEETS if scores else ():
        caption = words(f"scores.{name}")
        file = run.scores_folder / f"{scores[-1]['checkpoint']}-{name}.png"
        parts.append(embedded.figure(embedded.image(file, caption), caption))
    return page.section(words("scores.title"), "".join(parts)) if scores else ""


def protocol_sentence(document: dict[str, Any], words: Words = ENGLISH) -> str:
    """What the numbers of an evaluation are of: both sets, features, resize, k."""
    real, fake, protocol = (document[name] for name in ("real", "fake", "protocol"))
    features, more = protocol["features"], {"after": "", "split": "", "weights": ""}
    resize = features.get("resize", "none")
    if features.get("sha256"):
        more["weights"] = words("scores.weights", sha=features["sha256"][:12])
    if "split" in real:
        more["split"] = words("scores.split", split=real["split"])
    if "trained_images" in fake:
        images = words.number(f"{fake['trained_images']:,}")
        more["after"] = words("scores.after", images=images)
    return words(
        "scores.sentence",
        n_fake=words.number(f"{protocol['n_fake']:,}"),
        n_real=words.number(f"{protocol['n_real']:,}"),
        name=real["name"],
        features=features["kind"],
        resize=words("scores.no-resize") if resize == "none" else resize,
        k=protocol["k"],
        **more,
    )


def _evaluation(document: dict[str, Any], words: Words) -> str:
    header = [words(f"scores.{key}") for key in ("measure", "value", "interval", "note")]
    numbers = page.grid_table(header, (_row(*row, words) for row in as_rows(document)))
    by_name = ""
    if classes := document["per_class"]:
        table = page.grid_table(*by_class(classes, words))
        by_name = page.folded(words("scores.by-class"), table)
    protocol = page.folded(words("scores.protocol"), page.record(document["protocol"]))
    said = escape(protocol_sentence(document, words))
    return f"<p>{said}</p>{numbers}{by_name}{protocol}"


def _row(name: str, value: str, interval: str, note: str, words: Words) -> list[str]:
    """A number as `as_rows` gives it, in the language."""
    ends = interval.split(" to ") if interval else []
    around = words("page.to", low=ends[0], high=ends[1]) if ends else ""
    return [name, words.number(value), words.number(around), in_language(note, words.language)]


def by_class(
    scores: dict[str, dict[str, float]], words: Words = ENGLISH
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the scores per class, for the page and for the terminal."""
    shown = ("precision", "recall", "coverage", "fid", "label_accuracy")
    names = [name for name in shown if all(name in values for values in scores.values())]
    rows = [
        [label, *(words.number(f"{values[name]:.4f}") for name in names)]
        for label, values in scores.items()
    ]
    return [words("scores.class"), *names], rows
