"""Peak memory of `saddle train` on Fashion-MNIST, as the kernel counts it.

    python bench/memory.py [--presets dcgan] [--kimg 30]

Claim: under 1.2 GB. The figure is the greatest resident set (ru_maxrss, what /usr/bin/time -v
prints) of one whole `saddle train` process, libraries, data, grids, checkpoints and report
included; 1 GB is 1,000,000,000 bytes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from _bench import machine, machine_text, write_result


def peak_bytes(preset: str, kimg: float) -> int:
    """Train in a process of its own; -> its greatest resident set."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "saddlepoint", "train", preset, "--data", "fashion-mnist"]
        command += ["--kimg", str(kimg), "--out", str(Path(folder) / "run")]
        out, err = subprocess.DEVNULL, subprocess.PIPE
        child = subprocess.Popen(command, stdout=out, stderr=err, text=True)
        assert child.stderr is not None
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", nargs="+", default=["dcgan"])
    parser.add_argument("--kimg", type=float, default=30)
    arguments = parser.parse_args()
    facts = machine()
    print(machine_text(facts), flush=True)
    rows = []
    for preset in arguments.presets:
        peak = peak_bytes(preset, arguments.kimg)
        print(f"{preset}: peak {peak / 1e9:.3f} GB; claimed: under 1.2 GB", flush=True)
        rows.append({"preset": preset, "kimg": arguments.kimg, "peak_bytes": peak})
    write_result("memory", {"machine": facts, "presets": rows})


if __name__ == "__main__":
    main()
