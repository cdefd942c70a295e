"""Whatever a command ends with -> an exit code and one sentence on stderr."""

from __future__ import annotations

import platform
import shlex
import sys
import tempfile
import traceback

from saddlepoint import __version__
from saddlepoint.core.errors import (
    Answered,
    Followed,
    InputError,
    Interrupted,
    RunFailed,
    Unhealthy,
    is_memory,
    is_users,
    reason,
    remedy,
)
from saddlepoint.core.json_files import dumps
from saddlepoint.core.streams import printable


def ending(error: BaseException, argv: list[str]) -> tuple[int, str]:
    """-> exit code and sentence; "" where nothing is left to say.

    The last cases are a net: a check where the fault is found names more than this can.
    """
    command = f"`{shlex.join(['saddle', *argv[:1]])}`"
    match error:
        case Answered():
            return 0, ""
        case Unhealthy():
            return 3, ""
        case Followed(cause=cause):
            return ending(cause, argv)[0], ""
        case InputError():
            return 2, f"error: {error}"
        case RunFailed():
            return 1, f"failed: {error}"
        case Interrupted():
            return 130, f"interrupted: {error}"
        case KeyboardInterrupt():
            return 130, "interrupted."
        case OSError():
            code, word = (2, "error") if is_users(error) else (1, "failed")
            return code, f"{word}: {command} was stopped by {reason(error)}; {remedy(error)}."
        case MemoryError() | RuntimeError() if is_memory(error):
            said = f" ({error})" if str(error) else ""
            return 1, (
                f"failed: {command} needs more memory than there is{said}; "
                "ask for fewer or smaller images, smaller batches or smaller networks."
            )
        case RecursionError():
            what = "error: {} read something that is nested too deeply"
        case UnicodeError():
            what = "error: {} met text that is not UTF-8"
        case SystemExit():
            what = "failed: a plug-in ended {}"
        case _:
            what = "failed: {} met a fault of its own"
    cause = traceback.format_exception_only(error)[-1].strip()
    code = 2 if what.startswith("error") else 1
    return code, f"{what.format(command)} ({cause}); {_report(error, argv)}"


def asks_json(argv: list[str]) -> bool:
    """Whether the last word about it asks for a JSON document, however wrong the others are."""
    said = [word for word in argv if word in ("--json", "--no-json")]
    return said[-1:] == ["--json"]


def error_document(code: int, sentence: str) -> str:
    """What stdout carries under --json instead of the answer; stderr has the sentence as well."""
    message = sentence.partition(": ")[2] or sentence
    return dumps({"error": printable(message), "exit_code": code}, indent=2)


def _report(error: BaseException, argv: list[str]) -> str:
    """Write the traceback to a file; -> where it is, or how to see it."""
    versions = f"saddlepoint {__version__}, Python {platform.python_version()}"
    if "torch" in sys.modules:
        versions += f", torch {sys.modules['torch'].__version__}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="saddle-crash-", suffix=".txt", errors="backslashreplace", delete=False
        ) as file:
            file.write(f"saddle {shlex.join(argv)}\n{versions}, {platform.platform()}\n\n")
            file.writelines(traceback.format_exception(error))
    except OSError:
        return "add --debug to see where."
    return f"the crash report {file.name} says where."
