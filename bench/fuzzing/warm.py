"""Before the first case: the template of the world, and every module that the verbs will want."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import sys
from pathlib import Path
from random import Random

from fuzzing import commands, world
from fuzzing.case import Case
from fuzzing.player import Slot
from saddlepoint.reporting.plots import packed_plotly

MADE = ("out.png", "out.npz", "out.gif", "film.gif", "page.html", "net.pt", "w.safetensors")
"""By the commands below; the template has none of it."""


def build(scratch: Path) -> dict[str, float]:
    """Fill scratch/template; import what its makers imported; -> usual seconds of each verb."""
    slot = Slot(scratch, 0)
    slot.world.mkdir()
    packed_plotly()  # kept for the children: nearly half of what a page takes
    # A lab trains several runs; playing one here would take half of the start.
    usual: dict[str, float] = {"lab failures": 4.0, "lab lecture": 6.0}

    def play(argv: tuple[str, ...]) -> None:
        case = Case(argv=argv)
        outcome = slot.run(case)
        if outcome.code not in (0, 3):
            raise SystemExit(f"{' '.join(argv)}: exit code {outcome.code}\n{outcome.stderr}")
        _import(names)  # at once: the next one has no need to import them again
        usual[case.verb] = min(usual.get(case.verb, 60.0), outcome.cpu_seconds)

    names = slot.folder / "modules"
    slot.folder.mkdir(parents=True)
    with _told_modules(names):
        world.make_template(slot.world, play)
        draw = Random(0)
        kinds = (
            commands.sample,
            commands.sample,
            commands.compare,
            commands.doctor,
            commands.report,
        )
        cases = [
            make(draw, "run").argv for make in (commands.sample, *kinds * 2, commands.evaluate)
        ]
        cases += [
            ("export", "run", "--format", kind, "--out", out) for kind, out in commands.EXPORTS
        ]
        for argv in cases:
            play(argv)
            shutil.rmtree(slot.world / "out", ignore_errors=True)
        for argv in (("presets",), ("data", "list"), ("lab", "list"), ("train", "--help")):
            play(argv)
    for path in slot.world.glob("*.*"):
        if path.name in MADE:
            path.unlink()
    slot.world.rename(slot.template)
    slot.world.mkdir()
    shutil.rmtree(slot.folder)
    return usual


@contextlib.contextmanager
def _told_modules(file: Path):
    """While this holds, every child appends the names of the modules that it has imported."""
    os.environ["SADDLE_FUZZ_MODULES"] = str(file)
    try:
        yield
    finally:
        del os.environ["SADDLE_FUZZ_MODULES"]


def _import(file: Path) -> None:
    """A child that finds its modules imported begins in a hundredth of the time."""
    wanted = {name for line in file.read_text().splitlines() for name in json.loads(line)}
    file.unlink()
    for name in sorted(wanted - set(sys.modules)):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if len(os.listdir("/proc/self/task")) != 1:
        raise SystemExit("An import has started a thread: forking is not safe.")
