"""argv -> api: `main` finds the verb. Whatever is heavy is imported inside a verb."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence

from saddlepoint.cli import lab as labs
from saddlepoint.cli.data import data_list, data_prepare
from saddlepoint.cli.doctor import doctor
from saddlepoint.cli.ending import asks_json, ending, error_document
from saddlepoint.cli.evaluating import compare, evaluate
from saddlepoint.cli.exporting import export
from saddlepoint.cli.flags import Verb, command, print_lines
from saddlepoint.cli.projecting import project
from saddlepoint.cli.report import report
from saddlepoint.cli.sampling import sample
from saddlepoint.cli.studio import studio
from saddlepoint.cli.sweeping import sweep
from saddlepoint.cli.training import resume, train
from saddlepoint.core.errors import InputError, reason
from saddlepoint.core.streams import answer, command_streams, tell
from saddlepoint.training.interrupt import StopRequest


def data(argv: list[str]) -> None:
    """Data sets: list them, or prepare your own."""
    _dispatch("saddle data", {"list": data_list, "prepare": data_prepare}, argv)


def lab(argv: list[str]) -> None:
    """Experiments that end in one page: demo, lecture, failures, claims."""
    _dispatch("saddle lab", labs.VERBS, argv)


@command("List what can be trained.")
def presets(json: bool = False) -> None:
    """List the presets.

    Args:
        json: One JSON document on stdout.
    """
    from saddlepoint.presets import PRESETS

    about = {name: (make.__doc__ or "").partition("\n")[0] for name, make in PRESETS.items()}
    print_lines(about, json)


VERBS: dict[str, Verb] = {
    "train": train,
    "resume": resume,
    "sweep": sweep,
    "sample": sample,
    "project": project,
    "evaluate": evaluate,
    "compare": compare,
    "doctor": doctor,
    "report": report,
    "export": export,
    "studio": studio,
    "data": data,
    "lab": lab,
    "presets": presets,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        The exit code: 0 done, 1 the run failed, 2 bad input, 3 unhealthy, 130 interrupted.
    """
    with StopRequest() as stop, command_streams() as answers:
        given = list(sys.argv[1:] if argv is None else argv)
        words = [word for word in given if word != "--debug"]
        code, sentence = 0, ""
        try:
            stop.interrupt()
            with among_ranks(words):
                _dispatch("saddle", VERBS, [*words])
            stop.ignore()
        except BaseException as error:
            stop.ignore()
            code, sentence = ending(error, words)
            if len(words) < len(given):
                traceback.print_exception(error)
        if sentence and asks_json(words) and not answers.used:
            answer(error_document(code, sentence))
        answers.flush()
        # A reader that leaves, such as `head`, has seen what it wanted.
        if code in (0, 3) and answers.error and not isinstance(answers.error, BrokenPipeError):
            code, sentence = 1, f"failed: stdout cannot be written ({reason(answers.error)})."
        if sentence:
            tell(sentence)
        if argv is None:
            stop.end_process()
        return code


@contextlib.contextmanager
def among_ranks(words: Sequence[str]) -> Iterator[None]:
    """One of the processes that torchrun has started; without it this does nothing."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield
        return
    from saddlepoint.training.launch import joined

    with joined():
        if [*words[:1]] not in (["train"], ["resume"], ["evaluate"]):
            raise InputError(
                "Several processes (WORLD_SIZE is set) can `saddle train`, `saddle resume` and "
                "`saddle evaluate`; any other command is for one."
            )
        yield


def _dispatch(prog: str, verbs: dict[str, Verb], argv: list[str]) -> None:
    if not argv or argv[0] in ("-h", "--help"):
        answer(_help(prog, verbs))
        return
    if argv[0] in ("-V", "--version"):
        from saddlepoint import __version__

        answer(f"saddle {__version__}")
        return
    verb = argv.pop(0)
    if verb not in verbs:
        near = difflib.get_close_matches(verb, verbs, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(verbs)}."
        raise InputError(f"Unknown command {prog + ' ' + verb!r}; {hint}")
    verbs[verb](argv)


def _help(prog: str, verbs: dict[str, Verb]) -> str:
    lines = [f"usage: {prog} COMMAND ...", ""]
    if prog == "saddle":
        lines += ["Train GANs, see why they fail, fix them, and trust the numbers.", ""]
    lines += [f"  {name:<9} {(run.__doc__ or '').strip()}" for name, run in verbs.items()]
    lines += ["", f"`{prog} COMMAND --help` shows the flags of a command."]
    if prog == "saddle":
        lines += ["With --debug a command shows where in the code it failed."]
        lines += ['With --json one that fails writes {"error": ..., "exit_code": ...} to stdout.']
    return "\n".join(lines)
