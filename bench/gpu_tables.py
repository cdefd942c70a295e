"""Tables of what was measured on a GPU, for report.py."""

from __future__ import annotations

from typing import Any

from _bench import machine_text, met, spread, table, three

LEAST_TIMES = 5
"""Times the tutorial loop, at a preset's own batch size: the aim."""
LEAST_SHARE = 0.9
"""Of the bare step's rate: the aim."""
FIGURES = ("P", "R", "coverage", "FD")


def gpu(document: dict[str, Any]) -> str:
    """Rates of each preset beside the tutorial loop and the bare step, and what must be equal."""
    rounds = document["rounds"]
    tutorial = spread([one["tutorial"] for one in rounds])
    rows = []
    for preset in (name for name in rounds[0] if name != "tutorial"):
        ways = [spread([one[preset][way] for one in rounds]) for way in ("graphs", "eager", "bare")]
        times = spread([one[preset]["graphs"] / one["tutorial"] for one in rounds])
        share = spread([one[preset]["graphs"] / one[preset]["bare"] for one in rounds])
        rates = [three(way, ",.0f") for way in ways]
        goals = [met(times["median"] >= LEAST_TIMES), met(share["median"] >= LEAST_SHARE)]
        row = [f"`{preset}`", *rates, three(times, ".1f"), goals[0], three(share, ".2f"), goals[1]]
        rows.append(row)
    head = ["preset", "images/s", "eager", "bare step"]
    head += ["times the tutorial loop", f"at least {LEAST_TIMES:g}"]
    head += ["of the bare step", f"at least {LEAST_SHARE:g}"]
    more = [
        [f"`{n.split(', ')[0]}`", n.split(", ", 1)[1], f"{v:,.0f}"]
        for n, v in document["more"].items()
    ]
    checks = [[name, "yes" if holds else "**no**"] for name, holds in document["checks"].items()]
    intro = (
        f"{document['device']}, {machine_text(document['machine'])}. The tutorial loop (nets of "
        f"`dcgan`, batch 64, float32): {three(tutorial, ',.0f')} images/s. All pairs of "
        f"{document['n']:,} x 2,048 features: {document['pairs_seconds']:.2f} s. Medians of "
        f"{len(rounds)} rounds (least to greatest); the whole call took "
        f"{document['seconds'] / 60:.1f} minutes."
    )
    return "\n\n".join(
        [
            intro,
            table(head, rows),
            "One round each, with graphs:",
            table(["preset", "changed", "images/s"], more),
            table(["check", "holds"], checks),
        ]
    )


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
