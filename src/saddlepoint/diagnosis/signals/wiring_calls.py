"""Which call of the discriminator saw real images, which saw fakes, and what its loss did to it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.roles import logits_of
from saddlepoint.diagnosis.signals.wiring_graph import (
    REACH,
    batch_norms,
    comes_from,
    last_operation,
)

_ALIKE = 0.2  # how much more a disguised fake resembles its own image than another one

Safely = Callable[..., None]
"""Calls its first argument with the others, and lets nothing out that goes wrong."""


@dataclass(eq=False)
class Call:
    """One call of the discriminator in training."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    images: Tensor
    """float [n, ...], without its graph."""
    outputs: Tensor
    """float [n, ...], without its graph."""
    fake: Tensor
    """bool [n]: which images came from the generator."""
    attached: bool
    """The images lead back to the generator: its gradient flows through this call."""
    evaluation: bool
    """A BatchNorm layer ran in evaluation mode."""
    maker_in_evaluation: bool
    """A BatchNorm layer of the generator ran in evaluation mode when these fakes were made."""
    last: str | None
    """The discriminator's last operation."""
    reach: tuple[float, float] | None
    """What the last operation before the fakes can give."""
    slopes: list[tuple[int, Tensor]] = field(default_factory=list)
    """(moment, dLoss/dOutput [n, ...]) of each backward pass through the output."""
    input_gradient: Tensor | None = None
    """dOutput/dImage, where the loop asked for it by itself."""
    graph_kept: bool = False
    """That gradient was asked for with its graph."""
    pull: Tensor | None = None
    """dLoss/d(input_gradient)."""
    between: bool = False
    """The images lie between real ones and fakes."""

    @property
    def mixed(self) -> bool:
        return bool(self.fake.any()) and not bool(self.fake.all())


@dataclass(eq=False)
class Made:
    """One call of the generator."""

    images: Tensor
    node: Any
    last: str | None
    evaluation: bool


