"""FID and its intervals: closed forms of two Gaussians, SciPy's root, finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison, FeatureSet, Measured
from saddlepoint.core.registry import get
from saddlepoint.evaluation.metrics import _moments
from saddlepoint.evaluation.metrics import fid as fid_module
from saddlepoint.evaluation.metrics._moments import Moments, ProjectedFakes, frechet
from saddlepoint.evaluation.metrics.fid import influences

D = 6


def drawn(n: int, d: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, dtype=torch.float64, generator=generator)


def with_moments(n: int, mean: Tensor, covariance: Tensor, seed: int) -> Tensor:
    """float64 [n, d] whose sample mean and covariance are the given ones, not merely near them."""
    x = drawn(n, len(mean), seed)
    x = x - x.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(x.T.cov()), x.T, upper=False).T
    return white @ torch.linalg.cholesky(covariance).T + mean


def random_covariance(d: int, seed: int) -> Tensor:
    a = drawn(d, d, seed)
    return a @ a.T + 0.1 * torch.eye(d, dtype=torch.float64)


def orthogonal(d: int, seed: int) -> Tensor:
    return torch.linalg.qr(drawn(d, d, seed)).Q


def compare(real: Tensor, fake: Tensor, **settings: Any) -> Comparison:
    settings.setdefault("n_bootstrap", 0)
    return Comparison(real=FeatureSet(vectors=real), fake=FeatureSet(vectors=fake), **settings)


def measured(real: Tensor, fake: Tensor, **settings: Any) -> dict[str, Measured]:
    return get("metric", "fid")().measure(compare(real, fake, **settings))


def fid(real: Tensor, fake: Tensor) -> float:
    return measured(real, fake)["fid"].value


def close(value: float, rel: float = 1e-9) -> object:
    return pytest.approx(value, rel=rel)


# -- closed forms ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [7, 40, 5000])
def test_commuting_covariances(n: int) -> None:
    """One basis for both: |m1 - m2|^2 + sum (sqrt a - sqrt b)^2."""
    a, b = torch.linspace(0.2, 4, D).double(), torch.linspace(3, 0.5, D).double()
    gap = torch.arange(D).double() / 3
    basis = orthogonal(D, 0)
    real = with_moments(n, torch.zeros(D).double(), basis * a @ basis.T, 1)
    fake = with_moments(n, gap, basis * b @ basis.T, 2)
    expected = gap.square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    assert fid(real, fake) == close(expected.item())
    assert fid(fake, real) == close(expected.item())


def test_two_by_two_covariances_that_do_not_commute() -> None:
    """tr M^1/2 = (tr M + 2 det(M)^1/2)^1/2 for a 2 x 2 matrix M."""
    s1 = torch.tensor([[2.0, 0.6], [0.6, 1.0]], dtype=torch.float64)
    s2 = torch.tensor([[0.5, -0.4], [-0.4, 3.0]], dtype=torch.float64)
    m1, m2 = torch.tensor([1.0, -2.0]).double(), torch.tensor([0.5, 4.0]).double()
    product = s1 @ s2
    trace = math.sqrt(product.trace().item() + 2 * math.sqrt(torch.linalg.det(product).item()))
    expected = (m1 - m2).square().sum().item() + (s1 + s2).trace().item() - 2 * trace
    assert fid(with_moments(50, m1, s1, 0), with_moments(80, m2, s2, 1)) == close(expected)


@pytest.mark.parametrize("d", [2, 5, 20])
def test_agrees_with_scipys_root(d: int) -> None:
    s1, s2 = random_covariance(d, 0), random_covariance(d, 1)
    gap = torch.ones(d).double()
    root = scipy.linalg.sqrtm(s1.numpy() @ s2.numpy())
    expected = d + float((s1 + s2).trace()) - 2 * float(np.trace(root).real)
    real = with_moments(3 * d, 0 * gap, s1, 2)
    assert fid(real, with_moments(4 * d, gap, s2, 3)) == close(expected)


def test_agrees_with_the_eigenvalues_of_the_product() -> None:
    """The other common route, in NumPy: the eigenvalues of S1 S2, which is not symmetric."""
    real, fake = drawn(300, 24, 0).relu(), (drawn(200, 24, 1) * 1.3 + 0.2).relu()
    s1, s2 = np.cov(real.numpy(), rowvar=False), np.cov(fake.numpy(), rowvar=False)
    trace = np.sqrt(np.linalg.eigvals(s1 @ s2).astype(complex)).real.sum()
    gap = (real.mean(0) - fake.mean(0)).square().sum().item()
    expected = gap + np.trace(s1) + np.trace(s2) - 2 * trace
    assert fid(real, fake) == close(expected)
    assert fid(real.float(), fake.float()) == close(expected, 1e-5)


def test_equal_sets_and_shifted_sets() -> None:
    x = drawn(60, D, 0)
    assert fid(x, x) == pytest.approx(0, abs=1e-10)
    assert fid(x, x + 3) == close(9 * D)
    assert fid(x, x.flip(0) * 2) == close(
        x.T.cov().trace().item() + x.mean(0).square().sum().item()
    )


# -- few images, flat features -----------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 5, 11, 12, 13, 60])
def test_projected_fakes_give_the_same_distance(n: int) -> None:
    real, fake = Moments.of(drawn(100, 12, 0)), drawn(n, 12, 1) * 0.7 + 0.3
    expected = close(frechet(real, Moments.of(fake)), 1e-6)
    assert ProjectedFakes(real, fake).distance() == expected


@pytest.mark.parametrize("d", [5, 12])
def test_projected_fakes_take_weights(d: int) -> None:
    """A weight of 2 is an image that is there twice; 0, one that is not."""
    real, fake = Moments.of(drawn(100, d, 0)), drawn(9, d, 1)
    counts = torch.tensor([0, 2, 1, 0, 3, 1, 1, 0, 1])
    found = ProjectedFakes(real, fake).distance(counts)
    repeated = ProjectedFakes(real, fake.repeat_interleave(counts, 0))
    assert found == close(repeated.distance(), 1e-6)
    assert found == close(frechet(real, Moments.of(fake, counts)), 1e-6)


@pytest.mark.parametrize("d", [5, 29, 30, 40])
def test_distances_of_subsets(d: int) -> None:
    real, fake = Moments.of(drawn(100, d, 0)), drawn(30, d, 1) * 0.7 + 5
    whole = ProjectedFakes(real, fake)
    for rows in (torch.arange(2), torch.arange(29, 4, -1), torch.arange(0, 30, 3)):
        chosen = torch.zeros(30).index_fill(0, rows, 1)
        assert whole.distance(chosen) == close(frechet(real, Moments.of(fake[rows])), 1e-6)


@pytest.mark.parametrize("n", [2, 3, 8, 30])
def test_rank_deficient_sets_give_a_number(n: int) -> None:
    """More features than images, features that are always 0, features that repeat others."""
    x = drawn(2 * n, 8, 0).relu()
    x = torch.cat([x, torch.zeros(2 * n, 3).double(), x[:, :4]], 1)
    for real, fake in ((x[:n], x[n:]), (x[:n], x[:n]), (x[:n], x[:1].expand(n, -1))):
        value = fid(real, fake)
        scale = float(real.T.cov().trace())
        assert math.isfinite(value)
        assert value >= -1e-6 * scale
    assert fid(x[:n], x[:n]) == pytest.approx(0, abs=1e-6 * float(x[:n].T.cov().trace()))


@pytest.mark.parametrize("n", [2, 4, 50])
def test_constant_images(n: int) -> None:
    """A collapsed generator has no covariance: what is left is the gap and the real trace."""
    real = drawn(n, D, 0)
    point = torch.full((n, D), 2.0).double()
    expected = (real.mean(0) - 2).square().sum() + real.T.cov().trace()
    assert fid(real, point) == close(expected.item())
    assert fid(point, real) == close(expected.item())
    assert fid(point, point + 1) == close(D)


def test_one_image_is_not_enough() -> None:
    metric, x = get("metric", "fid")(), drawn(3, D, 0)
    assert "two images" in metric.unfit(compare(x, x[:1]))
    assert "two images" in metric.unfit(compare(x[:1], x))
    assert metric.unfit(compare(x[:2], x[:2])) == ""


# -- moments -----------------------------------------------------------------------------------


def test_moments_of_more_rows_than_are_read_at_once() -> None:
    x, whole = drawn(5000, D, 0), Moments.of(drawn(5000, D, 0))
    assert whole.n == 5000
    torch.testing.assert_close(whole.mean, x.mean(0), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(whole.covariance, x.T.cov(), rtol=1e-11, atol=1e-14)
    torch.testing.assert_close(whole.trace, whole.covariance.trace())


def test_moments_of_many_features_are_made_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On and above the diagonal only; the rest mirrors it, whatever the size of a block."""
    x, expected = drawn(50, 11, 0), drawn(50, 11, 0).T.cov()
    for size in (1, 4, 11, 12):
        monkeypatch.setattr(_moments, "COLUMNS_AT_ONCE", size)
        torch.testing.assert_close(Moments.of(x).covariance, expected)
        torch.testing.assert_close(Moments.of(x, torch.ones(50)).covariance, expected)


