"""The tables of docs/benchmarks.md on measures: beside other packages, and what they cost."""

from __future__ import annotations

from typing import Any

from _bench import machine_text, met, table, three


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
