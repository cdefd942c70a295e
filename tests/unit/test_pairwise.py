"""Neighbours, balls and kernels by tiles, against all pairs at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from saddlepoint.core.measures import Comparison, FeatureSet
from saddlepoint.evaluation.metrics import _pairwise
from saddlepoint.evaluation.metrics._kernel import N_SUBSETS, members
from saddlepoint.evaluation.metrics._neighbours import (
    ROUNDING,
    Inside,
    Nearest,
    Points,
    below,
)
from saddlepoint.evaluation.metrics._pairwise import neighbours, pairwise, real_pairs


def compare(real: Tensor, fake: Tensor, **settings: object) -> Comparison:
    return Comparison(
        real=FeatureSet(vectors=real.float()),
        fake=FeatureSet(vectors=fake.float()),
        n_bootstrap=0,
        **settings,  # type: ignore[arg-type]  # a test's shorthand
    )


def all_squares(a: Tensor, b: Tensor) -> Tensor:
    """By the definition, float64 [n, m]."""
    return (a.double()[:, None] - b.double()[None]).square().sum(2)


def radii(x: Tensor, k: int) -> Tensor:
    squares = all_squares(x, x).fill_diagonal_(torch.inf)
    return squares.sort(1).values[:, k - 1]


def check_against_all_pairs(real: Tensor, fake: Tensor, k: int) -> None:
    found = pairwise(compare(real, fake, k=k))
    found_radii = [real_pairs(compare(*sides, k=k)).radii for sides in ((real, fake), (fake, real))]
    real, fake = real.float(), fake.float()
    real_radii, fake_radii = radii(real, k), radii(fake, k)
    squares = all_squares(real, fake)
    torch.testing.assert_close(found_radii[0], real_radii, rtol=1e-12, atol=0)
    torch.testing.assert_close(found_radii[1], fake_radii, rtol=1e-12, atol=0)

    # Equality of a distance and a radius may round either way in the last bit of float64.
    def is_between(count: Callable[[Tensor, Tensor], Tensor], of: Tensor, r: Tensor) -> bool:
        fewest = count(squares, r * (1 - 1e-12))
        most = count(squares, r * (1 + 1e-12))
        return bool(((fewest <= of) & (of <= most)).all())

    column = real_radii[:, None]
    assert is_between(lambda s, r: (s <= r).sum(0), found.n_balls, column)
    assert is_between(lambda s, r: (s <= r).any(1).int(), found.covered.int(), column)
    assert is_between(
        lambda s, r: (s <= r).any(1).int(), found.inside_fake.int(), fake_radii[None, :]
    )


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pairwise, "TILE", 7)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("offset", [0.0, 300.0])
@pytest.mark.usefixtures("small_tiles")
def test_counts_are_those_of_all_pairs(k: int, offset: float) -> None:
    """A mean far from 0 costs a matrix product its digits; the counts do not notice."""
    torch.manual_seed(0)
    real = torch.randn(33, 6) + offset
    fake = torch.cat([torch.randn(20, 6) * 0.7 + offset, real[:5]])
    check_against_all_pairs(real, fake, k)


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(4, 30),
    m=st.integers(4, 30),
    d=st.integers(1, 5),
    tile=st.integers(1, 40),
    distinct=st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_ties_and_duplicates_at_any_tile(
    seed: int, n: int, m: int, d: int, tile: int, distinct: int
) -> None:
    """Points on a coarse lattice: many equal distances, many equal points."""
    generator = torch.Generator().manual_seed(seed)
    real = torch.randint(distinct, (n, d), generator=generator).float()
    fake = torch.randint(distinct, (m, d), generator=generator).float()
    before, _pairwise.TILE = _pairwise.TILE, tile
    try:
        check_against_all_pairs(real, fake, 3)
    finally:
        _pairwise.TILE = before


@pytest.mark.usefixtures("small_tiles")
def test_points_closer_than_float32_can_tell() -> None:
    """A collapsed generator: all fakes alike to the fifth digit, far from the data."""
    torch.manual_seed(1)
    real = torch.randn(40, 16) * 10
    fake = 30 + torch.randn(1, 16) + 1e-4 * torch.randn(40, 16)
    check_against_all_pairs(real, fake, 3)


def test_rounding_is_bounded() -> None:
    """The bound that decides which pairs get a second look, at Inception's 2,048 features."""
    torch.manual_seed(0)
    x = torch.relu(torch.randn(200, 2048)) * torch.rand(2048)
    x[100:] = x[:100] + 1e-3 * torch.randn(100, 2048)
    for dtype, bound in ROUNDING.items():
        points = Points.of(x, x.double().mean(0), "cpu", dtype)
        centred = points.centred(slice(0, len(x)), points.room(len(x)))
        rough = _pairwise.to_squares(centred @ centred.T, points.squares, points.squares)
        exact = torch.stack([(row.double() - x.double()).square().sum(1) for row in x])
        error = (rough.double() - exact).abs() / (points.squares[:, None] + points.squares)
        assert error.max() < bound / 4


