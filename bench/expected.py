"""What the first line of `saddle train` expects, beside what the run took: memory and time.

    python bench/expected.py [--presets dcgan] [--data fashion-mnist] [--kimg 30] [--rounds 3]
    python bench/expected.py --presets dcgan r3gan --batches 64 256

Claims: both within 15 %, and under 1.2 GB on Fashion-MNIST. Memory is the greatest resident set
(ru_maxrss, what /usr/bin/time -v prints) of one whole process, libraries, data, grids, checkpoints
and report included; 1 GB is 1,000,000,000 bytes. Time is from the first line to the end of the
process, and takes a machine that does nothing else. With --batches each run is of two steps, by
which everything has been in memory once, and too short for a time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _bench import git_commit, machine, machine_text, parser_with, read_result, write_result

from saddlepoint.core.runs import Run
from saddlepoint.data.resolve import resolve
from saddlepoint.presets import preset as preset_of


def measure(preset: str, data: str, flags: list[str]) -> dict[str, Any]:
    """Train in a process of its own; -> what it took, and what was expected."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "saddlepoint", "train", preset, "--data", data]
        command += [*flags, "--out", str(run)]
        out, err = subprocess.DEVNULL, subprocess.PIPE
        child = subprocess.Popen(command, stdout=out, stderr=err, text=True)
        assert child.stderr is not None
        said = child.stderr.readline()
        begun = time.monotonic()
        said += child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begun
        document = Run(run).document
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    train = document["config"]["train"]
    return {
        "preset": preset,
        "data": data,
        "batch_size": train["batch_size"],
        "precision": document["resolved"]["precision"],
        "kimg": train["kimg"],
        "expected_bytes": 10**6 * document["expected"]["memory_mb"],
        "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "expected_seconds": document["expected"]["seconds"],
        "seconds": round(seconds, 1),
    }


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("--presets", nargs="+", default=["dcgan"])
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--kimg", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--batches", nargs="+", type=int, default=[])
    arguments = parser.parse_args()
    facts = machine()
    print(machine_text(facts), flush=True)
    rows = []
    for preset in arguments.presets:
        n_critic = preset_of(preset, resolve(arguments.data)).train.n_critic
        settings = [
            ["--train.batch-size", str(n), "--kimg", str(2 * n * n_critic / 1000)]
            for n in arguments.batches
        ]
        for flags in arguments.rounds * (settings or [["--kimg", str(arguments.kimg)]]):
            row = {**measure(preset, arguments.data, flags), "git_commit": git_commit()}
            rows.append(row)
            print(
                f"{preset} at batch {row['batch_size']}: peak {row['peak_bytes'] / 1e9:.3f} GB, "
                f"expected {row['expected_bytes'] / 1e9:.3f}; {row['seconds']} s, expected "
                f"{row['expected_seconds']}",
                flush=True,
            )
    write_result("expected", {"machine": facts, "runs": kept_beside(rows, facts) + rows})


def kept_beside(rows: list[dict[str, Any]], facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs of other settings on a machine like this one: a preset can be measured again alone."""
    before = read_result("expected")
    alike = facts.keys() - {"load_1min"}
    if before is None or any(before["machine"][name] != facts[name] for name in alike):
        return []
    same = ("preset", "data", "batch_size", "precision", "kimg")
    again = {tuple(row[name] for name in same) for row in rows}
    return [run for run in before["runs"] if tuple(run[name] for name in same) not in again]


if __name__ == "__main__":
    main()
