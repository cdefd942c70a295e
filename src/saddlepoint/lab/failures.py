"""The lecture's failures on demand: each is trained untreated and treated, side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.texts import Language
from saddlepoint.lab.cases import FAILURES
from saddlepoint.lab.failing import Failure
from saddlepoint.lab.folders import LabFolder, chosen, command_of
from saddlepoint.lab.remedies import REMEDIES, remedied
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.failures import write_failures
from saddlepoint.reporting.strings import words_in

N_MEASURED = 1000
"""Samples and real images in the scores at the end."""


def failures(
    out: Path = Path("lab-failures"),
    only: tuple[str, ...] = (),
    remedy: tuple[str, ...] = (),
    kimg: float | None = None,
    minutes: float | None = None,
    seed: int = 0,
    lang: Language = "en",
    threads: int = 0,
    preview: bool = True,
    quiet: bool = False,
) -> Path:
    """Train each failure untreated and treated, and report; the same command continues after a
    kill.

    Args:
        out: Folder of the runs and of report.html.
        only: Only these failures: complete-collapse, partial-collapse, discriminator-wins,
            generator-wins, oscillation, clipped-critic, latent-ignored, condition-forgotten,
            dcgan-discriminator-wins, wgan-gp-generator-wins, cgan-condition-forgotten (default:
            all).
        remedy: In place of the doctor's treatment one of the lecture's, from the first step:
            another-loss, stronger-g, stronger-d, fewer-layers, dropout, equal-rates, step-ratio,
            every-layer (the label in every layer), or all, each in a run of its own (default:
            none).
        kimg: Budget of each run in thousands of images (default: the failure's own).
        minutes: A budget in time for each run instead (default: none).
        seed: Of every run.
        lang: Language of the page: en or vi.
        threads: Threads that compute on the CPU; 0: as many as PyTorch takes here.
        preview: Show the newest samples in a terminal that has colours.
        quiet: No progress.

    Returns:
        The page.

    Raises:
        InputError: an unknown failure, or `out` holds a lab of other settings.
    """
    command = command_of(failures, locals())
    api.check_budget(kimg, minutes)
    names = chosen(only, tuple(FAILURES), "failure")
    remedies = chosen(remedy, ("all", *REMEDIES), "remedy") if remedy else []
    remedies = list(REMEDIES) if "all" in remedies else remedies
    wanted = [replace(FAILURES[name], kimg=kimg or FAILURES[name].kimg) for name in names]
    configs = {failure.name: _configs(failure, seed, remedies, threads) for failure in wanted}
    # Only now: a lab that a wrong seed had claimed would refuse the right one.
    lab = LabFolder(out, {"kimg": kimg, "minutes": minutes, "seed": seed}, quiet, preview, lang)
    cases = []
    for number, failure in enumerate(wanted, 1):
        lab.say(f"Failure {number} of {len(names)}: {failure.name}")
        runs = {}
        for way, config in configs[failure.name].items():
            runs[way] = run = lab.train_to_the_end(config, f"{failure.name}/{way}", minutes)
            if run.checkpoints:
                # By the classifier, not by the doctor's own probes: what is cured must look cured.
                features = "classifier" if Facts.of(run).is_image else "pixels"
                lab.measure(run, features, N_MEASURED)
        cases.append((failure, runs))
    again = api.commands_again
    return write_failures(cases, lab.report_file, command, again, words_in(lang))


def _configs(failure: Failure, seed: int, remedies: list[str], threads: int) -> dict[str, Config]:
    """Folder of a run -> its configuration: untreated, and by the doctor or with each remedy."""
    untreated, treated = (
        with_changes(failure.config(way, seed), {"train.threads": threads})
        for way in ("untreated", "treated")
    )
    if not remedies:
        return {"untreated": untreated, "treated": treated}
    # What changes nothing would be the untreated run once more.
    by_hand = {name: remedied(untreated, name) for name in remedies}
    return {"untreated": untreated} | {name: config for name, config in by_hand.items() if config}
