"""A user's word for features -> a network that is ready."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from saddlepoint.core import registry
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Extractor, LoadedExtractor, Progress, no_progress
from saddlepoint.evaluation.extractors._module import LoadedModule

FeatureChoice = str | Extractor | nn.Module
"""What may be given as `features`: a word of the command line, or from Python an extractor with its
fields set, or a network (see extractors/_module.py)."""

AUTO = ("inception", "classifier", "rotations", "pixels")
"""In this order: what most published numbers are made of, what is sensible offline, the rest."""
BY_ENDING = {".safetensors": "dinov2", ".onnx": "onnx"}
"""Whose weights a file is; any other file or folder is Inception's."""


def choose_extractor(
    features: FeatureChoice,
    reference: Dataset,
    device: str = "cpu",
    progress: Progress = no_progress,
) -> tuple[LoadedExtractor, str]:
    """The extractor that `--features TEXT` means, or the one that is given, loaded.

    Args:
        features: auto, a registered name, a file of weights (a folder for Inception's), an
            extractor, or a module.
        reference: the data that a classifier learns from.
        progress: told of what takes long, such as a classifier's training.

    Returns:
        The extractor, and a sentence that says which was taken and why.

    Raises:
        InputError: neither a name nor a path; or it cannot be loaded.
    """
    names = registry.names("extractor")
    if features == "auto":
        reasons = []
        for name in AUTO:
            reason = registry.get("extractor", name)().unfit(reference)
            if not reason:
                passed_by = "".join(f"; not {r}" for r in reasons)
                loaded = registry.get("extractor", name)().load(reference, device, progress)
                return loaded, f"Features: {_say(loaded)} (auto{passed_by})."
            reasons.append(f"{name}: {reason}")
        raise InputError(f"--features auto: nothing fits {reference.name} ({'; '.join(reasons)}).")
    if isinstance(features, nn.Module):
        loaded = LoadedModule(features, reference)
    elif isinstance(features, Extractor):
        loaded = features.load(reference, device, progress)
    elif features in names:
        loaded = registry.get("extractor", features)().load(reference, device, progress)
    elif Path(features).expanduser().exists():
        kind = BY_ENDING.get(Path(features).suffix, "inception")
        loaded = registry.get("extractor", kind)(weights=features).load(reference, device, progress)
    else:
        hint = registry.unknown("features", features, ["auto", *names]).rstrip(".?")
        raise InputError(f"--features {features}: {hint}; and no such file exists.")
    return loaded, f"Features: {_say(loaded)}."


def _say(extractor: LoadedExtractor) -> str:
    protocol = extractor.protocol
    words = " ".join(str(protocol[key]) for key in ("kind", "class", "size") if key in protocol)
    if "accuracy" in protocol:
        words += f", {100 * protocol['accuracy']:.1f} % right on images it never saw"
    if protocol.get("sha256"):
        words += f", sha256 {protocol['sha256'][:12]}"
    return words
