"""What is measured against what: a model or a set of images, the real ones, the sets of both."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from saddlepoint import __version__
from saddlepoint.core.contracts import Dataset, Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import LoadedExtractor, Progress
from saddlepoint.core.provenance import read_config
from saddlepoint.core.ranks import here
from saddlepoint.core.runs import Run
from saddlepoint.core.tensors import weights_sha256
from saddlepoint.data.resolve import resolve
from saddlepoint.evaluation.sets import ImageSet, drawn_from, subset_of
from saddlepoint.sampling.sampler import Sampler, load_sampler

FIRST_SEED = 1_000_000
"""Seeds of measured samples start here, so that they differ from the samples shown in grids."""


class Sets(NamedTuple):
    """The images of one evaluation."""

    real: ImageSet
    fake: ImageSet
    train: ImageSet | None
    """What the generator was trained on, for memorisation."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """Both sides before any image is drawn: a sampler, or a set that is judged as it is."""

    name: str
    source: Source
    real: Dataset
    training: Source | None
    """Of a run."""
    learned: Dataset
    """The training split, from which a classifier learns also when the test split is measured."""
    sampler: Sampler | None
    given: Source | None
    judged: Dataset | None

    @classmethod
    def of(cls, model: Path, real: str | None, run: Run | None, device: str) -> Opened:
        """
        Raises:
            InputError: no such model or data, or which are the real images is unknown.
        """
        training = None if run is None else read_config(run).source
        source = _reference(model, real, training)
        real_data = source.open()
        learned = training or _with_split(source, "test", "train")
        sampled = run is not None or (model.is_file() and model.suffix == ".safetensors")
        given = None if sampled else resolve(str(model))
        return cls(
            name=str(model),
            source=source,
            real=real_data,
            training=training,
            learned=real_data if learned == source else learned.open(),
            sampler=load_sampler(model, device) if sampled else None,
            given=given,
            judged=None if given is None else _in_size_of(given, real_data).open(),
        )

    @property
    def most(self) -> int:
        """Images that both sides have."""
        return len(self.real) if self.judged is None else min(len(self.real), len(self.judged))

    @property
    def mixture(self) -> tuple[Any, float] | None:
        """Centres and standard deviation of points whose modes are known."""
        centres = getattr(self.source, "centres", None)
        return None if centres is None else (centres(), self.source.std)  # type: ignore[attr-defined]  # mixtures

    def facts(self) -> dict[str, str]:
        """What ranks have to have in common."""
        facts = {
            "saddlepoint": __version__,
            "real images with fingerprint": self.real.fingerprint,
            "training images with fingerprint": self.learned.fingerprint,
        }
        if self.sampler is not None:
            weights = weights_sha256(self.sampler.generator.state_dict())
            facts["a generator with sha256"] = weights
        if self.judged is not None:
            facts["images to judge with fingerprint"] = self.judged.fingerprint
        return facts

    def sets(
        self,
        n: int,
        seed: int,
        truncation: float,
        extractor: LoadedExtractor,
        progress: Progress,
    ) -> Sets:
        """n images of each side; of several ranks each draws its share."""
        real = subset_of(self.real, n, seed, _origin(self.source))
        if self.sampler is not None:
            fake = drawn_from(
                self.sampler, n, FIRST_SEED, self.name, truncation, real.labels, progress, here()
            )
        else:
            assert self.given is not None
            assert self.judged is not None
            fake = subset_of(self.judged, n, seed, _origin(self.given))
        # Memorisation needs training images that are not the real set itself; a large network is
        # too slow for all of them, so it sees as many as there are in the other sets.
        train = None
        if self.training is not None and self.learned.fingerprint != self.real.fingerprint:
            n_train = n if extractor.expensive else None
            train = subset_of(self.learned, n_train, seed, _origin(self.training))
        return Sets(real, fake, train)


def held_out(source: Source) -> Source:
    """The test split of the data if there is one: images that the generator never saw."""
    return _with_split(source, "train", "test")


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
