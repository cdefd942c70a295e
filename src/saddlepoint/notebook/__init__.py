"""Views of the studio in a notebook, Jupyter or marimo: a run that is watched, and the game.

from saddlepoint import notebook

notebook.watch("runs/dcgan-digits-001")
notebook.game("seed=3&loss=hinge")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from saddlepoint.core.checks import in_range
from saddlepoint.core.errors import InputError
from saddlepoint.core.paths import given_path
from saddlepoint.core.runs import Run
from saddlepoint.core.shapes import shaped
from saddlepoint.core.texts import Language, check_language

if TYPE_CHECKING:
    from saddlepoint.notebook.widget import GameWidget, RunWidget

__all__ = ["game", "watch"]


def watch(
    run: str | os.PathLike[str] | Run, *, lang: Language = "en", height: int = 760
) -> RunWidget:
    """A run as the studio shows it: samples, curves, what the doctor says, while it trains.

    Show it before the training begins, in a cell above or by `display`: what the run writes comes
    by itself, even while the notebook is busy training.

    Args:
        run: the run's folder; it need not be there yet.
        lang: en or vi.
        height: of the widget, in pixels.

    Raises:
        InputError: not a folder, an unknown language, or the extra `notebook` is missing.
    """
    if not isinstance(run, str | os.PathLike):
        raise InputError(f"run={run!r} must be a run, or the path of its folder.")
    path = run.path if isinstance(run, Run) else given_path(run)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; give the folder of a run.")
    _check(lang, height)
    try:
        from saddlepoint.notebook.widget import RunWidget
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return RunWidget(path, lang, height)


def game(script: str = "", *, lang: Language = "en", height: int = 760) -> GameWidget:
    """The game in the plane: two small nets, played move by move.

    Args:
        script: the text of a game, or the studio's address of it; the widget's `script` is the
            text of the game as it stands.
        lang: en or vi.
        height: of the widget, in pixels.

    Raises:
        InputError: a text that holds no game, an unknown language, or the extra `notebook` is
            missing.
    """
    _check(lang, height)
    try:
        from saddlepoint.notebook.widget import GameWidget
        from saddlepoint.studio.game.script import read_script
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    text = shaped(script, str, "script").rpartition("?")[2]
    # Where it is looked at, and a second game, stand in an address beside the game itself.
    own = [(name, value) for name, value in parse_qsl(text, True) if name not in ("at", "b")]
    read_script(urlencode(own))
    return GameWidget(text, lang, height)


def _check(lang: object, height: object) -> None:
    check_language(lang)
    in_range(shaped(height, int, "height"), 200, 10_000, "height")


def _missing(error: ModuleNotFoundError) -> InputError:
    return InputError(f'The widgets need {error.name}: pip install "saddlepoint[notebook]".')
