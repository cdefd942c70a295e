"""The example scripts: silent when sound, and the doctor names what is planted."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "examples"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPTS = {name: script(name) for name in ("dcgan", "wgan_gp", "cgan")}
PLANTED = [(name, fault) for name, module in SCRIPTS.items() for fault in module.FAULTS]
SLOW = ("cgan", "condition-ignored")
"""What the nets have to learn first."""
STEPS = {"none": 60, "train-eval-mismatch": 60}
"""How long a fault is watched: for all others the check at step 30 is the last."""


@pytest.mark.parametrize(("name", "fault"), [case for case in PLANTED if case != SLOW])
def test_the_doctor_names_what_is_planted(
    name: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size, less in {"BATCH": 16, "N_CRITIC": 2}.items():
        if hasattr(SCRIPTS[name], size):
            monkeypatch.setattr(SCRIPTS[name], size, less)
    found = SCRIPTS[name].main(["--fault", fault, "--steps", str(STEPS.get(fault, 30))])
    assert found == ([] if fault == "none" else [fault])


def test_labels_that_were_shuffled_by_themselves() -> None:
    name, fault = SLOW
    assert SCRIPTS[name].main(["--fault", fault, "--every", "60", "--steps", "840"]) == [fault]
    assert SCRIPTS[name].main(["--every", "60", "--steps", "840"]) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_doctor_is_three_marked_lines(name: str) -> None:
    """The object, the loop over its findings, what is done with one."""
    lines = (FOLDER / f"{name}.py").read_text().splitlines()
    assert sum(line.endswith("# doctor") for line in lines) == 3
