"""saddle studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from saddlepoint.cli.flags import command
from saddlepoint.core.checks import in_range
from saddlepoint.core.errors import InputError
from saddlepoint.core.paths import given_path


@command("A local page to watch, start and explain runs: saddle studio [RUNS].")
def studio(
    runs: Annotated[Path, tyro.conf.Positional] = Path("runs"),
    port: int = 8000,
    host: str = "127.0.0.1",
) -> None:
    """Open the studio on a folder of runs, until Ctrl-C.

    It only reads run folders and starts commands as processes of their own, which keep
    running when the studio stops.

    Args:
        runs: The folder that holds the runs.
        port: Where it listens; 0: any free port.
        host: Another address than this machine's own, such as 0.0.0.0. Whoever opens the studio
            then needs the token that is printed, and can start commands on this machine.
    """
    in_range(port, 0, 65535, "--port")
    root = given_path(runs)
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file; give the folder that holds the runs.")
    try:
        from saddlepoint.studio.server import serve
    except ModuleNotFoundError as error:
        raise InputError(
            f'The studio needs {error.name}: pip install "saddlepoint[studio]".'
        ) from error
    serve(root, host, port)
