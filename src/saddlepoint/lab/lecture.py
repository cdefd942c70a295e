"""The lecture's two applications: every family trained, measured and put beside its figures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from saddlepoint import api
from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run
from saddlepoint.data.resolve import available
from saddlepoint.evaluation.scores import newest_scores
from saddlepoint.lab.folders import claim, train_once
from saddlepoint.reporting.lecture import write_lecture


@dataclass(frozen=True, kw_only=True)
class Application:
    """A data set and the families that the lecture trains on it."""

    name: str
    title: str
    presets: tuple[str, ...]
    published: dict[str, tuple[float, float, float]]
    """Row of the lecture's table -> precision, recall, FID."""
    protocol: str
    """How the published numbers were made, as far as the lecture says."""
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
        "The lecture trained on FFHQ (52,000 faces, 64 x 64) for a time that it does not say; its "
        "features are InceptionV3's, k = 3."
    ),
    # The preset's 16 numbers are right for clothes; faces vary in more ways.
    changes={"dcgan": {"arch.latent_dim": 64}},
)


def lecture(
    out: Path,
    minutes: float | None = None,
    kimg: float | None = None,
    faces_kimg: float | None = None,
    faces: str | None = None,
    fashion: str = "fashion-mnist",
    seeds: Sequence[int] = (0,),
    features: str = "auto",
    n: int = 10_000,
    presets: Sequence[str] = (),
    quiet: bool = False,
) -> Path:
    """Train, measure and report; what an earlier call finished in `out` is not done again.

    Args:
        minutes: wall clock for each model; by default 5.
        kimg: or the exact budget of each model, in thousands of images.
        faces_kimg: that of each model of faces, whose images cost more; by default `kimg`.
        faces: the faces; by default `ffhq` where it lies on this machine, else they are left out.
        fashion: the labelled data of the other application.
        presets: only these families; by default all.

    Returns:
        The page.

    Raises:
        InputError: `out` holds a lab of other settings, or data that cannot be opened.
    """
    if minutes is None and kimg is None:
        minutes = 5
    api.check_budget(kimg, minutes)
    if faces_kimg is not None and kimg is None:
        raise InputError("--faces-kimg goes with --kimg; give both, or --minutes alone.")
    here = {row.name for row in available() if row.where is not None}
    where_faces = faces or ("ffhq" if "ffhq" in here else None)
    plan = [(FASHION, fashion)] + ([(FACES, where_faces)] if where_faces else [])
    budgets = {"minutes": minutes, "kimg": kimg, "faces_kimg": faces_kimg}
    claim(out, {**budgets, "faces": where_faces, "fashion": fashion, "n": n})
    jobs = [
        (application, data, seed, preset)
        for application, data in plan
        for seed in seeds
        for preset in application.presets
        if not presets or preset in presets
    ]
    done: dict[str, list[Path]] = {application.name: [] for application, _ in plan}
    for number, (application, data, seed, preset) in enumerate(jobs, 1):
        if not quiet:
            what = f"{application.name}: {preset}, seed {seed}"
            print(f"Model {number} of {len(jobs)}: {what}", file=sys.stderr)
        folder = out / application.name / f"{preset}-{seed}"
        budget = faces_kimg if application is FACES and faces_kimg is not None else kimg
        changes = application.changes.get(preset, {})
        given = {"out": folder, "seed": seed, "minutes": minutes, "kimg": budget}
        train = partial(api.train, preset, data, **given, changes=changes, quiet=quiet)
        train_once(folder, train, quiet)
        _measure(folder, features, n, quiet)
        done[application.name].append(folder)
    left_out = "" if where_faces else "faces (no ffhq on this machine; name a folder by --faces)"
    page = out / "report.html"
    parts = [
        (app.title, app.published, app.protocol, api.compare(folders), [Run(f) for f in folders])
        for app, _ in plan
        if (folders := done[app.name])
    ]
    return write_lecture(parts, page, left_out)


def _measure(folder: Path, features: str, n: int, quiet: bool) -> None:
    newest = Run(folder).checkpoints[-1].name
    if any(score["checkpoint"] == newest for score in newest_scores(Run(folder))):
        return
    api.evaluate(folder, features=features, n=n, quiet=quiet)
