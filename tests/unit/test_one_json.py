"""JSON has one reader and one writer."""

from __future__ import annotations

import ast
from pathlib import Path

import saddlepoint


def test_no_other_module_uses_the_json_module() -> None:
    package = Path(saddlepoint.__file__).parent
    users = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "json" for name in names):
                users.add(str(file.relative_to(package)))
    assert users == {"core/json_files.py"}
