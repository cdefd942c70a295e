"""Command lines that end well in an undamaged world: what the categories start from."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fuzzing.case import Case
from fuzzing.world import MEASURED, SHORT, SMALL

RUNS = ("run", "labelled", "points", "onown", "part")
TINY = (*SMALL, *SHORT, "--kimg", "0.064", "--doctor", "off")
FOLDER_OF = 4
"""Pictures that a folder of samples holds."""
EXPORTS = (
    *(("torchscript", "net.pt"), ("safetensors", "out"), ("safetensors", "w.safetensors")),
    ("tensorboard", "out"),
)
"""Formats and outputs; the last is for runs only."""
GAN = ("--arch.generator-widths", "8", "--arch.discriminator-widths", "8", *SHORT)


def sample(draw: Random, model: str = "run") -> Case:
    outs: list[tuple[str, ...]] = [
        ("out.png",),
        ("out.npz", "--n", "10"),
        ("out.png", "--truncation", "0.7", "--seeds", "7,9"),
    ]
    if model != "points":  # which have no picture each
        outs.append(("out", "--seeds", f"0-{FOLDER_OF - 1}"))
        outs.append(("out.gif", "--interpolate", "--seeds", "0-2"))
        outs.append(("out.png", "--directions", "3", "--seeds", "0-1"))
        outs.append(("out.png", "--move", "1:2,2:-0.5", "--seeds", "0-1"))
    if model in RUNS:
        outs.append(("film.gif", "--training"))
    if model == "labelled":
        outs += [("out.png", "--labels", "0-3"), ("out.png", "--class-grid", "--seeds", "0-1")]
        outs.append(("out.png", "--mix", "0:0.7,1:0.3"))
    chosen = draw.choice(outs)
    return Case(argv=("sample", model, "--out", *chosen, *_json(draw)))


def project(draw: Random, model: str = "run") -> Case:
    picture = draw.choice(("pictures/a/002.png", "pictures/b/001.png", "pictures/a/000.jpg"))
    quick = ("--steps", "2", "--features", "pixels")
    argv = ("project", model, picture, "--out", "found", *quick, *_json(draw), *_quiet(draw))
    return Case(argv=argv)


def evaluate(draw: Random, model: str = "run") -> Case:
    real = () if model in RUNS else (draw.choice(("digits", "set.npz")),)
    more = ("--per-class",) if draw.random() < 0.1 and model == "labelled" else ()
    argv = ("evaluate", model, *real, *MEASURED, *more, *_json(draw), *_quiet(draw))
    return Case(argv=argv, writes=(f"{model}/scores", f"{model}/report.html"))


def doctor(draw: Random, model: str = "run") -> Case:
    more = ("--remedies",) if draw.random() < 0.3 else ()
    return Case(argv=("doctor", model, *more, *_json(draw)))


def report(draw: Random, model: str = "run") -> Case:
    lang = ("--lang", "vi") if draw.random() < 0.3 else ()
    return Case(argv=("report", model, *lang, *_json(draw)), writes=(f"{model}/report.html",))


def export(draw: Random, model: str = "run") -> Case:
    kind, out = draw.choice(EXPORTS if model in RUNS else EXPORTS[:-1])
    return Case(argv=("export", model, "--format", kind, "--out", out, *_json(draw)))


def compare(draw: Random, model: str = "run") -> Case:
    other = draw.choice(((), ("labelled",), ("run",), (model,)))
    page = ("--out", "page.html") if draw.random() < 0.4 else ()
    return Case(argv=("compare", model, *other, *page, *_json(draw)))


def resume(draw: Random, model: str = "part") -> Case:
    more = () if model == "part" and draw.random() < 0.7 else ("--kimg", "0.224")
    return Case(argv=("resume", model, *more, *_json(draw), *_quiet(draw)), writes=(model,))


def train(draw: Random, data: str = "digits", preset: str = "dcgan") -> Case:
    nets = (*GAN, "--kimg", "0.064", "--doctor", "off") if preset.startswith("gan") else TINY
    argv = ("train", preset, "--data", data, "--out", "out", *nets)
    return Case(argv=(*argv, *_json(draw), *_quiet(draw)), writes=("out",))


def sweep(draw: Random, data: str = "digits") -> Case:
    """What a sweep would train: the trainings themselves are those of `train`."""
    over = draw.choice(("optim-g.lr=1e-4,2e-4", "loss=hinge,wasserstein", "penalties=none,r1+r2"))
    argv = ("sweep", "dcgan", "--data", data, "--out", "out", *TINY, "--over", over)
    return Case(argv=(*argv, *_json(draw), *_quiet(draw), "--dry-run"))


def prepare(draw: Random, source: str = "pictures", size: int = 8) -> Case:
    argv = ("data", "prepare", source, "--out", "made", "--size", str(size), "--workers", "1")
    return Case(argv=(*argv, *_json(draw)), writes=("made", "made.partial"))


def lists(draw: Random) -> Case:
    argv = draw.choice((("presets",), ("data", "list"), ("lab", "list")))
    return Case(argv=(*argv, *_json(draw)))


def on_run(draw: Random, model: str, changing: float = 0.25) -> Case:
    """A command on a run folder: mostly one that reads it."""
    if draw.random() < changing:
        return resume(draw, model)
    verbs = (sample, evaluate, doctor, doctor, compare, report, export, project)
    return draw.choice(verbs)(draw, model)


def anything(draw: Random) -> Case:
    """Any verb; the cheap ones more often."""
    cheap = (sample, evaluate, doctor, compare, report, export, prepare, lists)
    kinds = (*cheap, resume, train, project, sweep)
    return draw.choices(kinds, (3, 2, 2, 2, 1, 2, 3, 1, 1, 1, 1, 1))[0](draw)


def dry(case: Case) -> Case:
    """The same `train`, which only says what it would do."""
    return replace(case, argv=(*case.argv, "--dry-run"), writes=())


def _json(draw: Random) -> tuple[str, ...]:
    return ("--json",) if draw.random() < 0.5 else ()


def _quiet(draw: Random) -> tuple[str, ...]:
    return ("--quiet",) if draw.random() < 0.3 else ()
