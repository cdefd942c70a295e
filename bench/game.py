"""The game in the plane: moves and frames a second, bytes a frame, and whether each break breaks.

python bench/game.py             speed and size, on one thread
python bench/game.py --breaks    every break and its remedy, over seeds
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import time

import numpy as np

from saddlepoint.studio.game.breaks import BREAKS, Break
from saddlepoint.studio.game.form import form
from saddlepoint.studio.game.frame import frame
from saddlepoint.studio.game.play import Game
from saddlepoint.studio.game.script import read_script
from saddlepoint.studio.game.setup import FIXED

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


def speed(name: str, setup: str, n_frames: int) -> None:
    """Seconds of processor, which other programs do not change much, and on the clock."""
    game = Game(read_script(setup))
    at, cpu, clock = 0, time.process_time(), time.perf_counter()
    for index in range(n_frames):
        at += A_FRAME
        game.follow(read_script(f"{setup}&moves=b{at}"), at)
        json.dumps(frame(game, measure=index % MEASURED == 0))
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    moves = at / cpu
    print(
        f"{name:26s} {n_frames / cpu:7.1f} frames/s {moves:7.0f} moves/s of processor time, "
        f"{n_frames / clock:7.1f} frames/s on the clock"
    )


def parts() -> None:
    """Milliseconds of processor time that one move and one frame take."""
    game, at = Game(read_script("")), 0
    for what in ("a move", "a frame", "a frame with distances"):
        cpu, n = time.process_time(), 100
        for _ in range(n):
            if what == "a move":
                at += 1
                game.follow(read_script(f"moves=b{at}"), at)
            else:
                frame(game, measure=what.endswith("distances"))
        print(f"{what:26s} {1e3 * (time.process_time() - cpu) / n:7.2f} ms")


def sizes() -> None:
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
        "numbers in JSON": json.dumps(listed).encode(),
        "base64 in JSON": json.dumps(shown).encode(),
        "raw bytes and JSON": json.dumps(rest).encode() + raw,
    }
    for name, content in forms.items():
        packed = len(gzip.compress(content, 3))
        print(f"{name:26s} {len(content):7,} bytes, {packed:7,} with gzip")


def try_break(one: Break, seed: int) -> None:
    """A break as its button plays it, then its remedy."""
    fields = {"seed": str(seed), **one.setup}
    setup = "&".join(f"{name}={value}" for name, value in fields.items())
    game = Game(read_script(setup))
    game.follow(read_script(f"{setup}&moves=b{one.moves}"), one.moves)
    broken = outcome(game)
    as_hoped = any(finding.name in one.findings for finding in game.findings)
    if any(name in FIXED for name in one.mend):
        setup = "&".join(f"{name}={value}" for name, value in (fields | one.mend).items())
        moves = f"b{one.mended}"
    else:
        changes = ",".join(f"{name}={value}" for name, value in one.mend.items())
        moves = f"b{one.moves},{changes},b{one.mended}"
    script = read_script(f"{setup}&moves={moves}")
    game.follow(script, script.n_moves)
    print(f"{one.name:20s} seed {seed} {'named' if as_hoped else 'OTHER'}  {broken}", flush=True)
    print(f"{'':27s} mended {outcome(game)}", flush=True)


def outcome(game: Game) -> str:
    found = frame(game, measure=True)["distances"]
    names = ", ".join(finding.name for finding in game.findings) or "no finding"
    return f"{found['modes']} of {found['of']}, JS {found['js']:.2f}, W {found['w']:.2f}: {names}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--breaks", action="store_true")
    parser.add_argument("--only", default="", help="names of breaks, with commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=100)
    options = parser.parse_args()
    if options.breaks:
        wanted = options.only.split(",") if options.only else [one.name for one in BREAKS]
        for one in BREAKS:
            for seed in range(options.seeds):
                if one.name in wanted:
                    try_break(one, seed)
        return
    form()  # everything is imported
    for name, setup in GAMES.items():
        speed(name, setup, options.frames)
    parts()
    sizes()


if __name__ == "__main__":
    main()
