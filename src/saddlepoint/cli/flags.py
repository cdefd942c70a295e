"""argv -> values: one sentence for a bad flag, with the nearest one that exists."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tyro

from saddlepoint.cli.flag_types import REGISTRY, recorder
from saddlepoint.core.checks import FieldRefused
from saddlepoint.core.errors import Answered, InputError
from saddlepoint.core.json_files import dumps
from saddlepoint.core.streams import answer, answers

try:
    # Not public, so pyproject.toml bounds tyro; without it tyro's own boxes are shown.
    from tyro._errors import on_parse_error
except ImportError:
    on_parse_error = contextlib.nullcontext

Verb = Callable[[list[str]], None]

_TYPES = {"INT": "a whole number", "FLOAT": "a number", "PATH": "a path"}
"""What tyro calls a type -> what a person calls it."""


def command(
    about: str, bare: Mapping[str, str] | None = None
) -> Callable[[Callable[..., None]], Verb]:
    """Make a verb of a function: its name is the command (`data_list`: saddle data list), its
    parameters are the flags, its docstring is their help.

    Args:
        about: a line for the list of verbs.
        bare: flag -> the value that it has when none follows it.
    """

    def verb_of(function: Callable[..., None]) -> Verb:
        def verb(argv: list[str]) -> None:
            for flag, value in (bare or {}).items():
                fill(argv, flag, value)
            parse(function, f"saddle {function.__name__.replace('_', ' ')}", argv)

        verb.__doc__ = about
        return verb

    return verb_of


def parse(function: Callable[..., Any], prog: str, argv: list[str]) -> Any:
    """Call `function` with argv; its parameters are the flags, its docstring is the help."""
    check_flags(prog, argv, list(inspect.signature(function).parameters))

    values, flags = in_a_sentence(recorder(function), prog=prog, args=argv)
    return function(*values, **flags)


def in_a_sentence(target: Any, prog: str, args: list[str], **more: Any) -> Any:
    """tyro.cli, with an InputError of one sentence where it would print a box and exit.

    Raises:
        InputError: flags that tyro cannot parse, or a value that its field cannot have.
        Answered: the help was asked for, and has been printed.
    """

    def refuse(event: Any) -> None:
        raise InputError(f"{_sentence(event, args)}; see `{prog} --help`.")

    # tyro prints its help to stdout and leaves; nothing else of it does so.
    with on_parse_error(refuse), contextlib.redirect_stdout(answers()):
        try:
            return tyro.cli(
                target,
                prog=prog,
                args=args,
                registry=REGISTRY,
                config=(tyro.conf.PositionalMetavarFromFieldName,),
                **more,
            )
        except SystemExit as leave:
            if leave.code:
                raise InputError(f"Bad usage; see `{prog} --help`.") from None
            raise Answered from None
        except FieldRefused as refused:
            raise InputError(_by_flag(refused, args)) from None


def _by_flag(refused: FieldRefused, argv: list[str]) -> str:
    """The refusal by the flag that gave the value, unless several may have."""
    names = {word.partition("=")[0] for word in argv if word.startswith("--")}
    fields = {name: name.removeprefix("--").rpartition(".")[2] for name in names}
    given = [name for name, field in fields.items() if field.replace("-", "_") == refused.field]
    return f"{given[0]} {refused.fault}" if len(given) == 1 else str(refused)


def _sentence(event: Any, argv: list[str]) -> str:
    """What a parse error of tyro's says. By names of classes: a new kind must not crash."""
    kind = type(event).__name__
    if kind == "MissingArgs":
        missing = ", ".join(context.arg.display_name() for context in event.missing_arguments)
        return f"Missing: {missing}"
    if kind == "UnrecognizedArgs":
        return f"Unexpected: {' '.join(event.tokens)}"
    argument = getattr(event, "argument", None)
    if argument is None:
        return str(getattr(event, "message", "Bad usage")).rstrip(".")
    name = argument.display_name()
    if kind == "InvalidChoice":
        return f"{name} {event.value!r} is not one of {', '.join(event.choices)}"
    message = str(getattr(event, "message", ""))
    if message.startswith("takes "):  # as flag_types says it
        return f"{name} {message}"
    # The metavar of a list is "[INT [INT ...]]".
    wanted = str(argument.lowered.metavar).split(" ")[0].strip("[]")
    given = " ".join(take_list([*argv], name.removeprefix("--")) or [])
    value = f", not {given[:60]!r}" if given else ""
    return f"{name} takes {_TYPES.get(wanted, wanted)}{value}"