def test_weights_are_how_often_an_image_is_there() -> None:
    x = drawn(10, D, 0)
    counts = torch.tensor([0, 1, 2, 3, 0, 1, 1, 4, 0, 2])
    weighted, repeated = Moments.of(x, counts), Moments.of(x.repeat_interleave(counts, 0))
    assert weighted.n == repeated.n == 14
    torch.testing.assert_close(weighted.mean, repeated.mean)
    torch.testing.assert_close(weighted.covariance, repeated.covariance)


@pytest.mark.parametrize("n", [4, 50])  # the covariance of 4 images has rank 3
def test_factor_times_its_transpose_is_the_covariance(n: int) -> None:
    moments = Moments.of(drawn(n, D, 0))
    torch.testing.assert_close(moments.factor @ moments.factor.T, moments.covariance)


def test_no_eigenvectors_where_the_real_covariance_has_a_cholesky_factor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They took three quarters of the time of a FID of 2,048 features."""

    def refuse(matrix: Tensor) -> None:
        raise AssertionError("eigenvectors of a positive definite covariance")

    monkeypatch.setattr(torch.linalg, "eigh", refuse)
    x = drawn(100, D, 0)
    assert fid(x, x + 3) == close(9 * D)


def test_both_factors_give_the_same_distance_and_influences() -> None:
    """Cholesky's and, as for a singular covariance, the one from eigenvectors."""
    real, fake = Moments.of(drawn(80, D, 0)), Moments.of(drawn(60, D, 1) * 2)
    values, vectors = torch.linalg.eigh(real.covariance)
    other = replace(real, kept_factor=vectors * values.sqrt())
    assert frechet(other, fake) == close(frechet(real, fake))
    rows = drawn(60, D, 1) * 2
    torch.testing.assert_close(influences(fake, other, rows), influences(fake, real, rows))


