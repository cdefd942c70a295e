"""The reference, from the program itself: its help, its docstrings, what is registered."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import os
import re
import textwrap
from collections.abc import Callable
from typing import Any

from saddlepoint.cli import lab
from saddlepoint.cli.data import data_list, data_prepare
from saddlepoint.cli.main import VERBS, main
from saddlepoint.core import registry
from saddlepoint.core.fields import docstrings
from saddlepoint.presets import PRESETS

COMPONENTS = {
    "architecture": "Architectures",
    "loss": "Losses",
    "penalty": "Penalties",
    "optimizer": "Optimisers",
    "source": "Sources of data",
    "extractor": "Features",
    "metric": "Measures",
    "remedy": "Remedies",
    "format": "Formats and trackers",
}
"""What is registered, but for detectors and claims: findings.md and the lecture are about those."""
GROUPS = {"data": {"list": data_list, "prepare": data_prepare}, "lab": lab.VERBS}
"""Verbs that have verbs of their own."""
WIDTH = 78
"""Of the help: what fits beside the navigation."""


def pages() -> dict[str, str]:
    """Where each page is, from docs/ on, and its Markdown."""
    made: dict[str, Callable[[], str]] = {
        "reference/command-line.md": command_line,
        "reference/python.md": python,
        "reference/presets.md": presets,
        "reference/components.md": components,
    }
    return {path: make() for path, make in made.items()}


def command_line() -> str:
    """The help of every verb."""
    verbs = {verb: run for verb, run in VERBS.items() if verb not in GROUPS}
    verbs |= {f"{group} {verb}": run for group in GROUPS for verb, run in GROUPS[group].items()}
    rows = [
        f"| [saddle {name}](#saddle-{name.replace(' ', '-')}) | {_cell(run.__doc__)} |"
        for name, run in verbs.items()
    ]
    text = ["# Command line", "\n".join(["| command | what it does |", "|---|---|", *rows])]
    text.append(_help([]).rpartition("\n\n")[2])
    for name in verbs:
        # The flags of `train` are those of a preset and its data.
        words = ["train", "dcgan", "--data", "digits"] if name == "train" else name.split()
        text += [f"## saddle {name}", f"```text\n{_help(words)}\n```"]
    return "\n\n".join(text)


def _help(words: list[str]) -> str:
    said = io.StringIO()
    before = dict(os.environ)
    os.environ["COLUMNS"] = str(WIDTH)
    try:
        with contextlib.redirect_stdout(said):
            assert main([*words, "--help"]) == 0
    finally:
        os.environ.clear()
        os.environ.update(before)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said.getvalue()).strip()
    return "\n".join(
        textwrap.fill(line, WIDTH) if len(line) > WIDTH else line for line in plain.splitlines()
    )


def python() -> str:
    """What `import saddlepoint` gives, from its docstrings."""
    import saddlepoint.api

    text = ["# Python", "`import saddlepoint as sp` gives these names; `saddlepoint.api` the rest."]
    names = [name for name in saddlepoint.__all__ if name != "__version__"]
    more = [name for name in saddlepoint.api.__all__ if name not in names]
    for home, listed in ((saddlepoint, names), (saddlepoint.api, more)):
        for name in sorted(listed, key=lambda name: (name[0].isupper(), name)):
            found = getattr(home, name)
            text.append(f"::: {found.__module__}.{found.__qualname__}")
    return "\n\n".join(text)


def presets() -> str:
    """Every preset with its docstring."""
    text = ["# Presets", "Where a configuration starts. `saddle presets` lists them."]
    for name, make in PRESETS.items():
        text += [f"## {name}", _prose(make.__doc__ or "")]
    return "\n\n".join(text)


def components() -> str:
    """Every registered part with its fields."""
    text = ["# Components", "Parts that a name chooses. [Add one](../contributing.md) in one file."]
    for group, title in COMPONENTS.items():
        text.append(f"## {title}")
        for name in registry.names(group):
            cls = registry.get(group, name)
            text += [f"### {name}", _prose(cls.__doc__ or ""), *_table(cls)]
    return "\n\n".join(text)


def _table(cls: type[Any]) -> list[str]:
    texts = docstrings(cls)
    rows = [
        f"| `{field.name}` | {_default(field)} | {_cell(texts.get(field.name))} |"
        for field in dataclasses.fields(cls)
        if field.init
    ]
    return ["\n".join(["| field | default | meaning |", "|---|---|---|", *rows])] if rows else []


def _cell(text: str | None) -> str:
    return (text or "").strip().replace("|", "\\|")


def _default(field: dataclasses.Field[Any]) -> str:
    value = field.default
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    return "required" if value is dataclasses.MISSING else f"`{value!r}`"


def _prose(docstring: str) -> str:
    """A docstring as Markdown: its labelled lines are paragraphs, its addresses links."""
    text = inspect.cleandoc(docstring)
    text = re.sub(r"\n(?=(Papers?|Command|Differs from the paper)\b[^\n]*:)", "\n\n", text)
    text = re.sub(r"(?m)^Command: (.+)$", r"```sh\n\1\n```", text)
    text = re.sub(r"(?m)^(Papers?|Raises|Args|Returns):", r"**\1**:", text)
    return re.sub(r"(https?://[^\s,;)]+[^\s,;).])", r"<\1>", text)
