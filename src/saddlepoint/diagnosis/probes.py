"""The doctor's own batches: fixed latents, real images, and what both nets make of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.asking import Asking, are_labels
from saddlepoint.diagnosis.probing import own_randomness, plain, probing
from saddlepoint.diagnosis.reference import Reference, features
from saddlepoint.diagnosis.roles import Made, images_of
from saddlepoint.diagnosis.signals import agreement, diversity, judgement, sensitivity

Latent = Callable[[int], Any]
"""n -> latents [n, ...], or a tuple of all that the generator takes."""
Columns = dict[str, float | list[float]]

N_IMAGES = 256
"""Newest fakes of the loop that a look takes, of images."""
N_POINTS = 512
"""The same of points and other small vectors, which cost nothing."""
N_LARGE = 64
"""The same of images of more than LARGE numbers."""
LARGE = 2**17
N_LATENTS = 64
"""Fixed latents, for what the loop's own fakes cannot tell."""
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
        size = images[0].numel()
        self.n = N_POINTS if size <= 64 else N_IMAGES if size <= LARGE else N_LARGE
        self.reference = Reference.of(images, real_labels, self.n)
        unseen = None if unseen is None else _few(unseen)
        self.unseen = None if unseen is None else _moved(unseen, self.device)
        self.inputs: tuple[Any, ...] | None = None
        if latent is not None:
            with own_randomness(seed):
                drawn = latent(N_LATENTS)
                self.inputs = drawn if isinstance(drawn, tuple) else (drawn,)
                if labels is not None:
                    self.inputs = (*self.inputs, labels(N_LATENTS))
            self.inputs = tuple(
                a.to(self.device) if isinstance(a, Tensor) else a for a in self.inputs
            )
        self._is_new = True
        self._gathered: list[tuple[Any, ...]] = []
        self.comparable = True
        self.judge = Asking(self.discriminator)
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
        if sum(len(kept[0]) for kept in self._gathered) < N_LATENTS:
            return
        columns = zip(*self._gathered, strict=True)
        self.inputs = tuple(
            torch.cat(column)[:N_LATENTS] if isinstance(column[0], Tensor) else column[0]
            for column in columns
        )
        self._gathered = []

    def saw_real(self, images: Tensor) -> None:
        """What the loop shows as real must be what the reference is made of: where its values
        are others (not normalised, say), no comparison would mean anything."""
        known = self.reference.images
        shift = (images.detach().float().mean() - known.mean()).abs() / known.std()
        scale = images.detach().float().std() / known.std()
        self.comparable = bool((shift < 0.5) & (scale > 0.6) & (scale < 1.7))

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

    def measure(self, newest: list[Made]) -> Columns:
        """All behaviour columns of a batch of fakes.

        Args:
            newest: the loop's own newest fakes, newest first: they cost no forward pass.
        """
        fakes, labels = self._batch(newest)
        if len(self.reference.held_back) < FEWEST or fakes is None or not self.comparable:
            return {}
        vectors = features(fakes)
        if vectors.shape[1] != self.reference.features.shape[1] or not vectors.isfinite().all():
            return {}
        columns: Columns = diversity.diversity(vectors, self.reference)
        bins = columns["bins"]
        assert isinstance(bins, list)
        if self.bins is not None:
            columns["drift"] = diversity.drift(bins, self.bins)
        self.bins = bins
        if labels is not None and self.reference.labels is not None:
            columns |= diversity.within_labels(vectors, labels, self.reference)
            columns |= agreement.label_agreement(vectors, labels, self.reference)
        with self.untouched():
            columns |= self._sensitivity()
            known = labels is not None and self.reference.labels is not None
            if self.judge.can(self.reference.images[0].numel(), known):
                columns |= self._judgement(fakes, labels)
        self.replay.add(fakes, labels)
        return columns

    def _batch(self, newest: list[Made]) -> tuple[Tensor | None, Tensor | None]:
        """The newest fakes [at most n, ...] in the shape of the reference, and their labels."""
        like = self.reference.images
        fitting = [made for made in newest if made.images[0].numel() == like[0].numel()]
        if sum(len(made.images) for made in fitting) < FEWEST:
            return None, None
        fakes = torch.cat([m.images.reshape(len(m.images), *like.shape[1:]) for m in fitting])
        labels = [self._labels_of(made.inputs) for made in fitting]
        known = [y for y in labels if y is not None]
        both = torch.cat(known)[: self.n] if len(known) == len(labels) else None
        return fakes[: self.n].float(), both

    def untouched(self) -> AbstractContextManager[None]:
        """Inside, forward passes of the nets leave no trace in them."""
        nets = [n for n in (self.generator, self.discriminator, self.averaged) if n is not None]
        return probing(nets, self.seed)

    @torch.no_grad()
    def make(self, inputs: tuple[Any, ...], net: nn.Module | None = None) -> Tensor:
        """Images for the generator's inputs, in the shape of the reference."""
        images = (self.generator if net is None else net)(*inputs)
        images = images_of(images)
        assert images is not None
        like = self.reference.images
        if images[0].numel() == like[0].numel():
            images = images.reshape(len(images), *like.shape[1:])
        return images.detach()

    def _sensitivity(self) -> Columns:
        """What the generator does with its inputs, and in its other mode."""
        if self.inputs is None:
            return {}
        columns: Columns = {}
        reference, labels = self.reference, self._labels_of(self.inputs)
        z, *rest = self.inputs
        if labels is not None and reference.labels is not None and len(rest) == 1:
            columns |= sensitivity.effects(lambda z, y: self.make((z, y)), z, labels, reference)
        usual = features(self.make(self.inputs))
        # Against the averaged generator where there is one: that one is what gets used.
        other = self.generator if self.averaged is None else self.averaged
        other.eval()
        vectors = features(self.make(self.inputs, other))
        columns["eval_gap"] = sensitivity.eval_gap(usual, vectors, reference)
        return columns if self.averaged is None else {**columns, "averaged": 1.0}

    def _judgement(self, fake: Tensor, labels: Tensor | None) -> Columns:
        reference, judge = self.reference, self.judge
        real, real_labels = reference.images, reference.labels
        n = judgement.N_JUDGED
        with torch.no_grad():
            judged = judge(real[:n], None if real_labels is None else real_labels[:n])
        columns: Columns = {}
        columns |= judgement.slopes(judge, real, fake, labels, self.seed)
        columns |= self.replay.columns(judge, judged)
        if self.unseen is not None:
            columns |= judgement.heldout_columns(judge, judged, self.unseen)
        return columns

    def _usual_labels(self, like: Any) -> Tensor | None:
        """All labels of the real images in turn, for a generator that takes labels."""
        if not are_labels(like) or self.reference.labels is None:
            return None
        known = self.reference.labels.unique()
        return known[torch.arange(N_LATENTS, device=known.device) % len(known)]

    def _labels_of(self, inputs: tuple[Any, ...]) -> Tensor | None:
        for value in inputs[1:]:
            if are_labels(value):
                return value
        return None


def _moved(pair: tuple[Tensor, Tensor | None], device: torch.device) -> tuple:
    images, labels = pair
    return images.to(device), None if labels is None else labels.to(device)


def _few(pair: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
    images, labels = pair
    n = judgement.N_JUDGED
    return images[:n], None if labels is None else labels[:n]
