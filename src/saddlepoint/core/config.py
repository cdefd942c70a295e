"""The whole description of a run as a tree of frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from saddlepoint.core.checks import MOST_SEED, above, at_least, between
from saddlepoint.core.contracts import (
    AdversarialLoss,
    Architecture,
    DataSpec,
    Optimizer,
    Penalty,
    Source,
)
from saddlepoint.core.errors import InputError

SCHEMA = 1
"""Version of config.json; a run of a newer schema is refused."""


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Changes to images before the discriminator sees them."""

    mirror: bool = False
    """Mirror each real image left-right with probability one half."""
    translation: float = 0.0
    """Shift real and generated images by up to this share of their sides; 0.125 in the paper."""
    cutout: float = 0.0
    """Cut a square with this share of the sides out of all images; 0.5 in the paper."""

    def __post_init__(self) -> None:
        # Beyond half a side, a shifted image would be more padding than picture.
        between(self, 0, 0.5, "translation")
        between(self, 0, 0.9, "cutout")


@dataclass(frozen=True, kw_only=True)
class Ema:
    """Exponential moving average of the generator's weights and buffers.

    Paper: Yazici et al. 2019, https://arxiv.org/abs/1806.04498; the ramp follows Karras et al.
    """

    halflife: float = 10_000
    """Half-life in images; 0 turns the average off (the copy follows the generator)."""
    ramp: float = 0.05
    """Early on the half-life is at most this share of the images seen so far; 0: no ramp."""
    rise: Literal["ramp", "cosine"] = "ramp"
    """How the half-life grows: by `ramp`, or from 0 along half a cosine over the budget."""

    def __post_init__(self) -> None:
        at_least(self, 0, "halflife", "ramp")


@dataclass(frozen=True, kw_only=True)
class Train:
    """Budget, batches, hardware, and how often things are written."""

    kimg: float = 300
    """Budget in thousands of real images shown to the discriminator."""
    schedule_kimg: float = 0
    """Kimg over which learning rates and noise fall; beyond it they stay. 0: the whole budget."""
    minutes: float = 0
    """The minutes that `kimg` was measured for, when the budget was given as time."""
    batch_size: int = 64
    """Images in one step of either player."""
    accumulate: int = 1
    """Process each batch in this many equal parts and add their gradients, to save memory."""
    n_critic: int = 1
    """Discriminator steps before each generator step."""
    wrong_label_fraction: float = 0.0
    """Share of the discriminator's fakes that are real images with a wrong label."""
    instance_noise: float = 0.0
    """Standard deviation of noise on the discriminator's inputs; falls linearly to 0."""
    final_penalty_factor: float = 1.0
    """Strength of the penalties at the end, as a share; it falls along half a cosine."""
    device: str = "auto"
    """auto (cuda, then mps, then cpu), or a device that torch knows."""
    threads: int = 0
    """Threads that compute on the CPU; they decide the last bits. 0: PyTorch's choice."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 autocast where it is fast, else fp32; logits and penalties are always fp32."""
    compile: bool = False
    """torch.compile the nets (penalties run eagerly); what cannot be compiled runs as it is."""
    graphs: Literal["auto", "off"] = "auto"
    """auto: on a GPU, steps that the doctor does not check are CUDA graphs; off: none are."""
    tick_kimg: float = 0
    """Kimg between two lines of metrics; 0: a hundredth of the budget, at least 1."""
    sample_kimg: float = 0
    """Kimg between two sample grids; 0: a tenth of the budget."""
    n_samples: int = 64
    """Images in a sample grid."""
    checkpoint_minutes: float = 5
    """Minutes between two checkpoints; one more is always written at the end."""

    def __post_init__(self) -> None:
        above(self, 0, "kimg")
        at_least(self, 0, "minutes", "tick_kimg", "sample_kimg", "checkpoint_minutes")
        at_least(self, 0, "instance_noise", "schedule_kimg")
        at_least(self, 0, "threads", most=512)
        at_least(self, 2, "batch_size", most=2**20)  # BatchNorm and diversity need two images
        at_least(self, 1, "accumulate")
        # Nothing is written within a step, and nobody looks at more images.
        at_least(self, 1, "n_critic", "n_samples", most=10_000)
        # Some fakes have to stay, or the generator would have no adversary.
        between(self, 0, 0.9, "wrong_label_fraction")
        between(self, 0, 1, "final_penalty_factor")
        # Parts of unequal size would weigh their samples unequally in the sum of gradients.
        if self.batch_size % self.accumulate:
            raise InputError(
                f"Train: batch_size={self.batch_size} is not divisible by "
                f"accumulate={self.accumulate}; use a divisor of the batch size."
            )

    @property
    def total_images(self) -> int:
        """The budget in images."""
        return max(1, round(self.kimg * 1000))

    @property
    def schedule_images(self) -> int:
        """Images over which the schedules run."""
        return round(self.schedule_kimg * 1000) or self.total_images


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What is measured at each sample grid and decides which checkpoint is the best."""

    by: str = "sliced_wasserstein"
    """sliced_wasserstein (cheap), or a number of `saddle evaluate`: fid, precision, recall, ..."""
    n: int = 1000
    """Images of each set for the numbers of `saddle evaluate`."""
    features: str = "auto"
    """As `saddle evaluate --features`."""
    patience: int = 0
    """Stop after this many scores without a new best; 0: never."""

    def __post_init__(self) -> None:
        # Fewer images rank checkpoints by chance.
        at_least(self, 10, "n")
        at_least(self, 0, "patience")


@dataclass(frozen=True, kw_only=True)
class DoctorConfig:
    """How the doctor watches the run for failures."""

    mode: Literal["off", "advise", "treat"] = "advise"
    """off, advise (name what goes wrong), or treat (and go back and change what cures it)."""
    probe_kimg: float = 0
    """Kimg between two checks with the doctor's own batches; 0: 60 steps, which costs 3 %."""
    treatments: int = 3
    """A run that has had this many treatments and needs another gives up."""

    def __post_init__(self) -> None:
        at_least(self, 0, "probe_kimg", "treatments")


