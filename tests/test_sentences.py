"""What a user is told is a sentence: it begins as one and ends as one. By the strings in src."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).parents[1] / "src/saddlepoint"
SPEAKERS = ("InputError", "RunFailed", "Interrupted", "NotFinite", "Newer", "failure")
"""Exceptions that reach a user as they are; `failure` makes one of an OSError."""
WARNERS = ("warning", "_warn", "tell")
BEGINS = re.compile(r"(warning: )?([A-Z{`'\"]|--[a-z{]|%s |[\w.]+[=:(/])")
"""With a capital, or with the name of something as it is written: a flag, a field, a path."""
ENDS = re.compile(r"[.?]$|\{\}$|%s$")


def sentences() -> Iterator[tuple[str, str]]:
    """(place, text) of each literal that is raised or warned of; `{}` where a value is put in."""
    for file in sorted(SRC.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name not in SPEAKERS + WARNERS or not node.args:
                continue
            text = _text(node.args[-1] if name == "failure" else node.args[0])
            if text is not None:
                yield f"{file.relative_to(SRC)}:{node.lineno}", text


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
    return "".join(map(str, parts))


def test_errors_and_warnings_are_sentences() -> None:
    found = dict(sentences())
    assert len(found) > 200
    bad = {
        place: text
        for place, text in found.items()
        if not (BEGINS.match(text) and ENDS.search(text)) and text != "%s"
    }
    assert bad == {}
