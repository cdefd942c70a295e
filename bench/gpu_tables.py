"""Tables of what was measured on a GPU, for report.py."""

from __future__ import annotations

from typing import Any

from _bench import machine_text, spread, table, three

FIGURES = ("P", "R", "coverage", "FD")


def gpu(document: dict[str, Any]) -> str:
    """Rates of each preset beside the tutorial loop, and what must be equal."""
    tutorial = document["tutorial"]
    rows = [
        [f"`{name.split(',')[0]}`", *name.split(", ")[1:], f"{rate:,.0f}", f"{rate / tutorial:.2f}"]
        for name, rate in document["rates"].items()
    ]
    head = ["preset", "batch", "precision", "images/s", "of the tutorial loop"]
    checks = [[name, "yes" if holds else "**no**"] for name, holds in document["checks"].items()]
    intro = (
        f"{document['device']}, {machine_text(document['machine'])}. The tutorial loop (nets of "
        f"`dcgan`, batch 64, float32): {tutorial:,.0f} images/s. All pairs of {document['n']:,} x "
        f"2,048 features: {document['pairs_seconds']:.2f} s. One round each."
    )
    return "\n\n".join([intro, table(head, rows), table(["check", "holds"], checks)])


def recipes(document: dict[str, Any]) -> str:
    """One row a recipe and budget: the medians over its seeds, the best precision first."""
    of: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for row in document["rows"]:
        of.setdefault((row["name"], row["kimg"]), []).append(row)
    body = []
    for (name, kimg), rows in of.items():
        figures = [spread([row[figure] for row in rows]) for figure in FIGURES]
        body.append((figures[0]["median"], name, kimg, rows, figures))
    body.sort(key=lambda found: (found[2], -found[0]))
    lines = [
        [
            "`dcgan-r1`" if name.startswith("r1") else "`dcgan`",
            name.split(": ")[1],
            f"{kimg:,.0f}",
            ", ".join(str(row["seed"]) for row in rows),
            *(
                three(figure, ".3f") if len(rows) > 1 else f"{figure['median']:.3f}"
                for figure in figures
            ),
        ]
        for _, name, kimg, rows, figures in body
    ]
    return table(["preset", "change", "kimg", "seeds", *FIGURES], lines)
