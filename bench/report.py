"""Writes the tables made from bench/results/*.json between the markers of docs/benchmarks.md.

    python bench/report.py [--check]

No figure on that page is typed by hand. A section that was not measured on this machine is left
alone. With --check nothing is written, and the exit code is 1 if the page differs from the results.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from _bench import (
    HERE,
    RESULTS,
    fill,
    machine_text,
    met,
    parser_with,
    read_result,
    spread_text,
    table,
    three,
)
from doctor.tables import doctor, overhead, rescue
from gpu_tables import gpu, recipes
from ranks import ranks
from robustness_tables import fuzz, soak
from studio_tables import game, studio

PAGE = HERE.parent / "docs" / "benchmarks.md"
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
RATIO_AIMS = {
    True: {"paper": 2.3, "upsample": 3.7},
    False: {"paper": 1.7, "upsample": 2.7},
}
"""Of our loop to the tutorial's, with and without bf16 instructions."""


def throughput(document: dict[str, Any]) -> str:
    rows, claims = [], []
    for nets, figures in document["nets"].items():
        rates = figures["images_per_second"]
        rows.append([nets, *(three(rate, ",.0f") for rate in rates.values())])
        ratio, overhead = figures["ratio_ours_to_tutorial"], figures["overhead_percent"]
        plain = figures["overhead_percent_without_snapshot"]
        aim = RATIO_AIMS[document["machine"]["bf16"]].get(nets)
        claims += [
            [
                nets,
                "ours / tutorial",
                three(ratio, ".2f"),
                f"at least {aim}" if aim else "",
                met(ratio["median"] >= aim) if aim else "",
            ],
            [
                nets,
                "overhead of the whole loop over bare steps, %",
                three(overhead, ".1f"),
                "at most 5",
                met(overhead["median"] <= 5),
            ],
            [
                nets,
                "the same without the one grid, score and checkpoint, %",
                three(plain, ".1f"),
                "",
                "",
            ],
        ]
    return "\n\n".join(
        [
            f"Rounds: {document['n_rounds']}, with {document['seconds']:g} s for each candidate; "
            f"images/s, median (least to greatest). {machine_text(document['machine'])}.",
            table(["nets", "tutorial", "ours", "bare", "ours, whole call"], rows),
            table(["nets", "claim", "measured", "aim", "met"], claims),
        ]
    )


def threads(document: dict[str, Any]) -> str:
    names = {
        "spin": "PyTorch's own way: waiting threads spin",
        "ours": "the fastest way that keeps the bits",
        "one": "`--threads 1`: other bits",
    }
    alone, busy = (document["images_per_second"][where] for where in ("alone", "busy"))
    rows = [[text, three(alone[n], ",.0f"), three(busy[n], ",.0f")] for n, text in names.items()]
    given = document["settings"]
    return "\n\n".join(
        [
            f"Preset {given['preset']}, {given['rounds']} rounds of {given['seconds']:g} s; "
            f"images/s, median (least to greatest). {machine_text(document['machine'])}.",
            table(["threads", "alone", "beside one busy core"], rows),
        ]
    )


PAIR = ("precision", "recall")
LECTURE = ("precision", "recall", "coverage", "fid", "label_accuracy")


def budget_text(budget: dict[str, float]) -> str:
    return ", ".join(f"{value:g} {name}" for name, value in budget.items())


def precision(document: dict[str, Any]) -> str:
    rows = [
        [
            f"`{row['preset']}`",
            str(row["batch"]),
            *(three(row["rates"][name], ",.0f") for name in ("fp32", "bf16")),
            three(row["ratio"], ".2f"),
        ]
        for row in document["rows"]
    ]
    return "\n\n".join(
        [
            f"{document['rounds']} rounds of {document['seconds']:g} s; images/s, median (least to "
            f"greatest). {machine_text(document['machine'])}.",
            table(["preset", "batch", "float32", "bf16", "bf16 / float32"], rows),
        ]
    )


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


