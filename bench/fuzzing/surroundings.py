"""Cases on what surrounds a command: disks, permissions, memory, streams, signals, clocks."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fuzzing import commands, wild
from fuzzing.case import Case, Step, category

ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EROFS", "EMFILE", "ESTALE", "EACCES", "EFBIG")
EVENTS = ("rename", "fsync", "mkdir", "open", "remove", "any", "any")
ENVIRONMENTS: tuple[dict[str, str | None], ...] = (
    {"HOME": None, "XDG_CACHE_HOME": None},
    {"HOME": "{world}/precious.txt", "XDG_CACHE_HOME": None},
    {"HOME": "", "XDG_CACHE_HOME": ""},
    {"HOME": "/nowhere", "XDG_CACHE_HOME": None},
    {"XDG_CACHE_HOME": "{world}/precious.txt"},
    {"XDG_CACHE_HOME": "/dev/null"},
    {"XDG_CACHE_HOME": "/proc"},
    {"XDG_CACHE_HOME": "relative"},
    {"XDG_CACHE_HOME": "{world}/" + "x" * 300},
    {"TMPDIR": "/nowhere"},
    {"TMPDIR": "{world}/precious.txt"},
    {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"COLUMNS": "1", "LINES": "1"},
    {"COLUMNS": "0"},
    {"COLUMNS": "-5"},
    {"COLUMNS": "x"},
    {"COLUMNS": "999999999"},
    {"TERM": "dumb"},
    {"TERM": None},
    {"TERM": wild.OSC},
    {"NO_COLOR": "1", "FORCE_COLOR": "1"},
    {"SADDLE_DATA": "{world}/precious.txt"},
    {"SADDLE_DATA": "/dev/null"},
    {"SADDLE_DATA": ":::"},
    {"SADDLE_DATA": wild.OSC},
    {"SADDLE_DATA": "x" * 5000},
    {"SADDLE_OFFLINE": "1"},
    {"PATH": None},
)

LABS = tuple(
    tuple(line.split())
    for line in (
        "lab failures --only oscillation --kimg 0.02 --out lab --quiet",
        "lab lecture --only cgan-onehot --kimg 0.064 --faces-kimg 0.064 --data digits "
        "--features pixels --n 60 --out lab --quiet",
    )
)


@category("disks and environment", 8)
def disks(draw: Random) -> Case:
    case = commands.anything(draw)
    way = draw.randrange(6)
    if way == 0:
        size = draw.choice((8, 64, 300, 1500))
        small: Step = {"do": "small_disk", "path": "small", "kilobytes": size}
        return replace(_into(case, "small"), damage=(small,))
    if way == 1:
        place = draw.choice(("small", "small", "cache", "run/scores", "run/samples", "part"))
        closed: Step = {"do": "read_only", "path": place}
        case = _into(case, "small") if place == "small" else case
        if place == "part":
            case = commands.resume(draw)
        return replace(case, damage=(closed,))
    if way == 2:
        limit = draw.choice((0, 100, 5000, 100_000))
        # The report of our own stdout counts too, which is a file here.
        limited = replace(case, limits={"FSIZE": limit})
        return _goes_on(replace(limited, stdout="pipe:999999", stderr="pipe:999999"))
    if way == 3:
        return _goes_on(replace(case, limits={"NOFILE": draw.choice((10, 12, 16, 24))}))
    if way == 4:
        at = draw.choice((1, 2, 3, 5, 8, 13, 21, 34))
        fault: Step = {"strike": draw.choice(ERRORS), "event": draw.choice(EVENTS), "at": at}
        return _goes_on(replace(case, fault=fault))
    return replace(case, environment=draw.choice(ENVIRONMENTS))


def _into(case: Case, folder: str) -> Case:
    """The same command with its output in that folder."""
    if "--out" not in case.argv:
        return case
    at = case.argv.index("--out") + 1
    out = f"{folder}/{case.argv[at]}"
    argv = (*case.argv[:at], out, *case.argv[at + 1 :])
    return replace(case, argv=argv, writes=(*case.writes, folder))


@category("permissions", 5)
def permissions(draw: Random) -> Case:
    case = commands.anything(draw)
    named = [word for word in case.argv if word in (*commands.RUNS, "prepared", "pictures")]
    places = ["cache", "tmp", "home"]
    for name in named:
        inside = {"prepared": ("images.npy", "manifest.json"), "pictures": ("a", "a/002.png")}
        files = inside.get(name, ("config.json", "checkpoints", "metrics.jsonl", "scores", "lock"))
        places += [name, *(f"{name}/{file}" for file in files)]
    path = draw.choice(places)
    mode = draw.choice((0o000, 0o000, 0o200, 0o444, 0o555, 0o311))
    steps: tuple[Step, ...] = ({"do": "mode", "path": path, "to": mode},)
    if path == "cache":
        steps = ({"do": "become", "path": "cache", "kind": "folder"}, *steps)
    if draw.random() < 0.3:
        steps = (*steps, {"do": "owner", "path": path, "uid": 0})
    return replace(case, damage=steps, user=True)


@category("memory", 3)
def memory(draw: Random) -> Case:
    """More than the machine has, asked for by a number or by a small file."""
    ways: tuple[Case, ...] = (
        commands.train(draw),
        Case(argv=("sample", "run", "--n", "1000000000", "--out", "out.npz")),
        Case(argv=("sample", "run", "--seeds", "0-9999999", "--out", "out.png")),
        Case(argv=("sample", "ema.safetensors", "--seeds", "0-999999999999", "--out", "out")),
        Case(argv=("sample", "labelled", "--class-grid", "--seeds", "0-9999999", "--out", "o.png")),
        Case(argv=("evaluate", "set.npz", "other.npz", "--features", "pixels", "--k", "100000000")),
        Case(argv=("evaluate", "run", "--features", "pixels", "--n", "1000000000")),
        Case(argv=("data", "prepare", "vast", "--out", "made", "--size", "0", "--workers", "1")),
        Case(argv=("data", "prepare", "vast", "--out", "made", "--size", "1024", "--workers", "1")),
    )
    case = draw.choice(ways)
    if case.verb == "train":
        flag = draw.choice(
            (
                *("--arch.generator-width", "--arch.discriminator-width", "--arch.latent-dim"),
                *("--train.batch-size", "--train.n-samples", "--scoring.n"),
            )
        )
        case = replace(
            case, argv=(*case.argv, flag, draw.choice(("1000000", "200000000", "9" * 15)))
        )
    steps: tuple[Step, ...] = ()
    if "vast" in case.argv:
        steps = ({"do": "huge_pictures", "path": "vast", "n": 4, "side": 6000},)
    limit = draw.choice((2**28, 2**30, 4 * 2**30))
    writes = (*case.writes, "run/scores", "run/report.html")
    return replace(case, damage=steps, limits={"AS": limit}, writes=writes)


@category("streams", 6)
def streams(draw: Random) -> Case:
    """A reader that leaves, a full or closed terminal; then a Ctrl-C, too."""
    kinds = ("pipe:0", "pipe:1", "pipe:80", "pipe:400", "full", "closed", "pty")
    case = draw.choice((commands.anything, commands.train, commands.lists))(draw)
    if "--quiet" in case.argv and draw.random() < 0.7:
        case = replace(case, argv=tuple(word for word in case.argv if word != "--quiet"))
    out, err = draw.choice(("file", *kinds)), draw.choice(("file", "same", *kinds))
    case = replace(case, stdout=out, stderr=err, stdin=draw.choice(("null", "closed")))
    if case.verb in ("train", "resume") and draw.random() < 0.5:
        return _stopped(draw, case)
    return case


@category("signals", 7)
def signals(draw: Random) -> Case:
    """SIGINT, SIGTERM or SIGKILL at the n-th event of a kind; afterwards one can go on."""
    kinds = (commands.train, commands.resume, commands.prepare, commands.evaluate, commands.sample)
    return _stopped(draw, draw.choices(kinds, (4, 3, 2, 1, 1))[0](draw))


def _stopped(draw: Random, case: Case) -> Case:
    name = draw.choice(("SIGINT", "SIGINT", "SIGTERM", "SIGTERM", "SIGKILL"))
    at = draw.choice((1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50))
    fault: Step = {"strike": name, "event": draw.choice(EVENTS), "at": at}
    if name == "SIGINT" and draw.random() < 0.2:
        fault["again"] = True
    codes = (0, 130, -9) if name == "SIGKILL" else (0, 130)
    return _goes_on(replace(case, fault=fault, codes=codes))


def _goes_on(case: Case) -> Case:
    """Afterwards, when whatever was in the way is gone, a person tries again."""
    if case.verb == "train":
        run = case.argv[case.argv.index("--out") + 1]
        return replace(case, then=(("resume", run, "--quiet"), case.argv))
    return replace(case, then=(case.argv,))


@category("labs", 0.5)
def labs(draw: Random) -> Case:
    """Whole experiments, stopped or on a small disk: the same command goes on."""
    case = Case(argv=draw.choice(LABS), writes=("lab",))
    if draw.random() < 0.3:
        small: Step = {"do": "small_disk", "path": "lab", "kilobytes": 500}
        return replace(case, damage=(small,), codes=(1, 2))
    return _stopped(draw, case)


@category("clocks", 2)
def clocks(draw: Random) -> Case:
    """The wall clock jumps by years, back or forth."""
    case = draw.choice((commands.train, commands.resume, commands.evaluate, commands.prepare))(draw)
    seconds = draw.choice((-4e8, -3600, 3600, 4e8, -2e9, 1e11))
    fault: Step = {"strike": "clock", "event": draw.choice(EVENTS), "at": draw.choice((1, 3, 9))}
    return replace(case, fault={**fault, "seconds": seconds}, codes=(0,))


@category("nothing wrong", 3)
def nothing_wrong(draw: Random) -> Case:
    """Cases that must end well: they show that the world and the rules are right."""
    model = draw.choice(commands.RUNS)
    case = draw.choice((commands.anything(draw), commands.on_run(draw, model)))
    # A picture has no place in the plane.
    if case.verb == "project" and "points" in case.argv:
        return replace(case, codes=(2,))
    return replace(case, codes=(0, 3) if case.verb == "doctor" else (0,))
