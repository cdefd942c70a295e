"""What every registered remedy does, whatever it changes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from saddlepoint.core import registry
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json, with_changes
from saddlepoint.core.contracts import Architecture, Conditioning, DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.findings import Detector, Finding, Remedy
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.data.sources.digits import Digits
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.diagnosis.diagnose import remedies_for, with_remedies
from saddlepoint.presets import PRESETS, preset

FINDINGS = registry.names("detector")
NAMES = registry.names("remedy")
REMEDIES: list[Remedy] = [registry.get("remedy", name)() for name in NAMES]
every_remedy = pytest.mark.parametrize("remedy", REMEDIES, ids=NAMES)


def finding(name: str) -> Finding:
    return Finding(
        name=name, severity="fatal", at_images=1000, since_step=10, evidence=(), message=""
    )


def configs() -> list[tuple[Config, DataSpec]]:
    """Every preset on images, one on points, and some that are as wrong as a user's may be."""
    digits, ring = Digits(), Ring8()
    images, points = digits.open().spec, ring.open().spec
    found = [(preset(name, digits), images) for name in PRESETS]
    found.append((preset("gan", ring), points))
    odd: list[dict[str, Any]] = [
        {"optim_d.lr": 0.05, "optim_g.beta1": 0.9, "optim_g.lr": 1e-6},
        {"loss": {"kind": "hinge"}, "train.n_critic": 5, "arch.dropout": 0.5},
        {"arch.latent_dim": 1, "penalties": ({"kind": "gradient-penalty", "weight": 0.1},)},
        {"arch.discriminator_width": 8, "arch.discriminator_depth": 1, "arch.packing": 4},
    ]
    dcgan = preset("dcgan", digits)
    found += [(with_changes(dcgan, changes), images) for changes in odd]
    small = {"arch.discriminator_widths": (8,), "arch.dropout": 0.9}
    found.append((with_changes(preset("gan", ring), small), points))
    return found


CONFIGS = configs()


def treats(remedy: Remedy) -> list[str]:
    """Names of the findings that it is tried for."""
    return [name for name in FINDINGS if remedy in remedies_for(name)]


@every_remedy
def test_it_treats_known_findings_and_says_what_to_do_in_a_sentence(remedy: Remedy) -> None:
    assert treats(remedy)
    assert set(remedy.cures) <= set(FINDINGS)
    assert remedy.advice.endswith(".")
    assert "\n" not in remedy.advice
    assert len(remedy.advice) > 25


@every_remedy
def test_it_gives_a_configuration_that_can_be_trained_or_none(remedy: Remedy) -> None:
    helped = 0
    for config, spec in CONFIGS:
        before = to_json(config)
        for name in treats(remedy):
            treated = remedy.treat(config, finding(name))
            assert to_json(config) == before
            assert remedy.treat(config, finding(name)) == treated
            if treated is None:
                continue
            helped += 1
            assert treated != config
            assert treated.source == config.source
            assert treated.train.kimg == config.train.kimg
            treated.check(spec)
    assert helped, "it helps none of these configurations"


@every_remedy
def test_treating_again_and_again_stays_valid(remedy: Remedy) -> None:
    for config, spec in CONFIGS:
        for name in treats(remedy):
            now: Config | None = config
            for _ in range(5):
                now = remedy.treat(now, finding(name))
                if now is None:
                    break
                now.check(spec)


@pytest.mark.parametrize("name", FINDINGS)
def test_the_order_is_that_of_the_detector_with_last_resorts_at_the_end(name: str) -> None:
    named = registry.get("detector", name).remedies
    found = remedies_for(name)
    assert named
    assert len(set(named)) == len(named)
    assert tuple(remedy.kind for remedy in found) == named
    resorts = [remedy.last_resort for remedy in found]
    assert resorts == sorted(resorts)
    assert with_remedies(finding(name)).remedies == named


def test_a_remedy_from_elsewhere_joins_before_the_last_resort(fresh_registry: None) -> None:
    @register("pray")
    @dataclass(frozen=True, kw_only=True)
    class Pray(Remedy):
        """It does nothing."""

        cures = ("oscillation",)
        advice = "Wait and hope for the best."

        def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
            return None

    *_, last_but_one, last = with_remedies(finding("oscillation")).remedies
    assert (last_but_one, last) == ("pray", "new-seed")
    assert "pray" not in with_remedies(finding("divergence")).remedies


def test_a_detector_that_names_an_unknown_remedy_is_told_the_nearest(fresh_registry: None) -> None:
    @register("made-up")
    @dataclass(frozen=True, kw_only=True)
    class MadeUp(Detector):
        """It names a remedy that nobody has."""

        remedies = ("new-sead",)

        def inspect(self, history: History) -> Finding | None:
            return None

    with pytest.raises(InputError, match="did you mean 'new-seed'"):
        remedies_for("made-up")


@every_remedy
def test_an_architecture_that_says_nothing_is_left_as_it_is(
    remedy: Remedy, fresh_registry: None
) -> None:
    @register("mute")
    @dataclass(frozen=True, kw_only=True)
    class Mute(Architecture):
        """Fields that a guess by name would take for its own."""

        conditioning: Conditioning = "none"
        """How labels enter both nets."""
        dropout: float = 0.0
        """Another thing than the discriminator's dropout."""
        generator_width: int = 8
        """Another thing than the generator's width."""
        discriminator_norm: str = "batch"
        """Another thing than the discriminator's norm."""

        def check(self, spec: DataSpec) -> None:
            pass

        def generator(self, spec: DataSpec) -> Any:
            raise NotImplementedError

        def discriminator(self, spec: DataSpec) -> Any:
            raise NotImplementedError

    config = with_changes(preset("dcgan", Digits()), {"arch": {"kind": "mute"}})
    for name in treats(remedy):
        treated = remedy.treat(config, finding(name))
        assert treated is None or treated.arch == config.arch


@pytest.mark.parametrize(("config", "spec"), CONFIGS, ids=lambda x: getattr(x, "preset", ""))
def test_a_fatal_behaviour_always_finds_some_remedy(config: Config, spec: DataSpec) -> None:
    for name in ("complete-mode-collapse", "discriminator-wins", "divergence"):
        treated = [remedy.treat(config, finding(name)) for remedy in remedies_for(name)]
        assert sum(one is not None for one in treated) >= 2


def test_advice_needs_no_torch() -> None:
    code = (
        "import sys; from saddlepoint.diagnosis.diagnose import remedies_for; "
        "remedies_for('divergence'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
