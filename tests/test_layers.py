"""Imports inside the package run one way, in the order of docs/architecture.md; here it is held."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from saddlepoint.core.registry import HOMES

SRC = Path(__file__).parents[1] / "src"
LAYERS = [
    ["core"],
    ["data", "architectures", "losses"],
    ["sampling"],
    ["evaluation"],
    ["diagnosis"],
    ["training"],
    ["reporting"],
    ["exporting"],
    ["presets"],
    ["sweeping"],
    ["api"],
    ["lab"],
    ["studio"],
    ["notebook"],
    ["cli"],
    ["saddlepoint", "__main__"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# The verbs that answer at once (`saddle --help`, `doctor`, `compare`) stand on these.
WITHOUT_TORCH = ("cli.main", "core.runs", "diagnosis.detectors", "evaluation.compare")
SHARED_BY_PLUGINS = {"saddlepoint.architectures.conditioning"}


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


TREES = {module_name(file): ast.parse(file.read_text()) for file in sorted(SRC.rglob("*.py"))}


def imports(name: str, at_start: bool = False) -> set[str]:
    """The modules that `name` imports, wherever in it; `at_start`: only those it loads at once."""
    found = set()
    for node in TREES[name].body if at_start else ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & TREES.keys()) or {str(node.module)}
    return found


def layer(name: str) -> str:
    return name.split(".")[1] if "." in name else name


def ours(name: str) -> set[str]:
    return {target for target in imports(name) if target.startswith("saddlepoint.")}


def is_plugin(name: str) -> bool:
    home, _, last = name.rpartition(".")
    return home in HOMES.values() and last[0] != "_" and name not in SHARED_BY_PLUGINS


@pytest.mark.parametrize("name", TREES)
def test_a_module_imports_only_its_own_layer_and_those_below(name: str) -> None:
    assert layer(name) in RANK, f"{name}: give the new part its place in LAYERS"
    for target in ours(name):
        below = RANK[layer(target)] < RANK[layer(name)]
        assert below or layer(target) == layer(name), f"{name} must not import {target}"


@pytest.mark.parametrize("name", [name for name in TREES if is_plugin(name)])
def test_a_plugin_imports_core_and_its_folders_helpers_only(name: str) -> None:
    # A claim is an experiment with the parts below; what it must not know is another claim.
    claim = layer(name) == "lab"
    for target in ours(name):
        assert claim or layer(target) in ("core", layer(name)), f"{name} must not import {target}"
        other = is_plugin(target) and not (claim and layer(target) != "lab")
        assert not other, f"plug-in {name} must not import plug-in {target}"


def test_no_module_imports_itself_by_a_detour() -> None:
    TopologicalSorter({name: ours(name) - {name} for name in TREES}).prepare()


def test_the_quick_verbs_load_no_torch() -> None:
    quick = [name for name in TREES if name.split(".", 1)[-1].startswith(WITHOUT_TORCH)]
    assert len(quick) > len(WITHOUT_TORCH)
    seen = set(quick)
    while quick:
        name = quick.pop()
        for target in imports(name, at_start=True):
            assert target.split(".")[0] != "torch", f"{name} loads {target}"
            if target in TREES and target not in seen:
                seen.add(target)
                quick.append(target)


def test_only_the_command_line_knows_its_library() -> None:
    users = {layer(name) for name in TREES if "tyro" in {t.split(".")[0] for t in imports(name)}}
    assert users == {"cli"}
