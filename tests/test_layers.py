"""Imports inside the package run one way; this file is the rule."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from saddlepoint.core.registry import HOMES

SRC = Path(__file__).parents[1] / "src"
LAYERS = (
    ("core",),
    ("data", "architectures", "losses"),
    ("sampling",),
    ("evaluation",),
    ("diagnosis",),
    ("training",),
    ("reporting",),
    ("presets",),
    ("api",),
    ("lab",),
    ("cli", "studio"),
    ("__init__", "__main__"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
HELPERS = {"saddlepoint.architectures.conditioning"}


def module_name(file: Path) -> str:
    parts = file.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


FILES = {module_name(file): file for file in sorted(SRC.rglob("*.py"))}
TREES = {name: ast.parse(file.read_text()) for name, file in FILES.items()}


def imports(name: str) -> set[str]:
    """Absolute names of the modules that a module imports, wherever in the file."""
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in FILES else str(node.module))
    return found


def layer(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def is_plugin(name: str) -> bool:
    parent, _, last = name.rpartition(".")
    return parent in HOMES.values() and not last.startswith("_") and name not in HELPERS


@pytest.mark.parametrize("name", FILES)
def test_imports_run_one_way(name: str) -> None:
    own = layer(name)
    assert own in RANK, f"{name}: give the new part its place in LAYERS"
    for target in imports(name):
        if target == "saddlepoint" or not target.startswith("saddlepoint."):
            continue
        lower = RANK[layer(target)] < RANK[own]
        assert lower or layer(target) == own, f"{name} must not import {target}"


@pytest.mark.parametrize("name", [name for name in FILES if is_plugin(name)])
def test_a_plugin_imports_core_and_its_folders_helpers_only(name: str) -> None:
    for target in imports(name):
        if target.startswith("saddlepoint."):
            assert layer(target) in ("core", layer(name)), f"{name} must not import {target}"
            assert not is_plugin(target), f"plug-in {name} must not import plug-in {target}"


def test_every_home_of_plugins_has_some() -> None:
    for home in set(HOMES.values()):
        assert any(name.startswith(home) for name in FILES), f"{home} is gone: mend this test"


@pytest.mark.parametrize("name", FILES)
def test_only_the_command_line_knows_its_library(name: str) -> None:
    if layer(name) != "cli":
        assert not any(target.split(".")[0] == "tyro" for target in imports(name))


def test_the_run_folder_is_read_without_torch() -> None:
    code = "import sys, saddlepoint.core.runs; sys.exit('torch' in sys.modules)"
    assert "torch" not in imports("saddlepoint.core.runs")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_pickled(name: str) -> None:
    """A pickle runs code when it is opened: no file of ours is one, and none is read."""
    picklers = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}
    assert not {target.split(".")[0] for target in imports(name)} & picklers
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            assert any(ast.unparse(word) == "weights_only=True" for word in node.keywords)
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) != "torch.save"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
