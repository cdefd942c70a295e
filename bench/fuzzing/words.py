"""Cases on the command line itself: flags and values that nobody expects."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fuzzing import commands, wild
from fuzzing.case import Case, Step, category

NUMBERS = {
    "sample": ("--n", "--seeds", "--labels", "--truncation", "--directions", "--deviations"),
    "project": ("--seed", "--labels"),
    "evaluate": ("--n", "--k", "--bootstrap", "--seed", "--truncation"),
    "resume": ("--kimg", "--minutes", "--threads"),
    "data prepare": ("--size", "--workers", "--shards"),
    "sweep": ("--kimg", "--trials", "--jobs", "--seeds", "--minutes", "--seed", "--scoring.n"),
    "train": (
        *("--kimg", "--minutes", "--seed", "--train.batch-size", "--train.n-critic"),
        *("--train.accumulate", "--train.tick-kimg", "--train.sample-kimg", "--train.n-samples"),
        *("--train.checkpoint-minutes", "--train.instance-noise", "--scoring.n", "--optim-g.lr"),
        *("--optim-d.beta1", "--ema.halflife", "--augment.translation", "--arch.latent-dim"),
        *("--arch.generator-width", "--arch.max-width", "--doctor.probe-kimg", "--threads"),
        *("--augment.cutout", "--ema.ramp", "--optim-g.decay-start", "--optim-d.eps"),
        *("--optim-g.final-lr-factor", "--scoring.patience", "--train.wrong-label-fraction"),
        *("--arch.packing", "--arch.dropout", "--arch.discriminator-depth"),
        *("--freeze-discriminator", "--start.freeze-discriminator"),
    ),
}
WORDS = {
    "sample": ("--plugins", "--latents", "--move", "--mix"),
    "project": ("--plugins", "--features", "--device"),
    "evaluate": ("--features", "--device", "--data", "--plugins"),
    "resume": ("--plugins",),
    "doctor": ("--plugins",),
    "report": ("--plugins", "--lang"),
    "compare": ("--lang",),
    "export": ("--format", "--licence", "--plugins"),
    "data prepare": ("--fit", "--channels", "--labels"),
    "sweep": ("--over", "--objective", "--pruner", "--on", "--lang", "--plugins", "--data"),
    "train": (
        *("--data", "--device", "--train.device", "--train.precision", "--loss", "--arch"),
        *("--penalties", "--doctor", "--scoring.by", "--scoring.features", "--optim-g"),
        *("--arch.conditioning", "--arch.init", "--plugins", "--preset", "--doctor.treatments"),
        *("--source.path", "--source.split", "--train.compile", "--train.graphs"),
        *("--from", "--start.model"),
    ),
}
DEVICES = ("meta", "cuda", "cuda:99", "cuda:-1", "mps", "cpu:3", "xla", "vulkan", "CPU", "auto:0")
PLUGINS = (
    "syntax error",
    "raise SystemExit(7)",
    "raise KeyboardInterrupt",
    "raise ValueError('\x1b]0;pwned\x07')",
    "import no_such_module",
    "\udcff",
    "def f(): f()\nf()",
    "from saddlepoint.core.registry import register\n@register('x')\nclass X: pass",
    "from saddlepoint.core.registry import register\n@register(7)\nclass X: pass",
    "print('on stdout')",
)
LONG_JOBS = {"--kimg", "--minutes", "--n", "--bootstrap", "--seeds", "--train.n-critic"}
"""Large values of these are honest orders for much work, which is no fault of the command."""
HONEST = (
    "1.5",
    "1e308",
    "2147483648",
    "9223372036854775807",
    "1_000",
    "99999999999",
    "\u0661\u0662",
)


@category("arguments", 18)
def arguments(draw: Random) -> Case:
    case = commands.anything(draw)
    ways = (_number, _number, _word, _word, _place, _place, _place, _unknown, _shuffled, _odd)
    ways += (_plugin,)
    return draw.choice(ways)(draw, case)


def _number(draw: Random, case: Case) -> Case:
    flags = NUMBERS.get(case.verb)
    if flags is None:
        return _unknown(draw, case)
    flag, value = draw.choice(flags), wild.number(draw)
    if case.verb == "train" and (flag in LONG_JOBS or draw.random() < 0.5):
        case = commands.dry(case)
    elif case.verb != "sweep" and flag in LONG_JOBS and value in HONEST:
        value = "-1"
    if flag == "--seeds":
        value = draw.choice((value, f"0-{value}", f"{value}-0", "0,,1", "1-", "-5", "0-3,x", "3-1"))
    return _with(draw, case, flag, value)


def _word(draw: Random, case: Case) -> Case:
    flags = WORDS.get(case.verb)
    if flags is None:
        return _unknown(draw, case)
    flag = draw.choice(flags)
    values = DEVICES if flag.endswith("device") and draw.random() < 0.7 else wild.TEXTS + wild.PATHS
    return _with(draw, case, flag, draw.choice(values))


def _place(draw: Random, case: Case) -> Case:
    """A path that is none, or is somebody else's."""
    path = wild.path(draw)
    if "--out" in case.argv and draw.random() < 0.6:
        replaced = _without(case.argv, "--out")
        return replace(case, argv=(*replaced, "--out", path), writes=_may_write(case, path))
    at = 2 if case.verb.startswith("data") else 1
    if case.verb == "train":
        return _with(draw, case, "--data", path)
    writes = case.writes
    if path in commands.RUNS and case.argv[at] in commands.RUNS:
        # Another whole run: what the verb writes lies there.
        writes = tuple(path + own.removeprefix(case.argv[at]) for own in case.writes)
    return replace(case, argv=(*case.argv[:at], path, *case.argv[at + 1 :]), writes=writes)


