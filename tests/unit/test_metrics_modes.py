"""Modes of mixtures and of classes, on planted sets."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison, FeatureSet, Measured
from saddlepoint.core.registry import get
from saddlepoint.data.sources.mixtures import Grid25, Ring8


def of_points(points: Tensor, source: Ring8 | Grid25, n_bootstrap: int = 0) -> dict[str, Measured]:
    both = FeatureSet(vectors=points.float())
    centres = torch.from_numpy(source.centres()).double()
    comparison = Comparison(
        real=both, fake=both, modes=centres, mode_std=source.std, n_bootstrap=n_bootstrap
    )
    return get("metric", "mixture-modes")().measure(comparison)


def of_classes(fake: list[int], real: list[int], classes: int) -> dict[str, Measured]:
    sides = []
    for seen in (fake, real):
        logits = 9 * torch.nn.functional.one_hot(torch.tensor(seen), classes).float()
        labels = torch.tensor(seen)
        sides.append(FeatureSet(vectors=torch.zeros(len(seen), 2), logits=logits, labels=labels))
    comparison = Comparison(real=sides[1], fake=sides[0], n_bootstrap=50)
    return get("metric", "class-modes")().measure(comparison)


@pytest.mark.parametrize("source", [Ring8(), Grid25()])
def test_planted_modes_are_counted(source: Ring8 | Grid25) -> None:
    centres = torch.from_numpy(source.centres()).double()
    n_modes = len(centres)
    # Three modes: a point on the first, two on the second, one just inside the third, one outside.
    inside, outside = 2.99 * source.std, 3.01 * source.std
    step = torch.tensor([1.0, 0.0], dtype=torch.float64)
    points = centres[[0, 1, 1, 2, 3]]
    points[3] += inside * step
    points[4] += outside * step
    found = of_points(points, source)
    assert found["modes"].value == 3
    assert found["modes"].note == f"of {n_modes}"
    assert found["high_quality"].value == pytest.approx(4 / 5)
    shares = (1 / 4, 2 / 4, 1 / 4)
    expected = sum(share * math.log(share * n_modes) for share in shares)
    assert found["reverse_kl"].value == pytest.approx(expected)
    assert found["mode_spread"].value == pytest.approx(math.sqrt(2.99**2 / 2 / 4), rel=1e-4)
    assert found["mode_spread"].note == "of single modes: 0.00 (mode 0) to 2.11 (mode 2)"


def test_no_point_near_a_mode() -> None:
    found = of_points(torch.full((5, 2), 50.0), Ring8())
    assert found["modes"].value == found["high_quality"].value == 0
    assert set(found) == {"modes", "high_quality"}


def test_samples_of_the_mixture_reach_its_noise_floor() -> None:
    source = Ring8()
    generator = torch.Generator().manual_seed(0)
    centres = torch.from_numpy(source.centres()).double()
    floors, spreads = [], []
    for _ in range(20):
        chosen = torch.randint(8, (2500,), generator=generator)
        noise = torch.randn(2500, 2, generator=generator, dtype=torch.float64) * source.std
        found = of_points(centres[chosen] + noise, source)
        floors.append(found["reverse_kl"].value)
        spreads.append(found["mode_spread"].value)
    assert found["reverse_kl"].note == "noise floor of 2,500 perfect samples: 0.0014"
    assert sum(floors) / 20 == pytest.approx(0.0014, rel=0.35)
    # A Rayleigh distance that is cut off at 3 deviations: E r^2 / 2 = 1 - 4.5 / (exp(4.5) - 1).
    assert sum(spreads) / 20 == pytest.approx(math.sqrt(1 - 4.5 / (math.exp(4.5) - 1)), rel=3e-3)


def test_a_narrow_mode_is_named() -> None:
    source = Ring8()
    generator = torch.Generator().manual_seed(0)
    centres = torch.from_numpy(source.centres()).double()
    chosen = torch.arange(8).repeat_interleave(500)
    noise = torch.randn(4000, 2, generator=generator, dtype=torch.float64) * source.std
    noise[chosen == 5] *= 0.1
    found = of_points(centres[chosen] + noise, source, n_bootstrap=50)
    assert found["mode_spread"].note.startswith("of single modes: 0.10 (mode 5) to ")
    for name in ("mode_spread", "reverse_kl", "high_quality"):
        one = found[name]
        assert one.interval is not None
        low, high = one.interval
        assert low < one.value < high


def test_planted_classes_are_counted() -> None:
    found = of_classes([0] * 30 + [2] * 10, [0, 1, 2, 3] * 100, 4)
    assert found["class_modes"].value == 2
    assert found["class_modes"].note == "of 4"
    expected = 0.75 * math.log(0.75 * 4) + 0.25 * math.log(0.25 * 4)
    assert found["class_reverse_kl"].value == pytest.approx(expected)
    assert found["class_reverse_kl"].note == "noise floor of 40 perfect samples: 0.0375"
    uniform = 0.75 * math.log(0.75 * 4) + 0.25 * math.log(0.25 * 4)
    assert found["class_kl_uniform"].value == pytest.approx(uniform)
    assert found["class_kl_uniform"].note == "of 400 real images: 0.0000"
    interval = found["class_reverse_kl"].interval
    assert interval is not None
    assert interval[0] < expected < interval[1]


def test_stacked_mnist_has_a_number_of_samples_of_its_own() -> None:
    labels = list(range(1000))
    assert "published protocol takes 26,000" in of_classes(labels, labels, 1000)["class_modes"].note
    assert of_classes(labels * 26, labels, 1000)["class_modes"].note == "of 1,000"
