"""What a warm start takes and what it does not, in sentences; and what keeps it from starting."""

from __future__ import annotations

from typing import Any

from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json
from saddlepoint.core.contracts import DataSpec, Discriminator
from saddlepoint.core.errors import InputError
from saddlepoint.core.flat import flatten
from saddlepoint.core.unfilled import unfilled
from saddlepoint.training import trained_model
from saddlepoint.training.trained_model import TrainedModel
from saddlepoint.training.warm_start import Fit, WarmStart, layer_names


def find(
    config: Config, spec: DataSpec, hints: bool = True
) -> tuple[TrainedModel | None, list[str]]:
    """The model that a configuration starts from, and a sentence each of what is taken and what is
    not.

    Args:
        hints: also say why layers do not fit, and what would make more of them fit.

    Raises:
        InputError: the model cannot be read, nothing of it fits, or layers that are to stay fixed
            are not taken from it.
    """
    if not config.start.model:
        if config.start.freeze_discriminator:
            raise InputError(
                "--freeze-discriminator keeps layers as they were trained: add --from RUN."
            )
        return None, []
    trained = trained_model.find(config.start.model)
    with unfilled():
        generator, discriminator = config.arch.generator(spec), config.arch.discriminator(spec)
    warm = WarmStart.of(trained, generator, discriminator)
    _require_some(warm, config, spec)
    frozen = _frozen(warm, discriminator, config.start.freeze_discriminator)
    differences = _differences(warm, config, spec) if hints and _some_anew(warm) else ""
    return trained, [*_sentences(warm), *([differences] if differences else []), *frozen]


def _require_some(warm: WarmStart, config: Config, spec: DataSpec) -> None:
    same_kind = warm.trained.about.arch.kind == config.arch.kind
    if not same_kind or not any(found.n_weights for found in warm.fits.values()):
        why = _differences(warm, config, spec)
        raise InputError(f"--from {warm.trained.origin}: none of its layers fits. {why}".rstrip())


def _some_anew(warm: WarmStart) -> bool:
    return any(found.anew for found in warm.fits.values())


def _sentences(warm: WarmStart) -> list[str]:
    about = warm.trained.about
    counts = " and ".join(
        f"{_n_taken(found)} of {_n_taken(found) + len(found.anew)} layers of the {player}"
        for player, found in warm.fits.items()
    )
    said = [
        f"Starting from {warm.trained.origin} ({about.n_images:,} images of {about.data}): "
        f"{counts} are taken."
    ]
    for player, found in warm.fits.items():
        said += [
            f"The {player}'s {layer} is taken without the label's inputs, which start anew."
            for layer in found.partly
        ]
        said += [f"The {player}'s {layer} starts anew: {why}." for layer, why in found.anew.items()]
        said += [f"The {player}'s {layer} there has no counterpart here." for layer in found.left]
    if warm.discriminator is None:
        said.append("The discriminator starts anew: the file holds a generator alone.")
    return said


def _differences(warm: WarmStart, config: Config, spec: DataSpec) -> str:
    """Why layers do not fit, and what would make more of them fit."""
    about = warm.trained.about
    if about.arch.kind != config.arch.kind:
        return f"It was trained with --arch {about.arch.kind}, and this is {config.arch.kind}."
    there, here = flatten(to_json(about.arch)), flatten(to_json(config.arch))
    flags = [_flag(path, value) for path, value in there.items() if value != here.get(path)]
    if flags:
        return f"Its nets have other settings; with these more may fit: {' '.join(flags)}."
    if about.spec != spec:
        return f"It was trained on {_data(about.spec)}; these data are {_data(spec)}."
    return ""


def _frozen(warm: WarmStart, discriminator: Discriminator, n: int) -> list[str]:
    if n == 0:
        return []
    if warm.discriminator is None:
        raise InputError(
            f"--freeze-discriminator {n}: {warm.trained.origin} holds a generator alone; name a "
            "run or a checkpoint with --from."
        )
    try:
        names = layer_names(discriminator)
    except NotImplementedError:
        raise InputError(
            f"--freeze-discriminator {n}: this architecture does not say which layers come first; "
            "leave it out."
        ) from None
    if n > len(names):
        raise InputError(
            f"--freeze-discriminator {n}: this discriminator has {len(names)} layers before its "
            "last one, which always learns."
        )
    whole = warm.n_whole(discriminator)
    if whole < n:
        missing = next(name for name in names[whole] if name not in warm.discriminator.kept)
        why = warm.discriminator.anew.get(missing, "the label's inputs start anew")
        raise InputError(
            f"--freeze-discriminator {n}: of its first layers {whole} are taken whole ({missing}: "
            f"{why}); freeze no more than those."
        )
    fixed = ", ".join(name for layer in names[:n] for name in layer)
    first = "first layer stays as it is" if n == 1 else f"first {n} layers stay as they are"
    return [f"The discriminator's {first}: {fixed}."]


def _n_taken(found: Fit) -> int:
    return len(found.kept) + len(found.partly)


def _flag(path: str, value: Any) -> str:
    name = path.replace("_", "-")
    if isinstance(value, bool):
        return f"--arch.{name}" if value else f"--arch.no-{name}"
    typed = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"--arch.{name} {typed}"


def _data(spec: DataSpec) -> str:
    labels = f" with {spec.n_classes} labels" if spec.n_classes else ""
    return f"{' x '.join(map(str, spec.shape))}{labels}"