class Calls:
    """Remembers the calls since the last look; changes nothing of them."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, safely: Safely) -> None:
        self.safely = safely
        self.generator = generator
        self.discriminator = discriminator
        self.made: deque[Made] = deque(maxlen=8)
        self.seen: deque[Call] = deque(maxlen=64)
        self.plain = False
        """The discriminator got fakes just as they were made, so none come in disguise."""
        self.moment = 0
        """Counts everything that happens, so that its order is known."""

    def tick(self) -> int:
        self.moment += 1
        return self.moment

    def on_generator(self, outputs: Any) -> None:
        images = first_tensor(outputs)
        if images is None:
            return
        evaluation = any(_frozen_statistics(layer) for layer in batch_norms(self.generator))
        last = last_operation(images, self.generator)
        self.made.append(Made(images.detach(), images.grad_fn, last, evaluation))

    def on_discriminator(self, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> None:
        images = self._images([*args, *kwargs.values()])
        outputs = None if images is None else logits_of(out, len(images))
        if images is None or outputs is None or not outputs.requires_grad:
            return  # not a call that anything is learnt from
        if len(outputs) != len(images):
            return  # packed images: no output belongs to one of them
        maker = self._maker(images)
        last = last_operation(outputs, self.discriminator)
        call = Call(
            args=tuple(args),
            kwargs=dict(kwargs),
            images=images.detach(),
            outputs=outputs.detach(),
            fake=self._fake_rows(images, maker),
            attached=images.grad_fn is not None and maker is not None,
            evaluation=any(_frozen_statistics(layer) for layer in batch_norms(self.discriminator)),
            maker_in_evaluation=maker is not None and maker.evaluation,
            last=last,
            reach=_reach(images, maker, self.generator),
        )
        self.seen.append(call)
        outputs.register_hook(lambda slope: self.safely(self._on_slope, call, slope))
        if images.requires_grad:
            images.register_hook(lambda given: self.safely(self._on_input_gradient, call, given))

    def forget(self) -> None:
        self.seen.clear()
        self.made.clear()

    def pixels(self, call: Call) -> Tensor:
        """float [n, d]: the images of a call without label maps that were joined to them."""
        rows = call.images.flatten(1)
        return rows[:, : self.made[-1].images[0].numel()] if self.made else rows

    def _images(self, inputs: Sequence[Any]) -> Tensor | None:
        """The images among a call's inputs: what looks like the generator's, else the first."""
        shapes = {made.images.shape[1:] for made in self.made}
        for item in inputs:
            if isinstance(item, Tensor) and item.is_floating_point() and item.shape[1:] in shapes:
                return item
        return first_tensor(inputs)

    def _maker(self, images: Tensor) -> Made | None:
        """The call of the generator that some of these images came from."""
        for made in reversed(self.made):
            if images.grad_fn is not None and made.node is not None:
                if comes_from(images, {made.node}):
                    return made
            elif _same(images, made.images) or _rows_of(images, made.images).any():
                self.plain = True
                return made
        for made in reversed(self.made if not self.plain else ()):
            if made.images.shape == images.shape and _disguised(images.detach(), made.images):
                return made
        return None

    def _fake_rows(self, images: Tensor, maker: Made | None) -> Tensor:
        n = len(images)
        if maker is None:
            return torch.zeros(n, dtype=torch.bool, device=images.device)
        everything = torch.ones(n, dtype=torch.bool, device=images.device)
        if n <= len(maker.images):
            return everything
        rows = _rows_of(images.detach(), maker.images)
        return rows if rows.any() else everything

    def _on_slope(self, call: Call, slope: Tensor) -> None:
        # With a graph it is a penalty's question after the gradient, and no loss.
        if not torch.is_grad_enabled():
            call.slopes.append((self.tick(), slope.detach().clone()))

    def _on_input_gradient(self, call: Call, gradient: Tensor) -> None:
        if torch.is_grad_enabled():
            call.input_gradient, call.graph_kept = gradient.detach(), True
            if gradient.requires_grad:
                gradient.register_hook(lambda pull: self.safely(self._on_pull, call, pull))
        elif call.input_gradient is None and not call.attached:
            call.input_gradient = gradient.detach()

    def _on_pull(self, call: Call, pull: Tensor) -> None:
        call.pull = pull.detach().clone()


def first_tensor(outputs: Any) -> Tensor | None:
    """The first tensor with a floating type among (nested) outputs or arguments: a net's images,
    whatever else it takes or gives."""
    if isinstance(outputs, Tensor):
        return outputs if outputs.is_floating_point() and outputs.dim() > 0 else None
    if isinstance(outputs, Mapping):
        outputs = list(outputs.values())
    if isinstance(outputs, Sequence) and not isinstance(outputs, str):
        for item in outputs:
            found = first_tensor(item)
            if found is not None:
                return found
    return None


def per_image(values: Tensor, n: int) -> Tensor:
    """Mean over everything but the images: float32 [n]."""
    return values.detach().float().reshape(n, -1).mean(1)


def is_between(images: Tensor, real: Tensor, fake: Tensor) -> bool:
    """True when each image lies on the line from its fake to its real image."""
    if not images.shape == real.shape == fake.shape:
        return False
    x, r, f = (t.detach().float().flatten(1) for t in (images, real, fake))
    line = r - f
    share = ((x - f) * line).sum(1, keepdim=True) / line.square().sum(1, keepdim=True).clamp_min(
        1e-12
    )
    off = (x - f - share * line).norm(dim=1) / line.norm(dim=1).clamp_min(1e-12)
    inside = (share > 1e-4) & (share < 1 - 1e-4)
    return bool((off < 1e-2).all()) and bool(inside.any())


def _reach(images: Tensor, maker: Made | None, generator: nn.Module) -> tuple[float, float] | None:
    if maker is None:
        return None
    if _same(images, maker.images):
        return REACH.get(maker.last or "")
    if images.grad_fn is not None:  # something lies between the two nets: look at its end
        return REACH.get(last_operation(images, nn.Identity()) or "")
    return None


def _frozen_statistics(layer: nn.Module) -> bool:
    return not layer.training and getattr(layer, "running_mean", None) is not None


def _same(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.data_ptr() == b.data_ptr() or bool(torch.equal(a.detach(), b))


def _rows_of(images: Tensor, made: Tensor) -> Tensor:
    """bool [n]: which images are rows of what was made."""
    all_made = made.flatten(1)
    rows = images.detach().flatten(1)[:, : all_made.shape[1]]  # labels may be joined behind
    if rows.dtype != all_made.dtype or rows.shape[1] < all_made.shape[1]:
        return torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    same_sum = torch.isin(rows[:, 0], all_made[:, 0])
    found = torch.zeros_like(same_sum)
    for index in same_sum.nonzero().flatten().tolist():
        found[index] = bool((all_made == rows[index]).all(1).any())
    return found


def _disguised(images: Tensor, made: Tensor) -> bool:
    """Fakes behind noise or an augmentation: each still resembles itself more than the others."""
    if len(images) < 4:
        return False
    x, f = images.float().flatten(1), made.float().flatten(1)
    x, f = x - x.mean(0), f - f.mean(0)
    x, f = nn.functional.normalize(x), nn.functional.normalize(f)
    own, other = (x * f).sum(1).mean(), (x * f.roll(1, 0)).sum(1).mean()
    return math.isfinite(float(own)) and bool(own - other > _ALIKE)
