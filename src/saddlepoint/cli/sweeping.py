"""saddle sweep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from saddlepoint.cli import flags
from saddlepoint.cli.flag_types import UNSAID
from saddlepoint.cli.training import ConfigFlags, with_config
from saddlepoint.core.errors import InputError
from saddlepoint.core.streams import answer
from saddlepoint.core.texts import Language


@dataclass(frozen=True, kw_only=True)
class SweepFlags(ConfigFlags):
    """Train every setting with every seed, each in its own process, and compare them on a page.

    What the trainings have in common is said by the flags of `saddle train`: every field of the
    configuration is a flag here, too. The same command goes on after a kill.

    With lists alone every combination is trained, in order. With a range, or with fewer --trials
    than there are combinations, Optuna proposes what to try next.
    """

    out: Annotated[Path, UNSAID] = Path("sweep")
    """Folder of the sweep: a run folder for each training, sweep.html, results.json (default:
    sweep)."""
    over: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        tyro.conf.arg(metavar="FIELD=VALUES", help_behavior_hint=""),
    ] = ()
    """FIELD=A,B,C or FIELD=LOW:HIGH or FIELD=LOW:HIGH:log; once for each field. Also arch, loss,
    optim-g, optim-d and penalties by name (default: none, only seeds)."""
    seeds: Annotated[str | None, UNSAID] = None
    """Ranges such as 0-2; every setting is trained with each (default: --seed)."""
    trials: Annotated[int | None, UNSAID] = None
    """Settings to try (default: every combination)."""
    objective: Annotated[str | None, UNSAID] = None
    """sliced_wasserstein, or a number of `saddle evaluate`, such as fid or recall: ranks the
    trials, measured on the way and at the end; short for --scoring.by."""
    pruner: Literal["none", "median"] = "none"
    """median: end a training whose best score so far is worse than the median of the others."""
    end_ill: bool = True
    """End a training at a fatal finding of the doctor."""
    jobs: int = 1
    """Trainings at a time; they share this machine's cores and GPUs."""
    on: Literal["processes", "ray"] = "processes"
    """processes of this machine, or tasks of Ray, whose cluster RAY_ADDRESS names."""
    lang: Language = "en"
    """Language of the page: en or vi."""
    dry_run: bool = False
    """Print the command of each training, of a search those of its first trial, and stop."""


def sweep(argv: list[str]) -> None:
    """Train over seeds and settings: saddle sweep PRESET --over FIELD=A,B [--seeds 0-2]."""
    from saddlepoint import api
    from saddlepoint.api.sweeping import MOST_SEEDS
    from saddlepoint.reporting.strings import ENGLISH
    from saddlepoint.reporting.sweep import trial_table
    from saddlepoint.reporting.terminal import print_table
    from saddlepoint.sampling.ranges import parse_ranges

    given, config = with_config("sweep", SweepFlags, argv)
    over: dict[str, str] = {}
    for word in given.over:
        field, sign, values = word.partition("=")
        if not sign or not field:
            raise InputError(
                f"--over {word[:60]!r} is not FIELD=VALUES, such as optim-g.lr=1e-4,2e-4."
            )
        if field in over:
            raise InputError(f"--over {field} is given twice; give all its values at once.")
        over[field] = values
    seeds = None
    if given.seeds is not None:
        seeds = parse_ranges(given.seeds, "--seeds", most=MOST_SEEDS)
    document = api.sweep(
        config,
        out=given.out,
        over=over,
        seeds=seeds,
        trials=given.trials,
        minutes=given.minutes,
        objective=given.objective,
        pruner=given.pruner,
        end_ill=given.end_ill,
        jobs=given.jobs,
        on=given.on,
        lang=given.lang,
        dry_run=given.dry_run,
        quiet=given.quiet,
    )
    if given.json:
        flags.print_json(document)
        return
    if given.dry_run:
        for trial in document["trials"]:
            for run in trial["runs"]:
                answer(run["command"])
        return
    header, rows = trial_table(document, ENGLISH)
    print_table(rows, header)
    if document["best_command"]:
        answer(f"\nThe best: {document['best_command']}")
    answer(f"Report: {given.out / 'sweep.html'}")
