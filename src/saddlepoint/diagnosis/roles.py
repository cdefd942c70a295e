"""What the images of each call of the discriminator are: real, made, both, or between the two.

Nobody tells the doctor. It knows the tensors that the generator gave, and recognises them by
their memory; where a loop changed them on the way (noise, augmentation), by their values.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

Role = Literal["real", "fake", "mixed", "between"]
"""between: on the way from a fake to a real image, or seen before in the same step; counts for no
side."""

_FEWEST = 8  # newest generator outputs that are kept: as many as a loop may hold at once
_MOST = 64
_NEAR = 0.6  # squared distance to the fake it may stem from, as a share of that to real images
_SURE = 3  # calls in one place of the loop until its role is taken as known


@dataclass
class Call:
    """One call of the discriminator in training."""

    role: Role
    outputs: Tensor
    """Without a graph, as the discriminator gave them for these images."""
    with_graph: bool
    """The images carry a graph: a call of the generator's step, or of a penalty."""
    n_fake: int = 0
    """In a mixed call: how many are fake, and whether they come first."""
    fake_first: bool = False
    memory: int = 0
    """Where the images begin."""


@dataclass(eq=False)
class Made:
    """What the generator gave in one call."""

    images: Tensor
    inputs: tuple[Any, ...]
    """Its latents, and its labels where it takes any."""
    judged: bool = False
    """The discriminator saw it: an image of training, not one to look at."""


@dataclass
class Roles:
    """Remembers what the generator gave, and tells what the discriminator gets."""

    real: Tensor | None = None
    """Some real images as the discriminator sees them, for the comparison by value."""
    wanted: int = 0
    """Fakes of training that are kept for the next look, at least."""
    _made: deque[Made] = field(default_factory=deque)
    _in_memory: dict[int, Made] = field(default_factory=dict)
    _has_real: bool = False
    _known: dict[tuple, list[Role]] = field(default_factory=dict)

    def made(self, images: Tensor, inputs: tuple[Any, ...] = ()) -> None:
        """The generator gave `images`."""
        new = Made(images.detach(), inputs)
        self._made.append(new)
        self._in_memory[images.untyped_storage().data_ptr()] = new
        if len(self._made) > max(_FEWEST, min(_MOST, self.wanted // max(1, len(images)) + 2)):
            old = self._made.popleft()
            pointer = old.images.untyped_storage().data_ptr()
            if self._in_memory.get(pointer) is old:
                del self._in_memory[pointer]

    def newest(self) -> list[Made]:
        """The fakes of training that are still known, newest first."""
        return [made for made in reversed(self._made) if made.judged]

    def doubt(self) -> None:
        """A step is over: where it had no real image, those given are not what the loop shows,
        and nothing is told by them."""
        if not self._has_real and self._known:
            self.real = None
            self._known.clear()

    def begin(self) -> None:
        """A look is over: the next one takes newer fakes."""
        for made in self._made:
            made.judged = False

    def role(self, images: Tensor, place: int) -> tuple[Role, int, bool]:
        """The role of a call, the number of fakes in a mixed one, and whether they come first.

        Args:
            place: how many calls came before it since the last optimiser step.
        """
        n = len(images)
        made = self._in_memory.get(images.untyped_storage().data_ptr())
        if made is not None:  # the generator's images themselves, or a part of them
            made.judged = True
            return "fake", n, False
        key = (place, images.requires_grad, images.is_leaf, images.shape[1:])
        known = self._known.setdefault(key, [])
        if len(known) >= _SURE and len(set(known)) == 1 and known[0] != "mixed":
            if known[0] == "fake" and self._made:
                self._made[-1].judged = True
            return known[0], n, False
        role, n_fake, fake_first = self._by_value(images)
        self._has_real = self._has_real or role in ("real", "mixed")
        known.append(role)
        del known[:-_SURE]
        return role, n_fake, fake_first

    @torch.no_grad()
    def _by_value(self, images: Tensor) -> tuple[Role, int, bool]:
        for kept in reversed(self._made):
            made, m = kept.images, len(kept.images)
            if made.shape[1:] != images.shape[1:] or made.dtype != images.dtype:
                continue
            if m < len(images):
                kept.judged = True
                if torch.equal(images[-m:], made):
                    return "mixed", m, False
                if torch.equal(images[:m], made):
                    return "mixed", m, True
                kept.judged = False
            elif m == len(images):
                nearness = self._nearness(images, made)
                if nearness < _NEAR:
                    between = images.requires_grad and nearness > 0.02
                    kept.judged = kept.judged or not between
                    return ("between" if between else "fake"), len(images), False
        return "real", 0, False

    def _nearness(self, images: Tensor, made: Tensor) -> float:
        """Median squared distance to the fake in the same place / that of other real images."""
        flat = made.flatten(1).float()
        own = (images.flatten(1).float() - flat).square().mean(1).median()
        if self.real is None or self.real.shape[1:] != images.shape[1:]:
            other = (images.roll(1, 0).flatten(1).float() - flat).square().mean(1).median()
        else:
            real = self.real.to(images.device)
            picked = real[torch.arange(len(flat), device=images.device) % len(real)]
            other = (picked.flatten(1).float() - flat).square().mean(1).median()
        return float(own / other.clamp_min(1e-12))


def logits_of(output: object, n: int) -> Tensor | None:
    """The judgement in what a discriminator returns for n images: a tensor whose first dimension
    is n, of several (heads, features) the one with fewest numbers. Where images are packed, one
    number stands for several of them. None when there is nothing of the kind."""
    floats = [t for t in _tensors(output) if t.dim() > 0 and t.is_floating_point() and len(t)]
    found = [t for t in floats if len(t) == n]
    if not found:
        found = [t for t in floats if n % len(t) == 0 and 1 < t.numel() == len(t)]
    return min(found, key=lambda t: t.numel()) if found else None


def images_of(output: object) -> Tensor | None:
    """The images in what a generator returns: a tensor, or the largest of several."""
    found = [t for t in _tensors(output) if t.dim() > 1 and t.is_floating_point()]
    return max(found, key=lambda t: t.numel()) if found else None


def per_image(outputs: Tensor) -> Tensor:
    """[n]: of a map of patches the mean."""
    return outputs if outputs.dim() == 1 else outputs.flatten(1).mean(1)


def _tensors(output: object) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        return [t for value in output.values() for t in _tensors(value)]
    if isinstance(output, list | tuple):
        return [t for value in output for t in _tensors(value)]
    return []
