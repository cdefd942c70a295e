"""saddle lab list, saddle lab lecture."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Any

from saddlepoint.cli.flags import parse

LABS = {
    "lecture": "every family of the lecture on Fashion-MNIST and faces, beside its figures",
    "failures": "the lecture's failures on demand, each untreated and treated",
}


def lab_list(argv: list[str]) -> None:
    """The labs, one line each."""

    def flags(json: bool = False) -> bool:
        """List the labs.

        Args:
            json: One JSON document on stdout.
        """
        return json

    if parse(flags, "saddle lab list", argv):
        print(json_module.dumps(LABS, indent=2))
        return
    for name, line in LABS.items():
        print(f"{name:<10}{line}")


def lab_lecture(argv: list[str]) -> None:
    """The lecture's experiments: saddle lab lecture [--minutes M] [--faces DIR] [--out DIR]."""

    def flags(
        out: Path = Path("lab-lecture"),
        minutes: float | None = None,
        kimg: float | None = None,
        faces_kimg: float | None = None,
        faces: str | None = None,
        data: str = "fashion-mnist",
        presets: tuple[str, ...] = (),
        seeds: str = "0",
        features: str = "auto",
        n: int = 10_000,
        quiet: bool = False,
    ) -> dict[str, Any]:
        """Train, measure and report every family; the same command goes on after a kill.

        Args:
            out: Folder of the runs and of report.html.
            minutes: Wall clock for each model; by default 5.
            kimg: Or the exact budget of each model, in thousands of images.
            faces_kimg: With kimg: that of each model of faces, whose images cost more.
            faces: Folder, zip or prepared set of faces; by default ffhq where it lies here.
            data: The labelled data set.
            presets: Only these families.
            seeds: Ranges such as 0-2; every family is trained with each.
            features: auto, inception, dinov2, classifier, rotations, pixels, or a file of weights.
            n: Images of each set in the measures, at most.
            quiet: No progress.
        """
        return locals()

    asked = parse(flags, "saddle lab lecture", argv)
    from saddlepoint.lab.lecture import lecture
    from saddlepoint.sampling.ranges import parse_ranges

    fashion, seeds = asked.pop("data"), parse_ranges(asked.pop("seeds"), "--seeds")
    print(lecture(**asked, fashion=fashion, seeds=seeds))


def lab_failures(argv: list[str]) -> None:
    """The lecture's failures, untreated and treated: saddle lab failures [--out DIR]."""

    def flags(
        out: Path = Path("lab-failures"),
        cases: tuple[str, ...] = (),
        kimg: float | None = None,
        minutes: float | None = None,
        seed: int = 0,
        quiet: bool = False,
    ) -> dict[str, Any]:
        """Train each failure both ways and report; the same command goes on after a kill.

        Args:
            out: Folder of the runs and of report.html.
            cases: Only these failures, such as oscillation.
            kimg: The budget of each run in thousands of images, in place of its own.
            minutes: Or its wall clock.
            seed: Of every run.
            quiet: No progress.
        """
        return locals()

    asked = parse(flags, "saddle lab failures", argv)
    from saddlepoint.lab.failures import failures

    print(failures(**asked))