def kill_resume(document: dict[str, Any]) -> str:
    head = ["run", "images", "treatments", "kills at random", "kills at calls", "in a checkpoint"]
    names = ("images", "treatments", "at_random", "at_calls", "in_a_checkpoint")
    rows = [
        [
            f"`{row['run']}`",
            *(f"{row[name]:,}" for name in names),
            f"**{row['different']}**" if row["different"] else "0",
        ]
        for row in document["runs"]
    ]
    return "\n\n".join(
        [
            f"Commit {document['commit']}, {document['minutes']:g} minutes with "
            f"{document['settings']['jobs']} jobs. {machine_text(document['machine'])}.",
            table([*head, "runs that differ"], rows),
        ]
    )


def expected(document: dict[str, Any]) -> str:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for run in document["runs"]:
        same = ("preset", "data", "batch_size", "precision", "kimg")
        groups.setdefault(tuple(run[name] for name in same), []).append(run)
    rows = []
    for (preset, data, batch, precision, kimg), runs in groups.items():
        memory = [run["expected_bytes"] / run["peak_bytes"] - 1 for run in runs]
        timed = [run for run in runs if run["expected_seconds"]]
        time = [run["expected_seconds"] / run["seconds"] - 1 for run in timed]
        rows.append(
            [
                *(f"`{preset}`", data, f"{batch:,}", precision, f"{kimg:g}", str(len(runs))),
                spread_text([run["peak_bytes"] / 1e9 for run in runs]),
                spread_text(memory, "+.0%"),
                spread_text([run["seconds"] for run in timed], ".0f") if timed else "",
                spread_text(time, "+.0%") if timed else "",
                met(all(abs(off) <= 0.15 for off in (*memory, *time))),
            ]
        )
    head = ["preset", "data", "batch", "precision", "kimg", "runs", "peak, GB"]
    head += ["expectation off by", "s", "expectation off by", "all within 15 %"]
    commits = sorted({run["git_commit"] for run in document["runs"]})
    about = f"Commits {', '.join(commits)}. {machine_text(document['machine'])}."
    return f"{about}\n\n{table(head, rows)}"


def agreement(values: dict[str, dict[str, float]]) -> str:
    """Each number beside those of the other packages, with the largest difference."""
    ours = values["ours"]
    peers = {name: values[name] for name in ("torch-fidelity", "prdc")}
    rows = []
    for name in ("fid", "kid_subsets", "precision", "recall", "density", "coverage"):
        theirs = [peer.get(name) for peer in peers.values()]
        gap = max(abs(ours[name] - value) for value in theirs if value is not None)
        shown = f"{gap / abs(ours[name]):.1e} of it" if name == "fid" else f"{gap:.1e}"
        cells = [ours[name], *theirs]
        rows.append([name, *("" if x is None else f"{x:.6g}" for x in cells), shown])
    return table(["number", "ours", *peers, "difference"], rows)


