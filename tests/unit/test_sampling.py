"""From a file or a run to images: same seed same image, whatever stands beside it."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.checkpoints import FILES, write_state
from saddlepoint.core.contracts import Architecture, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.images import to_uint8, write_png
from saddlepoint.core.json_files import write_json
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.sampling import sampler, video
from saddlepoint.sampling.generator_file import KEY, GeneratorFile
from saddlepoint.sampling.latent_files import read_latents, write_latents
from saddlepoint.sampling.latent_space import latents, slerp
from saddlepoint.sampling.outputs import sample_to, training_to
from saddlepoint.sampling.ranges import parse_ranges
from saddlepoint.sampling.sampler import Sampler, load_sampler
from saddlepoint.sampling.video import write_mp4

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
IMAGES = DataSpec(shape=(1, 16, 16), n_classes=5)
COLOUR = DataSpec(shape=(3, 8, 8))
POINTS = DataSpec(shape=(2,), value_range=None)
PLAIN = Dcgan(latent_dim=12, generator_width=8, discriminator_width=8)
CONDITIONAL = Dcgan(
    latent_dim=12, generator_width=8, discriminator_width=8, conditioning="every-layer"
)
SMALL = Mlp(latent_dim=6, generator_widths=(8,), discriminator_widths=(8,))


def write(path: Path, arch: Architecture, spec: DataSpec, seed: int = 0) -> Path:
    """A generator file with random weights and buffers that are not at their initial values."""
    torch.manual_seed(seed)
    generator = arch.generator(spec)
    for _ in range(3):
        labels = torch.randint(spec.n_classes, (16,)) if spec.n_classes else None
        generator(2 * torch.randn(16, generator.latent_dim) + 1, labels)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(3)
    classes = CLASSES[: spec.n_classes]
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = generator.state_dict()
    content = GeneratorFile(
        arch=arch, spec=spec, classes=classes, data="clothes", n_images=200_000, weights=weights
    )
    safetensors.torch.save_file(weights, path, content.metadata())
    return path


def write_checkpoint(run: Run, name: str, seed: int) -> Path:
    folder = run.checkpoints_folder / name
    path = write(folder / "ema.safetensors", PLAIN, IMAGES, seed)
    for file in FILES:
        shutil.copy(path, folder / file) if file != path.name else None
    write_state(folder, n_images=images_of(folder), n_steps=1, score=None)
    return folder


@pytest.fixture
def plain(tmp_path: Path) -> Sampler:
    return load_sampler(write(tmp_path / "plain.safetensors", PLAIN, IMAGES))


@pytest.fixture
def conditional(tmp_path: Path) -> Sampler:
    return load_sampler(write(tmp_path / "conditional.safetensors", CONDITIONAL, IMAGES))


@pytest.fixture
def points(tmp_path: Path) -> Sampler:
    return load_sampler(write(tmp_path / "points.safetensors", SMALL, POINTS))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "run")
    run.path.mkdir()
    write_json(run.config_file, {"schema": 1})
    return run


# -- latents -----------------------------------------------------------------------------------


def test_a_seeds_latent_does_not_depend_on_its_companions() -> None:
    alone = latents([7], 20)
    assert torch.equal(latents([1, 7, 0], 20)[1], alone[0])
    assert torch.equal(latents(range(64), 20)[7], alone[0])
    expected = torch.randn(20, generator=torch.Generator().manual_seed(7))
    assert torch.equal(alone[0], expected)


def test_latents_leave_the_global_random_numbers_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "g.safetensors", PLAIN, IMAGES)
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    load_sampler(path).images([1, 2])
    assert torch.equal(torch.randn(4), expected)


@given(st.integers(2, 200), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_slerp_starts_and_ends_at_its_ends_and_keeps_the_norm(d: int, one: int, two: int) -> None:
    a, b = latents([one, two], d)
    way = slerp(a, b, torch.linspace(0, 1, 9))
    torch.testing.assert_close(way[0], a, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(way[-1], b, rtol=1e-3, atol=1e-4)
    assert torch.equal(
        slerp(a, 0 * a, torch.tensor([0.5]))[0], a / 2
    )  # the centre has no direction
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=0)
    if cosine > -0.999:
        expected = a.norm() + torch.linspace(0, 1, 9) * (b.norm() - a.norm())
        torch.testing.assert_close(way.norm(dim=1), expected, rtol=2e-3, atol=1e-3)


# -- images ------------------------------------------------------------------------------------


def test_an_image_depends_on_its_seed_alone(plain: Sampler) -> None:
    all_of_them = plain.images(range(80))
    assert all_of_them.shape == (80, 16, 16, 1)
    assert all_of_them.dtype == np.uint8
    assert len(np.unique(all_of_them.reshape(80, -1), axis=0)) == 80
    for beside in ([7], [79, 3, 7], [1] * 70 + [7]):
        assert abs(plain.images(beside)[-1].astype(int) - all_of_them[7]).max() <= 1


@pytest.mark.parametrize("batch_size", [1, 3, 80, 500])
def test_images_do_not_depend_on_the_batch_size(
    plain: Sampler, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plain.images(range(80)).astype(int)
    monkeypatch.setattr(sampler, "BATCH_SIZE", batch_size)
    assert abs(made - plain.images(range(80))).max() <= 1


def test_a_sampler_is_the_generator_in_eval_mode(plain: Sampler) -> None:
    with torch.no_grad():
        raw = plain.generator.eval()(latents([4], 12))
    expected = np.rint((raw[0, 0].numpy() + 1) * 127.5)
    assert abs(plain.images([4])[0, :, :, 0] - expected).max() <= 1


def test_truncation_moves_towards_the_mean_latent(plain: Sampler) -> None:
    spread = [plain.images(range(64), truncation=psi).std(0).mean() for psi in (1.0, 0.5, 0.01)]
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] < 3


@pytest.mark.parametrize("psi", [0.0, -1.0, 1.5, float("nan")])
def test_truncation_out_of_range(plain: Sampler, psi: float) -> None:
    with pytest.raises(InputError, match="at most 1"):
        plain.images([0], truncation=psi)


def test_points(points: Sampler) -> None:
    made = np.concatenate(list(points.portions(range(100))))
    assert made.shape == (100, 2)
    assert made.dtype == np.float32
    np.testing.assert_allclose(next(points.portions([7]))[0], made[7], rtol=1e-4, atol=1e-5)
    assert np.array_equal(points.images(range(100)), made)
    with pytest.raises(InputError, match="points"):
        points.interpolate([0, 1])


# -- labels ------------------------------------------------------------------------------------


def test_without_labels_seeds_in_a_row_show_every_class(conditional: Sampler) -> None:
    free = conditional.images(range(10))
    assert np.array_equal(free, conditional.images(range(10), labels=range(5)))
    assert not np.array_equal(free, conditional.images(range(10), labels=[2]))


def test_label_out_of_range_names_the_classes(conditional: Sampler) -> None:
    with pytest.raises(InputError, match=r"--labels 12: the model knows 5 classes \(0-4: T-shirt"):
        conditional.images([0], labels=[12])
    with pytest.raises(InputError, match="--labels -1"):
        conditional.images([0], labels=[-1])


def test_label_counts_that_do_not_fit(conditional: Sampler, plain: Sampler) -> None:
    with pytest.raises(InputError, match="3 labels for 2 seeds"):
        conditional.images([0, 1], labels=[0, 1, 2])
    with pytest.raises(InputError, match="unconditional"):
        plain.images([0], labels=[0])
    with pytest.raises(InputError, match="conditional"):
        plain.class_grid(range(3))


def test_class_grid_has_a_row_a_class_and_the_same_seeds(conditional: Sampler) -> None:
    made = conditional.class_grid(range(4))
    assert made.shape == (5, 4, 16, 16, 1)
    assert np.array_equal(made[3, 2], conditional.images([2], labels=[3])[0])
    assert conditional.class_grid(range(4), labels=[1, 3]).shape[0] == 2


def test_latents_in_place_of_seeds(plain: Sampler, conditional: Sampler, tmp_path: Path) -> None:
    z = plain.z_of([7, 9, 3])
    assert np.array_equal(plain.images(z), plain.images([7, 9, 3]))
    assert np.array_equal(plain.interpolate(z), plain.interpolate([7, 9, 3]))
    rows = conditional.class_grid(z, [1, 3])
    assert np.array_equal(rows, conditional.class_grid([7, 9, 3], [1, 3]))
    ends = conditional.interpolate(z, [4, 0, 2], steps=3)[[0, 3, 6]].astype(int)
    assert abs(ends - conditional.images(z, [4, 0, 2])).max() <= 1
    write_latents(tmp_path / "z.npz", z, [4, 0, 2])
    read, labels = read_latents(tmp_path / "z.npz")
    assert torch.equal(read, z)
    assert labels == [4, 0, 2]
    with np.load(sample_to(plain, tmp_path / "made.npz", z)) as file:
        assert np.array_equal(file["z"], z)
        assert np.array_equal(file["images"], plain.images(z))
    folder = sample_to(plain, tmp_path / "folder", z)
    assert sorted(path.name for path in folder.iterdir()) == [
        f"latent{index:06d}.png" for index in range(3)
    ]


def test_latents_that_cannot_be(plain: Sampler, conditional: Sampler, tmp_path: Path) -> None:
    z = plain.z_of([1, 2])
    for bad in (z[:, :5], z[0], z[:0], z * float("nan"), z * 1e9):
        with pytest.raises(InputError, match=r"latents|latent has|No seeds"):
            plain.images(bad)
    with pytest.raises(InputError, match="no labels; name them"):
        conditional.images(z)
    file = tmp_path / "z.npz"
    for arrays, words in (
        ({"images": z}, "no array `z`"),
        ({"z": z.int()}, "floats"),
        ({"z": z[0]}, "floats"),
        ({"z": z[:0]}, "floats"),
        ({"z": z, "labels": z}, "whole numbers"),
        ({"z": z, "labels": [1]}, "whole numbers"),
        ({"z": np.array([[None]])}, "pickle"),
    ):
        np.savez(file, **{name: np.asarray(array) for name, array in arrays.items()})
        with pytest.raises(InputError, match=words):
            read_latents(file)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(InputError, match="damaged"):
        read_latents(file)
    with pytest.raises(InputError, match="no such file"):
        read_latents(tmp_path / "absent.npz")


def test_bad_seeds(plain: Sampler) -> None:
    with pytest.raises(InputError, match="--seeds -3"):
        plain.images([1, -3])
    with pytest.raises(InputError, match="No seeds"):
        plain.images([])


def test_interpolation_goes_through_its_seeds(conditional: Sampler) -> None:
    frames = conditional.interpolate([3, 8, 5], labels=[3], steps=4)
    assert len(frames) == 9
    ends = conditional.images([3, 8, 5], labels=[3])
    assert abs(frames[[0, 4, 8]].astype(int) - ends).max() <= 1
    assert len(conditional.interpolate([3, 8, 5], steps=4, loop=True)) == 12
    with pytest.raises(InputError, match="two seeds"):
        conditional.interpolate([3])


@pytest.mark.parametrize("how", ["onehot", "embedding", "every-layer"])
@pytest.mark.parametrize("loop", [False, True])
def test_interpolation_goes_through_its_classes(tmp_path: Path, how: str, loop: bool) -> None:
    arch = Dcgan(latent_dim=8, generator_width=8, max_width=16, conditioning=how)  # type: ignore[arg-type]
    model = load_sampler(write(tmp_path / "g.safetensors", arch, IMAGES))
    frames = model.interpolate([0, 1, 2], steps=4, loop=loop).astype(int)
    # At each seed what the seed shows on its own, its class included.
    assert abs(frames[[0, 4, 8]] - model.images([0, 1, 2])).max() <= 1
    # Between them neither the one class nor the other, but near both.
    z = slerp(*latents([0, 1], 8), torch.tensor([0.5]))
    halves = torch.tensor([[0.5, 0.5, 0, 0, 0]])
    pictures = [
        to_uint8(model.generator(z, label).numpy())[0].astype(int)
        for label in (halves, torch.tensor([0]), torch.tensor([1]))
    ]
    assert abs(frames[2] - pictures[0]).max() <= 1
    assert min(abs(frames[2] - picture).max() for picture in pictures[1:]) > 1
    # A generator that takes one class at a time changes it at each seed.
    model.generator.mixes_labels = False
    stepwise = model.interpolate([0, 1, 2], steps=4, loop=loop).astype(int)
    assert abs(stepwise[2] - pictures[1]).max() <= 1
    assert abs(stepwise[[0, 4, 8]] - model.images([0, 1, 2])).max() <= 1


# -- files that are sampled from -----------------------------------------------------------------


def test_one_file_moved_anywhere_is_enough(tmp_path: Path) -> None:
    path = write(tmp_path / "run" / "ema.safetensors", CONDITIONAL, IMAGES)
    expected = load_sampler(path).images(range(6))
    moved = tmp_path / "elsewhere" / "my model.safetensors"
    moved.parent.mkdir()
    shutil.move(path, moved)
    sampler = load_sampler(moved)
    assert np.array_equal(sampler.images(range(6)), expected)
    assert (sampler.spec, sampler.classes, sampler.data) == (IMAGES, CLASSES, "clothes")
    assert sampler.n_images == 200_000


def test_a_run_gives_its_newest_checkpoint(run: Run) -> None:
    write_checkpoint(run, "000100k", seed=1)
    newest = write_checkpoint(run, "000200k", seed=2)
    expected = load_sampler(newest / "ema.safetensors").images([0])
    assert np.array_equal(load_sampler(run.path).images([0]), expected)
    assert np.array_equal(load_sampler(newest).images([0]), expected)


@pytest.mark.parametrize("harm", ["flip", "truncate", "remove", "no-state", "bad-state"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    run: Run, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = write_checkpoint(run, "000100k", seed=1)
    bad = write_checkpoint(run, "000200k", seed=2)
    file = bad / "ema.safetensors"
    content = bytearray(file.read_bytes())
    if harm == "flip":
        content[-5] ^= 1
        file.write_bytes(content)
    elif harm == "truncate":
        file.write_bytes(content[:-20])
    elif harm == "remove":
        file.unlink()
    elif harm == "no-state":
        (bad / "state.json").unlink()
    else:
        (bad / "state.json").write_text('{"files": []}')
    with caplog.at_level(logging.WARNING, logger="saddlepoint"):
        sampler = load_sampler(run.path)
    assert "000200k is damaged" in caplog.text
    expected = load_sampler(good / "ema.safetensors").images([0])
    assert np.array_equal(sampler.images([0]), expected)


def test_a_run_without_an_intact_checkpoint(run: Run) -> None:
    with pytest.raises(InputError, match="no checkpoint yet"):
        load_sampler(run.path)
    folder = write_checkpoint(run, "000100k", seed=1)
    (folder / "ema.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="none of its checkpoints is intact"):
        load_sampler(run.path)
    with pytest.raises(InputError, match="damaged"):
        load_sampler(folder)


def test_paths_that_are_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_sampler(tmp_path / "absent")
    with pytest.raises(InputError, match="not a run folder"):
        load_sampler(tmp_path)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    bare = tmp_path / "model.pkl"
    bare.write_bytes(pickle.dumps(Bomb()))
    archive = tmp_path / "ema.safetensors"
    torch.save({"weights": torch.zeros(3)}, archive)
    for path in (bare, archive):
        with pytest.raises(InputError, match="never loaded"):
            load_sampler(path)
    assert not (tmp_path / "exploded").exists()


def test_foreign_damaged_and_newer_files(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    safetensors.torch.save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="another kind"):
        load_sampler(path)

    whole = write(path, PLAIN, IMAGES).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:20], b"", b"no safetensors at all"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="damaged or truncated"):
            load_sampler(path)

    weights = PLAIN.generator(IMAGES).state_dict()
    document = json.loads(
        GeneratorFile(
            arch=PLAIN, spec=IMAGES, classes=CLASSES, data="clothes", n_images=5, weights=weights
        ).metadata()[KEY]
    )
    for change, sentence in (
        ({"schema": 9}, "schema 9"),
        ({"spec": "{"}, "damaged"),
        ({"n_images": "many"}, "damaged"),
        ({"arch": {"kind": "dcgann"}}, "did you mean 'dcgan'"),
        ({"arch": {"kind": "dcgan", "latent_dim": 3}}, "do not fit"),
    ):
        safetensors.torch.save_file(weights, path, {KEY: json.dumps({**document, **change})})
        with pytest.raises(InputError, match=sentence):
            load_sampler(path)


@pytest.mark.parametrize("place", [0.3, 0.6, 0.999])
def test_one_flipped_bit_in_a_file_on_its_own_is_noticed(tmp_path: Path, place: float) -> None:
    path = write(tmp_path / "moved.safetensors", PLAIN, IMAGES)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged: its weights"):
        load_sampler(path)


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path / "g.safetensors", SMALL, POINTS)
    with pytest.raises(InputError, match="--device abacus"):
        load_sampler(path, "abacus")


# -- files that are written ------------------------------------------------------------------------


def test_npz(conditional: Sampler, tmp_path: Path) -> None:
    seeds = list(range(150))
    out = sample_to(conditional, tmp_path / "new" / "samples.npz", seeds)
    with np.load(out, allow_pickle=False) as file:
        assert sorted(file) == ["images", "labels", "seeds"]
        assert file["images"].dtype == np.uint8
        assert np.array_equal(file["images"], conditional.images(seeds))
        assert file["labels"].dtype == file["seeds"].dtype == np.int64
        assert np.array_equal(file["labels"], np.arange(150) % 5)
        assert np.array_equal(file["seeds"], seeds)
    again = sample_to(conditional, tmp_path / "again.npz", seeds)
    assert again.read_bytes() == out.read_bytes()
    assert zipfile.ZipFile(out).testzip() is None


def test_npz_of_an_unconditional_model_and_of_points(
    plain: Sampler, points: Sampler, tmp_path: Path
) -> None:
    with np.load(sample_to(plain, tmp_path / "a.npz", [5])) as file:
        assert sorted(file) == ["images", "seeds"]
    with np.load(sample_to(points, tmp_path / "b.npz", range(70))) as file:
        assert file["images"].shape == (70, 2)
        assert file["images"].dtype == np.float32


def test_npz_that_stops_half_way_leaves_nothing(
    plain: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = plain.images(range(4))

    def interrupted(*asked: object) -> Iterator[np.ndarray]:
        yield first
        raise KeyboardInterrupt

    monkeypatch.setattr(plain, "portions", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sample_to(plain, tmp_path / "o" / "a.npz", range(9))
    with pytest.raises(KeyboardInterrupt):
        sample_to(plain, tmp_path / "o" / "folder", range(9))
    assert list((tmp_path / "o").iterdir()) == []


def test_folder(plain: Sampler, tmp_path: Path) -> None:
    out = tmp_path / "pictures"
    out.mkdir()
    sample_to(plain, out, [7, 1234567])
    assert sorted(p.name for p in out.iterdir()) == ["seed000007.png", "seed1234567.png"]
    with Image.open(out / "seed000007.png") as picture:
        assert np.array_equal(np.asarray(picture), plain.images([7])[0, :, :, 0])
    with pytest.raises(InputError, match="not empty"):
        sample_to(plain, out, [1])


def test_png_forms(conditional: Sampler, points: Sampler, tmp_path: Path) -> None:
    def size(name: str, sampler: Sampler, seeds: range, **how: Any) -> tuple[int, int]:
        with Image.open(sample_to(sampler, tmp_path / name, seeds, **how)) as picture:
            return picture.size

    width, height = size("grid.png", conditional, range(16))
    assert width == height >= 256
    width, height = size("strip.PNG", conditional, range(3), interpolate=True)
    assert width == pytest.approx(5 * height, rel=0.05)  # two rows of ten
    width, height = size("classes.png", conditional, range(10), class_grid=True)
    assert width > 1.9 * height  # five rows of ten
    assert size("points.png", points, range(500)) == (320, 320)


def test_interpolation_gif(conditional: Sampler, tmp_path: Path) -> None:
    out = sample_to(conditional, tmp_path / "walk.gif", range(3), interpolate=True)
    with Image.open(out) as film:
        assert film.n_frames == 48
        assert film.info["loop"] == 0
        assert film.size == (256, 256)
        frame = np.asarray(film.convert("RGB")).astype(int)
    # Grey stays grey and keeps its values.
    first = conditional.images([0], labels=[0])[0].repeat(16, 0).repeat(16, 1)
    assert abs(frame - first).max() <= 1


def test_mp4(conditional: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = [np.full((5, 7, 1), 40 * i, np.uint8) for i in range(6)]
    if find_spec("av") is not None:
        import av

        write_mp4(tmp_path / "film.mp4", odd, milliseconds=40)
        with av.open(str(tmp_path / "film.mp4")) as film:
            (stream,) = film.streams.video
            assert stream.average_rate == 25
            frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert [frame.shape for frame in frames] == [(6, 8, 3)] * 6
        for made, frame in zip(frames, odd, strict=True):
            assert abs(made.astype(int) - frame.max()).max() <= 6
        out = sample_to(conditional, tmp_path / "walk.mp4", range(2), [1], interpolate=True)
        with av.open(str(out)) as film:
            assert sum(1 for _ in film.decode(video=0)) == 64
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'saddlepoint\[video\]'"):
        sample_to(conditional, tmp_path / "new.mp4", range(2), interpolate=True)
    assert not (tmp_path / "new.mp4").exists()


@pytest.mark.parametrize("channels", [1, 3])
def test_training_film(run: Run, tmp_path: Path, channels: int) -> None:
    with pytest.raises(InputError, match="no sample grids yet"):
        training_to(run, tmp_path / "film.gif")
    run.samples_folder.mkdir()
    noise = np.random.default_rng(0)
    for i in range(30):
        picture = noise.integers(0, 255, (40, 40, channels)).astype(np.uint8)
        write_png(run.samples_folder / f"{i:06d}k.png", picture)
    write_png(run.samples_folder / "reals.png", picture)
    (run.samples_folder / "000007k.png").write_bytes(b"torn")
    out = training_to(run, tmp_path / "film.gif")
    with Image.open(out) as film:
        assert film.n_frames == 29
        film.seek(28)
        assert film.info["duration"] > 1000
        last = np.asarray(film.convert("RGB")).astype(int)
    if channels == 1:
        assert np.array_equal(last, np.broadcast_to(picture, last.shape))
    with Image.open(training_to(run, tmp_path / "short.gif", most=10)) as film:
        assert 8 <= film.n_frames <= 10
    with pytest.raises(InputError, match=r"\.gif"):
        training_to(run, tmp_path / "film.png")


def test_outputs_that_cannot_be(plain: Sampler, conditional: Sampler, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for name in ("a.npz", "a.png", "a", "a.gif"):
        with pytest.raises(InputError, match="cannot be written"):
            sample_to(plain, file / name, [0, 1])
    with pytest.raises(InputError, match=r"unknown suffix '\.jpg'"):
        sample_to(plain, tmp_path / "a.jpg", [0])
    with pytest.raises(InputError, match="class grid"):
        sample_to(conditional, tmp_path / "a.npz", [0], class_grid=True)
    with pytest.raises(InputError, match="interpolation"):
        sample_to(conditional, tmp_path / "a.npz", [0], interpolate=True)
    with pytest.raises(InputError, match="twice"):
        sample_to(plain, tmp_path / "a", [0, 0])
    with pytest.raises(InputError, match="is a file; choose the name of a new folder"):
        sample_to(plain, file, [0])
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".safetensors") == ["file"]


# -- numbers on the command line -------------------------------------------------------------------


def test_parse_ranges() -> None:
    assert list(parse_ranges("0-3,7")) == [0, 1, 2, 3, 7]
    assert list(parse_ranges("5, 2-2")) == [5, 2]


@pytest.mark.parametrize("text", ["", "a", "1-", "-3", "1,,2", "3-1", "0-99999999999", "1.5", "٣"])
def test_parse_ranges_errors(text: str) -> None:
    with pytest.raises(InputError, match="--labels"):
        parse_ranges(text, "--labels")
