"""The doctor's own batches: fixed latents, real images, and what both nets make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.observe.inputs import are_labels, images_of
from saddlepoint.diagnosis.observe.isolation import isolated, own_randomness, plain
from saddlepoint.diagnosis.observe.recorder import N_LATENTS
from saddlepoint.diagnosis.observe.trace import Made, Trace
from saddlepoint.diagnosis.signals import discriminator, generator, samples
from saddlepoint.diagnosis.signals.reference import Reference, features

Latent = Callable[[int], Any]
"""n -> latents [n, ...], or a tuple of all that the generator takes."""
Pair = tuple[Tensor, Tensor | None]
"""Images and their labels."""
Columns = dict[str, float | list[float]]

N_IMAGES = 256
"""Newest fakes of the loop that a check takes, of images."""
N_POINTS = 512
"""The same of points and other small vectors, which cost nothing."""
N_LARGE = 64
"""The same of images of more than LARGE numbers."""
LARGE = 2**17
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
        real: Pair,
        unseen: Pair | None,
        latent: Latent | None,
        labels: Callable[[int], Tensor] | None,
        seed: int,
    ) -> None:
        self.generator, self.discriminator = plain(generator), plain(discriminator)
        self.averaged = None if averaged is None else plain(averaged)
        self.seed = seed
        device = next(self.generator.parameters(), torch.zeros(0)).device
        images, real_labels = _on(device, real)
        size = images[0].numel()
        self.n = N_POINTS if size <= 64 else N_IMAGES if size <= LARGE else N_LARGE
        self.reference = Reference.of(images, real_labels, self.n)
        self.unseen = None if unseen is None else _on(device, unseen)
        self.inputs: tuple[Any, ...] | None = None
        self.comparable = True
        if latent is not None:
            with own_randomness(seed):
                drawn = latent(N_LATENTS)
                drawn = drawn if isinstance(drawn, tuple) else (drawn,)
                drawn = drawn if labels is None else (*drawn, labels(N_LATENTS))
            self.inputs = tuple(a.to(device) if isinstance(a, Tensor) else a for a in drawn)

    def measure(self, trace: Trace, newest: list[Made]) -> Columns:
        """All columns of the samples and of both nets' behaviour.

        Args:
            newest: the loop's own newest fakes, newest first: they cost no forward pass.
        """
        self._look_at(trace)
        fakes, labels = self._batch(newest)
        reference = self.reference
        if len(reference.held_back) < FEWEST or fakes is None or not self.comparable:
            return {}
        vectors = features(fakes)
        if vectors.shape[1] != reference.features.shape[1] or not vectors.isfinite().all():
            return {}
        columns: Columns = samples.diversity(vectors, reference)
        known = labels is not None and reference.labels is not None
        if labels is not None and known:
            columns |= samples.within_labels(vectors, labels, reference)
            columns |= samples.label_agreement(vectors, labels, reference)
        nets = [n for n in (self.generator, self.discriminator, self.averaged) if n is not None]
        with isolated(nets, self.seed):
            columns |= self._of_generator()
            inputs = trace.newest_inputs
            if inputs is not None and inputs.can_hold(reference.images[0].numel(), known):

                def judge(images: Tensor, labels: Tensor | None) -> Tensor:
                    return inputs.ask(self.discriminator, images, labels)

                real = (reference.images, reference.labels)
                columns |= discriminator.input_gradients(judge, real[0], fakes, labels, self.seed)
                if self.unseen is not None:
                    columns |= discriminator.heldout(judge, real, self.unseen)
        return columns

    def _look_at(self, trace: Trace) -> None:
        """What the loop shows: its latents, and whether its real images are those given here."""
        shown, given = trace.newest_real, self.reference.images
        if shown is not None:
            # Where its values are others (not normalised, say), no comparison would mean anything.
            shift = (shown.float().mean() - given.mean()).abs() / given.std()
            scale = shown.float().std() / given.std()
            self.comparable = bool((shift < 0.5) & (scale > 0.6) & (scale < 1.7))
        kept = trace.latents
        if self.inputs is None and sum(len(inputs[0]) for inputs in kept) >= N_LATENTS:
            self.inputs = tuple(
                torch.cat(column)[:N_LATENTS] if isinstance(column[0], Tensor) else column[0]
                for column in zip(*kept, strict=True)
            )
        elif self.inputs is not None and len(self.inputs) == 1 and kept and len(kept[0]) == 2:
            # Latents were given, and the generator takes labels beside them.
            self.inputs = (*self.inputs, self._usual_labels(kept[0][1]))

    def _usual_labels(self, like: Any) -> Tensor | None:
        """All labels of the real images in turn."""
        if not are_labels(like) or self.reference.labels is None:
            return None
        known = self.reference.labels.unique()
        return known[torch.arange(N_LATENTS, device=known.device) % len(known)]

    def _batch(self, newest: list[Made]) -> tuple[Tensor | None, Tensor | None]:
        """The newest fakes [at most n, ...] in the shape of the reference, and their labels."""
        like = self.reference.images
        fitting = [made for made in newest if made.images[0].numel() == like[0].numel()]
        if sum(len(made.images) for made in fitting) < FEWEST:
            return None, None
        fakes = torch.cat([m.images.reshape(len(m.images), *like.shape[1:]) for m in fitting])
        labels = [_labels_of(made.inputs) for made in fitting]
        known = [y for y in labels if y is not None]
        both = torch.cat(known)[: self.n] if len(known) == len(labels) else None
        return fakes[: self.n].float(), both

    def _of_generator(self) -> Columns:
        """What the generator does with its inputs, and in its other mode."""
        if self.inputs is None:
            return {}
        columns: Columns = {}
        reference, labels = self.reference, _labels_of(self.inputs)
        z, *rest = self.inputs
        if labels is not None and reference.labels is not None and len(rest) == 1:
            columns |= generator.effects(lambda z, y: self._make((z, y)), z, labels, reference)
        usual = features(self._make(self.inputs))
        # Against the averaged generator where there is one: that one is what gets used.
        other = self.generator if self.averaged is None else self.averaged
        other.eval()
        columns |= generator.eval_gap(usual, features(self._make(self.inputs, other)), reference)
        return columns if self.averaged is None else {**columns, "averaged": 1.0}

    @torch.no_grad()
    def _make(self, inputs: tuple[Any, ...], net: nn.Module | None = None) -> Tensor:
        """Images for the generator's inputs, in the shape of the reference."""
        images = images_of((self.generator if net is None else net)(*inputs))
        assert images is not None
        like = self.reference.images
        if images[0].numel() == like[0].numel():
            images = images.reshape(len(images), *like.shape[1:])
        return images.detach()


def _labels_of(inputs: tuple[Any, ...]) -> Tensor | None:
    return next((value for value in inputs[1:] if are_labels(value)), None)


def _on(device: torch.device, pair: Pair) -> Pair:
    images, labels = pair
    return images.to(device), None if labels is None else labels.to(device)
