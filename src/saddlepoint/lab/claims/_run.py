"""`saddle lab claims`: every claim tried over seeds, ending in one page."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saddlepoint import __version__, api
from saddlepoint.core import registry
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.json_files import read_json, write_json
from saddlepoint.core.randomness import derive_seed, seed_torch
from saddlepoint.core.texts import Language
from saddlepoint.evaluation.verdicts import judge
from saddlepoint.lab.claims._base import DEFAULT_MINUTES, Claim, Numbers, Work
from saddlepoint.lab.demo import choose_data
from saddlepoint.lab.folders import LabFolder, chosen
from saddlepoint.reporting.claims import Told, write_claims
from saddlepoint.sampling.ranges import parse_ranges
from saddlepoint.training.guards import own_randomness
from saddlepoint.training.threads import use as use_threads

ORDER = ("gan", "minimax", "failures", "dcgan", "wgan", "cgan", "measures")
"""Of the lecture's chapters."""


def claims(
    out: Path = Path("lab-claims"),
    only: tuple[str, ...] = (),
    data: str | None = None,
    seeds: str = "0-2",
    minutes: float = DEFAULT_MINUTES,
    lang: Language = "en",
    threads: int = 0,
    quiet: bool = False,
) -> Path:
    """Try each claim of the lecture, and report what is seen, what is not, and how sure that is.

    A claim takes two to six minutes on two cores for its three seeds, all of them under 90. The
    same command goes on after a kill, and does nothing twice. `saddle lab list` names the claims.

    Args:
        out: Folder of the numbers, the pictures and report.html.
        only: Only these claims, such as clipping (default: all).
        data: A data set's name or a path for the claims about images (default: fashion-mnist).
        seeds: Ranges such as 0-2; the interval is over them, so that one alone settles nothing.
        minutes: Budget of each claim, all seeds together, in minutes of two cores; steps and images
            are multiplied by a third of it, so that the numbers do not depend on the machine.
        lang: Language of the page: en or vi.
        threads: Threads that compute on the CPU; 0: as many as PyTorch takes here.
        quiet: No progress.

    Returns:
        The page.

    Raises:
        InputError: an unknown claim, or `out` holds a lab of other settings.
        RunFailed: claims that could not be tried; the page says which, and why.
    """
    api.check_budget(None, minutes)
    names = chosen(only, in_order(), "claim")
    wanted = parse_ranges(seeds, "--seeds")
    settings = {"minutes": minutes, "data": data}
    lab = LabFolder(out, settings, quiet, preview=False, lang=lang)
    silent = LabFolder(out, settings, True, preview=False, lang=lang)
    default = ""
    told: list[Told] = []
    for number, name in enumerate(names, 1):
        claim: Claim = registry.get("claim", name)().stretched(minutes / DEFAULT_MINUTES)
        used = (data or claim.default_data) if claim.default_data else ""
        if used == "fashion-mnist" and not data:
            if not default:
                default, sentence = choose_data()
                lab.say(sentence)
            used = default
        command = ["saddle", "lab", "claims", "--only", name, "--seeds", seeds]
        command += ["--minutes", f"{minutes:g}", *(["--data", data] if data and used else [])]
        command += ["--lang", lang] if lang != "en" else []
        lab.say(f"Claim {number} of {len(names)}: {name}")
        began = time.monotonic()
        told.append(_tried(claim, silent, wanted, used, threads, shlex.join(command)))
        lab.say(f"  {told[-1].verdict.outcome if told[-1].verdict else told[-1].fault}")
        # After each, so that there is a page however the next one ends; not after those whose
        # numbers were only read, of which there is a page already.
        if time.monotonic() - began > 1 or number == len(names):
            write_claims(told, lab.report_file, lang, seeds, minutes)
    failed = [entry.name for entry in told if entry.fault]
    if failed:
        raise RunFailed(
            f"{len(failed)} of {len(told)} claims could not be tried ({', '.join(failed)}); "
            f"{lab.report_file} says why."
        )
    return lab.report_file


def in_order() -> list[str]:
    """Names of all claims, chapter by chapter as in the lecture."""
    chapters = {name: registry.get("claim", name).chapter for name in registry.names("claim")}
    return sorted(chapters, key=lambda name: (ORDER.index(chapters[name]), name))


def _tried(
    claim: Claim, lab: LabFolder, seeds: Sequence[int], data: str, threads: int, command: str
) -> Told:
    told: dict[str, Any] = {"seeds": seeds[:1] if claim.exact else seeds}
    told |= {"name": claim.kind, "chapter": claim.chapter, "sentence": claim.sentence}
    told |= {"varied": claim.varied, "held": claim.held, "meaning": claim.meaning}
    told |= {"command": command, "settings": claim.settings, "data": data}
    try:
        files = [
            _measured(claim, Work(lab, claim.kind, seed, data, threads)) for seed in told["seeds"]
        ]
    except (InputError, RunFailed) as error:
        return Told(**told, fault=str(error))
    numbers: list[Numbers] = [file["numbers"] for file in files]
    return Told(
        **told,
        seconds=sum(file["seconds"] for file in files),
        verdict=judge(claim.questions(numbers)),
        pictures=claim.pictures(numbers),
    )


def _measured(claim: Claim, work: Work) -> dict[str, Any]:
    """What a seed gave: from its file, or measured now."""
    file = work.folder.with_suffix(".json")
    asked = {"claim": claim.kind, "seed": work.seed, "data": work.data, "settings": claim.settings}
    if file.is_file():
        kept = read_json(file, dict[str, Any])
        # A claim whose settings have changed since is measured again.
        if {name: kept.get(name) for name in asked} == asked:
            return kept
    work.folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with own_randomness(), use_threads(work.threads):
        seed_torch(derive_seed(work.seed, claim.kind, 0))
        numbers = claim.measure(work)
    seconds = round(time.monotonic() - started, 1)
    document = {**asked, "version": __version__, "seconds": seconds, "numbers": numbers}
    write_json(file, document)
    return document
