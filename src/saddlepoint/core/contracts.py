"""The interfaces between the parts. Read this file first.

A plug-in is a frozen, keyword-only dataclass whose fields are hyper-parameters; it derives from
one of the abstract classes below and is named with `@register("name")` (see `registry.py`).
The nets are always built from the data's `DataSpec`, never from a guess about the data.

On a GPU a step is recorded once and its kernels are replayed. So what nets, losses and penalties
do may depend on tensors and on their own fields, not on a Python number that changes with the step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from saddlepoint.core.checks import between
from saddlepoint.core.errors import InputError

MOST_SIDE, MOST_CLASSES = 2**14, 2**20
"""Pixels; labels."""


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """What one item of a data set is.

    `shape` is (channels, height, width) for images and (2,) for points in the plane.
    """

    shape: tuple[int, ...]
    """(channels, height, width), or (2,) for points in the plane, (1,) on a line."""
    n_classes: int = 0
    """Number of labels; 0 when the data has none."""
    # Points have no bounds, so their generator ends without a tanh.
    value_range: tuple[float, float] | None = (-1.0, 1.0)
    """Range of values that a network sees; None when unbounded (points)."""

    def __post_init__(self) -> None:
        side = self.shape[-1] if self.shape else 0
        square = self.shape in ((1, side, side), (3, side, side)) and 1 <= side <= MOST_SIDE
        if not square and self.shape not in ((1,), (2,)):
            raise InputError(
                f"shape={list(self.shape)} must be [1] or [2] for points, or [1 or 3, side, "
                f"side] with a side of 1 to {MOST_SIDE:,} pixels."
            )
        between(self, 0, MOST_CLASSES, "n_classes")
        low, high = self.value_range or (0, 1)
        if not low < high:
            raise InputError(f"value_range={[low, high]} must be increasing.")

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    @property
    def channels(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """Height (= width) in pixels."""
        # Images are square: preparing them crops or pads.
        return self.shape[1]

    def to_json(self) -> dict[str, Any]:
        """The inverse of `config_json.from_json(document, DataSpec)`."""
        return asdict(self)


class Batch(NamedTuple):
    """Real items as the nets see them."""

    images: Tensor
    """float32 [n, c, h, w] in [-1, 1], or [n, 2] for points."""
    labels: Tensor | None
    """int64 [n], or None when the data has no labels."""


class Images(Protocol):
    """Reads like an array of numpy; it may be one, or decode what is asked for."""

    @property
    def dtype(self) -> np.dtype: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def nbytes(self) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> np.ndarray:
        """By number, slice or array of numbers."""
        ...

    def __array__(self) -> np.ndarray: ...


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """An open data set: decoded once, with random access, the same on every read."""

    name: str
    spec: DataSpec
    # Bytes, not floats: a quarter of the memory, so that most data sets fit on the device.
    images: Images
    """uint8 [n, h, w, c] (often a read-only memory map), or float32 [n, 2] for points."""
    labels: np.ndarray | None
    """int64 [n] in [0, n_classes), or None."""
    classes: tuple[str, ...] = ()
    """Names of the labels in order; empty when the data has none."""
    fingerprint: str
    """sha256 (hex) of spec, images and labels: data sets with the same fingerprint are equal."""
    quarantined: Mapping[str, str] = field(default_factory=dict)
    """Files that were left out -> the reason."""
    shards: tuple[int, ...] = ()
    """How many items lie together in each shard, in order. A whole shard is read for any of its
    items, so that what looks at some items looks at few shards; () where that does not matter."""

    def __len__(self) -> int:
        return len(self.images)


class Source(ABC):
    """Where a data set comes from and how it is read; the fields are the choices."""

    group: ClassVar[str] = "source"

    @abstractmethod
    def open(self) -> Dataset:
        """Find, check and open the data.

        Raises:
            InputError: data that is absent, unreadable or empty; the sentence says what to do.
        """


class Generator(nn.Module):
    """z -> images, for z from N(0, I) with `latent_dim` entries."""

    latent_dim: int
    bounded: bool = True
    """Whether images of data with a value range lie in it. Where not, they are clipped when they
    become pixels."""
    label_inputs: int = 0
    """So many of its first layer's inputs, the last ones, are the label's."""
    mixes_labels: bool = False
    """Whether `labels` may also be shares of the classes, float32 [n, n_classes]: then there are
    images between two classes."""

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z float32 [n, latent_dim], labels int64 [n] | None -> float32 [n, *spec.shape].

        n is z.shape[0]; an export takes len(z) for a constant.
        """
        raise NotImplementedError

    def first_layer(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the first hidden layer makes of z before its non-linearity: an affine function of z,
        float32 [n, ...]. Its principal directions are those of the generator; one that leaves this
        out has none."""
        raise NotImplementedError  # not every plug-in has such a layer; `directions` says so


class Discriminator(nn.Module):
    """images -> raw logits (no sigmoid). With a Wasserstein loss it is called the critic."""

    n_classes: int = 0
    """Number of labels it takes; 0 when it takes none."""
    per_image: bool = False
    """Whether a logit depends on its own image and label alone, and a call changes nothing. Real
    images and fakes may then share a call."""
    label_inputs: int = 0
    """As of the generator."""

    def hidden_layers(self) -> Sequence[Sequence[nn.Module]]:
        """Its layers in order, from the images on and without the last: each as the modules that
        belong to it. A warm start can keep the first of them fixed."""
        raise NotImplementedError  # not every plug-in says so; then none can be kept fixed

    # Raw: the log-sigmoid of a logit is exact where the logarithm of a sigmoid has rounded to 0.
    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """images float32 [n, *spec.shape], labels int64 [n] | None -> float32 [n]."""
        raise NotImplementedError


Conditioning = Literal["none", "onehot", "embedding", "every-layer"]
"""How labels enter both nets."""


Player = Literal["generator", "discriminator"]
Option = Literal[
    "latent_dim", "latent_scale", "label_scale", "dropout", "packing", "minibatch_stddev"
]
"""What an architecture may have, as a field of that name."""


class Architecture(ABC):
    """A pair of nets. The two builders may be called for any spec that `check` accepts.

    The methods after the builders are what remedies ask. Each gives the fields to change, {} where
    there is nothing (more) to change; an architecture that says nothing is not treated that way.
    """

    group: ClassVar[str] = "architecture"
    kind: ClassVar[str]
    """The registered name."""
    conditioning: Conditioning
    options: ClassVar[tuple[Option, ...]] = ()
    """Those that it has."""

    @abstractmethod
    def check(self, spec: DataSpec) -> None:
        """Raises InputError when nets for this spec cannot be built, saying what would help."""

    @abstractmethod
    def generator(self, spec: DataSpec) -> Generator: ...

    @abstractmethod
    def discriminator(self, spec: DataSpec) -> Discriminator: ...

    def n_parameters(self, spec: DataSpec) -> dict[Player, int]:
        """How many numbers each net learns."""
        # Building draws initial weights, which must not use up the caller's random numbers.
        with torch.random.fork_rng(devices=[]):
            nets: dict[Player, nn.Module] = {
                "generator": self.generator(spec),
                "discriminator": self.discriminator(spec),
            }
        return {name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()}

    def takes_points(self) -> bool:
        """Whether it also builds nets for points in the plane."""
        try:
            # By trying: what an architecture accepts is said in one place, its `check`.
            self.check(DataSpec(shape=(2,), value_range=None))
        except InputError:
            return False
        return True

    def raised(self, option: Option, least: float) -> dict[str, Any]:
        """The option at `least`, where it is lower."""
        # Never lowered: a higher value is the user's choice.
        lower = option in self.options and getattr(self, option) < least
        return {option: least} if lower else {}

    def label_in_every_layer(self) -> dict[str, Any]:
        """The label enters every layer, where it enters the input alone."""
        at_input = self.conditioning in ("onehot", "embedding")
        return {"conditioning": "every-layer"} if at_input else {}

    def without_batch_norm(self) -> dict[str, Any]:
        """A discriminator without BatchNorm."""
        return {}

    def with_spectral_norm(self) -> dict[str, Any]:
        """A discriminator with spectral normalisation."""
        return {}

    def width_of(self, player: Player) -> int:
        """Width of a net, comparable between the two players; 0 where it does not say."""
        return 0

    def stronger(self, player: Player) -> dict[str, Any]:
        """A net without what weakens it, and of the other player's size at least."""
        return {}

    def weaker_discriminator(self) -> dict[str, Any]:
        """A discriminator with fewer layers."""
        return {}


class AdversarialLoss(ABC):
    """The two players' objectives, per sample; each player minimises its own."""

    group: ClassVar[str] = "loss"
    kind: ClassVar[str]
    """The registered name."""
    reading: ClassVar[str]
    """How to read this loss's curves, healthy and unhealthy. Shown with them."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names of the same objective, which `sp.Doctor(loss=...)` takes too."""
    needs_penalty: ClassVar[bool] = False
    """Nothing in the loss itself bounds the logits: a penalty or clipping has to."""
    forms: ClassVar[tuple[Callable[[Tensor], Tensor], ...]] = ()
    """How others write it: each turns what their discriminator gives into these logits. By them the
    doctor recognises the loss in a foreign loop."""

    @abstractmethod
    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """float32 [n], [n] -> float32 [n]."""

    @abstractmethod
    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """float32 [n] (and [n]) -> float32 [n]. Training always passes `real_logits`, as constants;
        only relativistic losses use them."""

    def constrain(self, discriminator: nn.Module) -> None:
        """Called after every discriminator step, for weight clipping. Does nothing by default."""

    @property
    def clips(self) -> bool:
        """Whether `constrain` bounds the discriminator by clipping its weights."""
        return False


class Penalty(ABC):
    """A term added to the discriminator's loss, per sample."""

    group: ClassVar[str] = "penalty"
    kind: ClassVar[str]
    """The registered name."""
    # A penalty differentiates twice; Karras et al. 2020 (StyleGAN2, section 3.1) found one step in
    # 16 as good.
    every: int
    """Applied on one discriminator step in `every` and multiplied by `every`, so that its mean
    stays the same (lazy regularisation)."""
    side: ClassVar[Literal["real", "fake"] | None] = None
    """Set where the penalty is `of_slopes` at these very images: a step then takes the slopes from
    the logits that it has, and the penalty needs no pass of its own."""

    @abstractmethod
    def __call__(
        self, discriminator: nn.Module, real: Tensor, fake: Tensor, labels: Tensor | None
    ) -> Tensor:
        """real, fake float32 [n, ...]; labels int64 [n] | None -> float32 [n]."""

    def of_slopes(self, slopes: Tensor) -> Tensor:
        """dD/dx float32 [n, d] with its graph -> float32 [n]; only where `side` is set."""
        raise NotImplementedError


class Optimizer(ABC):
    """How one player's parameters move."""

    group: ClassVar[str] = "optimizer"
    lr: float
    """Learning rate at the start."""
    decay_start: float
    """Share of the budget after which the learning rate falls linearly; 1 keeps it constant."""
    final_lr_factor: float
    """Learning rate at the end of the budget, as a share of `lr`."""

    @abstractmethod
    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer: ...

    def betas_at(self, progress: float) -> tuple[float, float] | None:
        """Adam's decays when `progress` in [0, 1] of the budget is done; None where it has none."""
        return None

    def lr_at(self, progress: float) -> float:
        """Learning rate when `progress` in [0, 1] of the budget is done."""
        if progress <= self.decay_start or self.decay_start >= 1:
            return self.lr
        # Linear from lr at decay_start to final_lr_factor * lr at the end.
        done = min(1.0, (progress - self.decay_start) / (1 - self.decay_start))
        return self.lr * (1 + done * (self.final_lr_factor - 1))
