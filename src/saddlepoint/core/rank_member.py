"""One of the processes that train together, and whether it is still there."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import NamedTuple


class Member(NamedTuple):
    """A process of the group."""

    pid: int
    host: str

    @property
    def is_dead(self) -> bool:
        """As far as can be known here."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except ProcessLookupError:
            return True
        except OSError:  # another user's; or a system without /proc
            return False
        # One that has ended stays a zombie until its launcher looks.
        return stat.rpartition(")")[2].split()[0] in ("Z", "X")
