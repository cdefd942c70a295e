"""The tables of docs/benchmarks.md on quality: presets and aims, the lecture, known modes."""

from __future__ import annotations

import statistics
from typing import Any

from _bench import machine_text, met, spread_text, table

AIMS_BUDGET = {"minutes": 7}
AIMS = {
    "dcgan": {"precision": 0.72, "recall": 0.35},
    "dcgan-r1": {"precision": 0.81, "recall": 0.77, "coverage": 0.70},
    "cgan-every-layer": {"label_accuracy": 0.95, "recall": 0.55},
    "cgan-embedding": {"label_accuracy": 0.95, "recall": 0.55},
    "cgan-onehot": {"label_accuracy": 0.95, "recall": 0.55},
}
"""With bf16 instructions."""
AIMS_FLOAT32 = {"dcgan-r1": {"precision": 0.79, "recall": 0.68}}
"""Without them."""
PAIR = ("precision", "recall")
LECTURE = ("precision", "recall", "coverage", "fid", "label_accuracy")


def budget_text(budget: dict[str, float]) -> str:
    return ", ".join(f"{value:g} {name}" for name, value in budget.items())


def quality_row(runs: list[dict[str, Any]]) -> list[str]:
    """One preset's row."""

    def cell(name: str, form: str) -> str:
        values = [run[name] for run in runs if name in run]
        text = spread_text(values, form) if values else ""
        return text.removesuffix(" (one run)")  # a column tells how many

    return [
        f"`{runs[0]['preset']}`",
        str(len(runs)),
        " / ".join(dict.fromkeys(budget_text(run["budget"]) for run in runs)),
        cell("precision", ".3f"),
        cell("recall", ".3f"),
        cell("coverage", ".3f"),
        cell("frechet", ".2f"),
        cell("label_accuracy", ".3f"),
        cell("kimg", ",.0f"),
        cell("images_per_second", ",.0f"),
        cell("wall_seconds", ".0f"),
        cell("memory_mb", ",.0f"),
    ]


def aims_of(
    preset: str,
    runs: list[dict[str, Any]],
    at_rest: dict[str, float],
    every: dict[str, dict[str, float]],
) -> list[list[str]]:
    """A row for each aim of a preset: its median beside it. The aims are for 7 minutes, so a
    budget of images counts too if it takes at most nine tenths of that on this machine when idle
    (the rest is for start, grids and checkpoints)."""
    rows = []
    most_kimg = 0.9 * 60 * AIMS_BUDGET["minutes"] * at_rest.get(preset, 0.0) / 1000
    runs = [r for r in runs if r["budget"] == AIMS_BUDGET or r["kimg"] <= most_kimg]
    if not runs:
        return []
    for name, aim in every.get(preset, {}).items():
        values = [run[name] for run in runs]
        reached = met(statistics.median(values) >= aim)
        rows.append([f"`{preset}` {name}", spread_text(values), f"{aim:.2f}", reached])
    return rows


def quality(document: dict[str, Any]) -> str:
    by_preset: dict[str, list[dict[str, Any]]] = {}
    real = document["yardstick"]
    for run in document["runs"]:
        if run["judge_sha256"] != real["judge_sha256"]:
            raise SystemExit(f"{run['preset']} seed {run['seed']}: run bench/quality.py again.")
        by_preset.setdefault(run["preset"], []).append(run)
    head = ["preset", "runs", "budget", "precision", "recall", "coverage", "FD", "label accuracy"]
    head += ["kimg", "images/s", "wall s", "MiB"]
    yardstick = ["real training images", "", ""]
    yardstick += [f"{real[name]:.3f}" for name in ("precision", "recall", "coverage")]
    yardstick += [f"{real['frechet']:.2f}", f"{real['judge_accuracy']:.3f}", "", "", "", ""]
    rows = [yardstick, *(quality_row(runs) for runs in by_preset.values())]
    parts = [table(head, rows)]
    rates = document.get("at_rest", {})
    every = AIMS if document["machine"]["bf16"] else AIMS_FLOAT32
    aims = [
        row for preset, runs in by_preset.items() for row in aims_of(preset, runs, rates, every)
    ]
    parts.append(truncation_table(document["runs"]) if document["runs"] else "")
    # Runs with a budget in minutes have a rate of their own, of the nets that they had.
    in_images = {run["preset"] for run in document["runs"] if "kimg" in run["budget"]}
    rested = {preset: rate for preset, rate in rates.items() if preset in in_images}
    if rested:
        shown = ", ".join(f"`{preset}` {rate:,.0f}" for preset, rate in rested.items())
        parts.append(f"Images/s of the steps with the machine at rest: {shown}.")
    if aims:
        parts.append(table(["aim", "measured", "at least", "met"], aims))
    if document["runs"]:
        loads = [run["machine"]["load_1min"] for run in document["runs"]]
        commits = sorted({str(run["git_commit"])[:7] for run in document["runs"]})
        parts.insert(
            0,
            f"Median (least to greatest) over seeds. {machine_text(document['machine'])}; load "
            f"after the runs {min(loads):g} to {max(loads):g}. Commits {', '.join(commits)}.",
        )
    else:
        parts.append("*No run yet.*")
    return "\n\n".join(part for part in parts if part)


