"""What the claims compute, on numbers that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.core import registry
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Features
from saddlepoint.data.sources.mixtures import Grid25, Ring8
from saddlepoint.evaluation.verdicts import judge
from saddlepoint.lab.claims import _ring
from saddlepoint.lab.claims._base import Work
from saddlepoint.lab.claims._features import sizes_up_to
from saddlepoint.lab.claims._ranks import spearman
from saddlepoint.lab.claims._ring import Game, shares
from saddlepoint.lab.claims._stacked import Stacked
from saddlepoint.lab.claims.any_size import coverage, matrix, transposed
from saddlepoint.lab.claims.batch_norm import unsteadiness
from saddlepoint.lab.claims.condition_collapse import evenness
from saddlepoint.lab.claims.convolution import equal_width, parameters
from saddlepoint.lab.claims.forgotten_label import layers_of, share_of_label
from saddlepoint.lab.claims.generalises import memorised
from saddlepoint.lab.claims.label_relations import distances
from saddlepoint.lab.claims.many_labels import read_codes, write_codes
from saddlepoint.lab.claims.mode_cycle import visited
from saddlepoint.lab.claims.remedies import CASES
from saddlepoint.lab.claims.wasserstein_collapse import covered
from saddlepoint.lab.failures import FAILURES
from saddlepoint.lab.folders import LabFolder
from saddlepoint.lab.remedies import REMEDIES, remedied


def test_a_transposed_convolution_is_the_transpose_of_a_convolution() -> None:
    layer, draws = transposed(4), torch.Generator().manual_seed(0)
    small = torch.randn(1, 1, 3, 3, generator=draws)
    large = torch.randn(1, 1, 6, 6, generator=draws)
    m = matrix(layer, 3)
    assert m.shape == (36, 9)
    assert torch.allclose(layer(small).flatten(), m @ small.flatten())
    convolved = nn.functional.conv2d(large, layer.weight, stride=2, padding=1)
    assert torch.allclose(convolved.flatten(), m.T @ large.flatten(), atol=1e-4)
    # The transpose, and not the inverse.
    assert not torch.allclose(m.T @ m, torch.eye(9))


def test_a_kernel_that_the_stride_divides_leaves_no_checkerboard() -> None:
    assert coverage(4)[1:-1, 1:-1].unique().tolist() == [4]
    assert coverage(3)[1:-1, 1:-1].unique().tolist() == [1, 2, 4]


@pytest.mark.parametrize(
    ("built", "outcome"), [("28 32 64 96", "opposite"), ("64", "seen"), ("28 64", "not-seen")]
)
def test_the_rule_on_sizes(built: str, outcome: str) -> None:
    stages = {size: [[4, 8]] if size in built.split() else [] for size in ("28", "32", "64", "96")}
    claim = registry.get("claim", "any-size")()
    assert judge(claim.questions([{"stages": stages}])).outcome == outcome


@pytest.mark.parametrize("n_labels", [3, 200])
def test_codes_are_read_back(tmp_path: Path, n_labels: int) -> None:
    codes = write_codes(tmp_path / "codes.npz", n_labels, 600, seed=1)
    assert len(np.unique(codes, axis=0)) == n_labels
    with np.load(tmp_path / "codes.npz") as file:
        assert (read_codes(file["images"], codes) == file["labels"]).all()
        shuffled = np.random.default_rng(0).permutation(file["images"])
        assert (read_codes(shuffled, codes) == file["labels"]).mean() < 0.5


def test_rank_correlation() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 3))
    far = distances(rows)
    assert len(far) == 15
    assert far[0] == pytest.approx(np.linalg.norm(rows[0] - rows[1]))
    assert spearman(far, far**3) == pytest.approx(1)
    assert spearman(far, -far) == pytest.approx(-1)


def test_spearman_of_what_does_not_move() -> None:
    moving = np.array([1.0, 2.0, 4.0, 3.0])
    assert spearman(moving, moving**2) == pytest.approx(1)
    assert spearman(moving, np.ones(4)) is None
    assert spearman(moving[:2], moving[:2]) is None


def test_nets_of_equal_size() -> None:
    def net(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(10, width), nn.Linear(width, 1))

    assert parameters(net(7)) == 7 * 11 + 8
    assert equal_width(net, parameters(net(37))) == 37
    assert equal_width(net, parameters(net(37)) + 5) == 37
    assert equal_width(net, 1) == 1


def test_evenness_of_classes() -> None:
    assert evenness({"classes": [0.25] * 4}) == pytest.approx(1)
    assert evenness({"classes": [1.0, 0.0, 0.0, 0.0]}) == pytest.approx(0)


def test_copies_are_found() -> None:
    draws = np.random.default_rng(0)
    train = draws.integers(0, 256, (40, 6, 6, 1), np.uint8)
    near = np.clip(train.astype(int) + draws.integers(-3, 4, train.shape), 0, 255).astype(np.uint8)
    share, _, nearest = memorised(near, train)
    assert share == 1
    assert nearest.tolist() == list(range(40))
    # Far from all of them, as noise of another kind is.
    assert memorised(np.zeros((5, 6, 6, 1), np.uint8), train)[0] == 0


def test_the_share_of_a_label() -> None:
    draws = torch.Generator().manual_seed(0)
    latent = torch.randn(200, 1, 5, generator=draws).expand(-1, 10, -1)
    label = torch.randn(1, 10, 5, generator=draws).expand(200, -1, -1)
    assert share_of_label(latent) == pytest.approx(0, abs=1e-9)
    assert share_of_label(label) == pytest.approx(1)
    known = (label[0].var(0, correction=0).sum() / (
        label[0].var(0, correction=0).sum() + latent[:, 0].var(0, correction=0).sum()
    )).item()  # fmt: skip
    assert share_of_label(latent + label) == pytest.approx(known, rel=1e-5)


def test_the_layers_of_a_generator_are_seen() -> None:
    arch = Dcgan(conditioning="onehot", generator_width=4, latent_dim=3)
    generator = arch.generator(DataSpec(shape=(1, 28, 28), n_classes=5)).eval()
    layers = layers_of(generator, torch.randn(2, 3), 5)
    assert [layer.shape for layer in layers] == [(2, 5, 8 * 49), (2, 5, 4 * 196), (2, 5, 784)]
    assert not any(module._forward_hooks for module in generator.modules())


def test_modes_of_the_ring() -> None:
    centres = Ring8().centres()
    assert shares(centres) == [1 / 8] * 8
    assert _ring.covered(centres) == 8
    assert _ring.covered(np.repeat(centres[:2], 10, 0)) == 2
    # A smear between the clusters covers none of them, and a lone point no cluster of many.
    assert _ring.covered((centres + np.roll(centres, 1, 0)) / 2) == 0
    assert _ring.covered(np.concatenate([np.repeat(centres[:1], 99, 0), centres[1:2]])) == 1


def test_a_stay_on_a_mode_counts_once() -> None:
    rows = np.eye(8)[[0, 0, 3, 3, 0]].tolist()
    assert visited([[0.125] * 8, *rows, [0.4, 0.3, 0.3, 0, 0, 0, 0, 0]]) == [0, 3, 0]


def test_a_game_is_looked_at_when_it_was_asked(tmp_path: Path) -> None:
    lab = LabFolder(tmp_path / "lab", {}, quiet=True, preview=False)
    work = Work(lab, "mode-cycle", 0, "", 1)
    small = {"generator_widths": (4,), "discriminator_widths": (4,), "batch_size": 8}
    every = Game(steps=12, checks=12, **small).play(work)
    some = Game(steps=12, checks=3, every=2, **small).play(work)
    assert len(every) == 12
    assert [frame.tolist() for frame in some] == [every[i].tolist() for i in (7, 9, 11)]


def test_the_size_of_a_gradient_and_its_drift_are_not_unsteady() -> None:
    steady = np.full(50, 3.0)
    assert unsteadiness(steady) == 0
    swinging = np.where(np.arange(50) % 2, 1.0, 2.0)
    assert unsteadiness(swinging) == pytest.approx(np.log(2))
    assert unsteadiness(1000 * swinging) == pytest.approx(np.log(2))
    assert unsteadiness(np.full(50, np.nan)) is None


@pytest.mark.parametrize("failure", CASES)
def test_a_remedy_of_the_lecture_makes_a_sound_configuration(failure: str) -> None:
    base = FAILURES[failure].config("untreated", 0)
    treated = {remedy: remedied(base, remedy) for remedy in REMEDIES}
    for config in treated.values():
        if config:
            config.check(base.source.open().spec)
    same = {remedy for remedy, config in treated.items() if config is None}
    assert same - {"every-layer"} == {
        "partial-collapse": {"equal-rates"},
        "wgan-gp-generator-wins": {"another-loss"},  # a critic keeps its loss
        "cgan-condition-forgotten": {"equal-rates"},
    }.get(failure, set())
    # There has to be a label.
    assert ("every-layer" in same) == (base.arch.conditioning == "none")


def test_modes_of_the_grid() -> None:
    centres = Grid25().centres()
    assert covered(centres) == {"modes": 25, "good": 1.0}
    assert covered(np.concatenate([centres[:3], centres[:1] + 1])) == {"modes": 3, "good": 0.75}
    assert covered(np.full((4, 2), 9.0)) == {"modes": 0, "good": 0.0}


def test_stacked_images_and_what_is_recognised_of_them(tmp_path: Path) -> None:
    lab = LabFolder(tmp_path / "lab", {}, quiet=True, preview=False)
    stacked = Stacked(Work(lab, "wasserstein-collapse", 0, "digits", 1))
    assert stacked.modes == 1000
    file = tmp_path / "stacked.npz"
    stacked.write(file, 50, seed=3)
    with np.load(file) as kept:
        images = kept["images"]
    assert images.shape == (50, 8, 8, 3)
    grey = {image.tobytes() for image in np.asarray(stacked.data.images)[..., 0]}
    assert all(images[i, ..., c].tobytes() in grey for i in range(50) for c in range(3))

    def by_brightness(colours: torch.Tensor) -> Features:
        """The class is the grey level; above 9 the classifier is at a loss."""
        level = colours[:, 0, 0, 0].long()
        logits = 20.0 * nn.functional.one_hot(level.clamp(max=9), 10)
        return Features(colours.flatten(1).float(), torch.where(level[:, None] > 9, 0.0, logits))

    vars(stacked)["_classifier"] = by_brightness
    levels = np.array([[1, 2, 3], [3, 2, 1], [1, 2, 3], [1, 2, 50]], np.uint8)
    made = np.tile(levels[:, None, None], (1, 8, 8, 1))
    assert stacked.covered(made) == {"modes": 2, "good": 0.75}
    with pytest.raises(InputError, match="no grey images with labels"):
        Stacked(Work(lab, "wasserstein-collapse", 0, "ring8", 1))


@pytest.mark.parametrize(
    ("most", "sizes"),
    [(5000, [250, 500, 5000]), (600, [250, 500]), (100, [100]), (2000, [250, 500, 2000])],
)
def test_sizes_end_at_what_is_there(most: int, sizes: list[int]) -> None:
    assert sizes_up_to(most, (250, 500, 5000)) == sizes
