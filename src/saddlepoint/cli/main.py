"""argv -> api: `main` finds the verb. Whatever is heavy is imported inside a verb."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence

from saddlepoint.cli.data import data_list, data_prepare
from saddlepoint.cli.doctor import doctor
from saddlepoint.cli.evaluating import compare, evaluate
from saddlepoint.cli.flags import parse
from saddlepoint.cli.lab import lab_failures, lab_lecture, lab_list
from saddlepoint.cli.sampling import sample
from saddlepoint.cli.training import resume, train
from saddlepoint.core.errors import Ill, InputError, Interrupted, RunFailed


def data(argv: list[str]) -> None:
    """Data sets: saddle data list | saddle data prepare SOURCE --out DIR [--size 64]."""
    verbs = {"list": data_list, "prepare": data_prepare}
    _dispatch("saddle data", verbs, argv)


def lab(argv: list[str]) -> None:
    """Experiments: saddle lab list | saddle lab lecture|failures [--minutes M] [--out DIR]."""
    _dispatch(
        "saddle lab", {"list": lab_list, "lecture": lab_lecture, "failures": lab_failures}, argv
    )


def presets(argv: list[str]) -> None:
    """What can be trained, one line each."""

    def flags(json: bool = False) -> bool:
        """List the presets.

        Args:
            json: One JSON document on stdout.
        """
        return json

    as_json = parse(flags, "saddle presets", argv)
    from saddlepoint.presets import PRESETS

    rows = {name: (make.__doc__ or "").partition("\n")[0] for name, make in PRESETS.items()}
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for name, line in rows.items():
        print(f"{name:<18}{line}")


VERBS: dict[str, Callable[[list[str]], None]] = {
    "train": train,
    "resume": resume,
    "sample": sample,
    "evaluate": evaluate,
    "compare": compare,
    "doctor": doctor,
    "data": data,
    "lab": lab,
    "presets": presets,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code (0 done, 1 failed, 2 bad input, 3 ill, 130
    interrupted)."""
    try:
        _dispatch("saddle", VERBS, list(sys.argv[1:] if argv is None else argv))
        return 0
    except Ill:
        return 3
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RunFailed as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except Interrupted as error:
        print(f"interrupted: {error}", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(prog: str, verbs: dict[str, Callable[[list[str]], None]], argv: list[str]) -> None:
    if not argv or argv[0] in ("-h", "--help"):
        print(_help(prog, verbs))
        return
    if argv[0] in ("-V", "--version"):
        from saddlepoint import __version__

        print(f"saddle {__version__}")
        return
    verb = argv.pop(0)
    if verb not in verbs:
        import difflib

        near = difflib.get_close_matches(verb, verbs, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(verbs)}."
        raise InputError(f"Unknown command {prog + ' ' + verb!r}; {hint}")
    verbs[verb](argv)


def _help(prog: str, verbs: dict[str, Callable[[list[str]], None]]) -> str:
    lines = [f"usage: {prog} COMMAND ...", ""]
    if prog == "saddle":
        lines += ["Train GANs, see why they fail, mend them, and trust the numbers.", ""]
    lines += [f"  {name:<9} {(run.__doc__ or '').strip()}" for name, run in verbs.items()]
    lines += ["", f"`{prog} COMMAND --help` tells all flags of one command."]
    return "\n".join(lines)
