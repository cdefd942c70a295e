"""What mkdocs calls while it builds the site: generated pages, links that leave docs/, languages.

Everything else that shapes the site is in mkdocs.yml.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import formulas
import links
import offline
import reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation, Section
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
VIETNAMESE = "vi/"
TWINS = (("index.md", "vi/start.md"), ("lecture/", VIETNAMESE))
"""(English, Vietnamese): pages, or the folders in which they are."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.markdown_extensions.append(formulas.Formulas())  # type: ignore[arg-type]  # or its name
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Pages that no file of docs/ is the source of."""
    for path, made in links.PAGES.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, made, content=text))
    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    css = (ROOT / "docs/_site/site.css").read_text(encoding="utf-8")
    files.append(File.generated(config, "site.css", content=css))
    return files


def on_page_markdown(markdown: str, page: Page, **given: Any) -> str:
    # Without this the text in a folded solution would be taken for HTML.
    markdown = re.sub(r"<details>", '<details markdown="1">', markdown)
    return links.within_site(markdown, page.file.src_uri)


def on_page_context(
    context: dict[str, Any], page: Page, config: MkDocsConfig, nav: Navigation
) -> dict[str, Any]:
    """A page is in one language: its words, its navigation, and the way to the other one."""
    vietnamese = page.file.src_uri.startswith(VIETNAMESE)
    config.theme["language"] = "vi" if vietnamese else "en"
    own = [item for item in nav.items if _is_vietnamese(item) == vietnamese]
    context["nav"] = Navigation(own[0].children if vietnamese else own, nav.pages)
    config.extra["alternate"] = {
        "link": _twin(page.file.src_uri, nav),
        "lang": "en" if vietnamese else "vi",
        "name": "English" if vietnamese else "Tiếng Việt",
    }
    for neighbour in ("previous_page", "next_page"):
        other = getattr(page, neighbour)
        if other is not None and other.file.src_uri.startswith(VIETNAMESE) != vietnamese:
            setattr(page, neighbour, None)
    return context


def on_post_build(config: MkDocsConfig) -> None:
    if foreign := offline.foreign_assets(Path(config.site_dir)):
        raise PluginError("\n".join(["The site would load from other hosts:", *foreign]))


def _is_vietnamese(item: Any) -> bool:
    first = item.children[0] if isinstance(item, Section) else item
    return first.file.src_uri.startswith(VIETNAMESE)


def _twin(path: str, nav: Navigation) -> str:
    """The address of a page in the other language: the same one, or the first one there is."""
    pages = {page.file.src_uri: page.url for page in nav.pages}
    for pair in TWINS:
        for own, other in (pair, pair[::-1]):
            wanted = path.replace(own, other, 1) if path.startswith(own) else ""
            if wanted in pages:
                return pages[wanted]
    return pages["vi/README.md"]
