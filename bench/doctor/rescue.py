"""What the treatments are worth: rescue and harm, beside four controls.

    nice -n 10 python bench/doctor/rescue.py [--only PART] [--seeds 1,3,5] [--minutes M]
    python bench/doctor/rescue.py --report      odd seeds, into bench/results/doctor-rescue.json

Each case (rescue_cases.py) is trained by our own loop until the doctor wants to treat it. From
there, with the checkpoints and the budget that it has, it continues in five ways: untreated, as the
doctor treats it, and three times with another choice at the same moments: a new seed, a remedy
drawn from all that would change something, a restart with a new seed. Each may choose as often as
the doctor may.

The outcome is judged by the true modes of fresh points at the end (oracle.py). A run that died or
was given up is unhealthy. What is in rescue.jsonl.gz is not played again; remedies are tuned on
even seeds, odd ones are reported.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import oracle
import play
import store
import torch
from evaluate import share
from rescue_cases import DATA, TRAPS, Case, cases
from suites import made

from saddlepoint import api
from saddlepoint.core import registry
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import RunFailed
from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.json_files import write_json
from saddlepoint.core.provenance import read_config
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.runs import Run
from saddlepoint.training import checkpoint, treatment
from saddlepoint.training.state import TrainState

sys.path.insert(0, str(Path(__file__).parents[1]))
from _bench import write_result

FILE = Path(__file__).parent / "rescue.jsonl.gz"
TOY = made(DATA, "wasserstein", "A", "", {"clip": 1.0})
"""The data as oracle.py knows them; with a clip, so that no slope is required."""
ARMS = ("nothing", "doctor", "new seed", "random remedy", "restart")
WORLD = play.World.of(TOY, 0).to_json(TOY)
Choice = tuple[Remedy, Config] | None


class Fork(Exception):
    """The doctor is about to treat for the first time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--seeds", default="0,2,4,6,8", help="seeds, with commas")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this long")
    parser.add_argument("--try", action="store_true", help="the doctor alone; nothing is kept")
    parser.add_argument("--report", action="store_true", help="count; play nothing")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.report:
        for half, odd in (("even", 0), ("odd", 1)):
            document = summary([r for r in store.lines(FILE) if r["seed"] % 2 == odd])
            print(half, json.dumps(document, indent=1))
        write_result("doctor-rescue", document)
        return
    until = time.monotonic() + 60 * given.minutes
    done = {(record["case"], record["seed"]) for record in store.lines(FILE)}
    for seed in map(int, given.seeds.split(",")):
        for case in cases(seed):
            tried = vars(given)["try"]
            if given.only not in case.name or ((case.name, seed) in done and not tried):
                continue
            if time.monotonic() > until:
                return
            record = played(case, seed, ARMS[:2] if tried else ARMS)
            print(line_of(record), flush=True)
            if not tried:
                store.append(FILE, record)


def played(case: Case, seed: int, arms: Sequence[str] = ARMS) -> dict[str, Any]:
    """The case in every arm. Without a treatment all arms are the one run."""
    record: dict[str, Any] = {"case": case.name, "seed": seed, "arms": {}}
    with tempfile.TemporaryDirectory() as folder:
        trunk = Path(folder) / "trunk"
        with patch.object(treatment, "choose", _fork):
            try:
                end = ended(lambda: api.train(case.config(seed), out=trunk, quiet=True))
            except Fork:
                end = None
        if end is not None:
            record["found"] = found_in(Run(trunk))
            record["arms"]["nothing"] = judged(trunk, seed) | {"end": end}
            return record
        for arm in arms:
            out = Path(folder) / arm
            shutil.copytree(trunk, out)
            record["arms"][arm] = gone_on(out, case, seed, arm)
            if arm == "nothing":
                record["found"] = found_in(Run(out))
    return record


def _fork(*_: Any) -> Choice:
    raise Fork


def gone_on(out: Path, case: Case, seed: int, arm: str) -> dict[str, Any]:
    """One arm to its end: outcome, treatments, images of all its lives over the budget."""
    run = Run(out)
    if arm == "nothing":
        document = run.document
        document["config"]["doctor"]["mode"] = "advise"
        write_json(run.config_file, document)
    with ExitStack() as stack:
        if arm not in ("nothing", "doctor"):
            stack.enter_context(patch.object(treatment, "choose", chooser(case, seed, arm)))
        if arm == "restart":
            stack.enter_context(patch.object(treatment, "way_back", lambda *_: 0))
        end = ended(lambda: api.resume(out, quiet=True))
    treatments = run.document["treatments"]
    again = sum(line["at_images"] - line["back_to"] for line in treatments)
    return judged(out, seed) | {
        "end": end,
        "treatments": [[line["name"], line["remedy"], line["back_to"]] for line in treatments],
        "budgets": (run.status["n_images"] + again) / read_config(run).train.total_images,
    }


