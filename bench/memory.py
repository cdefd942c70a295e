"""Peak memory of `saddle train`, as the kernel counts it, beside what its first line expects.

    python bench/memory.py [--presets dcgan] [--data fashion-mnist] [--kimg 30]
    python bench/memory.py --presets dcgan r3gan --batches 64 256

Claims: under 1.2 GB on Fashion-MNIST, and within 15 % of what was expected. The figure is the
greatest resident set (ru_maxrss, what /usr/bin/time -v prints) of one whole `saddle train` process,
libraries, data, grids, checkpoints and report included; 1 GB is 1,000,000,000 bytes. With
--batches each run is of two steps, by which everything has been in memory once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _bench import machine, machine_text, parser_with, write_result

from saddlepoint.core.runs import Run
from saddlepoint.data.resolve import resolve
from saddlepoint.presets import preset as preset_of


def measure(preset: str, data: str, flags: list[str]) -> dict[str, Any]:
    """Train in a process of its own; -> its greatest resident set, and what was expected."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "saddlepoint", "train", preset, "--data", data]
        command += [*flags, "--out", str(run)]
        out, err = subprocess.DEVNULL, subprocess.PIPE
        child = subprocess.Popen(command, stdout=out, stderr=err, text=True)
        assert child.stderr is not None
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
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
    }


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("--presets", nargs="+", default=["dcgan"])
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--kimg", type=float, default=30)
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
        for flags in settings or [["--kimg", str(arguments.kimg)]]:
            row = measure(preset, arguments.data, flags)
            rows.append(row)
            off = row["expected_bytes"] / row["peak_bytes"] - 1
            print(
                f"{preset} at batch {row['batch_size']}: peak {row['peak_bytes'] / 1e9:.3f} GB; "
                f"expected {off:+.0%}",
                flush=True,
            )
    write_result("memory", {"machine": facts, "presets": rows})


if __name__ == "__main__":
    main()
