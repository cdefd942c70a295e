"""All measures of generated images against real ones, with their protocol."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from saddlepoint import __version__
from saddlepoint.core import registry
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import sha256_of_json
from saddlepoint.core.measures import (
    Comparison,
    LoadedExtractor,
    Measured,
    Progress,
    Settings,
    no_progress,
)
from saddlepoint.core.ranks import ALONE, Ranks, together
from saddlepoint.evaluation.bank import bank_of, keep_reference
from saddlepoint.evaluation.memory import require_memory_for_measures
from saddlepoint.evaluation.sets import ImageSet, check_alike

SCHEMA = 1
PER_CLASS_LIMIT = 20
"""Sets with more classes get no measures per class, as each has too few images."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The numbers as JSON, and what pictures are made from."""

    document: dict[str, Any]
    comparison: Comparison
    fake: ImageSet
    train: ImageSet | None


def evaluate_sets(
    real: ImageSet,
    fake: ImageSet,
    extractor: LoadedExtractor,
    settings: Settings | None = None,
    train: ImageSet | None = None,
    mixture: tuple[Any, float] | None = None,
    progress: Progress = no_progress,
    per_class: bool = False,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """All measures that fit these two sets, from one extraction and one pass over the pairs.

    Args:
        ranks: all call this at the same time, and get the same numbers.
        train: the images that the generator was trained on, for memorisation.
        mixture: (centres float64 [modes, 2], standard deviation), for points with known modes.
        per_class: measure each class however many there are, and refuse sets without classes.

    Raises:
        InputError: sets that cannot be compared.
    """
    settings = settings or Settings()
    started = time.monotonic()
    check_alike(real, fake, settings.k, resized=extractor.protocol.get("resize") != "none")
    if per_class and (why := unlabelled(real.labels, fake.labels)):
        raise InputError(f"--per-class: {why}; leave it out, or give labels.")
    # One image tells how many features all of them will have.
    first, _ = extractor(torch.from_numpy(np.array(real.images[:1])))
    n_train = 0 if train is None else len(train)
    require_memory_for_measures(len(real), len(fake), n_train, first.shape[1], settings)
    # One extraction of each set, from the cache where it has been seen before.
    real_bank = bank_of(real, extractor, progress, ranks)
    fake_bank = bank_of(fake, extractor, progress, ranks)
    train_bank = None if train is None else bank_of(train, extractor, progress, ranks)
    comparison = Comparison(
        real=real_bank.features,
        fake=fake_bank.features,
        train=None if train_bank is None else train_bank.features,
        modes=None if mixture is None else torch.as_tensor(mixture[0], dtype=torch.float64),
        mode_std=0.0 if mixture is None else mixture[1],
        **vars(settings),
    )
    limit = len(real.classes) if per_class else PER_CLASS_LIMIT
    with together(ranks):
        # What depends on the real images alone comes from disk at the next checkpoint.
        keep_reference(comparison, real_bank.folder)
        values, unfit = measure(comparison, progress)
        by_class, why_not = of_classes(comparison, real.classes, limit)
    if why_not and per_class:
        raise InputError(f"--per-class: {why_not}; leave it out, or give more images.")
    if why_not:
        unfit["per-class"] = why_not
    protocol = protocol_of(real, fake, extractor, settings)
    document = {
        "schema": SCHEMA,
        "saddlepoint": __version__,
        "real": real.origin,
        "fake": fake.origin,
        "protocol": protocol,
        "protocol_sha256": sha256_of_json(protocol),
        "values": values,
        "unfit": unfit,
        "per_class": by_class,
        "seconds": round(time.monotonic() - started, 1),
    }
    return Evaluation(document=document, comparison=comparison, fake=fake, train=train)


def measure(
    comparison: Comparison, progress: Progress = no_progress
) -> tuple[dict[str, Any], dict[str, str]]:
    """-> {number: {"value", "interval", "better", "note"}}, {measure that does not fit: why}."""
    values: dict[str, Any] = {}
    unfit: dict[str, str] = {}
    names = registry.names("metric")
    for position, name in enumerate(names):
        metric = registry.get("metric", name)()
        reason = metric.unfit(comparison)
        if reason:
            unfit[name] = reason
        else:
            for key, number in metric.measure(comparison).items():
                if all(map(math.isfinite, (number.value, *(number.interval or ())))):
                    values[key] = _plain(number)
                else:  # which no file could hold, nor a comparison use
                    unfit[key] = "its value is not finite"
        progress("Measures", position + 1, len(names))
    return values, unfit


def unlabelled(real_labels: object | None, fake_labels: object | None) -> str:
    """Which of the two sets has no labels, or ""."""
    if real_labels is None:
        return "the real images have no labels"
    return "the fakes have no labels" if fake_labels is None else ""


def of_classes(
    comparison: Comparison, classes: tuple[str, ...], limit: int
) -> tuple[dict[str, dict[str, float]], str]:
    """Values for each class of two labelled sets, from the same features, without intervals.

    Returns:
        {class: {number: value}}, and why it is empty or "".
    """
    real, fake = comparison.real, comparison.fake
    if why := unlabelled(real.labels, fake.labels):
        return {}, why
    assert real.labels is not None
    assert fake.labels is not None
    if len(classes) > limit:
        return {}, f"{len(classes):,} classes are more than {limit}; --per-class measures them"
    found = {}
    for label, name in enumerate(classes):
        of_real, of_fake = real.take(real.labels == label), fake.take(fake.labels == label)
        if min(len(of_real), len(of_fake)) <= comparison.k:
            continue
        # Nothing shared with the whole comparison: its moments and pairs are of other images.
        part = replace(comparison, real=of_real, fake=of_fake, train=None, n_bootstrap=0, shared={})
        values, _ = measure(part)
        found[name] = {key: number["value"] for key, number in values.items()}
    few = f"no class has more than k = {comparison.k} images in both sets"
    return found, "" if found else few


def protocol_of(
    real: ImageSet, fake: ImageSet, extractor: LoadedExtractor, settings: Settings
) -> dict[str, Any]:
    """Everything that two numbers must have in common to be comparable."""
    return {
        "features": extractor.protocol,
        "real": real.fingerprint,
        "n_real": len(real),
        "n_fake": len(fake),
        "shape": list(real.spec.shape),
        "k": settings.k,
        "tie": "a distance equal to the radius is inside",
        "dtype": settings.dtype,
        "seed": settings.seed,
        "n_bootstrap": settings.n_bootstrap,
        "truncation": fake.origin.get("truncation", 1.0),
        "covariance": "n - 1, float64",
        "kid": "unbiased, degree 3, all pairs; 100 subsets of 1,000",
        "inception_score": "all images; 10 splits in order",
    }


def _plain(number: Measured) -> dict[str, Any]:
    ends = number.interval
    return {
        "value": _rounded(number.value),
        "interval": None if ends is None else [_rounded(end) for end in ends],
        "better": number.better,
    } | ({"note": number.note} if number.note else {})


def _rounded(value: float) -> float:
    """Ten digits: further ones depend on the memory alignment of vectors."""
    return float(f"{value:.10g}")