def truncation_table(runs: list[dict[str, Any]]) -> str:
    """The same generators with truncated latents: precision / recall, medians over seeds."""
    truncations = list(runs[0].get("truncated", {}))
    if not truncations:
        return ""
    rows = []
    for preset in dict.fromkeys(run["preset"] for run in runs):
        of = [run for run in runs if run["preset"] == preset]
        cells = []
        for scores in (of, *([run["truncated"][psi] for run in of] for psi in truncations)):
            pair = (statistics.median(one[name] for one in scores) for name in PAIR)
            cells.append(" / ".join(f"{value:.3f}" for value in pair))
        rows.append([f"`{preset}`", *cells])
    return table(["precision / recall at truncation", "1 (off)", *truncations], rows)


def families(document: dict[str, Any]) -> str:
    rows = []
    for row in document["presets"]:
        if "error" in row:
            rows.append([f"`{row['preset']}`", "", "", "", row["error"]])
            continue
        distance = row["sliced_wasserstein"]
        rows.append(
            [
                f"`{row['preset']}`",
                f"{row['kimg']:,.0f}",
                f"{row['seconds']:.0f}",
                f"{row['images_per_second']:,.0f}",
                "" if distance is None else f"{distance:.4f}",
            ]
        )
    head = ["preset", "kimg", "s", "images/s", "sliced Wasserstein distance at the end"]
    shape = " x ".join(map(str, document["shape"]))
    intro = f"{document['data']}, {shape}, {budget_text(document['budget'])} for each preset. "
    return f"{intro}{machine_text(document['machine'])}.\n\n{table(head, rows)}"


def lecture(document: dict[str, Any]) -> str:
    """Every family of the lecture's two applications, sorted by the median of FID, best last."""
    parts = []
    for title, found in document["tables"].items():
        rows = sorted(found["rows"], key=lambda row: -statistics.median(row["values"]["fid"]))
        shown = [name for name in LECTURE if any(name in row["values"] for row in rows)]
        body = [
            [
                f"`{row['name']}`",
                f"{row['kimg']:,.0f}",
                *(
                    " / ".join(f"{value:.3f}" for value in row["values"].get(name, []))
                    for name in shown
                ),
            ]
            for row in rows
        ]
        intro = (
            f"{title}: {found['n_fake']:,} samples against {found['n_real']:,} real images, "
            f"features of `{found['features']}`; each seed's number."
        )
        parts.append(f"{intro}\n\n{table(['preset', 'kimg', *shown], body)}")
    return "\n\n".join(parts)


def modes(document: dict[str, Any]) -> str:
    """Data with known modes: a perfect generator, every loss, what has been published."""
    commit, where = document["git_commit"][:7], machine_text(document["machine"])
    rows = [[f"`{row[0]}`" if row[1] else row[0], *row[1:]] for row in document["rows"]]
    made = f"Table made at commit {commit}. {where}."
    intro = f"**{document['data']}.** {document['about']}"
    return "\n\n".join([made, intro, table(document["heads"], rows)])
