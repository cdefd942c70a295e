"""Tables of the studio and of the game in the plane, for report.py."""

from __future__ import annotations

from typing import Any

from _bench import machine_text, met, table, three

LEAST_FRAMES = 30
"""Of the game, a second: the aim."""
MOST_LOST = 2.0
"""Percent of its rate that a training may lose: the aim, of the median."""
MOST_PAINT = 1.0
"""Seconds until the list of 100 runs is painted: the aim."""
WAYS = {
    "alone": "alone",
    "reader": "a studio, and a reader that asks what an open live view asks",
    "browser": "a studio, and its live view open in headless Chromium",
}
WAITS = {"first": "first visit", "again": "second visit"}


def studio(document: dict[str, Any]) -> str:
    """The parts that were measured, each under the machine's state at its start."""
    parts = {"runs": _runs, "long": _long, "training": _training, "widget": _widget}
    parts |= {"tensorboard": _tensorboard}
    made = [
        f"{draw(document[name])}\n\nCommit {document[name]['commit']}; "
        f"{machine_text(document[name]['machine'])}."
        for name, draw in parts.items()
        if name in document
    ]
    return "\n\n".join(made)


def _runs(found: dict[str, Any]) -> str:
    rows = []
    for visit, text in WAITS.items():
        paint, listed = found[visit]["paint"], found[visit]["listed"]
        rows.append([text, f"{paint:.2f}", met(paint < MOST_PAINT), f"{listed:.2f}"])
    head = [f"{found['runs']} runs", "first paint, s", f"under {MOST_PAINT:g}", "all listed, s"]
    return table(head, rows)


def _long(found: dict[str, Any]) -> str:
    rows = [
        ["first paint, s", f"{found['paint']:.2f}"],
        ["first curve, an overview of the whole run, s", f"{found['curve']:.1f}"],
        ["read to the end, s", f"{found['whole']:.0f}"],
        ["slowest answer to another question meanwhile, s", f"{found['slowest_answer']:.2f}"],
        ["what the browser gets, MB", f"{found['answer_megabytes']:.2f}"],
        ["memory of the server, peak, MB", f"{found['server_megabytes']:,.0f}"],
    ]
    size = found["file_megabytes"] / 1000
    return table([f"a run of {found['ticks']:,} lines, {size:.1f} GB", ""], rows)


def _training(found: dict[str, Any]) -> str:
    rows, cores = [], found["machine"]["cores"]
    for way, row in found["ways"].items():
        cells = [three(row["images_per_second"], ",.0f"), "", "", "", ""]
        if way != "alone":
            used = row["percent_of_a_core"]
            server, browser = (scaled(used[who], 1 / cores) for who in ("server", "browser"))
            cells[1:4] = [
                three(row["percent_lost"], ".1f"),
                met(row["percent_lost"]["median"] < MOST_LOST),
                three(server, ".1f"),
            ]
            cells[4] = three(browser, ".1f") if way == "browser" else ""
        rows.append([WAYS[way], *cells])
    head = ["beside the training", "images/s", "lost, %", f"under {MOST_LOST:g}"]
    return table([*head, "server takes, % of all cores", "browser takes, % of all cores"], rows)


def _widget(found: dict[str, Any]) -> str:
    spent = three(found["milliseconds"], ".0f")
    head = [f"`notebook.watch` of a run with {found['ticks']} lines, in the training's own process"]
    return table([*head, ""], [["processor, ms a look (at most one a second, and 5 %)", spent]])


def scaled(figures: dict[str, float], factor: float) -> dict[str, float]:
    return {name: value * factor for name, value in figures.items()}


def _tensorboard(found: dict[str, Any]) -> str:
    rows = [
        [
            name,
            three(page["paint"], ".2f"),
            three(page["curve"], ".2f"),
            three(page["megabytes"], ".2f"),
            f"{page['requests']['median']:.0f}",
        ]
        for name, page in found["pages"].items()
    ]
    head = ["one run", "first paint, s", "first curve, s", "MB over the wire", "requests"]
    return table(head, rows)


def game(document: dict[str, Any]) -> str:
    parts = []
    if "played" in document:
        played = document["played"]
        rows = [
            [
                name,
                f"{row['frames']:.0f}",
                met(row["frames"] >= LEAST_FRAMES),
                f"{row['moves']:.1f}",
                f"{1000 / row['milliseconds']:.0f}",
            ]
            for name, row in played["speed"].items()
        ]
        head = ["game", "frames/s on the clock", f"at least {LEAST_FRAMES}", "moves a frame"]
        parts += [
            f"Commit {played['commit']}; {machine_text(played['machine'])}.",
            table([*head, "frames/s of processor"], rows),
        ]
    if "breaks" in document:
        rows = [
            [
                f"`{name}`",
                " / ".join(_found(run["broken"]) for run in runs),
                f"{sum(run['named'] for run in runs)} of {len(runs)}",
                " / ".join(f"{run['mended']['modes']} of {run['mended']['of']}" for run in runs),
                " / ".join(f"{run['mended']['w']:.2f}" for run in runs),
                " / ".join(_found(run["mended"]) for run in runs),
            ]
            for name, runs in document["breaks"]["rows"].items()
        ]
        head = ["break", "what the doctor says, by seed", "named", "mended: clusters"]
        parts.append(table([*head, "Wasserstein", "what the doctor says then"], rows))
    return "\n\n".join(parts)


def _found(state: dict[str, Any]) -> str:
    return ", ".join(state["findings"]) or "nothing"
