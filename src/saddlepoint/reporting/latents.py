"""What a trained generator itself shows on its page: its directions, and its nearest images.

Both are made when the page is written, in a second or two: a training ends with its page.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.images import enlarge, grid
from saddlepoint.core.provenance import read_config, training_data
from saddlepoint.data.drawing import at_hand
from saddlepoint.data.search import NamedSource
from saddlepoint.evaluation.nearest_pixels import nearest_by_pixels
from saddlepoint.reporting import embedded, page
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.strings import Words
from saddlepoint.sampling.direction_sheets import DEVIATIONS, direction_sheet
from saddlepoint.sampling.directions import principal_directions
from saddlepoint.sampling.sampler import Sampler, load_sampler

DIRECTIONS = {False: 5, True: 3}
SEEDS = {False: range(2), True: range(1)}
"""Whose images are moved along the directions; on a page of several runs those of one."""
MANY_PARAMETERS = 4_000_000
"""Of a generator whose images take so long that fewer are made."""
COMPARED = range(12)
"""Seeds of the samples that are shown with their nearest training image."""


def latent_sections(facts: Facts, words: Words, *, small: bool = False) -> list[str]:
    """The sections of report.html; those that cannot be made here are left out.

    Args:
        small: for a page of several runs.
    """
    if not facts.run.checkpoints or not facts.is_image:
        return []
    small = small or facts.parameters.get("generator", 0) > MANY_PARAMETERS
    parts = []
    # A plug-in or data that are not on this machine, a generator without a first layer, weights
    # that are not finite: a verb that asks for them says which, and the page stands without.
    with suppress(InputError, RunFailed):
        sampler = load_sampler(facts.run.path)
        with suppress(InputError):
            parts.append(_directions(sampler, words, small))
        parts.append(_nearest(facts, sampler, words, small))
    return parts


def _directions(sampler: Sampler, words: Words, small: bool) -> str:
    seeds, k = SEEDS[small], min(DIRECTIONS[small], sampler.generator.latent_dim)
    labels = sampler.labels_for(seeds, None)
    label = labels[0] if labels else None
    sheet = direction_sheet(
        sampler, principal_directions(sampler, k, label), seeds, label, DEVIATIONS
    )
    return _shown("directions", sheet, words, words("report.directions-note"), small)


def _nearest(facts: Facts, sampler: Sampler, words: Words, small: bool) -> str:
    source = read_config(facts.run).source
    if isinstance(source, NamedSource) and not getattr(source, "path", "") and not source.where():
        return ""  # it would have to be downloaded
    train = at_hand(training_data(facts.run))
    made = sampler.images(COMPARED)
    nearest, looked_at = nearest_by_pixels(made, train)
    rows = np.concatenate([made, train.images[nearest]])
    n = words.number(f"{looked_at:,}")
    note = words("report.nearest-note", first=COMPARED[0], last=COMPARED[-1], n=n)
    return _shown("nearest", enlarge(grid(rows, len(made))), words, note, small)


def _shown(key: str, sheet: np.ndarray, words: Words, note: str, small: bool) -> str:
    picture = embedded.made_image(sheet, words(f"report.{key}-show"), small)
    return page.section(words(f"report.{key}"), embedded.figure(picture, ""), note)