def check_flags(prog: str, argv: list[str], names: Sequence[str]) -> None:
    """Raises InputError for a flag that does not exist, with the nearest one that does."""
    from difflib import get_close_matches

    known = [name.replace("_", "-") for name in names]
    # tyro offers `--train.no-x` for every boolean; whether a field is one, it will check itself.
    known += [".".join((*n.split(".")[:-1], "no-" + n.split(".")[-1])) for n in known]
    for word in argv:
        name = word.removeprefix("--").partition("=")[0].replace("_", "-")
        if not word.startswith("--") or name in (*known, "help"):
            continue
        # `--generator-width` in place of `--arch.generator-width` is a common slip.
        last = {n.rpartition(".")[2]: n for n in known}
        near = get_close_matches(name, known, n=1) or [
            last[n] for n in get_close_matches(name.rpartition(".")[2], last, n=1)
        ]
        hint = f"did you mean --{near[0]}?" if near else f"see `{prog} --help`."
        raise InputError(f"Unknown flag {word.partition('=')[0]}; {hint}")


def peek(argv: list[str], flag: str) -> str | None:
    """The value of --flag, which stays in argv; `--flag X` or `--flag=X`, and the last one wins."""
    value = None
    for index, word in enumerate(argv):
        if word == f"--{flag}" and index + 1 < len(argv):
            value = argv[index + 1]
        elif word.startswith(f"--{flag}="):
            value = word.partition("=")[2]
    return value


def fill(argv: list[str], flag: str, value: str) -> None:
    """Write a `--flag` that no value follows as `--flag=value`."""
    for index, word in enumerate(argv):
        last = index + 1 == len(argv) or argv[index + 1].startswith("--")
        if word == f"--{flag}" and last:
            argv[index] = f"{word}={value}"


def take(argv: list[str], flag: str) -> str | None:
    """Like `peek`, but removes the flag and its value from argv."""
    value = peek(argv, flag)
    while f"--{flag}" in argv[:-1]:
        index = argv.index(f"--{flag}")
        del argv[index : index + 2]
    argv[:] = [word for word in argv if not word.startswith(f"--{flag}=")]
    return value


def split_lists(argv: list[str], names: Sequence[str]) -> None:
    """Write `--flag A,B` as `--flag A B`, the form that tyro knows, for flags that take lists."""
    flags, inside = {f"--{name.replace('_', '-')}" for name in names}, False
    words = list(argv)
    argv.clear()
    for word in words:
        name, given, value = word.partition("=")
        inside = name.replace("_", "-") in flags or (inside and not word.startswith("--"))
        if inside and given and name.startswith("--"):
            argv += [name, *value.split(",")]
        else:
            argv += [part for part in word.split(",") if part] if inside else [word]


def take_list(argv: list[str], flag: str) -> list[str] | None:
    """The values of `--flag A B`, which are removed from argv."""
    split_lists(argv, [flag])
    found = None
    while f"--{flag}" in argv:
        first = last = argv.index(f"--{flag}") + 1
        while last < len(argv) and not argv[last].startswith("--"):
            last += 1
        found = argv[first:last]
        del argv[first - 1 : last]
    return found


def load_named_plugin(path: Path | None) -> None:
    """Run the file of `--plugins`, if one was given."""
    from saddlepoint.core.registry import load_plugin

    if path is not None:
        load_plugin(path)


def print_json(document: Any) -> None:
    """The one JSON document of a verb, on stdout."""
    answer(dumps(document, indent=2))


def print_lines(lines: dict[str, str], as_json: bool) -> None:
    """A list of names, each with a line about it."""
    from saddlepoint.reporting.terminal import print_table

    if as_json:
        print_json(lines)
    else:
        print_table(lines.items())
