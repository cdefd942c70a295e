"""`0-63,70` on the command line -> numbers."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence

from saddlepoint.core.checks import MOST_SEED
from saddlepoint.core.errors import InputError

MOST = 10_000_000
# Not \d, which also matches the digits of other scripts.
_PART = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?")


def parse_ranges(text: str, flag: str = "--seeds", most: int = MOST) -> Sequence[int]:
    """Whole numbers in [0, 2^63) and inclusive ranges, in the given order: "0-2,7" -> 0, 1, 2, 7.

    Args:
        flag: named in the errors.
        most: numbers, at most.

    Raises:
        InputError: another form, a range that runs backwards, or more than `most` numbers.
    """
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    # Eight bytes a number; a list takes 36.
    numbers = array("q")
    for part in text.replace(" ", "").split(","):
        match = _PART.fullmatch(part)
        if match is None or max(int(end) for end in match.groups("0")) > MOST_SEED:
            raise InputError(
                f"{flag} {shown!r}: {part[:40]!r} is neither a whole number below 2^63 nor a "
                "range; write 0-63,70."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise InputError(f"{flag} {part}: the range runs backwards; write {last}-{first}.")
        if len(numbers) + last - first >= most:
            raise InputError(f"{flag} {shown}: more than {most:,} numbers; give fewer.")
        numbers.extend(range(first, last + 1))
    return numbers
