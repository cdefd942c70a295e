"""What is too large, and is refused before anything is built."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from saddlepoint import api
from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.core import limits
from saddlepoint.core.config import Train
from saddlepoint.core.contracts import Architecture, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.measures import Settings
from saddlepoint.evaluation import measure
from saddlepoint.evaluation.arrays import score_images
from saddlepoint.evaluation.memory import require_memory_for_measures
from saddlepoint.evaluation.sets import drawn_from
from saddlepoint.sampling import sampler as sampling
from saddlepoint.sampling.generator_file import GeneratorFile
from saddlepoint.sampling.latent_space import latents
from saddlepoint.sampling.outputs import sample_to
from saddlepoint.sampling.ranges import parse_ranges
from saddlepoint.sampling.sampler import Sampler, load_sampler
from saddlepoint.training import device, memory

IMAGES = DataSpec(shape=(1, 8, 8))
LABELLED = DataSpec(shape=(1, 8, 8), n_classes=10)


def test_a_sentence_has_both_numbers_and_what_to_lower():
    limits.require_memory(10, "--n 10", "give fewer", available=10)
    with pytest.raises(InputError) as raised:
        limits.require_memory(19_440_000_000, "--n 10", "give fewer", available=512_000_000)
    assert str(raised.value) == (
        "--n 10 needs about 19.4 GB of memory, but 512 MB are available; give fewer."
    )


@pytest.mark.parametrize("kind", ["AS", "DATA"])
def test_a_limit_of_the_shell_counts(kind: str):
    code = (
        "import resource; from saddlepoint.core.limits import available_memory as a; b = a();"
        f"resource.setrlimit(resource.RLIMIT_{kind}, (2**30, 2**30)); print(b, a())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert 0 < after < min(before, 2**30)


VERSIONS = {
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


@pytest.mark.parametrize("kinds", VERSIONS)
def test_control_groups_and_those_above_them_count(tmp_path, monkeypatch, kinds: str):
    limit, use, cache = VERSIONS[kinds]
    for place, most in (("job", "1000"), ("job/step", "max")):
        (tmp_path / place).mkdir()
        (tmp_path / place / limit).write_text(most)
        (tmp_path / place / use).write_text("700\n")
        (tmp_path / place / "memory.stat").write_text(f"anon 650\n{cache} 40\n")
    (tmp_path / "cgroup").write_text(f"9:pids:/\n4:{kinds}:/job/step/not-mounted-here\n")
    monkeypatch.setattr(limits, "_OWN", tmp_path)
    monkeypatch.setattr(limits, "_CGROUPS", [(tmp_path, limit, use, cache)] * 2)
    # What is only cached from disk is given back when it is needed.
    assert list(limits._of_control_groups()) == [1000 - 700 + 40]
    assert limits.available_memory() == 340


# -- training ------------------------------------------------------------------------------------


FIELDS = [
    ("seed", 2**63, "seed=9223372036854775808 must be at most 9,223,372,036,854,775,807"),
    ("seed", 10**400, "seed=(a number of more than 40 digits) must be at most"),
    ("train.kimg", 1e300, "kimg=1e+300 must be at most 1,000,000,000"),
    ("train.checkpoint_minutes", 1e300, "checkpoint_minutes=1e+300 must be at most"),
    ("train.batch_size", 10**7, "batch_size=10000000 must be at most 1,048,576"),
    ("train.n_samples", 10**6, "n_samples=1000000 must be at most 10,000"),
    ("train.n_critic", 10**6, "n_critic=1000000 must be at most 10,000"),
    ("train.threads", 10**5, "threads=100000 must be at most 512"),
    ("scoring.n", 10**12, "n=1000000000000 must be at most"),
    ("optim_g.lr", 1e300, "lr=1e+300 must be at most"),
    ("ema.halflife", 1e300, "halflife=1e+300 must be at most"),
    ("train.instance_noise", 1e300, "instance_noise=1e+300 must be at most"),
    ("arch.latent_dim", 2 * 10**7, "latent_dim=20000000 must be at most 65,536"),
    ("arch.generator_width", 10**15, "generator_width=1000000000000000 must be at most 65,536"),
    ("arch.packing", 10**6, "packing=1000000 must be at most 64"),
]


@pytest.mark.parametrize(("field", "value", "words"), FIELDS, ids=lambda value: str(value)[:30])
def test_a_field_beyond_all_sense_is_refused(field: str, value: float, words: str):
    with pytest.raises(InputError) as raised:
        api.configure("dcgan", "digits", changes={field: value}).check(IMAGES)
    # JSON has no number of 400 digits, and is refused before the field is.
    assert words in str(raised.value)


def test_seeds_to_the_last_one_train():
    api.configure("dcgan", "digits", changes={"seed": 2**63 - 1}).check(IMAGES)


NEEDS = [
    ("dcgan", {"arch.generator_width": 2048, "arch.max_width": 4096}, "lower --arch"),
    ("gan", {"arch.generator_widths": [65536, 65536]}, "lower --arch"),
    ("dcgan", {"train.batch_size": 2**20}, "lower --train.batch-size 1,048,576"),
    ("dcgan-r1", {"train.batch_size": 2**20}, "lower --train.batch-size 1,048,576"),
    ("gan", {"train.batch_size": 2, "train.n_samples": 10_000}, "lower --train.n-samples 10,000"),
]


@pytest.mark.parametrize(("preset", "changes", "words"), NEEDS)
def test_a_training_larger_than_the_memory_is_refused_at_once(
    tmp_path, monkeypatch, preset: str, changes: dict, words: str
):
    monkeypatch.setattr(limits, "available_memory", lambda: 20_000_000)
    small = {} if "arch.generator_widths" in changes else {"arch.latent_dim": 8}
    if preset == "gan" and small:
        small |= {"arch.generator_widths": [8], "arch.discriminator_widths": [8]}
        monkeypatch.setattr(limits, "available_memory", lambda: 2_000_000)
    with pytest.raises(InputError, match=r"This run on cpu needs about .* available") as raised:
        api.train(preset, "digits", out=tmp_path / "run", changes=small | changes, quiet=True)
    assert words in str(raised.value)
    assert not (tmp_path / "run").exists()


def needs(preset: str, where: str = "meta", **changes) -> tuple[int, int]:
    """Bytes of the state, and of a step."""
    small = {"train.device": "cpu", "train.precision": "fp32", "train.batch_size": 16}
    nets = {"arch.latent_dim": 8}
    if preset != "gan":
        nets |= {"arch.generator_width": 8, "arch.discriminator_width": 8}
    config = api.configure(preset, "digits", changes=small | nets | changes)
    state, _, step = memory.needs(config, LABELLED, where)
    return state, step


@pytest.mark.parametrize("preset", ["gan", "dcgan", "wgan-gp", "dcgan-r1", "cgan-every-layer"])
def test_the_estimate_of_a_training_is_what_its_tensors_take(preset: str):
    state, step = needs(preset)
    real_state, real_step = needs(preset, "cpu")  # the same, with tensors that exist
    assert state == real_state
    # On meta Adam is not fused, and takes copies of some gradients.
    assert -0.1 * real_step < step - real_step < 0.15 * real_step + state / 2


def test_what_a_step_takes_follows_its_settings():
    state, step = needs("wgan-gp")
    assert needs("wgan-gp", **{"train.batch_size": 64})[1] == pytest.approx(4 * step, rel=0.3)
    # A gradient penalty goes twice through the critic.
    bare = {"penalties": [], "loss.clip": 0.01}
    assert needs("wgan-gp", **bare)[1] < 0.8 * step
    assert needs("wgan-gp", **{"train.accumulate": 4})[1] < 0.6 * step
    assert needs("wgan-gp", **{"train.precision": "bf16"}) == (state, round(0.8 * step))


MEASURES = [
    # 64x64 pixels in colour: matrices of 1.2 GB.
    ((1000, 1000, 0, 12_288, 0), "needs about 7.7 GB", "--features of fewer numbers than 12,288"),
    ((10_000, 10_000, 60_000, 3072, 0), "needs about 2.6 GB", "--features of fewer numbers"),
    ((500_000, 500_000, 0, 784, 200), "needs about 7.1 GB", "give a smaller --n"),
    ((10_000, 10_000, 0, 64, 100_000), "needs about 8.0 GB", "give a smaller --bootstrap"),
]


@pytest.mark.parametrize(("sizes", "need", "remedy"), MEASURES)
def test_measures_larger_than_the_memory_are_refused(monkeypatch, sizes, need: str, remedy: str):
    *numbers, n_bootstrap = sizes
    settings = Settings(n_bootstrap=n_bootstrap)
    monkeypatch.setattr(limits, "available_memory", lambda: 2 * 10**9)
    with pytest.raises(InputError, match=f"{need}.*{remedy}"):
        require_memory_for_measures(*numbers, settings)
    monkeypatch.setattr(limits, "available_memory", lambda: 10**10)
    require_memory_for_measures(*numbers, settings)


def test_evaluate_says_so_before_any_feature_is_computed(monkeypatch):
    images = np.zeros((50, 64, 64, 3), np.uint8)
    monkeypatch.setattr(limits, "available_memory", lambda: 10**8)
    monkeypatch.setattr(measure, "bank_of", None)
    with pytest.raises(InputError, match="50 images by 12,288 features each needs about 7"):
        score_images(images, images, features="pixels")


# -- devices -------------------------------------------------------------------------------------


NO_DEVICES = [
    "meta",
    "cuda:99",
    "hpu",
    "xla",
    "cpu:7",
    "CPU",
    "cpu:-1",
    "auto:0",
    "",
    "\udcff",
    "é",
]


@pytest.mark.parametrize("name", NO_DEVICES)
@pytest.mark.parametrize(
    "use",
    [
        lambda name: device.resolve(Train(device=name)),
        lambda name: Settings(device=name),
        lambda name: load_sampler("nowhere", name),
    ],
    ids=["train", "evaluate", "sample"],
)
@pytest.mark.filterwarnings("ignore:'.*' is no longer used as device type")
def test_a_device_that_cannot_compute_is_refused(name: str, use: Callable[[str], object]):
    with pytest.raises(InputError, match=f"--device {name}.*use cpu"):
        use(name)


# -- samples and seeds ---------------------------------------------------------------------------


@pytest.fixture
def sampler() -> Sampler:
    return sampler_of(Dcgan(latent_dim=4, generator_width=4), IMAGES)


def sampler_of(arch: Architecture, spec: DataSpec) -> Sampler:
    weights = arch.generator(spec).state_dict()
    content = GeneratorFile(arch=arch, spec=spec, classes=(), data="d", n_images=1, weights=weights)
    return Sampler(arch.generator(spec), content)


HUGE = [
    ("out.png", {}, "10,000,000 images"),
    ("out", {}, "10,000,000 images"),
    ("out.gif", {"interpolate": True}, "images"),
    ("out.png", {"interpolate": True}, "100,000,000 images"),
    ("out.png", {"class_grid": True}, "100,000,000 images"),
]


@pytest.mark.parametrize(("name", "options", "words"), HUGE)
def test_pictures_of_too_many_seeds(tmp_path, name: str, options: dict, words: str):
    made = sampler_of(Dcgan(latent_dim=4, generator_width=4, conditioning="onehot"), LABELLED)
    with pytest.raises(InputError, match=f"{words}.*at most"):
        sample_to(made, tmp_path / name, range(10**7), **options)
    assert not any(tmp_path.iterdir())


def test_a_million_seeds_come_in_portions(sampler: Sampler, monkeypatch):
    asked = []
    monkeypatch.setattr(
        sampling, "latents", lambda seeds, dim: asked.append(len(seeds)) or latents(seeds, dim)
    )
    first = next(sampler.portions(range(10**6)))
    # Latents of all seeds at once would be gigabytes.
    assert asked == [64]
    assert (first == sampler.images(range(64))).all()
    monkeypatch.setattr(limits, "available_memory", lambda: 10**6)
    with pytest.raises(InputError, match="100,000 images in memory at once needs about 12 MB"):
        sampler.images(range(100_000))
    with pytest.raises(InputError, match=r"18,000 samples of run.*give a smaller --n"):
        drawn_from(sampler, 18000, 0, "run")


@pytest.mark.parametrize(
    "text", ["0-9223372036854775808", "9" * 5000, f"0-{10**12}", "7,0-9999999"]
)
def test_seeds_that_are_too_many_or_too_large(text: str):
    with pytest.raises(InputError, match=r"--seeds .{,140}(below 2\^63|more than 10,000,000)"):
        parse_ranges(text)


def test_ranges_of_seeds_take_little_more_than_their_numbers():
    assert sys.getsizeof(parse_ranges("0-999999,7")) < 9_100_000


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seed": 2**64}, "--seed 18446744073709551616 must be at most 9,223,372,036,854,775,807"),
        ({"seed": -1}, "--seed -1 must be at least 0"),
        ({"n_bootstrap": 10**9}, "--bootstrap 1000000000 must be at most 100,000"),
    ],
)
def test_settings_of_an_evaluation_beyond_all_sense(given: dict, words: str):
    with pytest.raises(InputError, match=words):
        Settings(**given)
