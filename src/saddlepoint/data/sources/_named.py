"""Sources that have a name and need no path."""

from __future__ import annotations

from abc import abstractmethod

from saddlepoint.core.contracts import Source


class NamedSource(Source):
    """A data set that `saddle data list` shows."""

    @abstractmethod
    def where(self) -> str | None:
        """Where the data lies, or None if it would have to be fetched; downloads nothing."""
