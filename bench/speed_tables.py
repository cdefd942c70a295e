"""The tables of docs/benchmarks.md on the speed of training and on the expected time and memory."""

from __future__ import annotations

from typing import Any

from _bench import machine_text, met, spread_text, table, three

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
