"""A pickle runs code when it is opened: no file of ours is one, and none is read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"
PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def reads_or_writes_pickles(tree: ast.AST) -> bool:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if PICKLERS & {n.name.split(".")[0] for n in names}:
                return True
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in PICKLERS:
                return True
            case ast.Attribute() if ast.unparse(node) == "torch.save":
                return True
            case ast.Call() if ast.unparse(node.func) == "torch.load":
                if "weights_only=True" not in map(ast.unparse, node.keywords):
                    return True
            case ast.keyword(arg="allow_pickle") if ast.unparse(node.value) != "False":
                return True
    return False


def test_nothing_is_pickled() -> None:
    for file in SRC.rglob("*.py"):
        assert not reads_or_writes_pickles(ast.parse(file.read_text())), file


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from dill.x import loads",
        "torch.save(x, path)",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
    ],
)
def test_the_check_sees_a_pickle(code: str) -> None:
    assert reads_or_writes_pickles(ast.parse(code))
    assert not reads_or_writes_pickles(ast.parse("torch.load(p, weights_only=True); np.load(p)"))
