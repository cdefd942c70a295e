"""The tables of docs/benchmarks.md on kills, on hostile cases and on the soak."""

from __future__ import annotations

from typing import Any

from _bench import machine_text, met, table

KINDS = {
    "traceback": "a traceback on the screen",
    "crash": "an exception that only the net at the top has caught",
    "exit code": "a wrong exit code",
    "no sentence": "a failure without one line that says why",
    "sentence": "a line that does not help: no reason, no path, too long, or Python's words",
    "json": "a `--json` that is not one strict JSON document",
    "control characters": "a planted escape sequence that reaches the terminal",
    "hang": "a hang",
    "memory": "more than 4 GB of memory",
    "harm": "a file harmed outside the output",
    "stray": "a file made where nobody had asked for one",
    "leavings": "a temporary file that stays",
    "remains": "a refused command that has made something",
    "silence": "damage that is not told",
    "lost lines": "a whole line of metrics lost",
    "state": "a run that is over and calls itself running",
    "dead end": "a stopped command that cannot be gone on with",
    "unequal": "a stopped run that ends with other weights or metrics than one never stopped",
    "fuzzer": "a case that the fuzzer could not play",
}
"""Kind of fault -> what it is."""


def fuzz(document: dict[str, Any]) -> str:
    """A column for each seed: cases by category, then faults by kind."""
    plays = document["plays"]
    heads = [f"seed {play['seed']}" for play in plays]
    categories = sorted({name for play in plays for name in play["categories"]})

    def cell(play: dict[str, Any], category: str) -> str:
        row = play["categories"].get(category, {"cases": 0, "faulty": 0})
        return f"{row['cases']:,} / {row['faulty']}"

    rows = [[name, *(cell(play, name) for play in plays)] for name in categories]
    rows.append(["**all**", *(f"{play['cases']:,} / {play['faulty']}" for play in plays)])
    kinds = [[text, *(str(p["kinds"].get(kind, 0)) for p in plays)] for kind, text in KINDS.items()]
    peaks = [f"{play['peak_memory_mb'] * 2**20 / 1e9:.2f}" for play in plays]
    kinds.append(["peak memory of one command, GB (at most 4)", *peaks])
    took = "; ".join(
        f"seed {play['seed']}: {play['seconds'] / 60:.0f} minutes, commit {play['commit']}, "
        f"{machine_text(play['machine'])}"
        for play in plays
    )
    return "\n\n".join(
        [
            f"{took}.",
            table(["cases / with a fault", *heads], rows),
            table(["faults", *heads], kinds),
        ]
    )


MEMORY = {
    "memory_mb": "memory held after a round, MiB",
    "peak_mb": "greatest memory after a command, MiB (not judged)",
}


def soak(document: dict[str, Any]) -> str:
    """First, last and slope of what must not grow."""
    rows = []
    for way, found in document["ways"].items():
        for name, row in found["quantities"].items():
            shown = [f"{row['first']:g}", f"{row['last']:g}", f"{row['per_100_rounds']:+.2f}"]
            text = MEMORY.get(name, name)
            rows.append([way, text, *shown, met(row["flat"])])
    counts = ", ".join(
        f"{found['rounds']:,} rounds ({found['commands']:,} commands) in {way}"
        for way, found in document["ways"].items()
    )
    head = ["in", "quantity", "first", "last", "slope, in 100 rounds", "flat"]
    intro = f"{document['minutes']:g} minutes: {counts}. Commit {document['commit']}; "
    return f"{intro}{machine_text(document['machine'])}.\n\n{table(head, rows)}"


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
