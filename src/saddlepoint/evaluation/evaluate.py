"""`saddle evaluate`: a run, a file of weights or a set of images -> all measures, written down."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.images import write_png
from saddlepoint.core.measures import Progress, no_progress
from saddlepoint.core.provenance import read_config
from saddlepoint.core.runs import Run
from saddlepoint.data.progress import evaluation_progress
from saddlepoint.data.resolve import resolve
from saddlepoint.evaluation.choose import FeatureChoice, choose_extractor
from saddlepoint.evaluation.measure import Evaluation, Settings, evaluate_sets
from saddlepoint.evaluation.scores import save_score
from saddlepoint.evaluation.sets import drawn_from, subset_of
from saddlepoint.evaluation.sheets import sheets_of
from saddlepoint.sampling.sampler import load_sampler

FIRST_SEED = 1_000_000
"""Samples that are measured are other ones than those that grids show."""
N_DEFAULT = 10_000


def evaluate(
    model: str | os.PathLike[str],
    real: str | None = None,
    *,
    features: FeatureChoice = "auto",
    n: int = N_DEFAULT,
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
        real: a data set's name or a path; by default a run's own data, its test split if any.
        features: as `score_images` takes it.
        per_class: refuse sets without measures per class; take them of more than 20 classes too.

    Returns:
        The document (values with intervals, and their protocol), and a sentence on the features.

    Raises:
        InputError: no such model or data; sets that cannot be compared; a bad number.
    """
    settings = Settings(k=k, seed=seed, n_bootstrap=n_bootstrap, device=device, per_class=per_class)
    request = Request(
        model=Path(model),
        real=real,
        features=features,
        n=n,
        truncation=truncation,
        settings=settings,
    )
    with evaluation_progress(quiet) as progress:
        done, said = evaluate_request(request, progress)
    return done.document, said


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks to be measured."""

    model: Path
    """A run, an ema.safetensors, or a set of images."""
    real: str | None = None
    """The real images: a data set's name or a path; by default a run's own data."""
    features: FeatureChoice = "auto"
    """auto, an extractor's name, or a file of weights; an extractor or a module itself."""
    n: int = N_DEFAULT
    """Images of each set, at most."""
    truncation: float = 1.0
    """psi of the samples."""
    settings: Settings = dataclasses.field(default_factory=Settings)


def evaluate_request(request: Request, progress: Progress = no_progress) -> tuple[Evaluation, str]:
    """Find the sets and the extractor, and measure.

    Returns:
        The evaluation, and a sentence that says which features were taken.

    Raises:
        InputError: no such model or data, sets that cannot be compared, a bad number.
    """
    if request.n < 2:
        raise InputError(f"--n {request.n} must be at least 2.")
    model, seed = request.model, request.settings.seed
    is_run = (model / "config.json").is_file()
    is_weights = model.is_file() and model.suffix == ".safetensors"
    training = read_config(Run.open(model)).source if is_run else None
    real_source = _real_source(request, training)
    real_data = real_source.open()
    learnt = training.open() if training is not None else _training_part(real_source, real_data)
    extractor, said = choose_extractor(request.features, learnt, request.settings.device, progress)
    real = subset_of(real_data, request.n, seed, _origin(real_source))
    if is_run or is_weights:
        sampler = load_sampler(model, request.settings.device)
        fake = drawn_from(
            sampler, request.n, FIRST_SEED, str(model), request.truncation, real.labels, progress
        )
    else:
        source = resolve(str(model))
        fake = subset_of(_in_size_of(source, real_data).open(), request.n, seed, _origin(source))
    # A whole training set is dear in a large network: there a part as large as the other sets.
    train = None
    if training is not None and learnt.fingerprint != real_data.fingerprint:
        train = subset_of(learnt, request.n if extractor.dear else None, seed, _origin(training))
    done = evaluate_sets(
        real, fake, extractor, request.settings, train, _mixture(real_source), progress
    )
    if is_run:
        run = Run.open(model)
        checkpoint = done.document["checkpoint"] = save_score(run, done.document)
        for name, sheet in sheets_of(done).items():
            write_png(run.scores_folder / f"{checkpoint}-{name}.png", sheet)
    return done, said


def _real_source(request: Request, training: Source | None) -> Source:
    if request.real is not None:
        return resolve(request.real)
    if training is None:
        raise InputError(
            f"{request.model} is no run, so its real images are not known; name them: "
            f"`saddle evaluate {request.model} REAL`, or --data NAME."
        )
    return held_out(training)


def held_out(source: Source) -> Source:
    """The test split of the data, where there is one: what the generator never saw."""
    names = {field.name for field in dataclasses.fields(source)}  # type: ignore[arg-type]  # every source is a dataclass
    if "split" in names and getattr(source, "split", "") == "train":
        return dataclasses.replace(source, split="test")  # type: ignore[type-var]
    return source


def _training_part(source: Source, data: Dataset) -> Dataset:
    """What a classifier may learn from when a test split is the real set: the train split."""
    names = {field.name for field in dataclasses.fields(source)}  # type: ignore[arg-type]
    if "split" in names and getattr(source, "split", "") == "test":
        return dataclasses.replace(source, split="train").open()  # type: ignore[type-var]
    return data


def _in_size_of(source: Source, real: Dataset) -> Source:
    """A folder of images has no size of its own: it takes that of the real images."""
    if getattr(source, "kind", "") == "folder" and real.spec.is_image:
        return dataclasses.replace(source, size=real.spec.size)  # type: ignore[type-var]
    return source


def _origin(source: Source) -> dict[str, Any]:
    split = getattr(source, "split", None)
    return {"source": getattr(source, "kind", "")} | ({"split": split} if split else {})


def _mixture(source: Source) -> tuple[np.ndarray, float] | None:
    centres = getattr(source, "centres", None)
    return None if centres is None else (centres(), source.std)  # type: ignore[attr-defined]