# -- endless samples ---------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(300, 16), (400, 128), (200, 160)])
def test_fid_infinity_is_nearer_to_the_truth(n: int, d: int) -> None:
    """Equal Gaussians, few fakes, fewer than features too: the truth is 0 and FID far above it."""
    real = FeatureSet(vectors=drawn(20_000, d, 99))
    shared: dict[str, Any] = {"moments-real": Moments.of(real.vectors)}
    for seed in range(3):
        fake = FeatureSet(vectors=drawn(n, d, seed))
        comparison = Comparison(real=real, fake=fake, n_bootstrap=0, shared=shared)
        found = get("metric", "fid")().measure(comparison)
        assert found["fid"].value > d * d / (5 * n)
        assert abs(found["fid_infinity"].value) < found["fid"].value / 2
        assert "fewer than 5,000" in found["fid"].note


def test_fid_infinity_is_given_for_few_or_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fid_module, "FEW", 100)
    metric, x, y = get("metric", "fid"), drawn(100, D, 0), drawn(100, D, 1)
    assert set(metric().measure(compare(x, y))) == {"fid"}
    assert metric().measure(compare(x, y))["fid"].note == ""
    assert set(metric(infinity=True).measure(compare(x, y))) == {"fid", "fid_infinity"}
    assert set(metric().measure(compare(x, y[:99]))) == {"fid", "fid_infinity"}
    # A line through sizes of 24 to 49 says nothing.
    assert set(metric().measure(compare(x, y[:49]))) == {"fid"}


