"""What every registered remedy does, whatever it changes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from saddlepoint.core import registry
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json, with_changes
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.data.sources.digits import Digits
from saddlepoint.data.sources.ring8 import Ring8
from saddlepoint.diagnosis.diagnose import remedies_for, with_remedies
from saddlepoint.presets import PRESETS, preset

BEHAVIOUR = [
    "complete-mode-collapse",
    "partial-mode-collapse",
    "discriminator-wins",
    "generator-wins",
    "weak-discriminator",
    "oscillation",
    "divergence",
    "non-finite",
    "lipschitz-violation",
    "discriminator-overfitting",
    "memorisation",
    "latent-ignored",
    "condition-ignored",
]
WIRING = [
    "double-sigmoid",
    "saturated-loss",
    "range-mismatch",
    "real-fake-leak",
    "mixed-batch-norm",
    "generator-frozen",
    "discriminator-frozen",
    "optimizer-mixup",
    "wrong-gradient-penalty",
    "batch-norm-with-gradient-penalty",
    "wrong-sign",
    "learning-rate-too-high",
    "train-eval-mismatch",
    "broken-resume",
]
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


@every_remedy
def test_it_says_what_it_cures_in_known_names_and_what_to_do_in_a_sentence(remedy: Remedy) -> None:
    assert remedy.cures
    assert set(remedy.cures) <= {*BEHAVIOUR, *WIRING}
    assert all(isinstance(rank, int) and rank >= 1 for rank in remedy.cures.values())
    assert remedy.advice.endswith(".")
    assert "\n" not in remedy.advice
    assert len(remedy.advice) > 25


@every_remedy
def test_it_gives_a_configuration_that_can_be_trained_or_none(remedy: Remedy) -> None:
    helped = 0
    for config, spec in CONFIGS:
        before = to_json(config)
        for name in remedy.cures:
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
        for name in remedy.cures:
            now: Config | None = config
            for _ in range(5):
                now = remedy.treat(now, finding(name))
                if now is None:
                    break
                now.check(spec)


@pytest.mark.parametrize("name", [*BEHAVIOUR, *WIRING])
def test_every_finding_has_remedies_in_a_clear_order(name: str) -> None:
    found = remedies_for(name)
    assert found
    ranks = [remedy.cures[name] for remedy in found]
    assert ranks == sorted(ranks)
    assert with_remedies(finding(name)).remedies == tuple(remedy.kind for remedy in found)


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
