"""The frame of every page, and the parts that pages share. Nothing is fetched from a network."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import write_atomically
from saddlepoint.core.reading import open_regular
from saddlepoint.core.texts import LANGUAGES, Language
from saddlepoint.reporting.facts import flat
from saddlepoint.reporting.strings import Words

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Names of classes and files may hold them, and a page is also read in a terminal."""


def write_page(
    out: Path, title: str, sections: Iterable[str], words: Words, head: str = ""
) -> Path:
    """Write a page of some sections, whole or not at all; empty sections are left out.

    Args:
        head: what stands above the sections; by default the title alone.

    Raises:
        OSError: `out` cannot be written.
    """
    head = head or f'<header><div class="head"><h1>{escape(title)}</h1></div></header>'
    folder = resources.files("saddlepoint.reporting")
    frame = Template(folder.joinpath("page.html").read_text())
    page = frame.substitute(
        language=words.language,
        title=escape(title),
        style=folder.joinpath("page.css").read_text(),
        script=folder.joinpath("page.js").read_text(),
        sections="\n".join(part for part in (head, *sections) if part),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    # A name that is not UTF-8, of a class for instance, must not cost the page.
    page = _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", page)
    write_atomically(out, page.encode(errors="backslashreplace"))
    return out


def language_of(page: Path) -> Language | None:
    """The language of a page that is there; None where there is none, or it is no page."""
    with suppress(InputError), open_regular(page) as file:
        found = re.search(rb'<html lang="(\w+)">', file.read(200))
        named = found[1].decode() if found else ""
        return next((language for language in LANGUAGES if language == named), None)
    return None


def section(title: str, body: str = "", note: str = "") -> str:
    """A heading, a note in plain text and HTML below it."""
    explained = f'<p class="note">{escape(note)}</p>\n' if note else ""
    return f"<section>\n<h2>{escape(title)}</h2>\n{explained}{body}\n</section>"


def table(rows: Mapping[str, str], changed: Collection[str] = (), sign: str = "") -> str:
    """Name and value; the rows named in `changed` are marked with the word `sign`."""
    lines = []
    for name, value in rows.items():
        mark = f' <span class="changed-sign">({escape(sign)})</span>' if name in changed else ""
        css = ' class="changed"' if mark else ""
        lines.append(
            f'<tr{css}><th scope="row">{escape(name)}</th><td>{escape(value)}{mark}</td></tr>'
        )
    return f"<table><tbody>{''.join(lines)}</tbody></table>"


def record(document: Any) -> str:
    """Every leaf of a JSON document as a table; as it was recorded, in every language alike."""
    return f'<div lang="en">{table(flat(document))}</div>'


def grid_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a row of headings; the first cell of each row is its heading."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    lines = []
    for first, *others in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    return (
        f'<div class="wide"><table class="numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def folded(summary: str, body: str, *, opened: bool = False) -> str:
    """HTML below a line that folds it away."""
    return f"<details{' open' * opened}><summary>{escape(summary)}</summary>{body}</details>"


def commands(rows: Mapping[str, str]) -> str:
    """What for -> the exact command, to be copied."""
    return "".join(
        f'<p class="command">{escape(purpose)}</p><pre><code>{escape(command)}</code></pre>'
        for purpose, command in rows.items()
    )
