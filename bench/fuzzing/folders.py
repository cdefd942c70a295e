"""Cases on run folders: raw damage, and fields of a wrong type or range."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fuzzing import commands, wild
from fuzzing.case import Case, Step, category

FILES = (
    "config.json",
    "status.json",
    "metrics.jsonl",
    "findings.jsonl",
    "control.json",
    "lock",
    "report.html",
    "checkpoints/*/state.json",
    "checkpoints/*/ema.safetensors",
    "checkpoints/*/*.safetensors",
    "samples/*",
    "scores/*.json",
    "scores/*",
    "checkpoints",
    "samples",
    "scores",
    "checkpoints/000000k192",
)
OURS = (
    "config.json",
    "config.json",
    "status.json",
    "metrics.jsonl",
    "metrics.jsonl",
    "findings.jsonl",
    "control.json",
    "checkpoints/*/state.json",
    "scores/*.json",
)
KINDS = ("folder", "fifo", "null", "zero", "full", "dangling", "loop", "outside", "precious")
NEW_KEYS = ("images", "schema", "n_images", "kind", "seconds", "nonfinite", "bins", "stop", "x\x1b")


@category("run folder: raw damage", 20)
def raw_damage(draw: Random) -> Case:
    model = draw.choice(("run", "run", "labelled", "points", "part"))
    case = commands.on_run(draw, model)
    steps = [
        raw(draw, f"{model}/{draw.choice(FILES)}") for _ in range(draw.choice((1, 1, 1, 2, 3)))
    ]
    return replace(case, damage=tuple(steps))


def raw(draw: Random, path: str) -> Step:
    """Something that a disk, a copy or a person does to a file."""
    pick, at, seed = _share(draw), _share(draw), draw.getrandbits(32)
    steps: list[Step] = [
        {"do": "truncate", "path": path, "at": draw.choice((0.0, at)), "pick": pick},
        {"do": "flip", "path": path, "seed": seed, "n": draw.choice((1, 3, 100)), "pick": pick},
        {"do": "swap", "path": path, "seed": seed, "pick": pick},
        {"do": "zero", "path": path, "at": at, "n": draw.choice((1, 50, 10**6)), "pick": pick},
        {"do": "insert", "path": path, "at": at, "seed": seed, "n": 3, "pick": pick},
        {"do": "repeat", "path": path, "times": draw.choice((2, 5)), "pick": pick},
        {"do": "grow", "path": path, "size": draw.choice((10**6, 3 * 10**10)), "pick": pick},
        {"do": "delete", "path": path, "pick": pick},
        {"do": "become", "path": path, "kind": draw.choice(KINDS), "pick": pick},
        {"do": "become", "path": path, "kind": draw.choice(KINDS), "pick": pick},
        {"do": "document", "path": path, "name": draw.choice(list(wild.DOCUMENTS)), "pick": pick},
        {"do": "time", "path": path, "to": draw.choice((0, 2**31, 2**34)), "pick": pick},
        {"do": "name", "path": path, "to": draw.choice(("000000k999", "x.png", "\udcff"))}
        | {"pick": pick},
    ]
    return draw.choice(steps)


@category("run folder: fields", 20)
def fields(draw: Random) -> Case:
    model = draw.choice(("run", "run", "labelled", "points", "part"))
    case = commands.on_run(draw, model)
    name = draw.choice(OURS)
    path = f"{model}/{name}"
    steps = [field(draw, path) for _ in range(draw.choice((1, 1, 2)))]
    if name == "control.json":
        steps = [{"do": "document", "path": path, "name": draw.choice(list(wild.DOCUMENTS))}]
        case = commands.resume(draw, model)
    if name.endswith("state.json"):
        if draw.random() < 0.5:
            return _state_altered(draw)
        # What vouches for itself is read although it is wrong.
        steps = [{**step, "pick": 0.99} for step in steps]
        steps += [{"do": "sign_again", "path": path, "pick": 0.99}] * (draw.random() < 0.7)
    return replace(case, damage=tuple(steps))


def _share(draw: Random) -> float:
    """In [0, 1), short enough to be read."""
    return draw.randrange(1000) / 1000


def field(draw: Random, path: str) -> Step:
    """One change of what a JSON file of ours says."""
    pick, at, line = _share(draw), _share(draw), _share(draw)
    to = draw.choice(list(wild.JSON))
    where = {"path": path, "line": line, "pick": pick}
    steps: list[Step] = [
        {"do": "value", "at": at, "to": to, **where},
        {"do": "without", "at": at, **where},
        {"do": "with_key", "key": draw.choice(NEW_KEYS), "to": to, **where},
    ]
    return draw.choices(steps, (6, 2, 2))[0]


def _state_altered(draw: Random) -> Case:
    """A checkpoint's state.json protects itself: a wrong number is damage, not another state."""
    case = commands.resume(draw, "part")
    path = "part/checkpoints/*/state.json"
    key = draw.choice(("n_images", "n_steps", "n_treatments", "files", "score"))
    step: Step = {"do": "nudge", "path": path, "key": key, "by": draw.choice((1, 10, -16, 0.5))}
    return replace(case, damage=(step | {"pick": 0.99},), says="damaged")


@category("prepared data", 6)
def prepared(draw: Random) -> Case:
    """Prepared folders that are not what their manifest says."""
    case = draw.choices(
        (
            commands.train(draw, "prepared"),
            commands.evaluate(draw, "prepared"),
            commands.resume(draw, "onown"),
        ),
        (2, 3, 1),
    )[0]
    lies: list[tuple[Step, ...]] = [
        (field(draw, "prepared/manifest.json"),),
        (raw(draw, f"prepared/{draw.choice(('images.npy', 'labels.npy', 'manifest.json'))}"),),
        ({"do": "labels", "path": "prepared/labels.npy", "seed": draw.getrandbits(32)},),
    ]
    if draw.random() < 0.3:
        how, file = draw.choice((("pixels", "images.npy"), ("relabel", "labels.npy")))
        altered: Step = {"do": how, "path": f"prepared/{file}", "seed": draw.getrandbits(32)}
        return replace(case, damage=(altered,), codes=(2,))
    chosen = draw.choice(lies)
    codes = (2,) if chosen[0]["do"] == "labels" else ()
    return replace(case, damage=chosen, codes=codes)
