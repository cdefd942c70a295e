"""Play one case again and print all that came of it."""

from __future__ import annotations

import json
import sys

from fuzzing import case as cases
from fuzzing import oracle
from fuzzing.player import Slot


def replay(slot: Slot, number: str, shrink: bool) -> int:
    """The case SEED:INDEX in full; where `shrink`, without all that its faults do not need."""
    slot.open()
    seed, _, index = number.partition(":")
    case = cases.make_case(int(seed), int(index))
    outcome = slot.play(case)
    faults = oracle.judge(case, outcome)
    if shrink and faults:
        wanted = {fault.fingerprint for fault in faults}

        def fails(smaller: cases.Case) -> bool:
            found = oracle.judge(smaller, slot.play(smaller))
            return bool(wanted & {fault.fingerprint for fault in found})

        case = cases.shrunk(case, fails)
        outcome = slot.play(case)
        faults = oracle.judge(case, outcome)
    print(json.dumps(case.to_json(), indent=2))
    print(f"--- exit code {outcome.code} after {outcome.seconds:.2f} s; {outcome.hung}")
    for name in ("stdout", "stderr", "stacks"):
        # Escaped, as a case may have planted what a terminal obeys.
        print(f"--- {name}", *map(ascii, getattr(outcome, name).splitlines()), sep="\n  ")
    for argv, after in outcome.then:
        print(f"--- then {' '.join(argv)}: {after.code}\n  {after.stderr[-400:]!a}")
    print(f"--- {len(faults)} faults")
    for fault in faults:
        print(f"  {fault.kind}: {fault.fingerprint}: {fault.detail!a}")
    sys.stdout.flush()
    return int(bool(faults))