@dataclass(frozen=True, kw_only=True)
class Start:
    """What the first weights are: random ones, or those of a trained model as far as they fit.

    Paper of layers that stay fixed (FreezeD): Mo et al. 2020, https://arxiv.org/abs/2002.10964.
    """

    model: str = ""
    """RUN, RUN@KIMG, a checkpoint's folder or ema.safetensors to start from; empty: nothing."""
    freeze_discriminator: int = 0
    """So many of its first layers stay as they were trained (FreezeD); `model` is then a run."""

    def __post_init__(self) -> None:
        at_least(self, 0, "freeze_discriminator", most=1000)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that determines a run. Every random number in it comes from the one seed."""

    preset: str = ""
    """The preset that this configuration started from; in a command it is the first word."""
    source: Source
    augment: Augment = field(default_factory=Augment)
    arch: Architecture
    loss: AdversarialLoss
    penalties: tuple[Penalty, ...] = ()
    optim_g: Optimizer
    optim_d: Optimizer
    ema: Ema = field(default_factory=Ema)
    start: Start = field(default_factory=Start)
    train: Train = field(default_factory=Train)
    scoring: Scoring = field(default_factory=Scoring)
    doctor: DoctorConfig = field(default_factory=DoctorConfig)
    seed: int = 0
    """The one seed."""

    def __post_init__(self) -> None:
        at_least(self, 0, "seed", most=MOST_SEED)

    def doubts(self) -> list[str]:
        """What can be trained but is probably a mistake, a sentence each."""
        found = []
        # An architecture that has nothing to change is spectral already (or cannot be).
        bounded = self.loss.clips or self.penalties or not self.arch.with_spectral_norm()
        if self.loss.needs_penalty and not bounded:
            found.append(
                f"--loss {self.loss.kind} bounds nothing by itself, so the critic's outputs will "
                "run away; add --penalties gradient-penalty or --loss.clip 0.05."
            )
        return found

    def check(self, spec: DataSpec) -> None:
        """Cross-field checks against the data.

        Raises:
            InputError: the sentence names the field and the remedy.
        """
        # Not in __post_init__: what the data are is known only once they are open.
        self.arch.check(spec)
        # A single class is not a condition: both nets would get a constant.
        if self.arch.conditioning != "none" and spec.n_classes < 2:
            found = "has no labels" if spec.n_classes == 0 else "has a single class"
            raise InputError(
                f"arch.conditioning={self.arch.conditioning} needs at least two classes, but the "
                f"data {found}; use labelled data or --arch.conditioning none."
            )
        if (self.augment.translation > 0 or self.augment.cutout > 0) and not spec.is_image:
            raise InputError(
                f"augment.translation={self.augment.translation:g} and "
                f"augment.cutout={self.augment.cutout:g} change images, but the data are points; "
                "set both to 0."
            )
        if self.train.wrong_label_fraction > 0 and self.arch.conditioning == "none":
            raise InputError(
                f"train.wrong_label_fraction={self.train.wrong_label_fraction:g} pairs images with "
                "wrong labels, but arch.conditioning=none uses no labels; choose another "
                "conditioning or 0."
            )
