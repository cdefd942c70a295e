"""The game in the plane: moves and frames a second, bytes a frame, and whether each break breaks.

Both write bench/results/game.json.

python bench/game.py             speed and size
python bench/game.py --breaks    every break and its remedy, over seeds
"""

from __future__ import annotations

import argparse
import base64
import gzip
import time
from typing import Any

import numpy as np
from _bench import git_commit, machine, read_result, write_result

from saddlepoint.core.json_files import dumps
from saddlepoint.studio.game.breaks import BREAKS, Break
from saddlepoint.studio.game.form import form
from saddlepoint.studio.game.frame import frame
from saddlepoint.studio.game.play import Game
from saddlepoint.studio.game.script import read_script
from saddlepoint.studio.game.setup import FIXED
from saddlepoint.studio.game.table import Table

GAMES = {
    "non-saturating, R1": "",
    "non-saturating": "r1=0",
    "WGAN-GP, 3 critic steps": "loss=wasserstein&r1=0&gp=1&n_critic=3",
    "R1, width 256": "width_g=256&width_d=256",
}
A_FRAME = 5
"""Moves a frame, as the page plays by default."""
MEASURED = 4
"""Frames from one with distances to the next, as the page asks for them."""


def speed(setup: str, n_frames: int) -> dict[str, float]:
    """A game as the page plays it: the frames it gets in a second, and its moves in a frame."""
    table, target, at, cpu, clock = Table(), 0, 0, time.process_time(), time.perf_counter()
    for index in range(n_frames):
        # An answer shows as many of the moves as there was time for.
        target = at + A_FRAME if at == target else target
        answer = table.play("bench-game", f"{setup}&moves=b{target}", target, index % MEASURED == 0)
        dumps(answer)
        at = answer["at"]
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    return {
        "frames": n_frames / clock,
        "moves": at / n_frames,
        "milliseconds": 1e3 * cpu / n_frames,
    }


def parts() -> dict[str, float]:
    """Milliseconds of processor time that one move and one frame take."""
    found, game, at = {}, Game(read_script("")), 0
    for what in ("a move", "a frame", "a frame with distances"):
        cpu, n = time.process_time(), 100
        for _ in range(n):
            if what == "a move":
                at += 1
                game.follow(read_script(f"moves=b{at}"), at)
            else:
                frame(game, measure=what.endswith("distances"))
        found[what] = 1e3 * (time.process_time() - cpu) / n
    return found


def sizes() -> dict[str, dict[str, int]]:
    """Bytes of a frame as numbers in JSON, as base64 in JSON (what is sent), and as raw bytes."""
    game = Game(read_script("moves=b50"))
    game.follow(game.script, 50)
    shown = frame(game, measure=True)
    kinds = {"real": "<i2", "fake": "<i2", "grid": "<i2", "pulls": "<i1"}
    arrays = {name: np.frombuffer(base64.b64decode(shown[name]), k) for name, k in kinds.items()}
    surface = np.frombuffer(base64.b64decode(shown["surface"]["data"]), "<u1")
    listed = {name: values.tolist() for name, values in arrays.items()}
    listed = {**shown, **listed, "surface": {**shown["surface"], "data": surface.tolist()}}
    rest = {name: value for name, value in shown.items() if name not in (*kinds, "surface")}
    raw = b"".join(values.tobytes() for values in (*arrays.values(), surface))
    forms = {
        "numbers in JSON": dumps(listed).encode(),
        "base64 in JSON": dumps(shown).encode(),
        "raw bytes and JSON": dumps(rest).encode() + raw,
    }
    return {
        name: {"bytes": len(content), "gzip": len(gzip.compress(content, 3))}
        for name, content in forms.items()
    }


def try_break(one: Break, seed: int) -> dict[str, Any]:
    """A break as its button plays it, then its remedy."""
    fields = {"seed": str(seed), **one.setup}
    setup = "&".join(f"{name}={value}" for name, value in fields.items())
    game = Game(read_script(setup))
    game.follow(read_script(f"{setup}&moves=b{one.moves}"), one.moves)
    broken = outcome(game)
    if any(name in FIXED for name in one.mend):
        setup = "&".join(f"{name}={value}" for name, value in (fields | one.mend).items())
        moves = f"b{one.mended}"
    else:
        changes = ",".join(f"{name}={value}" for name, value in one.mend.items())
        moves = f"b{one.moves},{changes},b{one.mended}"
    script = read_script(f"{setup}&moves={moves}")
    game.follow(script, script.n_moves)
    named = any(name in one.findings for name in broken["findings"])
    return {"seed": seed, "named": named, "broken": broken, "mended": outcome(game)}


def outcome(game: Game) -> dict[str, Any]:
    names = [finding.name for finding in game.findings]
    return {**frame(game, measure=True)["distances"], "findings": names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--breaks", action="store_true")
    parser.add_argument("--only", default="", help="names of breaks, with commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=200)
    options = parser.parse_args()
    document = read_result("game") or {}
    about = {"commit": git_commit(), "machine": machine()}
    if options.breaks:
        wanted = options.only.split(",") if options.only else [one.name for one in BREAKS]
        rows = document.get("breaks", {}).get("rows", {})
        for one in (one for one in BREAKS if one.name in wanted):
            rows[one.name] = [try_break(one, seed) for seed in range(options.seeds)]
            print(one.name, dumps(rows[one.name]), flush=True)
            write_result("game", {**document, "breaks": {**about, "rows": rows}})
        return
    form()  # everything is imported
    figures = {
        "speed": {name: speed(setup, options.frames) for name, setup in GAMES.items()},
        "parts": parts(),
        "sizes": sizes(),
    }
    print(dumps(figures, indent=2))
    write_result("game", {**document, "played": {**about, **figures}})


if __name__ == "__main__":
    main()
