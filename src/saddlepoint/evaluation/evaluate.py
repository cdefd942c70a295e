"""`saddle evaluate`: a run, a file of weights or a set of images -> all measures, written down."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from saddlepoint.core.checks import in_range
from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.images import write_png
from saddlepoint.core.measures import Settings
from saddlepoint.core.provenance import read_config
from saddlepoint.core.runs import Run
from saddlepoint.data.progress import progress_bars
from saddlepoint.data.resolve import resolve
from saddlepoint.evaluation.choose import FeatureChoice, choose_extractor
from saddlepoint.evaluation.measure import Evaluation, evaluate_sets
from saddlepoint.evaluation.scores import newest_scores, save_score, unsaved
from saddlepoint.evaluation.sets import drawn_from, subset_of
from saddlepoint.evaluation.sheets import sheets_of
from saddlepoint.sampling.ranges import MOST
from saddlepoint.sampling.sampler import load_sampler

FIRST_SEED = 1_000_000
"""Seeds of measured samples start here, so that they differ from the samples shown in grids."""


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
    settings = Settings(k=k, seed=seed, n_bootstrap=n_bootstrap, device=device)
    in_range(n, 2, MOST, "--n")
    model = Path(model)
    run = Run.open(model) if (model / "config.json").is_file() else None
    training = None if run is None else read_config(run).source
    if run is not None:
        newest_scores(run)  # a damaged file is refused before the measuring
    source = _reference(model, real, training)
    real_data = source.open()
    # A classifier learns from the training split, also when the test split is measured.
    learned_source = training or _with_split(source, "test", "train")
    learned = real_data if learned_source == source else learned_source.open()
    with progress_bars(quiet) as progress:
        extractor, said = choose_extractor(features, learned, device, progress)
        sampled = run is not None or (model.is_file() and model.suffix == ".safetensors")
        given = None if sampled else resolve(str(model))
        judged = None if given is None else _in_size_of(given, real_data).open()
        # N and N: with unequal numbers precision and recall would not mean the same.
        n = min(n, *(len(data) for data in (real_data, judged) if data is not None))
        real_set = subset_of(real_data, n, seed, _origin(source))
        if given is None or judged is None:
            sampler = load_sampler(model, device)
            labels = real_set.labels
            fake = drawn_from(sampler, n, FIRST_SEED, str(model), truncation, labels, progress)
        else:
            fake = subset_of(judged, n, seed, _origin(given))
        # Memorisation needs training images that are not the real set itself; a large network is
        # too slow for all of them, so it sees as many as there are in the other sets.
        train = None
        if training is not None and learned.fingerprint != real_data.fingerprint:
            n_train = n if extractor.expensive else None
            train = subset_of(learned, n_train, seed, _origin(training))
        done = evaluate_sets(
            real_set, fake, extractor, settings, train, _mixture(source), progress, per_class
        )
    if run is not None:
        try:
            _keep(run, done)
        except (OSError, InputError) as error:
            raise unsaved(error, run, done.document, said) from error
    return done.document, said


def _reference(model: Path, real: str | None, training: Source | None) -> Source:
    """Where the real images come from: as named, or the data of the run."""
    if real is not None:
        return resolve(real)
    if training is not None:
        return held_out(training)
    raise InputError(
        f"There is no run at {model}, so the real images are unknown; name them: "
        f"`saddle evaluate {model} REAL`, or --data NAME."
    )


def _mixture(source: Source) -> tuple[Any, float] | None:
    """Centres and standard deviation of points whose modes are known."""
    centres = getattr(source, "centres", None)
    return None if centres is None else (centres(), source.std)  # type: ignore[attr-defined]  # mixtures


def _keep(run: Run, done: Evaluation) -> None:
    """Write the numbers and their pictures into the run's folder."""
    checkpoint = done.document["checkpoint"] = save_score(run, done.document)
    for name, sheet in sheets_of(done).items():
        write_png(run.scores_folder / f"{checkpoint}-{name}.png", sheet)


def held_out(source: Source) -> Source:
    """The test split of the data if there is one: images that the generator never saw."""
    return _with_split(source, "train", "test")


def _with_split(source: Source, old: str, new: str) -> Source:
    """Split `new` of a source whose split is `old`; any other source as it is."""
    if getattr(source, "split", "") != old:
        return source
    return dataclasses.replace(source, split=new)  # type: ignore[type-var]  # all are dataclasses


def _in_size_of(source: Source, real: Dataset) -> Source:
    """A folder of images has no size of its own: it is read at the size of the real images."""
    if getattr(source, "kind", "") == "folder" and real.spec.is_image:
        return dataclasses.replace(source, size=real.spec.size)  # type: ignore[type-var]  # a dataclass
    return source


def _origin(source: Source) -> dict[str, Any]:
    split = getattr(source, "split", None)
    return {"source": getattr(source, "kind", "")} | ({"split": split} if split else {})
