"""What came of the cases, a line each as they end; counts and groups from these lines."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fuzzing.case import Case
from fuzzing.fingerprints import last_line
from fuzzing.oracle import Fault, Outcome

TAIL = 1500


def source_hash(*packages: Path) -> str:
    """Of all Python files: the cases of another state of the code are not these."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            digest.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def line_of(seed: int, index: int, case: Case, outcome: Outcome, faults: list[Fault]) -> bytes:
    """The record of one case; what it was and said only where it shows a fault."""
    record: dict[str, Any] = {
        "case": f"{seed}:{index}",
        "category": case.category,
        "verb": case.verb,
        "code": outcome.code,
        "seconds": round(outcome.seconds, 3),
        "cpu_seconds": round(outcome.cpu_seconds, 3),
        "memory_mb": outcome.memory_bytes >> 20,
    }
    if outcome.code:
        record["said"] = last_line(outcome.stderr)
    if faults:
        record["faults"] = [fault._asdict() for fault in faults]
        record["what"] = case.to_json()
        record["stderr"] = outcome.stderr[-TAIL:]
    return (json.dumps(record) + "\n").encode()


def read(path: Path) -> tuple[str, dict[str, dict[str, Any]]]:
    """-> hash of the source, case -> record; a line that a kill has torn is left out."""
    source, records = "", {}
    if path.is_file():
        for line in path.read_bytes().splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            source = record.get("source", source)
            if "case" in record:
                records[record["case"]] = record
    return source, records


def begin(path: Path, source: str, keep: bool) -> int:
    """Open the file of results to append whole lines to; -> its descriptor."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (0 if keep else os.O_TRUNC)
    file = os.open(path, flags, 0o644)
    if not keep:
        os.write(file, (json.dumps({"source": source}) + "\n").encode())
    return file


def groups(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Faults by fingerprint, the most frequent first, each with cases to replay it."""
    found: dict[tuple[str, str], list[tuple[dict[str, Any], dict[str, Any]]]] = defaultdict(list)
    for record in records:
        for fault in record.get("faults", ()):
            found[fault["kind"], fault["fingerprint"]].append((record, fault))
    rows = []
    for (kind, fingerprint), cases in found.items():
        # The smallest case says most about the cause.
        cases.sort(key=lambda pair: (len(json.dumps(pair[0]["what"])), pair[0]["case"]))
        rows.append(
            {
                "kind": kind,
                "fingerprint": fingerprint,
                "n": len({record["case"] for record, _ in cases}),
                "cases": [record["case"] for record, _ in cases[:3]],
                "categories": dict(Counter(record["category"] for record, _ in cases)),
                "detail": cases[0][1]["detail"],
                "what": cases[0][0]["what"],
            }
        )
    return sorted(rows, key=lambda row: (-row["n"], row["kind"], row["fingerprint"]))


def table(found: dict[str, Any]) -> list[str]:
    """A line for each category of a summary."""
    lines = []
    for category, row in found["categories"].items():
        kinds = ", ".join(f"{n} {kind}" for kind, n in row.items() if kind in found["kinds"])
        lines.append(f"{category:<24}{row['cases']:>6} cases{row['faulty']:>6} faulty  {kinds}")
    return lines


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts by category and by kind of fault."""
    by_category: dict[str, dict[str, Any]] = {}
    for record in records:
        row = by_category.setdefault(record["category"], {"cases": 0, "seconds": 0.0, "faulty": 0})
        row["cases"] += 1
        row["seconds"] = round(row["seconds"] + record["seconds"], 3)
        row["faulty"] += bool(record.get("faults"))
        for kind in {fault["kind"] for fault in record.get("faults", ())}:
            row[kind] = row.get(kind, 0) + 1
    kinds = Counter(
        kind for record in records for kind in {fault["kind"] for fault in record.get("faults", ())}
    )
    return {
        "cases": len(records),
        "faulty": sum(bool(record.get("faults")) for record in records),
        "kinds": dict(kinds.most_common()),
        "hangs": kinds["hang"],
        "peak_memory_mb": max((record["memory_mb"] for record in records), default=0),
        "categories": dict(sorted(by_category.items())),
    }
