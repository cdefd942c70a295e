"""argv -> values: one sentence for a bad flag, with the nearest one that exists."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tyro

from saddlepoint.core.errors import InputError


def parse(function: Callable[..., Any], prog: str, argv: list[str]) -> Any:
    """What `function` makes of argv; its parameters are the flags."""
    check_flags(prog, argv, list(inspect.signature(function).parameters))
    return in_a_sentence(function, prog=prog, args=argv)


def in_a_sentence(
    target: Any, prog: str, args: list[str], description: str | None = None, default: Any = None
) -> Any:
    """tyro.cli, with its boxes of several lines turned into one sentence."""
    box = io.StringIO()
    more = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(box):
            return tyro.cli(target, prog=prog, args=args, description=description, **more)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        lines = [line.strip("│ ") for line in box.getvalue().splitlines()]
        lines = [line for line in lines if not line.startswith("╭")]
        rule = next((i for i, line in enumerate(lines) if line.startswith(("─", "╰"))), len(lines))
        said = " ".join(lines[:rule]).strip().rstrip(".")
        raise InputError(f"{said or 'Bad usage'}; see `{prog} --help`.") from None


def check_flags(prog: str, argv: list[str], names: list[str]) -> None:
    """Raises InputError for a flag that does not exist, with the nearest one that does."""
    from difflib import get_close_matches

    # A list of plain values (`widths.0`, `widths.1`) is one flag that takes several.
    known = [re.sub(r"\.\d+$", "", name).replace("_", "-") for name in names]
    known += [".".join((*n.split(".")[:-1], "no-" + n.split(".")[-1])) for n in known]
    for word in argv:
        name = word.removeprefix("--").partition("=")[0].replace("_", "-")
        if not word.startswith("--") or name in (*known, "help"):
            continue
        last = {n.rpartition(".")[2]: n for n in known}
        near = get_close_matches(name, known, n=1) or [
            last[n] for n in get_close_matches(name.rpartition(".")[2], last, n=1)
        ]
        hint = f"did you mean --{near[0]}?" if near else f"see `{prog} --help`."
        raise InputError(f"Unknown flag {word.partition('=')[0]}; {hint}")


def peek(argv: list[str], flag: str) -> str | None:
    """The value of --flag without taking it from argv; both `--flag X` and `--flag=X`."""
    for index, word in enumerate(argv):
        if word == f"--{flag}" and index + 1 < len(argv):
            return argv[index + 1]
        if word.startswith(f"--{flag}="):
            return word.partition("=")[2]
    return None


def take(argv: list[str], flag: str) -> str | None:
    """Like `peek`, and takes the flag and its value away."""
    value = peek(argv, flag)
    if value is not None:
        if f"--{flag}={value}" in argv:
            argv.remove(f"--{flag}={value}")
        else:
            index = argv.index(f"--{flag}")
            del argv[index : index + 2]
    return value


def load_named_plugin(path: Path | None) -> None:
    """Run the file of `--plugins`, if there is one."""
    from saddlepoint.core.registry import load_plugin

    if path is not None:
        load_plugin(path)
