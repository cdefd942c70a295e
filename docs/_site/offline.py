"""The built site loads nothing from another host: checked over its HTML and CSS."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

_LOADING = {"script", "img", "iframe", "source", "video", "audio", "embed", "object", "use"}
_LOADING_LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload"}
_FOREIGN = re.compile(r"\s*(https?:)?//")


class _Assets(HTMLParser):
    """Collects the addresses that a browser would load, or connect to, for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        loads = tag == "link" and _LOADING_LINKS & set(given.get("rel", "").split())
        if tag in _LOADING or loads:
            self.found += [
                given[name] for name in ("src", "href", "data", "srcset") if name in given
            ]


def foreign_assets(site: Path) -> list[str]:
    """`file: address` of each asset that lies on another host."""
    found = []
    for file in sorted(site.rglob("*.html")):
        assets = _Assets()
        assets.feed(file.read_text(encoding="utf-8"))
        found += [f"{file}: {address}" for address in assets.found if _FOREIGN.match(address)]
    for file in sorted(site.rglob("*.css")):
        text = file.read_text(encoding="utf-8")
        addresses = re.findall(r"(?:url\(|@import\s+)['\"]?([^'\")\s]+)", text)
        found += [f"{file}: {address}" for address in addresses if _FOREIGN.match(address)]
    return found