@pytest.mark.parametrize("scale", [2.0**-60, 2.0**30, 2.0**90])
def test_the_scale_of_features_does_not_matter(scale: float) -> None:
    """Of large ones, neither squared distances nor the third power of products fit float32."""
    torch.manual_seed(0)
    real, fake = torch.randn(60, 8), torch.randn(50, 8) * 0.9
    found, expected = pairwise(compare(real * scale, fake * scale)), pairwise(compare(real, fake))
    for name in ("n_balls", "covered", "inside_fake"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    torch.testing.assert_close(found.realism, expected.realism, rtol=1e-4, atol=0)
    assert np.isfinite(found.kernel.squared_mmds()[1])


def test_kid_of_features_far_from_zero_is_finite() -> None:
    """Close to each other, but with products whose third power is beyond float32."""
    torch.manual_seed(0)
    found = pairwise(compare(torch.randn(60, 8) + 1e7, torch.randn(50, 8) + 1e7))
    assert np.isfinite(found.kernel.squared_mmds()[1])


def test_a_set_covers_itself() -> None:
    torch.manual_seed(0)
    x = torch.randn(300, 12)
    found = pairwise(compare(x, x))
    assert (found.n_balls > 0).all()
    assert found.covered.all()
    assert found.inside_fake.all()


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 20),
    m=st.integers(1, 200),
    distinct=st.integers(1, 9),
    transposed=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_below_finds_every_pair_and_no_other(
    seed: int, n: int, m: int, distinct: int, transposed: bool
) -> None:
    """Blocks that do not fill the tile, equal values, limits of 0 and infinity, infinite values."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.cat([torch.arange(distinct).float(), torch.tensor([torch.inf])])
    squares = values[torch.randint(distinct + 1, (m, n), generator=generator)].T
    squares = squares if transposed else squares.contiguous()
    limits = values[torch.randint(distinct + 1, (n,), generator=generator)]
    found = sorted(zip(*(axis.tolist() for axis in below(squares, limits)), strict=True))
    assert found == [tuple(pair) for pair in (squares < limits[:, None]).nonzero().tolist()]


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 12),
    m=st.integers(6, 300),
    tile=st.integers(1, 150),
    distinct=st.integers(1, 40),
)
@settings(max_examples=80, deadline=None)
def test_nearest_of_tiles_are_those_of_all_at_once(
    seed: int, n: int, m: int, tile: int, distinct: int
) -> None:
    """On whole numbers, so that many distances are equal and some points lie on each other."""
    generator = torch.Generator().manual_seed(seed)
    squares = torch.randint(distinct, (n, m), generator=generator).float()
    rows = Points.of(torch.zeros(n, 1), torch.zeros(1), "cpu", torch.float32)
    nearest = Nearest(rows, 6)
    for columns in _pairwise.tiles(m, tile):
        nearest.add(slice(0, n), squares[:, columns], columns.start)
    assert torch.equal(nearest.squares.sort(1).values, squares.topk(6, largest=False).values)
    assert torch.equal(squares.gather(1, nearest.index), nearest.squares)
    assert all(len(set(row)) == 6 for row in nearest.index.tolist())


def test_a_pair_on_the_border_is_inside() -> None:
    zero = torch.zeros(1, dtype=torch.float64)
    row = Points.of(torch.tensor([[0.0]]), zero, "cpu", torch.float32)
    columns = Points.of(torch.tensor([[2.0], [2.001]]), zero, "cpu", torch.float32)
    inside = Inside(row, columns, torch.tensor([4.0], dtype=torch.float64))
    inside.add(slice(0, 1), slice(0, 2), torch.tensor([[4.00001, 4.004]]))
    assert inside.column_counts.tolist() == [1, 0]


def nearest_of(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    centre = y.double().mean(0)
    points = Points.of(y, centre, "cpu", torch.float32)
    rows = points if x is y else Points.of(x, centre, "cpu", torch.float32)
    squares, index = neighbours(rows, points, 1)
    return squares[:, 0], index[:, 0]


@pytest.mark.usefixtures("small_tiles")
def test_nearest_of_another_set_and_of_its_own() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(20, 5), torch.randn(31, 5)
    squares, index = nearest_of(x, y)
    expected = all_squares(x, y)
    torch.testing.assert_close(squares, expected.amin(1), rtol=1e-5, atol=1e-6)
    assert (index == expected.argmin(1)).all()
    own, index = nearest_of(x, x)
    expected = all_squares(x, x).fill_diagonal_(torch.inf)
    torch.testing.assert_close(own, expected.amin(1), rtol=1e-5, atol=1e-6)
    assert (index == expected.argmin(1)).all()


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a @ b.T / a.shape[1] + 1) ** 3


def unbiased(a: np.ndarray, b: np.ndarray) -> float:
    n, m = len(a), len(b)
    within_a = kernel(a, a).sum() - np.trace(kernel(a, a))
    within_b = kernel(b, b).sum() - np.trace(kernel(b, b))
    return within_a / (n * (n - 1)) + within_b / (m * (m - 1)) - 2 * kernel(a, b).mean()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.usefixtures("small_tiles")
def test_kernel_sums_are_those_of_all_pairs(dtype: str) -> None:
    torch.manual_seed(0)
    real, fake = torch.rand(30, 8) + 0.5, torch.rand(24, 8)
    kid = pairwise(compare(real, fake, dtype=dtype)).kernel
    a, b = real.double().numpy(), fake.double().numpy()
    tolerance = 1e-12 if dtype == "float64" else 2e-6
    assert kid.squared_mmds()[1] == pytest.approx(unbiased(a, b), abs=tolerance)
    groups = [side[:N_SUBSETS] for side in members(compare(real, fake))]
    expected = [
        unbiased(a[left.bool().numpy()], b[right.bool().numpy()])
        for left, right in zip(*groups, strict=True)
    ]
    np.testing.assert_allclose(kid.squared_mmds()[0].numpy(), expected, atol=tolerance * 10, rtol=0)
    assert all(left.sum() == 24 for left in groups[0])
