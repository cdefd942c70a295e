"""scores/<checkpoint>.json of a run: what was measured, by which protocol. No torch in here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import read_json, write_json
from saddlepoint.core.runs import Run, images_of

SCHEMA = 1


def save_score(run: Run, document: dict[str, Any]) -> str:
    """Add an evaluation to the file of the checkpoint that was sampled; it replaces an earlier one
    of the same protocol.

    Returns:
        The checkpoint's name.
    """
    measured = document["fake"]["trained_images"]
    checkpoint = next(
        (folder.name for folder in reversed(run.checkpoints) if _n_images(folder) == measured),
        f"{measured // 1000:06d}k",
    )
    run.scores_folder.mkdir(exist_ok=True)
    file = run.scores_folder / f"{checkpoint}.json"
    kept = [s for s in read_scores(file) if s["protocol_sha256"] != document["protocol_sha256"]]
    write_json(file, {"schema": SCHEMA, "scores": [*kept, {**document, "checkpoint": checkpoint}]})
    return checkpoint


def newest_scores(run: Run) -> list[dict[str, Any]]:
    """All evaluations of the newest checkpoint that has any; [] if there is none."""
    if not run.scores_folder.is_dir():
        return []
    files = sorted(run.scores_folder.glob("*.json"), key=lambda file: images_of(file))
    return read_scores(files[-1]) if files else []


def read_scores(file: Path) -> list[dict[str, Any]]:
    """The evaluations in one file; [] if it is absent.

    Raises:
        InputError: damaged.
    """
    if not file.is_file():
        return []
    try:
        scores = read_json(file)["scores"]
        assert all("values" in score and "protocol_sha256" in score for score in scores)
    except (InputError, KeyError, TypeError, AssertionError):
        raise InputError(f"{file} is damaged; remove it and evaluate again.") from None
    return scores


def as_rows(document: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """(measure, value, interval, note) of each number, for a table."""
    rows = []
    for name, number in document["values"].items():
        ends = number["interval"]
        interval = "" if ends is None else f"{in_digits(ends[0])} to {in_digits(ends[1])}"
        rows.append((name, in_digits(number["value"]), interval, number.get("note", "")))
    return rows


def in_digits(value: float) -> str:
    """Four decimals; six for a small number such as KID, two for a large one."""
    if value == 0 or abs(value) >= 10:
        return f"{value:.2f}" if value else "0"
    return f"{value:.4f}" if abs(value) >= 0.01 else f"{value:.6f}"


def _n_images(checkpoint: Path) -> int | None:
    try:
        return read_json(checkpoint / "state.json", dict[str, Any]).get("n_images")
    except (OSError, InputError):
        return None
