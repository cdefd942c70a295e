"""The tables of the doctor's benchmark on docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from _bench import machine_text, met, table

AIMS = {
    "detected": ("detection of unhealthy runs", 0.95),
    "right": ("right name, of unhealthy runs", 0.90),
    "false": ("false alarms, of healthy runs", 0.02),
}


def doctor(document: dict[str, Any]) -> str:
    """Aims, rules side by side, names, confusion."""
    runs = document["runs"]
    by_data = ", ".join(f"{name} {n}" for name, n in runs["by_data"].items())
    return "\n\n".join(
        [
            f"{runs['unhealthy']} unhealthy runs, {runs['healthy']} healthy ones, {runs['grey']} "
            f"in the grey zone ({by_data}).",
            aims(document),
            rules(document["rules"]),
            "By data set, the doctor alone:",
            datasets({**document["data"], "all but stacked-mnist": document["few_modes"]}),
            "By true name (a run can have several):",
            names(document["names"]),
            "The first finding of each run, by true names:",
            confusion(document["confusion"]),
        ]
    )


def overhead(document: dict[str, Any]) -> str:
    """The doctor's share of the processor's time in each run."""
    aim = document["aim_percent"]
    rows = [
        [
            name,
            f"{figures['percent']:.1f}",
            f"at most {aim:g}",
            met(figures["percent"] <= aim),
            f"{figures['checks']} of {figures['check_ms']:.0f} ms",
            f"{figures['steps']:,} of {figures['step_ms']:.0f} ms",
        ]
        for name, figures in document["runs"].items()
    ]
    head = ["run", "doctor, % of the steps' time", "aim", "met", "checks", "steps"]
    return f"{machine_text(document['machine'])}.\n\n{table(head, rows)}"


def percent(share: dict[str, Any]) -> str:
    """`95.0 % (90.1 to 97.6), 114 of 120`."""
    if share["share"] is None:
        return "no runs"
    low, high = 100 * share["low"], 100 * share["high"]
    return (
        f"{100 * share['share']:.1f} % ({low:.1f} to {high:.1f}), {share['count']} of {share['n']}"
    )


def aims(document: dict[str, Any]) -> str:
    row = document["rules"]["doctor"]
    figures = {"detected": row["detected"], "false": row["false"], "right": document["right"]}
    rows = []
    for key, (name, aim) in AIMS.items():
        share = figures[key]["share"]
        word = "at most" if key == "false" else "at least"
        worst = figures[key]["high" if key == "false" else "low"]
        reached = share is not None and (share <= aim if key == "false" else share >= aim)
        shown = worst is not None and (worst <= aim if key == "false" else worst >= aim)
        # A share of few runs may be on the right side by chance.
        verdict = "so far; too few runs to show it" if reached and not shown else met(reached)
        rows.append([name, percent(figures[key]), f"{word} {100 * aim:.0f} %", verdict])
    median = row["median_share_of_budget"]
    if median is not None:
        rows.append(
            ["median alarm, share of the budget", f"{median:.2f}", "below 0.50", met(median < 0.5)]
        )
    rows.append(
        ["right name comes first, of unhealthy runs", percent(document["first_right"]), "", ""]
    )
    return table(["claim", "measured", "aim", "met"], rows)


def rules(document: dict[str, Any]) -> str:
    rows = []
    for name, row in document.items():
        lead = row["lead_steps"]
        median = row["median_share_of_budget"]
        rows.append(
            [
                name,
                percent(row["detected"]),
                percent(row["false"]),
                f"{row['false_per_10k_steps']:.2f}",
                "" if median is None else f"{median:.2f}",
                "" if lead is None else " / ".join(f"{x:.0f}" for x in lead),
            ]
        )
    head = ["rule", "unhealthy runs detected", "healthy runs with a false alarm"]
    head += ["false alarms per 10,000 healthy steps", "median alarm, share of the budget"]
    head += ["steps before the oracle's onset, 10 / 50 / 90 %"]
    return table(head, rows)


def datasets(document: dict[str, Any]) -> str:
    rows = [
        [name, percent(row["detected"]), percent(row["right"]), percent(row["false"])]
        for name, row in document.items()
    ]
    return table(
        ["data", "unhealthy runs detected", "right name", "healthy runs with a false alarm"], rows
    )


def names(document: dict[str, Any]) -> str:
    rows = [
        [
            f"`{name}`",
            percent(row["found_unhealthy"]),
            percent(row["named"]),
            percent(row["named_one_of_its_names"]),
        ]
        for name, row in document.items()
    ]
    return table(["true name", "found unhealthy", "this name", "this or another true name"], rows)


def confusion(document: dict[str, dict[str, int]]) -> str:
    rows = [
        [truth, ", ".join(f"{name} {count}" for name, count in found.items())]
        for truth, found in document.items()
    ]
    return table(["true names", "first finding, runs"], rows)


RESCUE_AIM, HARM_AIM = 0.80, 0.0


def rescue(document: dict[str, Any]) -> str:
    """Arms side by side, the doctor against each control, rescue by fault."""
    runs, arms = document["runs"], document["arms"]
    seeds = ", ".join(map(str, document["seeds"]))
    doctor, dice = arms["doctor"], arms["random remedy"]
    saved, harmed = doctor["rescued"], doctor["harmed"]
    claims = [
        ["rescue", percent(saved), "at least 80 %", met((saved["share"] or 0) >= RESCUE_AIM)],
        [
            "rescue by a random remedy",
            percent(dice["rescued"]),
            "intervals apart",
            met((saved["low"] or 0) > (dice["rescued"]["high"] or 1)),
        ],
        ["harm", percent(harmed), "0", met(harmed["share"] == HARM_AIM)],
    ]
    rows = [
        [
            name,
            percent(row["rescued"]),
            percent(row["rescued_of_all_unhealthy"]),
            percent(row["left_unhealthy"]),
            percent(row["harmed"]),
            "" if row["budgets"] is None else f"{row['budgets']:.2f}",
        ]
        for name, row in arms.items()
    ]
    head = [
        "arm",
        "rescued, of unhealthy runs that the doctor found",
        "rescued, of all unhealthy runs",
    ]
    head += ["still unhealthy", "healthy runs harmed", "images shown, in budgets"]
    pairs = [
        [name, str(row["doctor"]), str(row["control"])] for name, row in document["paired"].items()
    ]
    faults = [
        [f"`{name}`", *(f"{row[arm]['count']} of {row[arm]['n']}" for arm in arms)]
        for name, row in document["faults"].items()
    ]
    return "\n\n".join(
        [
            f"{runs['all']} runs on seeds {seeds}; untreated, {runs['unhealthy']} of them end "
            f"unhealthy (the doctor finds {runs['found']}) and {runs['healthy']} healthy, of which "
            f"it treats {document['treated_healthy']}.",
            table(["claim", "measured", "aim", "met"], claims),
            table(head, rows),
            "The same runs in pairs:",
            table(["control", "only the doctor rescued", "only the control did"], pairs),
            "Rescued, by what was planted:",
            table(["planted", *arms], faults),
        ]
    )
