"""Do fakes show their labels: Cohen's kappa, and what the doctor makes of it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from saddlepoint.data.sources.digits import Digits
from saddlepoint.diagnosis.signals.reference import Reference, features
from saddlepoint.diagnosis.signals.samples import kappa, label_agreement


def test_kappa_is_that_of_a_worked_example() -> None:
    """50 grants read by two people: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no. Observed 0.7, chance
    0.5, kappa 0.4: https://en.wikipedia.org/wiki/Cohen%27s_kappa#Simple_example."""
    a = torch.tensor([1] * 25 + [0] * 25)
    b = torch.tensor([1] * 20 + [0] * 5 + [1] * 10 + [0] * 15)
    assert kappa(a, b) == pytest.approx(0.4, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40))
def test_kappa_is_symmetric_and_at_most_1(pairs: list[tuple[int, int]]) -> None:
    a, b = (torch.tensor(column) for column in zip(*pairs, strict=True))
    assert kappa(a, b) == pytest.approx(kappa(b, a), abs=1e-12)
    assert -1 <= kappa(a, b) <= 1 + 1e-12
    assert kappa(a, a) == pytest.approx(1.0 if len(a.unique()) > 1 else 0.0, abs=1e-12)


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor, Reference]:
    """Images of real digits, their labels, and a reference of the first 1,200 of them."""
    data = Digits().open()
    assert data.labels is not None
    images = torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2) / 127.5 - 1
    labels = torch.from_numpy(data.labels.copy()).long()
    return images, labels, Reference.of(images[:1200], labels[:1200], 256)


def test_other_real_images_agree_as_real_ones_do(digits: tuple[Tensor, Tensor, Reference]) -> None:
    images, labels, reference = digits
    unseen = features(images[1200:])
    seen = label_agreement(unseen, labels[1200:], reference)["label_agreement"]
    assert seen == pytest.approx(1, abs=0.1)


def test_labels_at_random_agree_by_chance(digits: tuple[Tensor, Tensor, Reference]) -> None:
    images, labels, reference = digits
    unseen, own = features(images[1200:]), labels[1200:]
    drawn = torch.Generator().manual_seed(0)
    shuffled = own[torch.randperm(len(own), generator=drawn)]
    assert abs(label_agreement(unseen, shuffled, reference)["label_agreement"]) < 0.1
    one_off = label_agreement(unseen, (own + 1) % 10, reference)["label_agreement"]
    assert one_off < 0.05


def test_labels_that_no_image_shows_give_no_column(
    digits: tuple[Tensor, Tensor, Reference],
) -> None:
    images, labels, _ = digits
    drawn = torch.Generator().manual_seed(0)
    meaningless = labels[:1200][torch.randperm(1200, generator=drawn)]
    reference = Reference.of(images[:1200], meaningless, 256)
    assert label_agreement(features(images[1200:]), labels[1200:], reference) == {}