def cost_of(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        seconds = row["seconds"]
        whole = sum(seconds.values()) - seconds["reference"]
        cells = [whole, seconds["fid"], whole - seconds["fid"], seconds["reference"]]
        lines.append(
            [
                f"{row['n']:,}",
                *(f"{cell:.1f}" for cell in cells),
                f"{row['extra_bytes'] / 1e9:.2f}",
                f"{row['feature_bytes'] / 1e9:.2f}",
            ]
        )
    head = ["images a side", "s", "of it FID", "of it all pairs", "reference, once, s"]
    return table([*head, "extra memory, GB", "features, GB"], lines)


def evaluate_claims(document: dict[str, Any]) -> str:
    faster, share = document["times_faster"], document["share_of_memory"]
    rows = [
        ["times faster than both peers", three(faster, ".2f"), "at least 5", faster["median"] >= 5],
        ["share of their extra memory", three(share, ".2f"), "at most 0.2", share["median"] <= 0.2],
    ]
    for row in document["cost"]:
        if row["n"] == 50_000:
            extra = row["extra_bytes"] / 1e9
            rows.append(
                ["50,000 images, GB above the features", f"{extra:.2f}", "under 2", extra < 2]
            )
    lines = [[claim, measured, aim, met(bool(reached))] for claim, measured, aim, reached in rows]
    without = "times faster, real statistics of torch-fidelity cached too"
    later = "times faster at a later evaluation against the same real images"
    for name, key in (
        ("times faster, by processor time", "times_faster_by_processor"),
        (without, "times_faster_real_statistics_cached_by_both"),
        (later, "times_faster_at_a_later_evaluation"),
    ):
        if key in document:
            lines.append([name, three(document[key], ".2f"), "", ""])
    return table(["claim", "measured", "aim", "met"], lines)


def evaluate(document: dict[str, Any]) -> str:
    names = [*document["seconds"]]
    rows = [
        [
            name,
            three(document["seconds"][name], ".1f"),
            f"{document['extra_bytes'][name]['median'] / 1e9:.2f}",
            ", ".join(
                f"{part} {seconds:.1f}"
                for part, seconds in document["parts"][name].items()
                if part != "reference" and seconds >= 0.05
            ),
        ]
        for name in names
    ]
    if "scipy" in document:
        row = document["scipy"]
        rows.append(["scipy's `sqrtm`, FID only, once", f"{row['seconds']:.1f}", "", ""])
    peers = " and ".join(f"{name} {version}" for name, version in document["peers"].items())
    return "\n\n".join(
        [
            f"n = m = {document['n']:,}, beside {peers}; rounds: {document['n_rounds']}. "
            f"{machine_text(document['machine'])}.",
            table(["candidate", "s", "extra memory, GB", "of it, s"], rows),
            evaluate_claims(document),
            agreement(document["values"]),
            "Ours alone:",
            cost_of(document["cost"]),
        ]
    )


def fid_factor(document: dict[str, Any]) -> str:
    seconds, values = document["seconds"], document["values"]
    names = {"root": "symmetric root (eigenvectors)", "cholesky": "Cholesky factor"}
    rows = [
        [text, three(seconds[name], ".2f"), f"{values[name]:.10g}"] for name, text in names.items()
    ]
    intro = f"n = m = {document['n']:,}, {document['n_rounds']} rounds in turn in one process; "
    faster = f"times faster: {three(document['times_faster'], '.2f')}. "
    head = ["factor of the real covariance", "FID once the moments are there, s", "value"]
    return f"{intro}{faster}{machine_text(document['machine'])}.\n\n{table(head, rows)}"


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


def prepare() -> str | None:
    """The last lines that bench/prepare.py printed, as they are."""
    path = RESULTS / "prepare.txt"
    if not path.is_file():
        return None
    return f"```\n{path.read_text().strip()}\n```"


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "throughput": throughput,
    "throughput-float32": throughput,
    "threads": threads,
    "precision": precision,
    "quality": quality,
    "quality-float32": quality,
    "quality-conditional": quality,
    "quality-embedding": quality,
    "kill-resume": kill_resume,
    "fuzz": fuzz,
    "soak": soak,
    "expected": expected,
    "evaluate": evaluate,
    "fid-factor": fid_factor,
    "lecture": lecture,
    "modes-ring8": modes,
    "modes-grid25": modes,
    "modes-stacked-mnist": modes,
    "modes-stacked-mnist-hard": modes,
    "families-labelled": families,
    "families-unlabelled": families,
    "doctor": doctor,
    "doctor-overhead": overhead,
    "doctor-rescue": rescue,
    "gpu": gpu,
    "many-recipes": recipes,
    "ranks": ranks,
    "studio": studio,
    "game": game,
}
"""Marker on the page and name of the JSON -> its table."""


def section(name: str) -> str | None:
    """The text between a section's markers; None if there is no result for it here."""
    if name == "prepare":
        return prepare()
    document = read_result(name)
    return None if document is None else TABLES[name](document)


def sections() -> dict[str, str | None]:
    return {name: section(name) for name in (*TABLES, "prepare")}


def main() -> int:
    parser = parser_with(__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    texts = sections()
    outdated = fill(PAGE, texts, check)
    if not check:
        kept = [name for name, text in texts.items() if text is None]
        print(f"{PAGE}: written; unchanged: {', '.join(kept) or 'none'}")
    return outdated


if __name__ == "__main__":
    raise SystemExit(main())
