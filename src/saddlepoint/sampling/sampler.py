"""From a run folder or a single file to images. A seed is the same latent on every device."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.contracts import Generator
from saddlepoint.core.errors import InputError
from saddlepoint.core.images import to_uint8
from saddlepoint.core.limits import require_memory
from saddlepoint.core.tensors import exact_float32, require_device
from saddlepoint.sampling.generator_file import (
    GeneratorFile,
    find_generator,
    read_generator_file,
)
from saddlepoint.sampling.latent_space import latents, walk, walk_of_labels
from saddlepoint.sampling.seeds import Labels, Seeds, check_seeds

BATCH_SIZE = 64
"""The same for every caller: an image's last bits depend on it."""


def load_sampler(path: str | Path, device: str = "cpu") -> Sampler:
    """A sampler from whatever `find_generator` finds a generator in.

    Raises:
        InputError: as `find_generator`; a file that is damaged, a pickle or of another kind or
            schema; or an unknown or absent device.
    """
    require_device(device, "--device")
    return sampler_of(read_generator_file(find_generator(Path(path))), device)


def sampler_of(content: GeneratorFile, device: str = "cpu") -> Sampler:
    """A sampler of a file that was read; the device must be one that this machine has."""
    # Building the net draws initial weights, which must not use up the caller's random numbers.
    with torch.random.fork_rng(devices=[]):
        generator = content.arch.generator(content.spec)
    generator.load_state_dict(content.weights)
    return Sampler(generator.to(device), content, device)


