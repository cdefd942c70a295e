"""What the view of several runs shows: their facts, scores, differences, and images of one seed."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from saddlepoint.core.checks import MOST_SEED, in_range
from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run
from saddlepoint.evaluation.compare import DifferentProtocols, compare_runs, differences_of
from saddlepoint.reporting.comparison_tables import differing, number_table
from saddlepoint.reporting.facts import evaluate_command, flat, saddle_command
from saddlepoint.reporting.messages import in_languages
from saddlepoint.reporting.palette import COLOURS, style_of
from saddlepoint.reporting.strings import ENGLISH, Words
from saddlepoint.studio.histories import Columns, Histories
from saddlepoint.studio.library import NotFound
from saddlepoint.studio.stream import DRAWING
from saddlepoint.studio.view import Studio

MOST = len(COLOURS)
"""Runs; nobody can tell more curves apart."""
N_IMAGES = 16
"""Of each run: four by four can be told apart side by side, on a projector as well."""
N_POINTS = 2000


def chosen(studio: Studio, ids: Sequence[str]) -> tuple[dict[str, Run], list[str]]:
    """The runs of some ids, each once, in their order; and the ids that are no longer runs.

    Raises:
        InputError: more than `MOST`.
    """
    ids = list(dict.fromkeys(id for id in ids if id))
    if len(ids) > MOST:
        raise InputError(f"{len(ids)} runs are more than {MOST}; choose at most {MOST}.")
    runs, missing = {}, []
    for id in ids:
        try:
            runs[id] = studio.library.run(id)
        except NotFound:
            missing.append(id)
    return runs, missing


class _Watched(Run):
    """A run whose history the studio reads as it grows, not as a whole each time."""

    def __init__(self, run: Run, histories: Histories) -> None:
        super().__init__(run.path)
        self._columns, self.complete = histories.of(run)

    @property
    def history(self) -> Columns:
        return self._columns


def comparison(studio: Studio, runs: dict[str, Run], words: Words = ENGLISH) -> dict[str, Any]:
    """Everything but curves and images, as plain JSON values; `complete` is false while a long
    history is still being read: then ask again."""
    lines = {id: studio.library.line(id) for id in runs}
    whole = {
        id: _Watched(run, studio.histories)
        for id, run in runs.items()
        if lines[id]["state"] != "damaged"
    }
    styles = {id: style_of(place) for place, id in enumerate(whole)}
    facts = [_facts(lines[id], run, styles.get(id)) for id, run in runs.items()]
    return {
        "complete": all(run.complete for run in whole.values()),
        "runs": facts,
        "differences": [
            {"part": part, "title": words(f"compare.part-{part}"), "fields": fields, "values": each}
            for part, fields, each in differing(differences_of([*whole.values()]))
        ],
        "compared": [*whole],
        "scores": _scores({id: run for id, run in whole.items() if run.scores}, words),
        "unscored": {id: evaluate_command(run.path) for id, run in whole.items() if not run.scores},
        "most": MOST,
        "n_images": N_IMAGES,
        "n_points": N_POINTS,
        "command": _command([*runs.values()]),
    }


def _facts(line: dict[str, Any], run: Run, style: tuple[str, str] | None) -> dict[str, Any]:
    if style is None:  # damaged, as its line says
        return line
    document = run.document
    config, data = document.get("config", {}), document.get("data", {})
    return {
        **line,
        "colour": style[0],
        "dash": style[1],
        "parameters": document.get("parameters", {}),
        "loss": _part(config, "loss").get("kind", ""),
        "seed": config.get("seed"),
        "latent_dim": _part(config, "arch").get("latent_dim"),
        "conditioned": _part(config, "arch").get("conditioning", "none") != "none",
        "fingerprint": data.get("fingerprint", data.get("name", "")),
    }


def _part(config: dict[str, Any], name: str) -> dict[str, Any]:
    """A component of a configuration that somebody may have written by hand."""
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _scores(runs: Mapping[str, Run], words: Words) -> dict[str, Any]:
    """The table of `saddle compare`; {} without scores, and why there is none."""
    if not runs:
        return {}
    by_path = {str(run.path): id for id, run in runs.items()}
    try:
        document = compare_runs([*runs.values()])
    except DifferentProtocols as error:
        one, other = by_path[str(error.one.path)], by_path[str(error.other.path)]
        return {"differ": {"one": one, "other": other, "fields": error.fields}}
    except InputError as error:
        return {"error": in_languages(str(error))}
    header, lines = number_table(document, words)
    return {
        "header": header,
        "lines": lines,
        "members": [[by_path[path] for path in row["runs"]] for row in document["rows"]],
        "protocol": flat(document["protocol"]),
    }


def _command(runs: list[Run]) -> str:
    if not runs:
        return ""
    paths = shlex.join(str(run.path) for run in runs)
    return f"{saddle_command()} compare {paths} --out comparison.html"


def samples(run: Run, seed: int) -> dict[str, Any]:
    """Images of the seeds from `seed` on, or points; the newest intact checkpoint draws them.

    Returns:
        {"picture": a PNG as a data URL, "images": that the checkpoint had seen}.

    Raises:
        InputError: a seed out of range, or no checkpoint.
    """
    in_range(seed, 0, MOST_SEED - N_POINTS, "seed")
    # torch takes seconds to load; what the studio's other pages need of it may be nothing.
    from saddlepoint.sampling.generator_file import find_generator

    # Building a net draws weights. And several at once would fill the memory and all cores.
    with DRAWING:
        file = find_generator(run.path)
        picture, images = _drawn(run.path, file, file.stat().st_mtime_ns, seed)
    return {"picture": picture, "images": images}


@lru_cache(maxsize=64)
def _drawn(run: Path, file: Path, changed: int, seed: int) -> tuple[str, int]:
    import numpy as np

    from saddlepoint.core.images import enlarge, grid, png_bytes, scatter
    from saddlepoint.core.provenance import read_config
    from saddlepoint.sampling.sampler import load_sampler

    sampler = load_sampler(file)
    if sampler.spec.is_image:
        sheet = enlarge(grid(sampler.images(range(seed, seed + N_IMAGES))))
    else:
        # The frame of the data: what lies outside it, or does not fill it, is seen at once.
        extent = 1.2 * float(np.abs(read_config(Run(run)).source.open().images).max())
        sheet = scatter(sampler.images(range(seed, seed + N_POINTS)), extent)
    picture = f"data:image/png;base64,{base64.b64encode(png_bytes(sheet)).decode()}"
    return picture, sampler.n_images
