"""What evaluation is made of: networks whose features are compared, and measures of features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

from torch import Tensor

from saddlepoint.core.checks import MOST, MOST_SEED, in_range
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.tensors import require_device

Progress = Callable[[str, int, int], None]
"""(what, done, of): called while something long goes on."""

MOST_RESAMPLES = 100_000
"""Behind an interval; its ends move no more with further ones."""


def no_progress(what: str, done: int, of: int) -> None:
    """A Progress that says nothing."""


class Features(NamedTuple):
    """What a network sees in n images."""

    vectors: Tensor
    """float32 [n, d]."""
    logits: Tensor | None
    """float32 [n, classes] of the network's own classes, or None when it has none."""


class LoadedExtractor(ABC):
    """A network, loaded and ready for images."""

    protocol: dict[str, Any]
    """JSON that names all that decides the features: kind, sha256 of the weights, resize, ..."""
    mark: str = ""
    """What else the cache of features must tell apart, where a protocol cannot: a user's code."""
    expensive: ClassVar[bool] = False
    """True for a large network: then not all of a training set is looked at for memorisation."""

    @abstractmethod
    def __call__(self, images: Tensor) -> Features:
        """uint8 [n, h, w, c], c = 1 or 3 (or float32 [n, 2] for points) -> features on the CPU.

        The features of an image do not depend on its neighbours in the batch, nor on n."""


class Extractor(ABC):
    """How images become feature vectors; the fields are the choices."""

    group: ClassVar[str] = "extractor"

    def unfit(self, reference: Dataset) -> str:
        """Why `--features auto` passes this extractor by, in a few words; "" when it is ready.

        Nothing is downloaded to find out."""
        return ""

    @abstractmethod
    def load(
        self, reference: Dataset, device: str, progress: Progress = no_progress
    ) -> LoadedExtractor:
        """The network, ready; `reference` is the real data (a classifier learns from it).

        Raises:
            InputError: weights that are absent or of another hash; a reference that will not do.
        """


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """One side of a comparison: images as a network sees them."""

    vectors: Tensor
    """float32 [n, d], finite."""
    logits: Tensor | None = None
    """float32 [n, classes] of the extractor's own classes, or None."""
    labels: Tensor | None = None
    """int64 [n]: the class of a real image, or the one that was asked for; or None."""

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: Tensor) -> FeatureSet:
        """The images of the given rows (int64 [m] or bool [n])."""
        return FeatureSet(
            vectors=self.vectors[rows],
            logits=None if self.logits is None else self.logits[rows],
            labels=None if self.labels is None else self.labels[rows],
        )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the numbers depend on, besides the sets and the extractor."""

    k: int = 3
    """Neighbours of the k-NN measures."""
    seed: int = 0
    """Seed of subsets and of the bootstrap."""
    n_bootstrap: int = 200
    """Resamples behind an interval; 0 for no intervals."""
    device: str = "cpu"
    dtype: Literal["float32", "float64"] = "float32"
    """Of the matrix products behind distances and kernels (see metrics/_pairwise.py)."""

    def __post_init__(self) -> None:
        in_range(self.k, 1, MOST, "--k")
        in_range(self.n_bootstrap, 0, MOST_RESAMPLES, "--bootstrap")
        in_range(self.seed, 0, MOST_SEED, "--seed")
        require_device(self.device, "--device")


@dataclass(frozen=True, kw_only=True)
class Comparison(Settings):
    """Real and generated images in the same features, and what several measures share."""

    real: FeatureSet
    fake: FeatureSet
    train: FeatureSet | None = None
    """The images that the generator learnt from, when memorisation is to be measured."""
    modes: Tensor | None = None
    """float64 [modes, 2]: centres of a mixture of points whose modes are known; or None."""
    mode_std: float = 0.0
    """Standard deviation of each mode, per axis."""
    shared: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Results that more than one measure needs, made by the first that asks."""

    @property
    def smallest(self) -> int:
        """Images in the smaller of the two sets."""
        return min(len(self.real), len(self.fake))

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """`make()` the first time, its result from then on."""
        # Distances of 50,000 images take seconds, and several measures need the same ones.
        if name not in self.shared:
            self.shared[name] = make()
        return self.shared[name]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One number and how sure it is."""

    value: float
    interval: tuple[float, float] | None = None
    """95 % bootstrap interval over the images, or None."""
    better: Literal["higher", "lower", ""] = ""
    """Which way a better generator moves it; "" when neither is better by itself."""
    note: str = ""
    """What a reader must know of this number: a bias, a setting that is its own."""


class Metric(ABC):
    """A measure of generated images against real ones; the fields are its choices."""

    group: ClassVar[str] = "metric"

    def unfit(self, comparison: Comparison) -> str:
        """Why this measure cannot be taken here, in a few words; "" when it can."""
        return ""

    @abstractmethod
    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        """Name of each number -> the number."""
