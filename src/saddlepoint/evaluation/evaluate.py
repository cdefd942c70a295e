"""`saddle evaluate`: a run, a file of weights or a set of images -> all measures, written down."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from saddlepoint.core.checks import in_range
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.flat import flatten
from saddlepoint.core.images import write_png
from saddlepoint.core.measures import LoadedExtractor, Progress, Settings
from saddlepoint.core.ranks import here
from saddlepoint.core.runs import Run
from saddlepoint.data.progress import progress_bars
from saddlepoint.evaluation.choose import FeatureChoice, choose_extractor
from saddlepoint.evaluation.measure import Evaluation, evaluate_sets
from saddlepoint.evaluation.opened import Opened
from saddlepoint.evaluation.scores import newest_scores, save_score, unsaved
from saddlepoint.evaluation.sheets import sheets_of
from saddlepoint.sampling.ranges import MOST


def evaluate(
    model: str | os.PathLike[str],
    real: str | None = None,
    *,
    features: FeatureChoice = "auto",
    n: int = 10_000,
    truncation: float = 1.0,
    k: int = 3,
    n_bootstrap: int = 200,
    seed: int = 0,
    device: str = "cpu",
    per_class: bool = False,
    quiet: bool = False,
) -> tuple[dict[str, Any], str]:
    """Measure the samples of a run or of weights, or a set of images, against real ones.

    Args:
        model: a run, an ema.safetensors, or a set of images.
        real: a data set's name or a path; by default a run's own data, its test split if any.
        features: as in `score_images`.
        n: images of each set, at most; both sets get as many as the smaller one has.
        truncation: psi of the samples; 1 is off.
        per_class: measure each class of more than 20 classes too, and refuse sets without classes.

    Returns:
        The document (values with intervals, and their protocol), and a sentence on the features.

    Raises:
        InputError: no such model or data, sets that cannot be compared, or a bad number.
        Unsaved: measured, but the scores of the run cannot be written; it holds what would have
            been returned.
    """
    ranks = here()
    settings = Settings(k=k, seed=seed, n_bootstrap=n_bootstrap, device=device)
    in_range(n, 2, MOST, "--n")
    model = Path(model)
    run = Run.open(model) if (model / "config.json").is_file() else None
    if run is not None:
        newest_scores(run)  # a damaged file is refused before the measuring
    opened = Opened.of(model, real, run, device)
    n = min(n, opened.most)
    asked = {"--n": n, "--truncation": truncation, "--per-class": per_class}
    asked |= {f"--{name}": value for name, value in vars(settings).items()}
    ranks.meet(asked | opened.facts())
    with progress_bars(quiet or not ranks.leads) as progress:
        extractor, said = _extractor(features, opened.learned, device, progress)
        sets = opened.sets(n, seed, truncation, extractor, progress)
        real_set, fake, train = sets
        done = evaluate_sets(
            real_set, fake, extractor, settings, train, opened.mixture, progress, per_class, ranks
        )
    if run is not None and ranks.leads:
        try:
            _keep(run, done)
        except (OSError, InputError) as error:
            raise unsaved(error, run, done.document, said) from error
    return ranks.told(done.document, long=True), said


def _extractor(
    features: FeatureChoice, learned: Dataset, device: str, progress: Progress
) -> tuple[LoadedExtractor, str]:
    """As `choose_extractor`; the same on all ranks."""
    ranks = here()
    # What rank 0 trains and keeps, the others find in the cache.
    if not ranks.leads:
        ranks.told(None, long=True)
    extractor, said = choose_extractor(features, learned, device, progress)
    if ranks.leads:
        ranks.told(None)
    facts = {f"features of {name}": value for name, value in flatten(extractor.protocol).items()}
    ranks.meet(facts | {"features of mark": extractor.mark})
    return extractor, said


def _keep(run: Run, done: Evaluation) -> None:
    """Write the numbers and their pictures into the run's folder."""
    checkpoint = done.document["checkpoint"] = save_score(run, done.document)
    for name, sheet in sheets_of(done).items():
        write_png(run.scores_folder / f"{checkpoint}-{name}.png", sheet)
