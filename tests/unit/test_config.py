"""The configuration: JSON and back, and one clear sentence for whatever is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saddlepoint.core import registry
from saddlepoint.core.config import Augment, Config, Ema, Train
from saddlepoint.core.config_json import from_json, to_json, with_changes
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError

Example = Callable[[str, str], Any]
GREY = DataSpec(shape=(1, 28, 28), n_classes=10)


@pytest.fixture
def config(example_of: Example) -> Config:
    return Config(
        source=example_of("source", "ring8"),
        arch=example_of("architecture", "mlp"),
        loss=example_of("loss", "wasserstein"),
        penalties=(example_of("penalty", "gradient-penalty"),),
        optim_g=example_of("optimizer", "adam"),
        optim_d=example_of("optimizer", "rmsprop"),
    )


def any_of(group: str) -> st.SearchStrategy[str]:
    return st.sampled_from(registry.names(group))


@given(st.data(), st.integers(0, 2**40), st.floats(0.001, 1e6), st.integers(1, 9))
def test_any_combination_of_components_survives_json(
    example_of: Example, data: st.DataObject, seed: int, kimg: float, n_critic: int
) -> None:
    config = Config(
        preset="any",
        source=example_of("source", data.draw(any_of("source"))),
        augment=Augment(mirror=data.draw(st.booleans())),
        arch=example_of("architecture", data.draw(any_of("architecture"))),
        loss=example_of("loss", data.draw(any_of("loss"))),
        penalties=tuple(
            example_of("penalty", name) for name in data.draw(st.lists(any_of("penalty")))
        ),
        optim_g=example_of("optimizer", data.draw(any_of("optimizer"))),
        optim_d=example_of("optimizer", data.draw(any_of("optimizer"))),
        ema=Ema(halflife=data.draw(st.floats(0, 1e9))),
        train=Train(kimg=kimg, n_critic=n_critic),
        seed=seed,
    )
    text = json.dumps(to_json(config), allow_nan=False)
    assert from_json(json.loads(text)) == config


def test_a_component_is_written_with_its_name(config: Config) -> None:
    document = to_json(config)
    assert document["arch"]["kind"] == "mlp"
    assert document["penalties"][0]["kind"] == "gradient-penalty"
    assert document["arch"]["generator_widths"] == [256, 512, 1024]


def test_a_field_that_is_left_out_has_its_default(config: Config) -> None:
    document = to_json(config)
    del document["train"]["n_critic"], document["ema"]
    assert from_json(document) == config


# -- one sentence for each mistake -------------------------------------------------------

MISTAKES = [
    ("trian", {}, "'trian'.*did you mean 'train'"),
    ("train.n_critics", 5, "config.train.*'n_critics'.*did you mean 'n_critic'"),
    ("arch.latent", 5, "config.arch 'latent'"),
    ("arch.kind", "dcgna", "architecture 'dcgna'; did you mean 'dcgan'"),
    ("penalties.0.kind", "gradient-penalt", "did you mean 'gradient-penalty'"),
    ("loss.kind", None, "config.loss needs a 'kind'"),
    ("loss", "wasserstein", "config.loss must be an object"),
    ("penalties", {"kind": "r1"}, "config.penalties must be a list"),
    ("arch.generator_widths", 64, "config.arch.generator_widths must be a list"),
    (
        "arch.generator_widths",
        [64, "a"],
        r"widths.1='a' must be a whole number",
    ),
    ("train.n_critic", "5", "config.train.n_critic='5' must be a whole number"),
    ("train.n_critic", 1.5, "config.train.n_critic=1.5 must be a whole number"),
    ("train.n_critic", True, "config.train.n_critic=true must be a whole number"),
    ("train.kimg", True, "config.train.kimg=true must be a number"),
    ("train.kimg", "2e-4", "config.train.kimg='2e-4' must be a number"),
    ("train.kimg", None, "config.train.kimg=null must be a number"),
    ("train.kimg", float("inf"), "kimg=inf must be"),
    ("train.kimg", float("nan"), "kimg=nan must be"),
    ("augment.mirror", 1, "config.augment.mirror=1 must be true or false"),
    ("train.precision", "fp16", "config.train.precision='fp16' must be one of auto, fp32, bf16"),
    ("arch.conditioning", "every", "config.arch.conditioning='every' must be one of none, onehot"),
    ("preset", 7, "config.preset=7 must be text"),
    ("seed", "0", "config.seed='0' must be a whole number"),
    ("train.kimg", 0, "config.train.kimg=0.0 must be greater than 0"),
    ("train.kimg", -3, "config.train.kimg=-3.0 must be greater than 0"),
    ("train.minutes", -1, "config.train.minutes=-1.0 must be at least 0"),
    ("train.batch_size", 0, "config.train.batch_size=0 must be at least 2"),
    ("train.n_critic", 0, "config.train.n_critic=0 must be at least 1"),
    ("train.accumulate", 3, "batch_size=64 is not divisible by accumulate=3"),
    ("ema.halflife", -1, "config.ema.halflife=-1.0 must be at least 0"),
    ("loss.clip", -1, "config.loss.clip=-1.0 must be at least 0"),
    ("optim_g.lr", 0, "config.optim_g.lr=0.0 must be greater than 0"),
    ("optim_g.beta1", 2, "config.optim_g.beta1=2.0 must be between 0 and 0.9999"),
]


@pytest.mark.parametrize(("path", "value", "sentence"), MISTAKES)
def test_a_mistake_in_the_file_is_named_with_its_place(
    config: Config, path: str, value: Any, sentence: str
) -> None:
    document = to_json(config)
    place: Any = document
    *parents, last = path.split(".")
    for step in parents:
        place = place[int(step) if isinstance(place, list) else step]
    place[last] = value
    with pytest.raises(InputError, match=sentence) as caught:
        from_json(document)
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_named(config: Config) -> None:
    document = to_json(config)
    del document["source"]
    with pytest.raises(InputError, match=r"config has no field 'source'\."):
        from_json(document)


@pytest.mark.parametrize("document", [None, 3, "dcgan", []])
def test_what_is_no_object_is_refused(document: Any) -> None:
    with pytest.raises(InputError, match="config must be an object"):
        from_json(document)


def test_whole_numbers_are_accepted_where_a_float_is_asked_for(config: Config) -> None:
    document = to_json(config)
    document["train"]["kimg"] = 3
    document["train"]["n_critic"] = 2.0
    train = from_json(document).train
    assert isinstance(train.kimg, float)
    assert isinstance(train.n_critic, int)
    assert (train.kimg, train.n_critic) == (3.0, 2)


# -- changes by path -----------------------------------------------------------------------


def test_fields_are_changed_by_path_in_a_copy(config: Config) -> None:
    changes = {
        "train.n_critic": 5,
        "arch.latent_dim": 7,
        "penalties.0.weight": 3,
        "loss": {"kind": "minimax"},
    }
    changed = with_changes(config, changes)
    assert changed.train.n_critic == 5
    assert changed.arch.latent_dim == 7  # type: ignore[attr-defined]
    assert changed.penalties[0].weight == 3.0  # type: ignore[attr-defined]
    assert changed.loss == registry.get("loss", "minimax")()
    assert config.train.n_critic == 1
    assert with_changes(changed, to_json(config)) == config


def test_a_component_may_be_given_as_an_object(config: Config, example_of: Example) -> None:
    dcgan = example_of("architecture", "dcgan")
    r1 = example_of("penalty", "r1")
    changed = with_changes(config, {"arch": dcgan, "penalties": (r1,), "penalties.0.gamma": 2})
    assert changed.arch == dcgan
    assert changed.penalties[0].gamma == 2.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("train.n_critc", "did you mean 'train.n_critic'"),
        ("trian.kimg", "trian"),
        ("seed.kimg", "seed"),
        ("penalties.3.weight", "penalties"),
        ("penalties.3", "penalties"),
        ("penalties.weight", "penalties"),
    ],
)
def test_an_unknown_path_is_an_input_error(config: Config, path: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        with_changes(config, {path: 1})


def test_a_changed_value_is_checked_as_a_file_is(config: Config) -> None:
    with pytest.raises(InputError, match=r"config\.train\.n_critic='5'"):
        with_changes(config, {"train.n_critic": "5"})
    with pytest.raises(InputError, match="kimg"):
        with_changes(config, {"train.kimg": 0})


# -- against the data ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["onehot", "embedding", "every-layer"])
@pytest.mark.parametrize(("n_classes", "found"), [(0, "no labels"), (1, "a single class")])
def test_conditioning_needs_classes(config: Config, how: str, n_classes: int, found: str) -> None:
    conditional = with_changes(config, {"arch.conditioning": how})
    conditional.check(GREY)
    with pytest.raises(InputError, match=f"{found}.*--arch.conditioning none"):
        conditional.check(DataSpec(shape=(1, 28, 28), n_classes=n_classes))


def test_without_conditioning_labels_are_not_needed(config: Config) -> None:
    config.check(DataSpec(shape=(1, 28, 28)))
    config.check(DataSpec(shape=(2,), value_range=None))


def test_nets_that_cannot_be_built_are_refused_before_the_run(config: Config) -> None:
    dcgan = with_changes(config, {"arch": {"kind": "dcgan"}})
    with pytest.raises(InputError, match="nearest"):
        dcgan.check(DataSpec(shape=(1, 30, 30)))


def test_a_negative_seed_is_refused(config: Config) -> None:
    with pytest.raises(InputError, match="seed=-1"):
        with_changes(config, {"seed": -1}).check(GREY)


@given(st.floats(1e-9, 1e6))
def test_the_budget_is_a_whole_number_of_images_and_never_none(kimg: float) -> None:
    total = Train(kimg=kimg).total_images
    assert total >= 1
    assert abs(total - kimg * 1000) <= 1


@pytest.mark.parametrize(
    "spec", [GREY, DataSpec(shape=(2,), value_range=None), DataSpec(shape=(3, 64, 64))]
)
def test_the_datas_spec_survives_json(spec: DataSpec) -> None:
    assert from_json(json.loads(json.dumps(spec.to_json())), DataSpec) == spec


# -- learning rates ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", registry.names("optimizer"))
def test_the_learning_rate_falls_linearly_after_its_start(kind: str) -> None:
    optimizer = registry.get("optimizer", kind)(lr=1.0, decay_start=0.5, final_lr_factor=0.2)
    rates = [optimizer.lr_at(progress) for progress in (0, 0.5, 0.75, 1.0, 2.0)]
    assert rates == pytest.approx([1.0, 1.0, 0.6, 0.2, 0.2])
    constant = registry.get("optimizer", kind)(lr=1.0, decay_start=1.0, final_lr_factor=0.2)
    assert constant.lr_at(1.0) == 1.0
