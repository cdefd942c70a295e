"""How many known modes are covered: of mixtures of points, and of labelled classes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison, Measured, Metric
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import interval_of, mean_of

STACKED_SAMPLES = 26_000
"""Samples in the protocol for stacked-mnist, since Metz et al. 2017."""
HIGH_QUALITY = 3.0
"""A point within this many standard deviations of a centre is of high quality."""


def reverse_kl(counts: Tensor, expected: Tensor) -> float:
    """KL(counts / n || expected) in nats, of counts or weights [modes] and expected shares."""
    shares = counts.double() / counts.sum()
    seen = shares > 0
    return (shares[seen] * (shares[seen] / expected[seen].clamp_min(1e-300)).log()).sum().item()


@register("mixture-modes")
@dataclass(frozen=True, kw_only=True)
class MixtureModes(Metric):
    """Covered modes of ring8 and grid25, the share of good points, and their spread.

    A point within 3 standard deviations of its nearest centre is of high quality, and a mode with
    such a point is covered. mode_spread is the standard deviation of the good points about their
    centres, relative to the true one; its note has those of single modes. reverse_kl is the KL
    divergence of the mode histogram from the uniform one.
    Protocol: Lin et al. 2018 (PacGAN), https://arxiv.org/abs/1712.04086, section 4.1, there with
    2,500 samples.
    """

    def unfit(self, comparison: Comparison) -> str:
        return "" if comparison.modes is not None else "the modes of this data are not known"

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        assert comparison.modes is not None
        points = comparison.fake.vectors.double()
        centres = comparison.modes
        distance, mode = torch.cdist(points, centres).min(1)
        good = distance <= HIGH_QUALITY * comparison.mode_std
        counts = mode[good].bincount(minlength=len(centres))
        n = len(centres)
        covered = float((counts > 0).sum())
        found = {
            "modes": Measured(value=covered, note=f"of {n}", better="higher"),
            "high_quality": mean_of(good, comparison, "high-quality"),
        }
        # Without any good point there is no spread and no histogram to speak of.
        if good.any():
            squares = (points - centres[mode]).square().mean(1) / comparison.mode_std**2
            found["mode_spread"] = _spread(mode[good], squares[good], good, comparison)
            uniform = torch.full((n,), 1 / n, dtype=torch.float64)
            found["reverse_kl"] = _reverse_kl(mode[good], good, uniform, comparison, "reverse-kl")
        return found


def _spread(mode: Tensor, squares: Tensor, good: Tensor, comparison: Comparison) -> Measured:
    """mode int64 [g] and squares float64 [g] of the good points; good bool [n]."""
    value = squares.mean().sqrt().item()

    def replicate(_: Tensor, shares: Tensor) -> float:
        weights = shares[good].double()
        return (weights @ squares / weights.sum()).sqrt().item()

    counts = mode.bincount()
    covered = counts.nonzero()[:, 0]
    each = (mode.bincount(squares)[covered] / counts[covered]).sqrt()
    ends = (f"{each[i]:.2f} (mode {covered[i]})" for i in (each.argmin(), each.argmax()))
    return Measured(
        value=value,
        interval=interval_of(value, replicate, comparison, "mode-spread"),
        note="of single modes: " + " to ".join(ends),
    )


def _reverse_kl(
    mode: Tensor, good: Tensor, expected: Tensor, comparison: Comparison, name: str
) -> Measured:
    """mode int64 [g] of the counted samples (good bool [n]), expected shares float64 [modes]."""
    n_modes, n = len(expected), len(good)
    value = reverse_kl(mode.bincount(minlength=n_modes), expected)

    def replicate(_: Tensor, shares: Tensor) -> float:
        return reverse_kl(mode.bincount(shares[good], minlength=n_modes), expected)

    interval = interval_of(value, replicate, comparison, name)
    # The average for perfect samples, which by chance is not 0.
    note = f"noise floor of {n:,} perfect samples: {(n_modes - 1) / (2 * n):.4f}"
    return Measured(value=value, interval=interval, note=note, better="lower")


@register("class-modes")
@dataclass(frozen=True, kw_only=True)
class ClassModes(Metric):
    """Classes that appear among the samples, according to the extractor's classifier.

    The measure for stacked-mnist (1,000 classes, 26,000 samples, features by-colour): class_modes
    counts the classes with at least one sample; class_reverse_kl is KL(classes of samples ||
    classes of real images). The classifier labels the real images too: its mistakes then do not
    look like the generator's. class_kl_uniform is KL(classes of samples || all classes equally
    likely), which papers publish; its note has that of the real images, which is its floor.
    Protocol: Metz et al. 2017, https://arxiv.org/abs/1611.02163, section 3.3.
    """

    def unfit(self, comparison: Comparison) -> str:
        if comparison.fake.logits is None or comparison.real.logits is None:
            return "the features have no classes"
        if comparison.real.labels is None:
            return "the data has no classes"
        return ""

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        assert comparison.fake.logits is not None
        assert comparison.real.logits is not None
        n_classes = comparison.fake.logits.shape[1]
        seen = comparison.fake.logits.argmax(1)
        covered = float((seen.bincount() > 0).sum())
        real = comparison.real.logits.argmax(1).bincount(minlength=n_classes)
        n = len(comparison.fake)
        everyone = torch.ones(n, dtype=torch.bool)
        # One image is added to each class, so that one missing by chance is not impossible.
        expected = (real.double() + 1) / (real.sum() + n_classes)
        few = n_classes == 1000 and n != STACKED_SAMPLES
        protocol = f"; the published protocol takes {STACKED_SAMPLES:,} samples" if few else ""
        note = f"of {n_classes:,}{protocol}"
        kl = _reverse_kl(seen, everyone, expected, comparison, "class-reverse-kl")
        uniform = torch.full((n_classes,), 1 / n_classes, dtype=torch.float64)
        published = _reverse_kl(seen, everyone, uniform, comparison, "class-kl-uniform")
        floor = f"of {real.sum():,} real images: {reverse_kl(real, uniform):.4f}"
        return {
            "class_modes": Measured(value=covered, note=note, better="higher"),
            "class_reverse_kl": kl,
            "class_kl_uniform": replace(published, note=floor),
        }
