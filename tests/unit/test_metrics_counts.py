"""KID, Inception Score, precision, recall, density, coverage, realism and label accuracy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from saddlepoint.core.measures import Comparison, FeatureSet, Measured
from saddlepoint.core.registry import get
from saddlepoint.evaluation.metrics._pairwise import pairwise, real_pairs

NEIGHBOUR_METRICS = ("precision-recall", "density-coverage", "realism")
PAIR_METRICS = ("kid", *NEIGHBOUR_METRICS)


def compare(real: Tensor, fake: Tensor, **settings: Any) -> Comparison:
    settings.setdefault("n_bootstrap", 0)
    sides = (FeatureSet(vectors=real.float()), FeatureSet(vectors=fake.float()))
    return Comparison(real=sides[0], fake=sides[1], **settings)


def measured(comparison: Comparison, *names: str) -> dict[str, Measured]:
    found = {}
    for name in names:
        found |= get("metric", name)().measure(comparison)
    return found


def values(real: Tensor, fake: Tensor, *names: str, **settings: Any) -> dict[str, float]:
    found = measured(compare(real, fake, **settings), *(names or PAIR_METRICS))
    return {name: one.value for name, one in found.items()}


def drawn(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


# -- KID ---------------------------------------------------------------------------------------


def test_kid_of_two_and_two_points() -> None:
    """(x y + 1)^3 in one dimension: 1 within the real ones, 343 within the fakes, 93 / 4 across."""
    found = values(torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]]), "kid", k=1)
    assert found["kid"] == pytest.approx(1 + 343 - 93 / 2, rel=1e-6)
    assert found["kid_subsets"] == pytest.approx(1 + 343 - 93 / 2, rel=1e-6)


def test_kid_divides_by_the_number_of_features() -> None:
    """Features that are all there four times over change no kernel value."""
    real, fake = drawn(40, 3, 0), drawn(50, 3, 1) + 1
    once, four = (values(real.repeat(1, i), fake.repeat(1, i), "kid") for i in (1, 4))
    assert four["kid"] == pytest.approx(once["kid"], rel=1e-5)


def test_kid_of_equal_distributions_is_unbiased() -> None:
    """About 0 and below it as often as above; of unequal ones it is far from 0."""
    found = [values(drawn(150, 8, s), drawn(150, 8, 100 + s), "kid")["kid"] for s in range(30)]
    assert 6 <= sum(value < 0 for value in found) <= 24
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(30)
    shifted = values(drawn(150, 8, 0), drawn(150, 8, 1) + 0.5, "kid")["kid"]
    assert shifted > 20 * np.std(found)


@pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 1.2, 2.0), (0.3, 0.75, 1.35)])
def test_the_interval_of_kid_is_as_wide_as_other_images_spread(
    shift: float, least: float, most: float
) -> None:
    """Wider at equal distributions, where the first-order part of KID vanishes: never too sure."""
    found, widths = [], []
    for seed in range(60):
        n_bootstrap = 200 if seed < 10 else 0
        comparison = compare(
            drawn(120, 4, 2 * seed), drawn(120, 4, 2 * seed + 1) + shift, n_bootstrap=n_bootstrap
        )
        kid = measured(comparison, "kid")["kid"]
        found.append(kid.value)
        if kid.interval is not None:
            widths.append(kid.interval[1] - kid.interval[0])
    assert len(widths) == 10
    low, high = np.quantile(found, [0.025, 0.975])
    assert least < np.mean(widths) / (high - low) < most


def test_kid_subsets_that_are_all_the_same_claim_no_certainty() -> None:
    """A subset of a set of 200 is the whole set: its spread is 0, which is no interval."""
    comparison = compare(drawn(200, 8, 0), drawn(200, 8, 1), n_bootstrap=20)
    assert measured(comparison, "kid")["kid_subsets"].interval is None


def test_kid_subsets_have_an_interval_about_their_mean() -> None:
    comparison = compare(drawn(1500, 4, 0), drawn(1200, 4, 1) + 0.2, n_bootstrap=200)
    found = measured(comparison, "kid")
    low, high = found["kid_subsets"].interval or (0, 0)
    assert low < found["kid_subsets"].value < high
    assert found["kid_subsets"].value == pytest.approx(found["kid"].value, rel=0.1)
    assert "100 subsets of 1,000" in found["kid_subsets"].note
    low, high = found["kid"].interval or (0, 0)
    assert low < found["kid"].value < high


# -- Inception Score ---------------------------------------------------------------------------


def score(logits: Tensor) -> dict[str, float]:
    fake = FeatureSet(vectors=torch.zeros(len(logits), 2), logits=logits)
    found = measured(Comparison(real=fake, fake=fake), "inception-score")
    return {name: one.value for name, one in found.items()}


def test_score_of_equal_predictions_is_one() -> None:
    found = score(drawn(1, 7, 0).expand(40, -1))
    assert found == pytest.approx({"inception_score": 1, "inception_score_splits": 1})


@pytest.mark.parametrize("classes", [2, 10])
def test_score_of_certain_and_even_predictions_is_the_number_of_classes(classes: int) -> None:
    logits = 1e4 * torch.eye(classes).repeat(20, 1)
    found = score(logits)
    assert found["inception_score"] == pytest.approx(classes)
    # Ten parts in order, each as even as the whole.
    assert found["inception_score_splits"] == pytest.approx(classes)


def test_splits_are_parts_in_order() -> None:
    """Sorted by class every part has one class, so the split score is 1."""
    found = score(1e4 * torch.eye(10).repeat_interleave(5, 0))
    assert found["inception_score"] == pytest.approx(10)
    assert found["inception_score_splits"] == pytest.approx(1)


def test_score_between_the_ends_is_that_of_the_definition() -> None:
    logits = drawn(60, 5, 0) * 2
    p = np.exp(logits.double().numpy())
    p /= p.sum(1, keepdims=True)
    expected = math.exp((p * np.log(p / p.mean(0))).sum(1).mean())
    assert score(logits)["inception_score"] == pytest.approx(expected, rel=1e-9)
    assert "inception_score_splits" not in score(logits[:9])


def test_score_of_equal_predictions_is_sure_and_more_images_make_it_surer() -> None:
    def ends(logits: Tensor) -> tuple[float, float]:
        images = FeatureSet(vectors=torch.zeros(len(logits), 1), logits=logits)
        one = measured(Comparison(real=images, fake=images), "inception-score")["inception_score"]
        assert one.interval is not None
        assert one.interval[0] <= one.value + 1e-12
        assert one.value <= one.interval[1] + 1e-12
        return one.interval

    assert ends(torch.ones(40, 7)) == pytest.approx((1, 1))
    few, many = (ends(2 * drawn(n, 5, 0)) for n in (100, 1600))
    assert (few[1] - few[0]) / (many[1] - many[0]) == pytest.approx(4, rel=0.3)


# -- precision, recall, density, coverage -------------------------------------------------------


def by_definition(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    """All distances at once, in NumPy; a pair at exactly the radius is inside."""

    def squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return ((a[:, None].astype(np.float64) - b[None].astype(np.float64)) ** 2).sum(2)

    # The first of the sorted row is the point itself.
    real_radii, fake_radii = (np.sort(squares(x, x), 1)[:, k] for x in (real, fake))
    across = squares(real, fake)
    inside_real = across <= real_radii[:, None]
    trusted = real_radii <= np.sort(real_radii)[(len(real) - 1) // 2]
    ratio = real_radii[trusted, None] / across[trusted]
    return {
        "precision": inside_real.any(0).mean(),
        "recall": (across <= fake_radii[None]).any(1).mean(),
        "density": inside_real.sum(0).mean() / k,
        "coverage": inside_real.any(1).mean(),
        "realism": np.sqrt(ratio.max(0)).mean(),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("n", "m"), [(200, 150), (31, 90)])
def test_agrees_with_the_definition(k: int, n: int, m: int) -> None:
    real, fake = drawn(n, 6, 0).abs(), (drawn(m, 6, 1) * 1.3).abs()
    found = values(real, fake, *NEIGHBOUR_METRICS, k=k)
    expected = by_definition(real.numpy(), fake.numpy(), k)
    assert 0.1 < expected["precision"] < 1
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_set_and_itself() -> None:
    x = drawn(200, 5, 0)
    found = values(x, x)
    assert [found[name] for name in ("precision", "recall", "coverage")] == [1, 1, 1]
    # The trusted half is endlessly realistic, which is held down to 100 so that a mean exists.
    assert 50 <= found["realism"] < 52
    assert found["kid"] < 0  # unbiased: the pairs of a point and its copy are all across


def modes(n: int, count: int, seed: int) -> Tensor:
    """n points in each of `count` heaps far apart on a line."""
    x = drawn(n * count, 4, seed)
    x[:, 0] += 100 * torch.arange(count).repeat_interleave(n)
    return x


def test_a_generator_of_one_mode_is_precise_and_recalls_little() -> None:
    real = modes(60, 5, 0)
    found = values(real, real[:60])
    assert found["precision"] == 1
    assert found["recall"] == found["coverage"] == 0.2
    found = values(real, modes(60, 1, 1))
    assert found["precision"] > 0.8
    assert 0.1 < found["recall"] <= 0.2


def test_a_generator_of_too_many_modes_recalls_and_is_imprecise() -> None:
    fake = modes(60, 5, 0)
    found = values(fake[:60], fake)
    assert found["precision"] == 0.2
    assert found["recall"] == found["coverage"] == 1
    assert values(modes(60, 1, 1), fake)["precision"] <= 0.2


@pytest.mark.parametrize("k", [1, 3])
def test_density_and_coverage_of_equal_distributions(k: int) -> None:
    """A ball is empty when the k nearest of all points are real ones: each is so by even odds."""
    found = values(drawn(3000, 3, 0), drawn(3000, 3, 1), "density-coverage", k=k)
    assert found["density"] == pytest.approx(1, abs=0.05)
    assert found["coverage"] == pytest.approx(1 - 2.0**-k, abs=0.03)


def test_an_odd_fake_makes_recall_but_no_density() -> None:
    """A fake far off has a ball that holds all real images; real balls do not notice it."""
    real, fake = drawn(100, 4, 0), 0.01 * drawn(100, 4, 1) + 50
    odd = torch.full((1, 4), -500.0)
    found = values(real, torch.cat([fake, odd]))
    assert found["recall"] == 1
    assert found["precision"] == found["density"] == found["coverage"] == 0


def test_realism_is_at_least_one_exactly_within_trusted_balls() -> None:
    """On a line, k = 1: radii 1, 1, 4 and 6, of which the narrower half is trusted."""
    real = torch.tensor([[0.0], [1.0], [5.0], [11.0]])
    for point, expected in ((2.0, 1.0), (3.0, 0.5), (-2.0, 0.5), (0.5, 2.0), (8.0, 1 / 7)):
        found = values(real, torch.full((2, 1), point), "realism", k=1)
        assert found["realism"] == pytest.approx(expected, rel=1e-6)


def test_realism_of_each_fake_says_whether_it_lies_within_a_trusted_ball() -> None:
    real, fake = drawn(120, 3, 0), drawn(150, 3, 1) * 1.5
    found = pairwise(compare(real, fake))
    radii = real_pairs(compare(real, fake)).radii
    trusted = radii <= radii.median()
    across = (real[:, None].double() - fake[None].double()).square().sum(2)
    inside = (across <= radii[:, None])[trusted].any(0)
    assert 20 < inside.sum() < 130
    assert ((found.realism >= 1) == inside).all()


@pytest.mark.parametrize("name", NEIGHBOUR_METRICS)
def test_neighbours_need_more_images_than_k(name: str) -> None:
    """With k images or fewer every radius would be endless and every set perfect."""
    metric, x = get("metric", name)(), drawn(4, 2, 0)
    assert metric.unfit(compare(x, x, k=3)) == ""
    assert "more than k = 3" in metric.unfit(compare(x[:3], x, k=3))
    assert "more than k = 3" in metric.unfit(compare(x, x[:3], k=3))


@pytest.mark.parametrize("d", [1, 5])
def test_two_images_a_side(d: int) -> None:
    real, fake = drawn(2, d, 0), drawn(2, d, 1)
    comparison = compare(real, fake, k=1, n_bootstrap=20)
    for name in (*PAIR_METRICS, "fid"):
        assert get("metric", name)().unfit(comparison) == ""
    found = measured(comparison, *PAIR_METRICS, "fid")
    assert all(math.isfinite(one.value) for one in found.values())
    assert all(math.isfinite(end) for one in found.values() if one.interval for end in one.interval)
    assert "two images" in get("metric", "kid")().unfit(compare(real[:1], fake))


# -- labels ------------------------------------------------------------------------------------


def labelled(labels: list[int] | None, seen: list[int] | None, classes: int = 3) -> FeatureSet:
    """Images with the given labels in which a classifier sees the given classes."""
    n = len(labels or seen or [0])
    return FeatureSet(
        vectors=torch.zeros(n, 2),
        logits=None if seen is None else torch.eye(classes)[seen],
        labels=None if labels is None else torch.tensor(labels),
    )


def test_label_accuracy_counts() -> None:
    real, fake = labelled([0, 1], [0, 2]), labelled([0, 1, 2, 2], [0, 1, 2, 0])
    found = measured(Comparison(real=real, fake=fake), "label-accuracy")
    assert found["label_accuracy"].value == 0.75
    assert found["label_accuracy_real"].value == 0.5


def test_what_is_missing_is_said() -> None:
    unfit = get("metric", "label-accuracy")().unfit
    whole = labelled([0, 1], [0, 1])
    assert unfit(Comparison(real=whole, fake=whole)) == ""
    assert "no labels" in unfit(Comparison(real=whole, fake=labelled(None, [0, 1])))
    assert "no classes" in unfit(Comparison(real=whole, fake=labelled([0, 1], None)))
    assert "no classes" in unfit(Comparison(real=labelled(None, [0]), fake=whole))
    assert "not those" in unfit(Comparison(real=labelled([0, 3], [0, 1]), fake=whole))
    wide = labelled([0, 1], [0, 1], 1008)  # Inception's, which are no data set's
    assert "not those" in unfit(Comparison(real=wide, fake=wide))
    unfit = get("metric", "inception-score")().unfit
    assert unfit(Comparison(real=whole, fake=whole)) == ""
    assert "no classes" in unfit(Comparison(real=whole, fake=labelled([0, 1], None)))


# -- intervals of means ------------------------------------------------------------------------


def test_intervals_of_means() -> None:
    """About the value, a function of the seed, and as wide as the standard error says."""
    real, fake = drawn(400, 4, 0), drawn(400, 4, 1) * 1.3
    found, again, other = (
        measured(compare(real, fake, n_bootstrap=400, seed=seed), *NEIGHBOUR_METRICS)
        for seed in (0, 0, 1)
    )
    for name, one in found.items():
        assert one.interval is not None
        assert one.interval[0] < one.value < one.interval[1]
        assert again[name].interval == one.interval
        assert other[name].interval != one.interval
    p, (low, high) = found["precision"].value, found["precision"].interval or (0, 0)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(p * (1 - p) / 400), rel=0.2)
    without = measured(compare(real, fake), *NEIGHBOUR_METRICS)
    assert all(one.interval is None for one in without.values())


# -- properties --------------------------------------------------------------------------------

SIZES = {"n": st.integers(5, 40), "m": st.integers(5, 40), "d": st.integers(1, 8)}
SEEDS = st.integers(0, 10_000)


def pair(n: int, m: int, d: int, seed: int) -> tuple[Tensor, Tensor]:
    return drawn(n, d, seed), drawn(m, d, seed + 1) * 0.8 + 0.5


def shared_by_all(found: dict[str, float]) -> dict[str, float]:
    """Without the subsets, which are drawn by the images' places."""
    return {name: value for name, value in found.items() if name != "kid_subsets"}


