"""Latents by seed, and walks between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot


def latents(seeds: Sequence[int], latent_dim: int) -> Tensor:
    """One latent per seed, from a CPU generator of its own: it depends neither on the device nor
    on the other seeds.

    Returns:
        float32 [n, latent_dim] on the CPU, each entry from N(0, 1).
    """
    source = torch.Generator("cpu")
    z = torch.empty(len(seeds), latent_dim)
    for row, seed in zip(z, seeds, strict=True):
        row.copy_(torch.randn(latent_dim, generator=source.manual_seed(int(seed))))
    return z


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Spherical interpolation: along a great circle, with linearly changing length.

    Latents from N(0, I) lie near a sphere of radius sqrt(d); a straight line would cut through
    its inside, where the generator was never trained.

    Args:
        start, end: float [d].
        share: float [n] in [0, 1].

    Returns:
        float [n, d].
    """
    length_a, length_b = start.norm(), end.norm()
    if length_a == 0 or length_b == 0:  # the centre has no direction
        return start + share[:, None] * (end - start)
    a, b = start / length_a, end / length_b
    angle = torch.arccos((a * b).sum().clamp(-1, 1))
    share = share[:, None]
    if torch.sin(angle) < 1e-4:  # parallel, or opposite: no great circle is special
        direction = a + share * (b - a)
    else:
        # Shoemake 1985: sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b, w the angle between them.
        direction = torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b
        direction = direction / torch.sin(angle)
    return direction * (length_a + share * (length_b - length_a))


def walk(z: Tensor, steps: int, loop: bool = False) -> Tensor:
    """From each latent to the next, by `slerp`.

    Args:
        z: float32 [n, d].
        steps: frames from one latent to the next, without the next one.
        loop: go on from the last latent to the first.

    Returns:
        float32 [(n - 1) * steps + 1, d], or [n * steps, d] when it loops.
    """
    return torch.cat([slerp(z[i], z[j], share) for i, j, share in _legs(len(z), steps, loop)])


def walk_of_labels(labels: Tensor, steps: int, loop: bool = False, n_classes: int = 0) -> Tensor:
    """What a generator is given for its labels on a `walk`.

    Args:
        labels: of each latent, int64 [n], or shares of the classes, float32 [n, n_classes].
        n_classes: of a generator that mixes labels; 0 for one that does not, which keeps the label
            of the latent it comes from.

    Returns:
        int64 [n_frames], or shares of the classes, float32 [n_frames, n_classes].
    """
    if n_classes and not labels.is_floating_point() and (labels != labels[0]).any():
        labels = one_hot(labels, n_classes).float()
    legs = _legs(len(labels), steps, loop)
    if not labels.is_floating_point():
        return torch.cat([labels[i].expand(len(share)) for i, _, share in legs])
    return torch.cat([torch.lerp(labels[i], labels[j], share[:, None]) for i, j, share in legs])


def _legs(n: int, steps: int, loop: bool) -> Iterator[tuple[int, int, Tensor]]:
    """(from, to, shares of the way) of each leg."""
    share = torch.arange(steps) / steps
    for start in range(n if loop else n - 1):
        yield start, (start + 1) % n, share
    if not loop:  # the last one itself
        yield n - 1, 0, share[:1]
