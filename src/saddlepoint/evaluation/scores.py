"""scores/<checkpoint>.json of a run: what was measured, by which protocol. No torch in here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saddlepoint.core.checkpoints import recorded
from saddlepoint.core.documents import Scores
from saddlepoint.core.errors import InputError, RunFailed, is_users, reason, remedy
from saddlepoint.core.json_files import read_json, write_json
from saddlepoint.core.reading import Absent
from saddlepoint.core.runs import Run

SCHEMA = 1


class Unsaved(Exception):
    """What was measured could not be written down; `document` and `said` are what `evaluate` would
    have returned, so that nothing of it is lost. It is an InputError or a RunFailed, too."""

    def __init__(self, sentence: str, document: dict[str, Any], said: str):
        super().__init__(sentence)
        self.document, self.said = document, said


class _UsersFault(Unsaved, InputError):
    pass


class _MachinesFault(Unsaved, RunFailed):
    pass


def unsaved(error: OSError | InputError, run: Run, document: dict[str, Any], said: str) -> Unsaved:
    """What to raise where the scores of `run` cannot be written because of `error`."""
    why, users = str(error), True
    if isinstance(error, OSError):
        why = f"{reason(error)}; {remedy(error)}, then evaluate it again."
        users = is_users(error)
    fault = _UsersFault if users else _MachinesFault
    return fault(f"The scores of {run.path} are not saved: {why}", document, said)


def save_score(run: Run, document: dict[str, Any]) -> str:
    """Add an evaluation to the file of the checkpoint that was sampled; it replaces an earlier one
    of the same protocol.

    Returns:
        The checkpoint's name.
    """
    measured = document["fake"]["trained_images"]
    of = [f.name for f in run.checkpoints if recorded(f, "n_images") == measured]
    checkpoint = of[-1] if of else f"{measured // 1000:06d}k"
    run.scores_folder.mkdir(exist_ok=True)
    file = run.scores_folder / f"{checkpoint}.json"
    kept = [s for s in read_scores(file) if s["protocol_sha256"] != document["protocol_sha256"]]
    write_json(file, {"schema": SCHEMA, "scores": [*kept, {**document, "checkpoint": checkpoint}]})
    return checkpoint


def newest_scores(run: Run) -> list[dict[str, Any]]:
    """All evaluations of the newest checkpoint that has any; [] if there is none."""
    files = run.scores
    return read_scores(files[-1]) if files else []


def read_scores(file: Path) -> list[dict[str, Any]]:
    """The evaluations in one file; [] if it is absent.

    Raises:
        InputError: damaged.
    """
    try:
        return read_json(file, Scores)["scores"]
    except Absent:
        return []
    except InputError as error:
        raise InputError(f"{error} Remove it and evaluate again.") from error


def as_rows(document: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """(measure, value, interval, note) of each number, for a table."""
    rows = []
    for name, number in document["values"].items():
        value, ends = number["value"], number["interval"]
        interval = "" if ends is None else " to ".join(in_digits(end, value) for end in ends)
        rows.append((name, in_digits(value), interval, number.get("note", "")))
    return rows


def in_digits(number: float, beside: float | None = None) -> str:
    """Four decimals; six for a small number such as KID, two for a large one.

    Args:
        beside: the number that decides; of the ends of an interval their value.
    """
    size = abs(number if beside is None else beside)
    decimals = 2 if size >= 10 else 4 if size >= 0.01 else 6
    return f"{number:.{decimals}f}" if number else "0"
