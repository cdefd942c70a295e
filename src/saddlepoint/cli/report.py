"""saddle report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from saddlepoint.cli.flags import command, load_named_plugin, print_json
from saddlepoint.core.streams import answer
from saddlepoint.core.texts import Language


@command("Write the page of a run again: saddle report RUN.")
def report(
    run: Annotated[Path, tyro.conf.Positional],
    lang: Language | None = None,
    plugins: Path | None = None,
    json: bool = False,
) -> None:
    """Write report.html into the run's folder, from what the folder holds now.

    Args:
        run: The folder of a run, which may still be training.
        lang: Language of the page: en or vi (default: as it is now).
        plugins: The Python file that the run was trained with (default: none).
        json: One JSON document on stdout.
    """
    from saddlepoint import api

    load_named_plugin(plugins)
    page = api.report(run, lang)
    if json:
        print_json({"run": str(run), "report": str(page)})
    else:
        answer(f"Report: {page}")
