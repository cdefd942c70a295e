"""The doctor's own batches: fixed latents, real images, and what both nets make of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.probing import own_randomness, plain, probing
from saddlepoint.diagnosis.reading import split_batch
from saddlepoint.diagnosis.reference import Reference, features
from saddlepoint.diagnosis.roles import logits_of, per_image
from saddlepoint.diagnosis.signals import diversity, judgement, sensitivity

Latent = Callable[[int], Any]
"""n -> latents [n, ...], or a tuple of all that the generator takes."""
Columns = dict[str, float | list[float]]

N_IMAGES = 256
"""Fakes in a probe batch of images."""
N_POINTS = 512
"""Fakes in a probe batch of points and other small vectors, which cost nothing."""
N_LARGE = 64
"""Fakes in a probe batch of images of more than LARGE numbers."""
LARGE = 2**17
CHUNK = 64
"""Images in one forward pass: as many as a loop would give, for BatchNorm's sake."""
FEWEST = 16
"""Images without which nothing can be said about variety."""


class Probes:
    """Measures both nets on batches that stay the same over the run.

    Args:
        real: images as the discriminator gets them, with their labels [n] or None.
        unseen: the same for images that are not trained on; None without any.
        latent: draws latents; None takes the first that the loop itself uses.
        labels: draws labels int64 [n] for the latents of a generator that takes them.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        averaged: nn.Module | None,
        real: tuple[Tensor, Tensor | None],
        unseen: tuple[Tensor, Tensor | None] | None,
        latent: Latent | None,
        labels: Callable[[int], Tensor] | None,
        seed: int,
    ) -> None:
        self.generator, self.discriminator = plain(generator), plain(discriminator)
        self.averaged = None if averaged is None else plain(averaged)
        self.seed = seed
        weight = next(self.generator.parameters(), torch.zeros(0))
        self.device = weight.device
        images, real_labels = _moved(real, self.device)
        self.n = N_POINTS if images[0].numel() <= 64 else N_IMAGES
        self.n = self.n if images[0].numel() <= LARGE else N_LARGE
        self.reference = Reference.of(images, real_labels, self.n)
        unseen = None if unseen is None else _few(unseen)
        self.unseen = None if unseen is None else _moved(unseen, self.device)
        self.inputs: tuple[Any, ...] | None = None
        if latent is not None:
            with own_randomness(seed):
                drawn = latent(self.n)
                self.inputs = drawn if isinstance(drawn, tuple) else (drawn,)
                if labels is not None:
                    self.inputs = (*self.inputs, labels(self.n))
            self.inputs = tuple(
                a.to(self.device) if isinstance(a, Tensor) else a for a in self.inputs
            )
        self._is_new = True
        self._gathered: list[tuple[Any, ...]] = []
        self.image_shape: torch.Size | None = None
        self.judged: tuple[Any, ...] | None = None
        self.replay = judgement.Replay()
        self.bins: list[float] | None = None

    # -- what the loop shows -------------------------------------------------------------------

    def saw_generator(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep the loop's own latents, until there are enough, where none were given; and see
        whether the latents that were given need labels beside them."""
        if self._is_new and len(args) == 2 and self.inputs is not None and len(self.inputs) == 1:
            self.inputs = (*self.inputs, self._usual_labels(args[1]))
        self._is_new = False
        if self.inputs is not None or kwargs or not args or not isinstance(args[0], Tensor):
            return
        self._gathered.append(
            tuple(a.detach().clone() if isinstance(a, Tensor) else a for a in args)
        )
        if sum(len(kept[0]) for kept in self._gathered) < self.n:
            return
        columns = zip(*self._gathered, strict=True)
        self.inputs = tuple(
            torch.cat(column)[: self.n] if isinstance(column[0], Tensor) else column[0]
            for column in columns
        )
        self._gathered = []

    def saw_discriminator(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Remember how the discriminator is called, to call it likewise."""
        self.image_shape = args[0].shape[1:]
        self.judged = None if kwargs else args[1:]

    # -- what a resumed run needs --------------------------------------------------------------

    @property
    def memory(self) -> dict[str, Tensor]:
        kept: dict[str, Tensor] = {}
        for index, (fake, labels) in enumerate(self.replay.fakes):
            kept[f"fake.{index}"] = fake.contiguous()
            if labels is not None:
                kept[f"labels.{index}"] = labels.contiguous()
        return kept

    def restore(self, memory: dict[str, Tensor], rows: list[dict[str, Any]]) -> None:
        for index in range(sum(name.startswith("fake.") for name in memory)):
            labels = memory.get(f"labels.{index}")
            self.replay.add(*_moved((memory[f"fake.{index}"], labels), self.device))
        self.bins = next((row["bins"] for row in reversed(rows) if "bins" in row), None)

    # -- measuring -----------------------------------------------------------------------------

    def measure(self, step: int) -> Columns:
        """All behaviour columns that need forward passes; {} as long as latents are missing."""
        if self.inputs is None or len(self.reference.held_back) < FEWEST:
            return {}
        with self.untouched():
            return self._measure(step)

    def untouched(self) -> AbstractContextManager[None]:
        """Inside, forward passes of the nets leave no trace in them."""
        nets = [n for n in (self.generator, self.discriminator, self.averaged) if n is not None]
        return probing(nets, self.seed)

    def _measure(self, step: int) -> Columns:
        assert self.inputs is not None
        reference = self.reference
        fake = self.make(self.inputs)
        labels = self._labels_of(self.inputs)
        vectors = features(fake)
        if vectors.shape[1] != reference.features.shape[1] or not vectors.isfinite().all():
            return {}
        columns: Columns = diversity.diversity(vectors, reference)
        bins = columns["bins"]
        assert isinstance(bins, list)
        if self.bins is not None:
            columns["drift"] = diversity.drift(bins, self.bins)
        self.bins = bins
        columns |= self._eval_gap(vectors)
        if labels is not None and reference.labels is not None:
            columns |= diversity.within_labels(vectors, labels, reference)
            z, *rest = self.inputs
            if isinstance(z, Tensor) and len(rest) == 1:
                columns |= sensitivity.effects(lambda z, y: self.make((z, y)), z, labels, reference)
        if self._can_judge(labels):
            columns |= self._judgement(fake, labels, step)
        self.replay.add(fake, labels)
        return columns

    @torch.no_grad()
    def make(self, inputs: tuple[Any, ...], net: nn.Module | None = None) -> Tensor:
        """The generator's images for its inputs, in the shape of the reference."""
        net = self.generator if net is None else net
        n = len(inputs[0])
        parts = []
        for start in range(0, n, CHUNK):
            part = [a[start : start + CHUNK] if _is_batch(a, n) else a for a in inputs]
            made = net(*part)
            parts.append(made if isinstance(made, Tensor) else _first_tensor(made))
        images = torch.cat(parts)
        like = self.reference.images
        if images[0].numel() == like[0].numel():
            images = images.reshape(len(images), *like.shape[1:])
        return images.detach()

    def judge(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """The discriminator's outputs [n], called as the loop calls it."""
        assert self.judged is not None
        assert self.image_shape is not None
        weight = next(self.discriminator.parameters())
        images = images.to(weight.dtype).reshape(len(images), *self.image_shape)
        more = [labels if isinstance(a, Tensor) else a for a in self.judged]
        outputs = logits_of(self.discriminator(images, *more), len(images))
        assert outputs is not None
        return per_image(outputs).float()

    def _judgement(self, fake: Tensor, labels: Tensor | None, step: int) -> Columns:
        reference = self.reference
        columns: Columns = {}
        columns |= judgement.slopes(self.judge, reference.images, fake, labels, self.seed)
        columns |= self.replay.columns(self.judge, reference.images, reference.labels)
        if self.unseen is not None:
            seen = (reference.images, reference.labels)
            columns |= judgement.heldout_columns(self.judge, seen, self.unseen)
        return columns

    def _eval_gap(self, vectors: Tensor) -> Columns:
        """Against the averaged generator where there is one: that one is what gets used."""
        assert self.inputs is not None
        net = self.generator if self.averaged is None else self.averaged
        net.eval()
        other = features(self.make(self.inputs, net))
        columns: Columns = {"eval_gap": sensitivity.eval_gap(vectors, other, self.reference)}
        return columns if self.averaged is None else {**columns, "averaged": 1.0}

    def _can_judge(self, labels: Tensor | None) -> bool:
        """Whether the discriminator can be called with what the doctor has."""
        if self.judged is None or self.image_shape is None:
            return False
        wants = [a for a in self.judged if isinstance(a, Tensor)]
        known = labels is not None and self.reference.labels is not None
        of_labels = all(map(_are_labels, wants))
        same_size = self.image_shape.numel() == self.reference.images[0].numel()
        return same_size and (not wants or (known and of_labels and len(wants) == 1))

    def _usual_labels(self, like: Any) -> Tensor | None:
        """All labels of the real images in turn, for a generator that takes labels."""
        if not _are_labels(like) or self.reference.labels is None:
            return None
        known = self.reference.labels.unique()
        return known[torch.arange(self.n, device=known.device) % len(known)]

    def _labels_of(self, inputs: tuple[Any, ...]) -> Tensor | None:
        for value in inputs[1:]:
            if _are_labels(value):
                return value
        return None


def _moved(pair: tuple[Tensor, Tensor | None], device: torch.device) -> tuple:
    images, labels = pair
    return images.to(device), None if labels is None else labels.to(device)


def _first_tensor(images: Any) -> Tensor:
    return split_batch(images if isinstance(images, dict) else tuple(images))[0]


def _are_labels(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() == 1 and not value.is_floating_point()


def _is_batch(value: Any, n: int) -> bool:
    return isinstance(value, Tensor) and value.dim() > 0 and len(value) == n


def _few(pair: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
    images, labels = pair
    n = judgement.N_JUDGED
    return images[:n], None if labels is None else labels[:n]
