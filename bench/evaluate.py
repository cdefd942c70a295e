"""Time and memory of all measures on given features, beside torch-fidelity plus prdc.

    pip install --no-deps --target bench/data/peers torch-fidelity==0.4.0 prdc==0.2 tqdm
    python bench/evaluate.py [--n 10000] [--rounds 3] [--large]
    python bench/evaluate.py --factor [--n 6000] [--rounds 5]    FID by two factors of a covariance

Claims: on n = m = 10,000 images at least 5 times faster than torch-fidelity and prdc together, and
at most a fifth of their extra memory; n = m = 50,000 (--large) in under 2 GB above the features.
No network is run: the features are 2,048 made-up numbers an image that look like Inception's, and
all candidates get the same float32 array.

    ours            FID, KID (whole and of subsets), precision, recall, density and coverage by the
                    Metric classes, without intervals; the reference's moments are there already,
                    as evaluate keeps them (what they cost is a column of its own). evaluate keeps
                    what the real images' own pairs say too; here they are made and counted, but
                    for the ratio at a later evaluation, where both sides have what they can keep
    torch-fidelity  its FID, KID and precision and recall, by the functions that its
                    calculate_metrics calls once it has features, with its own defaults
    prdc            precision, recall, density and coverage
    scipy           the formula of clean-fid: the moments by NumPy, scipy.linalg.sqrtm of their
                    product. Once, while SciPy takes the call as clean-fid makes it (before 1.18)

Each runs in a process of its own, in turn (A B C A B C ...), after a small run to warm up. Extra
memory is the greatest resident set during the work above the one with the features loaded.
torch-fidelity and prdc would run one after the other, so theirs is the greater of the two. They ask
for torchvision and other packages that their arithmetic does not need; hence --no-deps and a
folder that no environment sees.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _bench import DATA, machine, machine_text, parser_with, spread, three, write_result
from _evaluate_candidates import PARTS, PEERS, D, Values, features, scipy_parts

from saddlepoint.evaluation.metrics._moments import Moments, frechet

INSTALL = f"pip install --no-deps --target {PEERS} torch-fidelity==0.4.0 prdc==0.2 tqdm"
N = 10_000
WARM_UP = 1000
"""Images of the run that warms up: as many as a KID subset of torch-fidelity needs."""
SIZES = (1000, 2000, 5000, 10_000, 20_000)
CANDIDATES = ("ours", "torch-fidelity", "prdc")
REFERENCE = ("reference",)
AIM_FASTER, AIM_MEMORY, AIM_LARGE = 5, 0.2, 2e9

# -- in a process of its own -------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class Peak:
    """The greatest resident set since this was made."""

    def __init__(self) -> None:
        self.before = resident()
        # 5 sets the kernel's own high-water mark back to now.
        Path("/proc/self/clear_refs").write_text("5")

    def extra(self) -> int:
        status = Path("/proc/self/status").read_text().splitlines()
        line = next(line for line in status if line.startswith("VmHWM"))
        return max(0, int(line.split()[1]) * 1024 - self.before)


def run_candidate(name: str, folder: Path) -> dict[str, Any]:
    """Warm up, load the features, then do and time each part."""
    parts = PARTS[name]
    rows = 10 if name == "scipy" else WARM_UP
    wide = D if name == "torch-fidelity" else 64
    for warm in parts(*(features(rows, side)[:, :wide] for side in ("real", "fake"))).values():
        warm()
    real, fake = (np.load(folder / f"{side}.npy") for side in ("real", "fake"))
    base = resident()
    values: Values = {}
    seconds: dict[str, dict[str, float]] = {}
    peak = Peak()
    for part, work in parts(real, fake).items():
        clock, cpu = time.perf_counter(), time.process_time()
        values |= work()
        seconds[part] = {
            "clock": time.perf_counter() - clock,
            "processor": time.process_time() - cpu,
        }
        if part == "reference":  # its eigenvectors' scratch memory is not that of an evaluation
            peak = Peak()
    return {"values": values, "seconds": seconds, "extra_bytes": peak.extra() + peak.before - base}


def in_own_process(name: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--candidate", name, "--features", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{name} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def total(found: dict[str, Any], kind: str = "clock", without: Sequence[str] = ()) -> float:
    return sum(part[kind] for name, part in found["seconds"].items() if name not in without)


# -- the whole ---------------------------------------------------------------------------------


@contextlib.contextmanager
def features_on_disk(n: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        for side in ("real", "fake"):
            np.save(Path(folder) / f"{side}.npy", features(n, side))
        yield Path(folder)


def compare(n: int, n_rounds: int, with_scipy: bool) -> dict[str, Any]:
    """Candidates in turn on one pair of sets."""
    rounds: list[dict[str, Any]] = []
    with features_on_disk(n) as folder:
        for index in range(n_rounds):
            rounds.append({})
            for name in CANDIDATES:
                found = rounds[-1][name] = in_own_process(name, folder)
                print(
                    f"round {index + 1}: {name:15} {total(found, without=REFERENCE):7.1f} s, "
                    f"{total(found, 'processor', REFERENCE):7.1f} s of processors, "
                    f"{found['extra_bytes'] / 1e9:.3f} GB extra",
                    flush=True,
                )
        once = in_own_process("scipy", folder) if with_scipy else None
    summary = {"n": n, "n_rounds": n_rounds, **summed_up(rounds), "rounds": rounds}
    if once is not None:
        summary["scipy"] = {"fid": once["values"]["fid"], "seconds": total(once)}
    return summary


def summed_up(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    def of_all(measure: Callable[[dict[str, Any]], float]) -> dict[str, float]:
        return spread([measure(one) for one in rounds])

    def ratio(
        kind: str, peers_without: Sequence[str] = (), ours_without: Sequence[str] = REFERENCE
    ) -> dict[str, float]:
        def measure(one: dict[str, Any]) -> float:
            theirs = total(one["torch-fidelity"], kind, peers_without) + total(one["prdc"], kind)
            return theirs / total(one["ours"], kind, ours_without)

        return of_all(measure)

    def memory(one: dict[str, Any]) -> float:
        theirs = max(one[name]["extra_bytes"] for name in ("torch-fidelity", "prdc"))
        return one["ours"]["extra_bytes"] / theirs

    return {
        "values": {name: rounds[0][name]["values"] for name in CANDIDATES},
        "seconds": {
            name: of_all(lambda one, name=name: total(one[name], without=REFERENCE))
            for name in CANDIDATES
        },
        "parts": {
            name: {
                part: statistics.median(one[name]["seconds"][part]["clock"] for one in rounds)
                for part in rounds[0][name]["seconds"]
            }
            for name in CANDIDATES
        },
        "extra_bytes": {
            name: of_all(lambda one, name=name: one[name]["extra_bytes"]) for name in CANDIDATES
        },
        "times_faster": ratio("clock"),
        "times_faster_by_processor": ratio("processor"),
        "times_faster_real_statistics_cached_by_both": ratio("clock", ["real statistics"]),
        "times_faster_at_a_later_evaluation": ratio(
            "clock", ["real statistics"], [*REFERENCE, "real pairs"]
        ),
        "share_of_memory": of_all(memory),
    }


def cost(sizes: list[int]) -> list[dict[str, Any]]:
    """Ours alone at growing n; below 5,000 images FID comes with fid_infinity."""
    rows = []
    for n in sizes:
        with features_on_disk(n) as folder:
            found = in_own_process("ours", folder)
        seconds = {name: part["clock"] for name, part in found["seconds"].items()}
        row = {"n": n, "seconds": seconds, "extra_bytes": found["extra_bytes"]}
        rows.append({**row, "feature_bytes": 2 * n * D * 4})
        print(
            f"n = {n:,}: {total(found, without=REFERENCE):.1f} s, "
            f"{row['extra_bytes'] / 1e9:.3f} GB extra",
            flush=True,
        )
    return rows


def compare_factors(n: int, n_rounds: int) -> dict[str, Any]:
    """FID with the symmetric root of the real covariance beside FID with its Cholesky factor.

    In turn in one process, each with the factor made anew; the moments are there already.
    """
    real, fake = (Moments.of(torch.from_numpy(features(n, side))) for side in ("real", "fake"))
    ways: dict[str, Callable[[], Moments]] = {
        "root": lambda: replace(real, kept_factor=symmetric_root(real.covariance)),
        "cholesky": lambda: replace(real, kept_factor=None),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    values: Values = {}
    for _ in range(n_rounds):
        for name, prepared in ways.items():
            clock = time.perf_counter()
            values[name] = frechet(prepared(), fake)
            seconds[name].append(time.perf_counter() - clock)
        print({name: round(one[-1], 2) for name, one in seconds.items()}, values, flush=True)
    ratios = [root / other for root, other in zip(*seconds.values(), strict=True)]
    spreads = {name: spread(one) for name, one in seconds.items()}
    return {
        "n": n,
        "n_rounds": n_rounds,
        "seconds": spreads,
        "times_faster": spread(ratios),
        "values": values,
    }


def symmetric_root(covariance: torch.Tensor) -> torch.Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def peer_versions() -> dict[str, str]:
    """Of what is in the folder of peers; none is imported for it."""
    found = {
        one.metadata["Name"].replace("_", "-"): one.version
        for one in distributions(path=[str(PEERS)])
    }
    return {name: found[name] for name in ("torch-fidelity", "prdc") if name in found}


def scipy_takes_clean_fids_call() -> bool:
    """`disp` is what clean-fid names and SciPy 1.18 took away."""
    if importlib.util.find_spec("scipy") is None:
        return False
    try:
        scipy_parts(*(features(10, side)[:, :2] for side in ("real", "fake")))["fid"]()
    except TypeError:
        return False
    return True


def print_claims(summary: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    for key, one in summary["values"].items():
        print(f"{key:15}", ", ".join(f"{name} {value:.6g}" for name, value in one.items()))
    print(f"times faster: {three(summary['times_faster'], '.2f')}; claimed: at least {AIM_FASTER}")
    by_processor = three(summary["times_faster_by_processor"], ".2f")
    print(f"times faster by processor time: {by_processor}")
    share = three(summary["share_of_memory"], ".3f")
    print(f"share of their extra memory: {share}; claimed: at most {AIM_MEMORY}")
    for row in rows:
        if row["n"] == 50_000:
            extra = row["extra_bytes"] / 1e9
            print(f"50,000 images: {extra:.2f} GB extra; claimed: under {AIM_LARGE / 1e9:g}")


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("--n", type=int, default=N, help="images a side, beside the peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--factor", action="store_true", help="only FID by two factors")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="of ours alone")
    parser.add_argument("--large", action="store_true", help="ours alone at 50,000 too")
    parser.add_argument("--candidate", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--features", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.candidate:
        print(json.dumps(run_candidate(asked.candidate, asked.features)))
        return
    facts = machine()
    if asked.factor:
        print(machine_text(facts), flush=True)
        found = compare_factors(asked.n, asked.rounds)
        write_result("fid-factor", {"machine": facts, **found})
        return
    versions = peer_versions()
    if len(versions) < 2:
        print(f"The peers are absent. Install them beside the environment:\n{INSTALL}")
        sys.exit(2)
    DATA.mkdir(exist_ok=True)
    print(machine_text(facts), flush=True)
    summary = compare(asked.n, asked.rounds, scipy_takes_clean_fids_call())
    rows = cost([*asked.sizes, *([50_000] if asked.large else [])])
    print_claims(summary, rows)
    if "scipy" in summary:
        print(f"scipy's sqrtm: {summary['scipy']['seconds']:.1f} s, {summary['scipy']['fid']:.6g}")
    # A trial at another size is not what the page shows.
    name = "evaluate" if asked.n == N else f"evaluate-{asked.n}"
    write_result(name, {"machine": facts, "peers": versions, **summary, "cost": rows})


if __name__ == "__main__":
    main()
