"""From raw images to a data set."""

from __future__ import annotations

import functools
import os
from typing import Any

from saddlepoint.data.prepare import prepare as prepare_data
from saddlepoint.data.progress import progress_bars
from saddlepoint.data.report import PrepareReport


@functools.wraps(prepare_data)
def prepare(
    source: str | os.PathLike[str], out: str | os.PathLike[str], **options: Any
) -> PrepareReport:
    with progress_bars() as progress:
        shown = functools.partial(progress, "Preparing")
        return prepare_data(source, out, progress=shown, **options)
