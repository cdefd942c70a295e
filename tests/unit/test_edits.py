"""Moves along directions and mixes of classes: what they do to z and labels, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.cli.main import main
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.sampling.directions import principal_directions
from saddlepoint.sampling.edits import Edit, edited, in_full, parse_parts, write_parts
from saddlepoint.sampling.generator_file import GeneratorFile
from saddlepoint.sampling.sampler import Sampler

SPEC = DataSpec(shape=(1, 8, 8), n_classes=4)
SMALL = {"latent_dim": 6, "generator_width": 8, "discriminator_width": 8}
EVERY_LAYER = Dcgan(**SMALL, conditioning="every-layer")


def sampler_of(arch: Dcgan = EVERY_LAYER) -> Sampler:
    torch.manual_seed(0)
    net = arch.generator(SPEC)
    for _ in range(3):
        net(2 * torch.randn(32, 6) + 1, torch.arange(32) % 4)
    weights = net.state_dict()
    content = GeneratorFile(arch=arch, spec=SPEC, classes=(), data="", n_images=0, weights=weights)
    return Sampler(net, content)


def test_a_move_is_so_many_standard_deviations_along_a_direction_of_its_class() -> None:
    sampler = sampler_of()
    z, labels = edited(sampler, [5, 6, 9], None, Edit(moves={2: 1.5, 1: -0.5}))
    assert labels == [1, 2, 1]
    for row, seed, label in zip(z, (5, 6, 9), (1, 2, 1), strict=True):
        vectors = torch.from_numpy(principal_directions(sampler, 2, label).vectors)
        expected = sampler.z_of([seed])[0] + 1.5 * vectors[1] - 0.5 * vectors[0]
        assert torch.allclose(row, expected, atol=1e-6)
    # The order in which they are named makes no difference, down to the last bit.
    again, _ = edited(sampler, [5, 6, 9], None, Edit(moves={1: -0.5, 2: 1.5}))
    assert torch.equal(z, again)
    plain = sampler_of(Dcgan(**SMALL))
    moved, none = edited(plain, [7], None, Edit(moves={1: 2.0}))
    along = moved[0] - plain.z_of([7])[0]
    assert none is None
    assert np.allclose(along, 2 * principal_directions(plain, 1).vectors[0], atol=1e-6)


def test_a_mix_lies_between_its_classes() -> None:
    sampler = sampler_of()
    whole = sampler.images([3], [2])
    # All of one class is that class, and shares are divided by their sum.
    assert np.array_equal(
        sampler.images(*edited(sampler, [3], None, Edit(mix={2: 4.0, 0: 0}))), whole
    )
    half = sampler.images(*edited(sampler, [3], None, Edit(mix={2: 1, 0: 1})))
    walk = sampler.interpolate(sampler.z_of([3, 3]), [2, 0], steps=2)
    assert np.array_equal(half[0], walk[1])
    assert not np.array_equal(half, whole)
    # The directions are those of the first class, whatever its share.
    seeds, shares = edited(sampler, [3], None, Edit(mix={1: 0.1, 3: 0.9}, moves={1: 1.0}))
    first = principal_directions(sampler, 1, 1).vectors
    assert np.allclose(seeds - sampler.z_of([3]), first, atol=1e-6)
    assert torch.allclose(shares, torch.tensor([[0, 0.1, 0, 0.9]]))
    # A walk keeps its mix all the way.
    frames = sampler.interpolate([3, 4], shares.repeat(2, 1), steps=3)
    assert np.array_equal(frames[0], sampler.images([3], shares)[0])


def test_what_is_refused() -> None:
    sampler, plain = sampler_of(), sampler_of(Dcgan(**SMALL))
    for changes, said in [
        ({"moves": {7: 1.0}}, "at most 6"),
        ({"moves": {0: 1.0}}, "at least 1"),
        ({"mix": {4: 1.0}}, "at most 3"),
    ]:
        with pytest.raises(InputError, match=said):
            edited(sampler, [0], None, Edit(**changes))
    with pytest.raises(InputError, match="choose one"):
        edited(sampler, [0], [1], Edit(mix={1: 1.0}))
    with pytest.raises(InputError, match="cannot mix"):
        edited(plain, [0], None, Edit(mix={1: 1.0}))
    for shares in (torch.ones(1, 4), torch.ones(2, 4) / 4, torch.tensor([[2.0, -1, 0, 0]])):
        with pytest.raises(InputError, match="add up to 1"):
            sampler.images([0], shares)
    with pytest.raises(InputError, match="cannot mix"):
        plain.images([0], torch.ones(1, 4) / 4)
    for odd in (float("nan"), float("inf"), 11.0, -11.0):
        with pytest.raises(InputError, match="standard deviations"):
            Edit(moves={1: odd})
    for mix in ({1: -1.0, 2: 3.0}, {1: 0.0}, {1: float("nan")}, {1: float("inf")}):
        with pytest.raises(InputError, match="shares are at least 0"):
            Edit(mix=mix)


def test_parts_as_they_are_typed() -> None:
    parts = {3: 0.1, 1: -2.0, 12: 1e-07}
    assert write_parts(parts) == "3:0.1,1:-2,12:1e-07"
    assert parse_parts(write_parts(parts), "--move") == parts
    assert parse_parts(" 1 : 2 , 3:.5", "--move") == {1: 2.0, 3: 0.5}
    assert float(in_full(0.1 + 0.2)) == 0.1 + 0.2
    odd = ["", "1", "1:", ":1", "a:1", "1:b", "-1:2", "1:2:3", "1:2,,", "٣:1", "1.5:1", "1:1,1:2"]
    for text in [*odd, "9" * 5000 + ":x", ",".join(["1:1"] * 3000)]:
        with pytest.raises(InputError, match="--move") as refused:
            parse_parts(text, "--move")
        assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--move", "1:x"], "not a pair"),
        (["--move", "1:99"], "standard deviations"),
        (["--mix", "1:0.5", "--class-grid"], "--mix does not go with --class-grid"),
        (["--move", "1:1", "--directions"], "--move does not go with --directions"),
        (["--move", "1:1", "--training"], "--move does not go with --training"),
        (["--truncation", "0.7", "--training"], "--truncation does not go with --training"),
        (["--n", "4", "--training"], "--n does not go with --training"),
        (["--labels", "1", "--training"], "--labels does not go with --training"),
        (["--deviations", "3", "--class-grid"], "--deviations does not go with --class-grid"),
        (["--deviations", "3"], "--deviations is for --directions only"),
    ],
)
def test_bad_flags_are_a_sentence(
    flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.png"
    assert main(["sample", str(tmp_path), *flags, "--out", str(out)]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
