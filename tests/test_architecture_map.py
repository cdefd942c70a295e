"""docs/architecture.md names every file of the package, and none that is gone."""

from __future__ import annotations

import file_map


def test_the_map_of_files_is_up_to_date() -> None:
    page = file_map.PAGE.read_text()
    assert page == file_map.filled(page), "run `make map`"