# -- intervals ---------------------------------------------------------------------------------


def linear(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fid_module, "WIDEST_EXACT_BOOTSTRAP", 0)


def interval(real: Tensor, fake: Tensor, **settings: Any) -> tuple[float, float]:
    found = measured(real, fake, n_bootstrap=200, **settings)["fid"].interval
    assert found is not None
    return found


def test_the_two_intervals_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both lie about the value, and neither is much wider."""
    monkeypatch.setattr(fid_module, "FEW", 0)
    real, fake = drawn(2000, 16, 0), drawn(2000, 16, 1) * 1.2 + 0.3
    low, high = interval(real, fake)
    linear(monkeypatch)
    linear_low, linear_high = interval(real, fake)
    width, value = high - low, fid(real, fake)
    assert linear_high - linear_low == pytest.approx(width, rel=0.25)
    for middle in ((low + high) / 2, (linear_low + linear_high) / 2):
        assert middle == pytest.approx(value, abs=0.1 * width)


@pytest.mark.parametrize("prepare", [lambda patch: None, linear], ids=["exact", "linear"])
def test_intervals_cover_the_truth(
    prepare: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 40 draws with known moments most intervals hold the distance of the distributions."""
    prepare(monkeypatch)
    monkeypatch.setattr(fid_module, "FEW", 0)
    d, scale, gap = 3, 1.5, 0.5
    truth = d * (gap**2 + (scale - 1) ** 2)
    covered = 0
    for seed in range(40):
        fake = drawn(400, d, 1000 + seed) * scale + gap
        low, high = interval(drawn(400, d, seed), fake, seed=seed)
        covered += low <= truth <= high
    assert 34 <= covered <= 40


def test_intervals_need_a_bootstrap_and_full_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = drawn(30, D, 0), drawn(30, D, 1)
    assert measured(real, fake)["fid"].interval is None
    assert interval(real, fake) == interval(real, fake)
    assert interval(real, fake) != interval(real, fake, seed=1)
    linear(monkeypatch)
    assert measured(real, fake)["fid"].interval is None
    assert interval(real, fake) == interval(real, fake)
    # The slope at a covariance without full rank does not exist.
    assert measured(real, fake[:D], n_bootstrap=200)["fid"].interval is None


@pytest.mark.parametrize("side", ["real", "fake"])
def test_influences_are_derivatives(side: str) -> None:
    """FID with one image's weight moved a little up and down, all weights summing to n."""
    n, step = 4000, 1e-7
    sets = {"real": drawn(n, 5, 0), "fake": drawn(n, 5, 1).exp()}
    other_side = "fake" if side == "real" else "real"
    x, other = sets[side], Moments.of(sets[other_side])
    influence = influences(Moments.of(x), other, x)
    assert influence.mean().item() == pytest.approx(0, abs=1e-9)
    for image in (0, int(influence.argmax()), int(influence.argmin())):
        change = torch.full((n,), -1 / n, dtype=torch.float64)
        change[image] += 1
        high, low = (
            frechet(other, Moments.of(x, 1 + sign * step * n * change)) for sign in (1, -1)
        )
        # n - 1 below the line of the covariance, which the influence takes for n: about 1 / n.
        expected = pytest.approx((high - low) / (2 * step), rel=1e-3, abs=1e-3)
        assert influence[image].item() == expected
