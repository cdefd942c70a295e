"""What the images of each call of the discriminator are: real, made, both, or between the two.

Nobody tells the doctor, so it decides once a call, by the first of these that knows: the memory
that the images lie in, the graph that they carry, and at last their values.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.diagnosis.observe import graph
from saddlepoint.diagnosis.observe.trace import Call, Made, Role

_FEWEST = 8  # newest generator outputs that are kept: as many as a loop may hold at once
_MOST = 64
_NEAR = 0.6  # squared distance to the fake that an image may stem from, as a share of that to reals
_SAME = 0.02  # below this share noise alone lies between the two: no interpolate
_SIGMAS = 5  # standard errors; docs/log.md: which images are fakes, by value
_ENOUGH = 8  # images, so that the standard error means something
_SURE = 3  # calls in one place of the loop until its role is taken as known
_ROWS = 4  # first images by which a batch is recognised as one that was judged before


@dataclass(frozen=True)
class Origin:
    """The role of a call, and whom its images came from."""

    role: Role
    maker: Made | None = None
    fakes: Tensor | None = None
    """bool [n] of a mixed call."""


class Roles:
    """Remembers what the generator gave, and decides what the discriminator gets.

    Args:
        real: some real images [n, ...] as the discriminator sees them, for comparison by value.
        wanted: fakes of training that are to be remembered, at least.
    """

    def __init__(self, real: Tensor, wanted: int = 0) -> None:
        self.real, self.wanted = real, wanted
        self.made: deque[Made] = deque()
        self._in_memory: dict[int, Made] = {}
        # Fakes were seen just as they were made, or with something between the two nets.
        self._undisguised = self._disguised = False
        self._known: dict[tuple, list[Role]] = {}

    def remember(self, made: Made, given: Tensor) -> None:
        """The generator gave images, `given` with their graph."""
        self.made.append(made)
        self._in_memory[_memory(made.images)] = made
        graph.mark(given, made)
        if len(self.made) > max(_FEWEST, min(_MOST, self.wanted // max(1, len(given)) + 2)):
            old = self.made.popleft()
            if self._in_memory.get(_memory(old.images)) is old:
                del self._in_memory[_memory(old.images)]

    def newest(self) -> list[Made]:
        """The fakes of training that are still known, newest first."""
        return [made for made in reversed(self.made) if made.judged]

    def end_check(self) -> None:
        """The next check takes newer fakes."""
        for made in self.made:
            made.judged = False

    def of(self, images: Tensor, before: Sequence[Call]) -> Origin:
        """The origin of a call's images.

        Args:
            before: the discriminator's other calls since its optimiser stepped.
        """
        made = self._in_memory.get(_memory(images))
        if made is None and images.grad_fn is not None:
            made = graph.marked(images)
            if made is not None and _lie_between(images, before):
                return Origin("between", made)
            self._disguised = self._disguised or made is not None
        if made is not None:
            self._undisguised = self._undisguised or not images.requires_grad
            return _from(made, images)
        # Values can only be compared by waiting for the device: a place in the loop that has always
        # had one role is taken to keep it.
        place = (len(before), images.requires_grad, images.is_leaf, images.shape[1:])
        known = self._known.setdefault(place, [])
        if len(known) >= _SURE and len(set(known)) == 1 and known[0] != "mixed":
            newest = self.made[-1] if known[0] == "fake" and self.made else None
            return Origin(known[0], newest)
        origin = self._by_value(images.detach(), images.requires_grad, before)
        known.append(origin.role)
        del known[:-_SURE]
        return origin

    @torch.no_grad()
    def _by_value(self, images: Tensor, asks_gradient: bool, before: Sequence[Call]) -> Origin:
        if asks_gradient and _lie_between(images, before):
            return Origin("between")
        for made in list(reversed(self.made))[:_FEWEST]:
            found = rows_of(images, made.images)
            if 2 * int(found.sum()) >= min(len(images), len(made.images)):
                self._undisguised = self._undisguised or not asks_gradient
                return _from(made, images)
            if made.images.shape != images.shape:
                continue
            nearness = _nearness(images, made.images, self._reals_like(images))
            if asks_gradient:  # interpolates, where the real images have not been judged yet
                if nearness < _NEAR:
                    return Origin("between" if nearness > _SAME else "fake", made)
            # A loop that shows fakes as they were made does not also show them behind noise.
            elif not self._undisguised and (
                _nearer_to_own(images, made.images) or (self._disguised and nearness < _NEAR)
            ):
                return Origin("fake", made)
        return Origin("real")

    def _reals_like(self, images: Tensor) -> Tensor:
        """Real images, as many as these; the images themselves in another order where the doctor
        was given none of their shape."""
        if self.real.shape[1:] != images.shape[1:]:
            return images.roll(1, 0)
        index = torch.arange(len(images), device=images.device) % len(self.real)
        return self.real.to(images.device)[index]


def _nearness(images: Tensor, made: Tensor, reals: Tensor) -> float:
    """Median squared distance to the fake in the same place / that of real images; 1 where it may
    be by chance that they are nearer."""
    own, usual = _distance(images, made), _distance(reals, made)
    if not _is_clear(usual - own):
        return 1.0
    return float(own.median() / usual.median().clamp_min(1e-12))


def _nearer_to_own(images: Tensor, made: Tensor) -> bool:
    """Whether images behind noise or an augmentation stem from fakes: each is then nearer to the
    fake in its place than to the next one."""
    return _is_clear(_distance(images, made.roll(1, 0)) - _distance(images, made))


def _is_clear(gain: Tensor) -> bool:
    """Whether the mean of [n] is above 0 by more than chance."""
    n = len(gain)
    return n >= _ENOUGH and bool(gain.mean() > _SIGMAS * gain.std() / n**0.5)


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """[n] squared, per number."""
    return (a.flatten(1).float() - b.flatten(1).float()).square().mean(1)


@torch.no_grad()
def judged_again(images: Tensor, earlier: Call) -> bool:
    """Whether a call gets the first images of an earlier one once more."""
    old = earlier.images
    if images.data_ptr() == old.data_ptr():
        # A buffer that was written to in between holds another batch.
        return images.is_inference() or images._version == earlier.version
    rows = images[:_ROWS]
    return rows.shape == old[:_ROWS].shape and torch.equal(rows, old[:_ROWS].to(rows.dtype))


def rows_of(images: Tensor, made: Tensor) -> Tensor:
    """bool [n]: which images are among those that were made, labels joined behind them or not."""
    fakes = made.flatten(1).float()
    rows = images.flatten(1)[:, : fakes.shape[1]].float()
    if rows.shape[1] < fakes.shape[1]:
        return torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    some = slice(None, None, max(1, fakes.shape[1] // 16))
    alike = (rows[:, None, some] == fakes[None, :, some]).all(2)
    # A few pixels find the fake that an image may be; all of them decide.
    return alike.any(1) & (rows == fakes[alike.int().argmax(1)]).all(1)


@torch.no_grad()
def lie_on_line(images: Tensor, real: Tensor, fake: Tensor) -> bool:
    """True when each image lies on the line from its fake to its real image, and one between."""
    if not images.shape == real.shape == fake.shape:
        return False
    x, r, f = (t.float().flatten(1) for t in (images, real, fake))
    line = r - f
    length = line.square().sum(1, keepdim=True).clamp_min(1e-12)
    share = ((x - f) * line).sum(1, keepdim=True) / length
    off = (x - f - share * line).norm(dim=1) / length.squeeze(1).sqrt()
    return bool((off < 1e-2).all()) and bool(((share > 1e-4) & (share < 1 - 1e-4)).any())


def _lie_between(images: Tensor, before: Sequence[Call]) -> bool:
    newest = before[-4:]
    pairs = [(r, f) for r in newest for f in newest if r.role == "real" and f.role == "fake"]
    return any(lie_on_line(images.detach(), r.images, f.images) for r, f in pairs)


@torch.no_grad()
def _from(made: Made, images: Tensor) -> Origin:
    """Fakes, or a batch of both that holds more images than were made."""
    if len(images) <= len(made.images):
        return Origin("fake", made)
    rows = rows_of(images.detach(), made.images)
    mixed = bool(rows.any()) and not bool(rows.all())
    return Origin("mixed", made, rows) if mixed else Origin("fake", made)


def _memory(images: Tensor) -> int:
    return images.untyped_storage().data_ptr()
