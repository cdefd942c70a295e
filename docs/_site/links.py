"""Links as they work on a code host -> links as they work on the site."""

from __future__ import annotations

import posixpath
import re

PAGES = {
    "README.md": "index.md",
    "README.vi.md": "vi/start.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "examples/README.md": "examples.md",
}
"""Files outside docs/ that are pages of the site, and which."""
_SOURCES = {made: path for path, made in PAGES.items()}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def within_site(markdown: str, page: str) -> str:
    """The text of a page with its links as the site has them.

    A link to a file that the site does not show becomes its text: the site is read without the
    repository.

    Args:
        page: where the page is, from docs/ on.
    """
    here = posixpath.dirname(_SOURCES.get(page, f"docs/{page}"))

    def changed(match: re.Match[str]) -> str:
        mark, text, target = match.groups()
        path, hash_, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", target):
            return match[0]
        path = posixpath.normpath(posixpath.join(here, path))
        if path in PAGES:
            shown = PAGES[path]
        elif path.startswith("docs/"):
            shown = path.removeprefix("docs/")
            shown = shown if "." in posixpath.basename(shown) else f"{shown}/README.md"
        else:
            return text
        away = posixpath.relpath(shown, posixpath.dirname(page) or ".")
        return f"{mark}[{text}]({away}{hash_}{anchor})"

    # Code is no prose: what looks like a link there is none.
    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else _LINK.sub(changed, part) for part in parts)