class Sampler:
    """A generator in eval mode, float32, with what is known about its data."""

    def __init__(self, generator: Generator, content: GeneratorFile, device: str = "cpu") -> None:
        # BatchNorm with stored statistics: an image must not depend on the others of its batch.
        self.generator = generator.eval().requires_grad_(False)
        self.device = device
        self.spec = content.spec
        self.classes = content.classes or tuple(str(i) for i in range(content.spec.n_classes))
        self.data = content.data
        self.n_images = content.n_images
        self.conditional = content.arch.conditioning != "none"

    def __repr__(self) -> str:
        kind = "conditional" if self.conditional else "unconditional"
        return f"Sampler({kind}, {self.data}, shape {self.spec.shape}, {self.n_images} images)"

    def labels_for(self, seeds: Seeds, labels: Sequence[int] | None) -> list[int] | None:
        """One label per seed.

        Args:
            labels: assigned to the seeds in turn, and from the first again when they run out. None:
                seed modulo the number of classes, so that consecutive seeds show every class;
                latents need theirs.

        Returns:
            [n] in [0, n_classes), or None for an unconditional model.

        Raises:
            InputError: labels for an unconditional model, out of range, more than seeds, or none
                for latents.
        """
        n_classes = self.spec.n_classes
        if not self.conditional:
            if labels is not None:
                raise InputError(
                    "--labels: this model is unconditional and draws classes at random; leave out "
                    "--labels, or train with --arch.conditioning every-layer."
                )
            return None
        if labels is None and isinstance(seeds, Tensor):
            raise InputError("These latents have no labels; name them: --labels 3.")
        if labels is None:
            # By the seed itself, so that it keeps its class whatever the other seeds are.
            return [int(seed) % n_classes for seed in seeds]
        labels = [int(label) for label in labels]
        for label in labels:
            if not 0 <= label < n_classes:
                raise InputError(f"--labels {label}: the model knows {self._known_classes()}.")
        if not labels or len(labels) > len(seeds):
            raise InputError(
                f"--labels names {len(labels)} labels for {len(seeds)} seeds; give at least one "
                "and at most one per seed, or ask for a class grid."
            )
        return [labels[i % len(labels)] for i in range(len(seeds))]

    def images(
        self, seeds: Seeds, labels: Labels | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Images of the seeds.

        Args:
            seeds: integers >= 0, or latents.
            labels: see `labels_for`; or shares of the classes, which add up to 1.
            truncation: psi in (0, 1]: z is moved towards its mean, which is 0, so z is multiplied
                by psi. 1 is off; below 1 gives more typical and less varied images.

        Returns:
            uint8 [n, h, w, c], or float32 [n, 2] from a model of points. A seed's image does not
            depend on the other seeds, except for rounding, of at most one grey level.

        Raises:
            InputError: bad seeds, labels or truncation, or more images than the memory holds.
        """
        self._require_room(len(seeds))
        return np.concatenate(list(self.portions(seeds, labels, truncation)))

    def portions(
        self, seeds: Seeds, labels: Labels | None = None, truncation: float = 1.0
    ) -> Iterator[np.ndarray]:
        """Like `images`, batch by batch, for more of them than fit in memory. A model of points
        gives float32 [<= BATCH_SIZE, 2]."""
        chosen = self._checked(seeds, labels, truncation)
        firsts = range(0, len(seeds), BATCH_SIZE)
        made = chain.from_iterable(
            # One batch of latents at a time: those of ten million seeds are gigabytes.
            self._forward(
                self.z_of(seeds[first : first + BATCH_SIZE]) * truncation,
                None if chosen is None else chosen[first : first + BATCH_SIZE],
            )
            for first in firsts
        )
        return map(to_uint8, made) if self.spec.is_image else made

    def z_of(self, seeds: Seeds) -> Tensor:
        """float32 [n, latent_dim] on the CPU.

        Raises:
            InputError: no seeds, one out of range, or latents that are not this model's.
        """
        check_seeds(seeds, self.generator.latent_dim)
        if isinstance(seeds, Tensor):
            return seeds.float().cpu()
        return latents(seeds, self.generator.latent_dim)

    def interpolate(
        self,
        seeds: Seeds,
        labels: Labels | None = None,
        truncation: float = 1.0,
        steps: int = 16,
        loop: bool = False,
    ) -> np.ndarray:
        """Frames on the way from each seed to the next, by `slerp`, and from its class to the
        next one's in equal steps: in between, the generator is given shares of both.

        Args:
            seeds: at least two, or as many latents.
            labels: as for `images`; a single one keeps its class all the way.
            steps: frames from one seed to the next, without the next one.
            loop: continue from the last seed to the first, for an endless film.

        Returns:
            uint8 [(len(seeds) - 1) * steps + 1, h, w, c], or [len(seeds) * steps, h, w, c] when
            it loops.

        Raises:
            InputError: as `images`, fewer than two seeds, no steps, or a model of points.
        """
        self.require_images()
        if len(seeds) < 2 or steps < 1:
            raise InputError(
                f"An interpolation needs at least two seeds and one step, not {len(seeds)} seeds "
                f"and {steps} steps; give --seeds 0-7."
            )
        self._require_room(len(seeds) * steps)
        chosen = self._checked(seeds, labels, truncation)
        # The mean of N(0, I) is 0, so moving z towards it is a multiplication.
        frames, route = walk(self.z_of(seeds) * truncation, steps, loop), None
        if chosen is not None:
            mixed = self.spec.n_classes if self.generator.mixes_labels else 0
            route = walk_of_labels(chosen, steps, loop, mixed)
        return np.concatenate([to_uint8(part) for part in self._forward(frames, route)])

    def class_grid(
        self, seeds: Seeds, labels: Sequence[int] | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """The same seeds in each class: what stays the same down a column comes from the latent.

        Args:
            labels: the classes to show; None: all.

        Returns:
            uint8 [n_rows, n_columns, h, w, c], a row for each class.

        Raises:
            InputError: as `images`, an unconditional model, or a model of points.
        """
        if not self.conditional:
            raise InputError(
                "A class grid needs a conditional model; train with --arch.conditioning "
                "every-layer, or sample without the class grid."
            )
        self.require_images()
        rows = range(self.spec.n_classes) if labels is None else labels
        self._require_room(len(rows) * len(seeds))
        # In one call, so that batches are full however short a row is.
        every_label = [label for label in rows for _ in range(len(seeds))]
        is_z = isinstance(seeds, Tensor)
        every = seeds.repeat(len(rows), 1) if is_z else [*seeds] * len(rows)
        made = self.images(every, every_label, truncation)
        return made.reshape(len(rows), len(seeds), *made.shape[1:])

    def _checked(self, seeds: Seeds, labels: Labels | None, truncation: float) -> Tensor | None:
        """The label of each seed, int64 [n], or its shares of the classes, float32 [n, n_classes],
        once everything is in its range."""
        check_seeds(seeds, self.generator.latent_dim)
        if not 0 < truncation <= 1:
            raise InputError(
                f"--truncation {truncation:g} must be above 0 and at most 1; 1 turns it off."
            )
        if isinstance(labels, Tensor):
            return self._shares(len(seeds), labels)
        chosen = self.labels_for(seeds, labels)
        return None if chosen is None else torch.tensor(chosen)

    def _shares(self, n: int, shares: Tensor) -> Tensor:
        if not (self.conditional and self.generator.mixes_labels):
            raise InputError(f"{self!r} cannot mix classes; give whole labels, or none.")
        wanted = (n, self.spec.n_classes)
        whole = shares.shape == wanted and ((shares.sum(1) - 1).abs() < 1e-4).all()
        if not (whole and (shares >= 0).all()):
            raise InputError(
                f"Shares of classes must be [n, n_classes] = {list(wanted)}, at least 0, and add "
                "up to 1."
            )
        return shares.float().cpu()

    @torch.inference_mode()
    def _forward(self, z: Tensor, labels: Tensor | None) -> Iterator[np.ndarray]:
        """float32 [<= BATCH_SIZE, ...] for each batch of z."""
        for first in range(0, len(z), BATCH_SIZE):
            # The last batch is padded: kernels are chosen by batch size and round differently, and
            # an image must not depend on how many others were requested.
            rows = torch.arange(first, first + BATCH_SIZE).clamp(max=len(z) - 1)
            classes = None if labels is None else labels[rows].to(self.device)
            with exact_float32(z.device):
                made = self.generator(z[rows].to(self.device), classes)
            if not made.isfinite().all():
                raise InputError(f"{self!r} makes values that are not finite; use another one.")
            yield made[: len(z) - first].float().cpu().numpy()

    def _known_classes(self) -> str:
        names = ", ".join(self.classes[:10]) + (", ..." if len(self.classes) > 10 else "")
        return f"{self.spec.n_classes} classes (0-{self.spec.n_classes - 1}: {names})"

    def _require_room(self, n: int) -> None:
        """Raises InputError for more images than the memory holds, in parts and then together."""
        of_each = math.prod(self.spec.shape) * (1 if self.spec.is_image else 4)
        require_memory(
            2 * n * of_each,
            f"{n:,} images in memory at once",
            "ask for fewer seeds, or write them as .npz",
        )

    def require_images(self) -> None:
        """Raises InputError for a model of points."""
        if not self.spec.is_image:
            raise InputError(
                "This model makes points, which have no picture each; `saddle sample` writes them "
                "as .npz or .png."
            )
