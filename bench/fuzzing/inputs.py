"""Cases on what is read: folders and archives to prepare, arrays, weights, tiny sets."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fuzzing import archives, commands, folders, sources, tensors, wild
from fuzzing.case import Case, Step, category

TABLES = ("labels.csv", "metadata.jsonl", "dataset.json")
CSV = (
    "file,label\r{rows}",
    "\ufefffile,label\n{rows}",
    "label,file\n{rows}",
    "file;label\n{rows}",
    "file,label\n{rows}\0",
    'file,label\n"a/001.png,a\n{rows}',
    "file,label\n{rows}a/001.png," + "x" * 140_000 + "\n",
    "file,label\n{rows}\udcff.png,\udcff\n",
    "file,label\n{rows}a/001.png,\x1b]0;pwned\x07\n",
    "file,label\n{rows}a/001.png," + "9" * 5000 + "\n",
    "file,label\n",
    "",
    "\n\n\n",
    "file,label,label\n{rows}",
    "FILE,LABEL\n{rows}",
)
ODD_NAMES = (
    "\udcff.png",
    "\x1b]0;pwned\x07.png",
    "two\nlines.png",
    "é.png",
    "[bold]x.png",
    "x.PNG",
    "x.txt",
    "x",
    "x" * 250 + ".png",
    "\udcffclass/x.png",
    "\x1b]0;pwned\x07/x.png",
    "[/bold]/x.png",
)


@category("preparing", 16)
def preparing(draw: Random) -> Case:
    ways = (_archive, _archive, _archive, _damaged, _table, _pictures, _folder)
    return draw.choice(ways)(draw)


def _archive(draw: Random) -> Case:
    # Headers of tars can be wrong in the most ways, and have hung the reader for ever.
    tars = ("tar size", "tar size", "tar pax", "tar sparse")
    how, seed = draw.choice((*archives.ARCHIVES, *tars)), draw.getrandbits(32)
    suffix = draw.choice((".zip", ".tar", ".tgz", ".png", "", ".npz"))
    path = f"hostile{suffix}"
    step: Step = {"do": "archive", "path": path, "how": how, "seed": seed}
    return replace(_reads(draw, path), damage=(step,))


def _reads(draw: Random, path: str) -> Case:
    """A verb that reads a set of images."""
    kind = draw.random()
    if kind < 0.7:
        return commands.prepare(draw, path, draw.choice((8, 8, 0, 4, 64)))
    if kind < 0.9:
        return replace(commands.evaluate(draw, path), writes=())
    return commands.train(draw, path)


def _damaged(draw: Random) -> Case:
    path = draw.choice(("pictures.zip", "pictures.tar", "pictures.tgz"))
    steps = tuple(folders.raw(draw, path) for _ in range(draw.choice((1, 2))))
    return replace(_reads(draw, path), damage=steps)


def _table(draw: Random) -> Case:
    """A file of labels that is not one."""
    name = draw.choice(TABLES)
    rows = "".join(
        f"pictures/{'ab'[i % 2]}/{i:03d}.{'png' if i % 3 else 'jpg'},{i % 2}\n" for i in range(12)
    )
    rows = rows.replace("pictures/", "")
    if name == "labels.csv":
        text = draw.choice(CSV).replace("{rows}", rows)
        text = text if "\r" not in text else text.replace("\n", "\r")
    else:
        value = draw.choice(list(wild.JSON.values()))
        text = draw.choice(
            (
                value,
                f'{{"file_name": "a/001.png", "label": {value}}}\n',
                f'{{"labels": {value}}}',
                f'{{"labels": [["a/001.png", {value}]]}}',
                f'{{"file_name": {value}, "label": 0}}\n',
            )
        )
    step: Step = {"do": "file", "path": f"pictures/{name}", "content": text}
    if len(text) > 10_000:  # a case is read by people: the long text is made where it is needed
        step = {"do": "long_table", "path": f"pictures/{name}", "n": len(text)}
    return replace(_reads(draw, "pictures"), damage=(step,))


def _pictures(draw: Random) -> Case:
    steps: list[Step] = [
        {
            "do": "picture",
            "path": f"pictures/{draw.choice(('a', 'b', '.'))}/new{i}.png",
            "how": draw.choice(list(sources.PICTURES)),
            "seed": draw.getrandbits(32),
        }
        for i in range(draw.choice((1, 2, 4)))
    ]
    steps.append(
        {"do": "picture", "path": f"pictures/{draw.choice(ODD_NAMES)}", "how": "bmp", "seed": 0}
    )
    return replace(_reads(draw, "pictures"), damage=tuple(steps))


def _folder(draw: Random) -> Case:
    """A folder with what no folder of pictures should hold."""
    path = f"pictures/{draw.choice(('a/002.png', 'a', 'b/001.png', 'new.png', 'a/new.png'))}"
    steps = [folders.raw(draw, path)]
    if draw.random() < 0.5:
        steps.append({"do": "become", "path": path, "kind": draw.choice(folders.KINDS)})
    return replace(_reads(draw, "pictures"), damage=tuple(steps))


@category("arrays", 9)
def arrays(draw: Random) -> Case:
    """.npz and IDX files."""
    seed = draw.getrandbits(32)
    if draw.random() < 0.6:
        step: Step = {"do": "npz", "path": "new.npz", "how": "", "seed": seed}
        step["how"] = draw.choice(list(tensors.ARRAYS))
        path = "new.npz"
        if draw.random() < 0.2:
            path, step = "set.npz", folders.raw(draw, "set.npz")
    else:
        path = draw.choice(("idx/train-images-idx3-ubyte", "idx/train-images-idx3-ubyte.gz"))
        kinds = ("huge", "more", "none", "flat", "axes", "kind", "oblong")
        step = {"do": "idx", "path": path, "how": draw.choice(kinds), "seed": seed}
        other = draw.random()
        if other < 0.2:
            step |= {"path": "idx/train-labels-idx1-ubyte", "how": "labels"}
        elif other < 0.5:
            step = folders.raw(draw, draw.choice((path, "idx/train-labels-idx1-ubyte")))
    verb = draw.random()
    case = commands.evaluate(draw, path) if verb < 0.6 else commands.train(draw, path)
    if verb > 0.9:
        case = replace(case, argv=("evaluate", "run", path, *case.argv[2:][-2:]))
        case = Case(argv=("evaluate", "run", path, "--features", "pixels", "--n", "60"))
    return replace(case, damage=(step,), writes=("out", "run/scores", "run/report.html"))


@category("weights", 12)
def weights(draw: Random) -> Case:
    """safetensors files that lie, alone or in a checkpoint whose state.json knows their sha256."""
    ways = [*tensors.TENSORS, *tensors.TENSORS, *tensors.HEADERS, "length"]
    how, seed = draw.choice(ways), draw.getrandbits(32)
    if draw.random() < 0.6:
        path, model = "ema.safetensors", "ema.safetensors"
        case = draw.choice((commands.sample, commands.evaluate))(draw, model)
        if draw.random() < 0.15:
            return replace(case, damage=(folders.raw(draw, path),))
        steps: tuple[Step, ...] = ({"do": "weights", "path": path, "how": how, "seed": seed},)
    else:
        model = draw.choice(("run", "labelled", "part"))
        names = ("ema", "ema", "generator", "discriminator", "optim", "doctor")
        path = f"{model}/checkpoints/*/{draw.choice(names)}.safetensors"
        case = commands.on_run(draw, model, changing=0.4)
        steps = (
            {"do": "weights", "path": path, "how": how, "seed": seed, "pick": 0.99},
            {"do": "sign_again", "path": f"{model}/checkpoints/*/state.json", "pick": 0.99},
        )
    reads = case.verb in ("sample", "evaluate") and "ema" in path and "--training" not in case.argv
    goes_on = case.verb == "resume" and "/generator" in path
    return replace(case, damage=steps, codes=(1, 2) if how == "nan" and (reads or goes_on) else ())


@category("tiny sets", 5)
def tiny_sets(draw: Random) -> Case:
    """No, one, two or three images; sides of one pixel; one class."""
    step: Step = {
        "do": "pictures",
        "path": "few",
        "n": draw.choice((0, 1, 1, 2, 3, 4, 7)),
        "seed": draw.getrandbits(32),
        "width": draw.choice((1, 2, 8, 8, 8, 13)),
        "height": draw.choice((1, 8, 8, 8)),
        "mode": draw.choice(("L", "RGB", "RGBA", "1" if draw.random() < 0.1 else "L")),
        "classes": draw.choice((1, 1, 2, 3)),
    }
    ways = (
        lambda: commands.prepare(draw, "few", draw.choice((0, 8))),
        lambda: commands.train(draw, "few", draw.choice(("dcgan", "gan", "cgan-onehot"))),
        lambda: commands.train(draw, "few", "wgan-gp"),
        lambda: commands.evaluate(draw, "few"),
        lambda: Case(argv=("evaluate", "set.npz", "few", "--features", "pixels"), work=60.0),
        lambda: Case(argv=("evaluate", "set.npz", "other.npz", "--features", "pixels")),
        lambda: Case(argv=("evaluate", "run", "few", "--features", "pixels"), work=60.0),
    )
    case = draw.choice(ways)()
    return replace(case, damage=(step,), writes=(*case.writes, "run/scores", "run/report.html"))