def _may_write(case: Case, path: str) -> tuple[str, ...]:
    """An archive of images may be made anew under its own name; nothing else that PATHS names."""
    return (path,) if (case.verb, path) == ("sample", "set.npz") else ()


def _plugin(draw: Random, case: Case) -> Case:
    """A file of the user's own code that does not do what one should."""
    code = draw.choice(PLUGINS)
    step: Step = {"do": "file", "path": "plugin.py", "content": code}
    return replace(case, argv=(*case.argv, "--plugins", "plugin.py"), damage=(step,))


def _unknown(draw: Random, case: Case) -> Case:
    flag = draw.choice(
        (
            *(
                "--nonsense",
                "--jsn",
                "--sed",
                "--kimgs",
                "--out.x",
                "--train",
                "--arch.",
                "--no-json",
            ),
            *("--é", "--\udcff", f"--{wild.OSC}", f"--x={wild.OSC}", "--=", "---", "-x", "-"),
            *("--[bold]", "--train.batch_size", "--a" * 500),
        )
    )
    return replace(case, argv=(*case.argv, flag))


def _shuffled(draw: Random, case: Case) -> Case:
    """Words lost, doubled, moved or cut."""
    words = list(case.argv)
    at = draw.randrange(len(words))
    way = draw.randrange(5)
    if way == 0:
        del words[at]
    elif way == 1:
        words.insert(at, words[at])
    elif way == 2:
        words.append(words.pop(at))
    elif way == 3:
        words[at] = words[at][: draw.randrange(len(words[at]) + 1)]
    else:
        words = words[:at]
    # What is left may be a whole training on whatever lies here, or a lab of hours.
    if words[:1] in (["train"], ["sweep"]):
        words.append("--dry-run")
    return replace(case, argv=tuple(words), writes=(*case.writes, "runs"))


def _odd(draw: Random, case: Case) -> Case:
    """Not even a verb."""
    argv = draw.choice(
        (
            *((), ("--help",), ("--version",), ("--json",), ("-h", "x"), ("help",), ("trian",)),
            *(("data",), ("lab",), ("data", "--help"), ("data", "lst"), ("lab", "failure")),
            *((case.argv[0], "--help"), (wild.text(draw),), (wild.OSC,), ("lab", wild.text(draw))),
            *(("lab", "lecture", "--only", "nonsense"), ("lab", "failures", "--only", "x")),
            *(("lab", "lecture", "--kimg", "nan"), ("lab", "failures", "--out", "precious.txt")),
            *(("lab", "failures", "--kimg", "-1"), ("lab", "lecture", "--seeds", "x")),
            *(("sweep", "dcgan", "--over", "x"), ("sweep", "--over", "optim-g.lr=2:1")),
            *(("lab", "claims", "--only", "x"), ("lab", "claims", "--seeds", "9-0")),
            *(("lab", "modes", "--loss", "x"), ("lab", "modes", "--data", "precious.txt")),
            *(("lab", "modes", "--kimg", "nan"), ("lab", "modes", "--seeds", "1-")),
            *(("lab", "lecture", "--data", "no-data"), ("lab", "failures", "--seed", "-1")),
        )
    )
    return Case(argv=argv, damage=case.damage)


def _with(draw: Random, case: Case, flag: str, value: str) -> Case:
    """The flag with this value, in place of what it had, as two words or as one."""
    argv = _without(case.argv, flag)
    if draw.random() < 0.5 or value.startswith("-"):
        return _guarded(replace(case, argv=(*argv, f"{flag}={value}")), flag)
    return _guarded(replace(case, argv=(*argv, flag, value)), flag)


def _guarded(case: Case, flag: str) -> Case:
    """A thousand workers are started as a user who may not have them."""
    if flag != "--workers":
        return case
    return replace(case, user=True, limits={**case.limits, "NPROC": 64})


def _without(argv: tuple[str, ...], flag: str) -> tuple[str, ...]:
    if flag not in argv:
        return argv
    at = argv.index(flag)
    return argv[:at] + argv[at + 2 :]