def chooser(case: Case, seed: int, arm: str) -> Callable[..., Choice]:
    """In place of the doctor's choice: a new seed, or any remedy that changes something."""
    new_seed: Remedy = registry.get("remedy", "new-seed")()
    everything = [registry.get("remedy", kind)() for kind in registry.names("remedy")]
    dice = random.Random(f"{case.name} {seed}")

    def choose(config: Config, spec: DataSpec, finding: Finding, used: Sequence[str]) -> Choice:
        if arm != "random remedy":
            found = treatment.applicable([new_seed], config, spec, finding)
        else:
            found = treatment.applicable(everything, config, spec, finding)
        return dice.choice(found)

    return choose


def ended(train: Callable[[], object]) -> str:
    """finished, died or given up."""
    try:
        train()
    except treatment.GivenUp:
        return "given up"
    except RunFailed:
        return "died"
    return "finished"


def found_in(run: Run) -> list[str]:
    """What the doctor named, from `warn` on."""
    found = [line for line in run.findings if line.get("event") == "found"]
    return list(dict.fromkeys(line["name"] for line in found if line["severity"] != "info"))


def judged(out: Path, seed: int) -> dict[str, Any]:
    """What the oracle sees of the averaged generator, in two draws of fresh points."""
    run = Run(out)
    world = play.World.of(TOY, derive_seed(seed, "rescue", 0))
    config = read_config(run)
    state = TrainState.new(config, config.source.open().spec)
    state.n_treatments = len(run.document["treatments"])
    if run.checkpoints:
        checkpoint.load_newest(run, state)
    torch.manual_seed(derive_seed(seed, "rescue", 1))

    def sample(n: int) -> tuple[torch.Tensor, None]:
        return state.ema(torch.randn(n, state.ema.latent_dim)), None

    rows = [oracle.observe(sample, state.discriminator, world, draw) for draw in range(2)]
    return {"rows": [play.short(row) for row in rows]}


def outcome(arm: dict[str, Any]) -> str:
    """healthy, grey or unhealthy."""
    truth = oracle.truth(arm["rows"], WORLD)
    if arm["end"] != "finished" or truth["names"]:
        return "unhealthy"
    return "grey" if truth["grey"] else "healthy"


def outcomes(record: dict[str, Any]) -> dict[str, str]:
    """Arm -> outcome; where nothing was treated all are the untreated run's."""
    arms = record["arms"]
    return {arm: outcome(arms.get(arm, arms["nothing"])) for arm in ARMS}


def line_of(record: dict[str, Any]) -> str:
    parts = []
    for name, arm in record["arms"].items():
        row = arm["rows"][-1]
        modes = sum(count > 0.25 * sum(row["modes"]) / 8 for count in row.get("modes", []))
        how = ", ".join(f"{f}: {r} @{at}" for f, r, at in arm.get("treatments", []))
        shown = f"{name} {outcome(arm)} ({modes} modes, {row.get('on', 0):.2f} on, {arm['end']})"
        parts.append(f"  {shown} {how}")
    found = ", ".join(record["found"]) or "nothing"
    return "\n".join([f"{record['case']} {record['seed']}: found {found}", *parts])


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Every figure of the report."""
    runs = [(record, outcomes(record)) for record in records]
    unhealthy = [(record, ends) for record, ends in runs if ends["nothing"] == "unhealthy"]
    found = [(record, ends) for record, ends in unhealthy if record["found"]]
    healthy = [(record, ends) for record, ends in runs if ends["nothing"] == "healthy"]
    treated = [record["arms"] for record in records if "doctor" in record["arms"]]

    def rescued(group: list[Any], arm: str) -> dict[str, Any]:
        return share(sum(ends[arm] == "healthy" for _, ends in group), len(group))

    return {
        "runs": {
            "unhealthy": len(unhealthy),
            "found": len(found),
            "healthy": len(healthy),
            "all": len(runs),
        },
        "seeds": sorted({record["seed"] for record in records}),
        "treated_healthy": sum("doctor" in record["arms"] for record, _ in healthy),
        "arms": {
            arm: {
                "rescued": rescued(found, arm),
                "rescued_of_all_unhealthy": rescued(unhealthy, arm),
                "left_unhealthy": share(
                    sum(ends[arm] == "unhealthy" for _, ends in found), len(found)
                ),
                "harmed": share(sum(e[arm] != "healthy" for _, e in healthy), len(healthy)),
                "budgets": mean([arms[arm].get("budgets", 1.0) for arms in treated]),
            }
            for arm in ARMS
        },
        "paired": paired(found),
        "faults": {
            name: {arm: rescued([r for r in found if fault(r[0]) == name], arm) for arm in ARMS}
            for name in sorted({fault(record) for record, _ in found})
        },
    }


def paired(found: list[Any]) -> dict[str, dict[str, int]]:
    """Control -> runs that only the doctor rescued, and runs that only the control did."""
    return {
        arm: {
            "doctor": sum(e["doctor"] == "healthy" != e[arm] for _, e in found),
            "control": sum(e[arm] == "healthy" != e["doctor"] for _, e in found),
        }
        for arm in ARMS
        if arm != "doctor"
    }


def fault(record: dict[str, Any]) -> str:
    name = record["case"].partition("/")[0]
    return "healthy settings" if name in TRAPS else name


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


if __name__ == "__main__":
    main()
