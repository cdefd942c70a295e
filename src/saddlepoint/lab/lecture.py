"""The lecture's two applications: every family trained, measured, and beside its figures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from saddlepoint import api
from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run
from saddlepoint.data.resolve import available
from saddlepoint.lab.folders import LabFolder, chosen
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.lecture import Part, write_lecture
from saddlepoint.sampling.ranges import parse_ranges

KIMG = 120
"""Two passes over Fashion-MNIST: a few minutes a model, and recognisable clothes."""


@dataclass(frozen=True, kw_only=True)
class Application(Part):
    """A data set and the families that the lecture trains on it."""

    name: str
    """Of the data set of the lecture, or of its subject."""
    presets: tuple[str, ...]
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Preset -> what differs from it here."""


FASHION = Application(
    name="fashion-mnist",
    title="Fashion-MNIST: 10 kinds of clothes, 28 x 28",
    presets=(
        "gan",
        "dcgan",
        "wgan",
        "wgan-gp",
        "cgan-onehot",
        "cgan-embedding",
        "cgan-every-layer",
    ),
    published={
        "conditional model 1": (0.0991, 0.0013, 160.9237),
        "conditional model 2": (0.1906, 0.0088, 113.3874),
        "conditional model 3": (0.0950, 0.0062, 126.2724),
    },
    protocol=(
        "The lecture's table names no models (most likely a conditional GAN, DCGAN and WGAN-GP), "
        "no number of images and no training time; its features are InceptionV3's, k = 3."
    ),
)
FACES = Application(
    name="faces",
    title="Faces, 64 x 64",
    presets=("gan", "dcgan", "wgan-gp"),
    published={
        "GAN": (0.0104, 0.0013, 250.5502),
        "DCGAN": (0.0924, 0.0192, 149.5057),
        "WGAN-GP": (0.0088, 0.0006, 288.7550),
    },
    protocol=(
        "The lecture trained on FFHQ (52,000 faces, 64 x 64) and does not say for how long; its "
        "features are InceptionV3's, k = 3."
    ),
    # The preset's 16 latent dimensions suit clothes; faces vary in more ways.
    changes={"dcgan": {"arch.latent_dim": 64}},
)


def lecture(
    out: Path = Path("lab-lecture"),
    only: tuple[str, ...] = (),
    kimg: float | None = None,
    minutes: float | None = None,
    faces_kimg: float | None = None,
    faces: str | None = None,
    data: str = "fashion-mnist",
    seeds: str = "0",
    features: str = "auto",
    n: int = 10_000,
    threads: int = 0,
    preview: bool = True,
    quiet: bool = False,
) -> Path:
    """Train, measure and report every family; the same command continues after a kill.

    Args:
        out: Folder of the runs and of report.html.
        only: Only these presets.
        kimg: Exact budget of each model in thousands of images; by default 120, every image of
            Fashion-MNIST twice.
        minutes: A budget in time for each model instead.
        faces_kimg: With --kimg, the budget of each model of faces, whose images cost more.
        faces: Folder, zip or prepared set of faces; by default ffhq if it is on this machine.
        data: The labelled data set.
        seeds: Ranges such as 0-2; every family is trained with each.
        features: auto, inception, dinov2, classifier, rotations, pixels, or a file of weights.
        n: Images of each set in the scores, at most.
        threads: Threads that compute on the CPU; 0: as many as PyTorch takes here.
        preview: Show the newest samples in a terminal that has colours.
        quiet: No progress.

    Returns:
        The page.

    Raises:
        InputError: `out` holds a lab of other settings, or data that cannot be opened.
    """
    api.check_budget(kimg, minutes)
    if faces_kimg is not None and kimg is None:
        raise InputError("--faces-kimg goes with --kimg; give both, or --minutes alone.")
    if kimg is None and minutes is None:
        kimg = KIMG
    here = {row.name for row in available() if row.where is not None}
    where_faces = faces or ("ffhq" if "ffhq" in here else None)
    plan = [(FASHION, data)] + ([(FACES, where_faces)] if where_faces else [])
    settings = {"minutes": minutes, "kimg": kimg, "faces_kimg": faces_kimg}
    settings |= {"faces": where_faces, "data": data, "n": n}
    presets = chosen(only, FASHION.presets, "family")
    jobs = []
    for application, name in plan:
        place = application.name if application is FACES else Path(name).stem
        budget = faces_kimg if application is FACES and faces_kimg is not None else kimg
        for seed in parse_ranges(seeds, "--seeds"):
            for preset in (preset for preset in application.presets if preset in presets):
                changes = {**application.changes.get(preset, {}), "train.threads": threads}
                config = api.configure(preset, name, seed=seed, kimg=budget, changes=changes)
                jobs.append((application, f"{place}/{preset}-{seed}", config))
    # Only now: a lab that a mistyped name had claimed would refuse the name without the mistake.
    lab = LabFolder(out, settings, quiet, preview)
    done: dict[str, list[Run]] = {application.name: [] for application, _ in plan}
    # One model after the other, each measured at once, so that a kill loses one model at most.
    for number, (application, run_name, config) in enumerate(jobs, 1):
        lab.say(f"Model {number} of {len(jobs)}: {run_name}")
        run = lab.train(config, run_name, minutes)
        lab.measure(run, features, n)
        done[application.name].append(run)
    parts = [(_titled(app, done[app.name][0]), done[app.name]) for app, _ in plan if done[app.name]]
    left_out = "" if where_faces else "faces (no ffhq on this machine; name a folder by --faces)"
    return write_lecture(parts, lab.report_file, left_out)


def _titled(application: Application, run: Run) -> Application:
    """An application under the name of the data that its runs were really trained on."""
    data = Facts.of(run).data
    size = " x ".join(map(str, data["spec"]["shape"][1:]))
    if application is FACES:
        return replace(application, title=f"Faces: {data['name']}, {size}")
    if data["name"] == application.name:
        return application
    # The lecture's clothes have nothing to say about other data.
    title = f"{data['name']}: {len(data['classes'])} classes, {size}"
    return replace(application, title=title, published={})
