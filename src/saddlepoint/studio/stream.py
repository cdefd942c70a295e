"""Who may draw from torch's own random numbers now: there is one stream of them for all threads."""

from __future__ import annotations

import threading

DRAWING = threading.Lock()
"""Held by whoever seeds the stream, draws from it or puts it back. New weights are drawn too."""