@given(seed=SEEDS, **SIZES)
def test_the_order_of_images_does_not_matter(n: int, m: int, d: int, seed: int) -> None:
    real, fake = pair(n, m, d, seed)
    before = shared_by_all(values(real, fake, *PAIR_METRICS, "fid"))
    order, other_order = torch.randperm(n), torch.randperm(m)
    after = shared_by_all(values(real[order], fake[other_order], *PAIR_METRICS, "fid"))
    # Realism divides by distances as rounded as a matrix product leaves them.
    assert after.pop("realism") == pytest.approx(before.pop("realism"), rel=1e-3)
    assert after == pytest.approx(before, rel=1e-5, abs=1e-5)


@given(seed=SEEDS, **SIZES)
def test_turning_the_features_does_not_matter(n: int, m: int, d: int, seed: int) -> None:
    """Every measure sees angles and distances only. Counts may change where rounding to float32
    moves a pair across a radius, so few points decide nothing: the shares may differ by one."""
    real, fake = pair(n, m, d, seed)
    turn = torch.linalg.qr(drawn(d, d, seed + 2).double()).Q
    before = values(real, fake, *PAIR_METRICS, "fid")
    after = values(real.double() @ turn, fake.double() @ turn, *PAIR_METRICS, "fid")
    for name in ("kid", "kid_subsets", "fid", "realism"):
        assert after[name] == pytest.approx(before[name], rel=1e-3, abs=1e-3)
    for name, one in (("precision", m), ("recall", n), ("coverage", n), ("density", 3 * m)):
        assert after[name] == pytest.approx(before[name], abs=1.01 / one)


@given(seed=SEEDS, **SIZES)
@settings(max_examples=30)
def test_swapping_the_sets(n: int, m: int, d: int, seed: int) -> None:
    """Precision is recall seen from the other side; FID and KID have no sides."""
    real, fake = pair(n, m, d, seed)
    one, other = values(real, fake, *PAIR_METRICS, "fid"), values(fake, real, *PAIR_METRICS, "fid")
    assert (one["precision"], one["recall"]) == (other["recall"], other["precision"])
    assert one["kid"] == pytest.approx(other["kid"], rel=1e-4, abs=1e-4)
    assert one["fid"] == pytest.approx(other["fid"], rel=1e-5, abs=1e-5)
