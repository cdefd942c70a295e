"""Ask the detectors again about the stored histories, and count.

    python bench/doctor/evaluate.py            the half that thresholds were set on
    python bench/doctor/evaluate.py --report   the other half, into bench/results/doctor.json

Thresholds were set on even seeds of ring8 and on digits (TUNED_ON); `--report` counts odd seeds of
all other runs. Each history is asked at every check, as in a running loop; a finding counts from
`warn` on.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import store
from baselines import BASELINES
from image_suites import image_cases
from suites import cases

from saddlepoint.core.history import History
from saddlepoint.diagnosis import diagnose

sys.path.insert(0, str(Path(__file__).parents[1]))
from _bench import write_result

DETECTORS = diagnose.all_detectors()
ALSO = {case.name: list(case.also) for case in [*cases(1, every_loss=True), *image_cases()]}
"""Case -> names of its sabotage, which are right too where the run did fail."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--report", action="store_true", help="the half that nothing was tuned on")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--list", action="store_true", help="one line a run")
    given = parser.parse_args()
    chosen = (
        record
        for record in store.records()
        if given.only in record["case"] and is_reported(record) == given.report
    )
    runs = []
    with multiprocessing.Pool() as pool:
        for run in pool.imap(judged, chosen):
            runs.append(run)
            if given.list:
                print(line_of(run), flush=True)
    document = summary(runs)
    for name, value in document.items():
        print(name, value)
    if given.report and not given.only:
        write_result("doctor", document)


TUNED_ON = "digits"
"""The one data set of images that thresholds were set on, with all its seeds."""
MANY_MODES = "stacked-mnist"
"""A thousand modes: more than the doctor's bins can tell apart."""


def is_reported(record: dict[str, Any]) -> bool:
    """Odd seeds of what was not tuned on."""
    return record["seed"] % 2 == 1 and data_of(record) != TUNED_ON


def judged(record: dict[str, Any]) -> dict[str, Any]:
    """Truth, alarms of the doctor and of the baselines for one run."""
    rows = record["rows"]
    truth = oracle.truth(record["oracle"], record["world"])
    alarms: dict[str, float] = {}
    for n in range(1, len(rows) + 1):
        for finding in diagnose.inspect(History(rows[:n]), DETECTORS):
            if finding.severity != "info":
                alarms.setdefault(finding.name, rows[n - 1]["step"])
    return {
        "case": record["case"],
        "seed": record["seed"],
        "steps": record["steps"],
        "truth": truth["names"] + (ALSO[record["case"]] if truth["names"] else []),
        "grey": truth["grey"],
        "onset": truth["onset"],
        "alarms": alarms,
        "baselines": {name: rule(rows) for name, rule in BASELINES.items()},
    }


def line_of(run: dict[str, Any]) -> str:
    truth = ", ".join(run["truth"]) or ("grey" if run["grey"] else "healthy")
    alarms = ", ".join(f"{name}@{step:g}" for name, step in run["alarms"].items())
    return f"{run['case']} {run['seed']}: {truth} (from {run['onset']}) | {alarms or '-'}"


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Every figure of the report from judged runs."""
    unhealthy = [run for run in runs if run["truth"]]
    healthy = [run for run in runs if not run["truth"] and not run["grey"]]
    by_data = Counter(data_of(run) for run in runs)
    return {
        "runs": {
            "unhealthy": len(unhealthy),
            "healthy": len(healthy),
            "grey": len(runs) - len(unhealthy + healthy),
            "by_data": dict(by_data),
        },
        "data": {name: data_row({name}, unhealthy, healthy) for name in sorted(by_data)},
        "few_modes": data_row(set(by_data) - {MANY_MODES}, unhealthy, healthy),
        "rules": {
            "doctor": rule_row(
                unhealthy, healthy, lambda run: min(run["alarms"].values(), default=None)
            ),
            **{
                name: rule_row(unhealthy, healthy, lambda run, name=name: run["baselines"][name])
                for name in BASELINES
            },
        },
        "names": names_table(unhealthy),
        "right": rightly_named(unhealthy),
        "first_right": share(sum(first_name(r) in r["truth"] for r in unhealthy), len(unhealthy)),
        "confusion": confusion(unhealthy + healthy),
        "false_names": dict(Counter(name for run in healthy for name in run["alarms"])),
    }


def data_of(run: dict[str, Any]) -> str:
    return run["case"].rpartition("/")[2]


def data_row(names: set[str], unhealthy: list[Any], healthy: list[Any]) -> dict[str, Any]:
    """The doctor on some of the data sets."""
    unhealthy = [run for run in unhealthy if data_of(run) in names]
    healthy = [run for run in healthy if data_of(run) in names]
    return {
        "detected": share(sum(bool(run["alarms"]) for run in unhealthy), len(unhealthy)),
        "right": rightly_named(unhealthy),
        "false": share(sum(bool(run["alarms"]) for run in healthy), len(healthy)),
    }


def rightly_named(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The share of runs for which one of their true names was found."""
    return share(sum(bool(set(run["truth"]) & set(run["alarms"])) for run in runs), len(runs))


def rule_row(unhealthy: list[Any], healthy: list[Any], alarm: Any) -> dict[str, Any]:
    """Detection, false alarms and their times for one rule."""
    at = [(run, alarm(run)) for run in unhealthy]
    times = [step / run["steps"] for run, step in at if step is not None]
    leads = [run["onset"] - step for run, step in at if step is not None]
    false = [run for run in healthy if alarm(run) is not None]
    steps = sum(run["steps"] for run in healthy)
    return {
        "detected": share(len(times), len(unhealthy)),
        "false": share(len(false), len(healthy)),
        "false_per_10k_steps": 1e4 * len(false) / max(1, steps),
        "median_share_of_budget": float(np.median(times)) if times else None,
        "lead_steps": [float(x) for x in np.percentile(leads, [10, 50, 90])] if leads else None,
    }


def names_table(unhealthy: list[dict[str, Any]]) -> dict[str, Any]:
    """For each true name: how many runs, in how many anything was found, and the name itself."""
    table = {}
    for name in sorted({name for run in unhealthy for name in run["truth"]}):
        if name == "learning-rate-too-high":
            continue  # known by the sabotage, not by the outcome
        having = [run for run in unhealthy if name in run["truth"]]
        table[name] = {
            "found_unhealthy": share(sum(bool(run["alarms"]) for run in having), len(having)),
            "named": share(sum(name in run["alarms"] for run in having), len(having)),
            "named_one_of_its_names": rightly_named(having),
        }
    return table


def confusion(runs: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """True names (joined) -> first finding -> runs."""
    table: dict[str, Counter[str]] = {}
    for run in runs:
        truth = " + ".join(run["truth"]) or "healthy"
        table.setdefault(truth, Counter())[first_name(run) or "nothing"] += 1
    return {truth: dict(counts.most_common()) for truth, counts in sorted(table.items())}


def first_name(run: dict[str, Any]) -> str | None:
    return min(run["alarms"], key=run["alarms"].get) if run["alarms"] else None


def share(count: int, n: int) -> dict[str, Any]:
    """A share with its 95 % interval (Wilson 1927)."""
    if n == 0:
        return {"count": 0, "n": 0, "share": None, "low": None, "high": None}
    z, p = 1.96, count / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = float(max(0.0, centre - half)), float(min(1.0, centre + half))
    return {"count": count, "n": n, "share": p, "low": low, "high": high}


if __name__ == "__main__":
    main()
