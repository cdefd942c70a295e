"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert
from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor
from markdown.util import AtomicString


class Formulas(Extension):
    """$...$ in a sentence, $$...$$ on a line of its own."""

    def extendMarkdown(self, md: Markdown) -> None:
        # After code, in which a dollar is a dollar, and before a backslash escapes anything.
        md.inlinePatterns.register(_Formula(r"(\$\$?)([^$`]+)\1", md), "formula", 185)


class _Formula(InlineProcessor):
    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Any, int, int]:  # type: ignore[override]
        dollars, latex = m.groups()
        shown = Element("span")
        made = mathml(latex, "block" if dollars == "$$" else "inline")
        shown.text = AtomicString(self.md.htmlStash.store(made))
        return shown, m.start(), m.end()


def mathml(latex: str, display: str) -> str:
    """LaTeX -> `<math>`.

    latex2mathml knows `align*` where the lecture, like KaTeX, has `aligned`, and leaves no space
    around names of functions.
    """
    latex = " ".join(latex.replace("{aligned}", "{align*}").split())
    latex = re.sub(r"(?<=[\w)}])\s*(?=\\log\b)", r"\\,", latex)
    latex = re.sub(r"\\log\s+(?![(\[]|\\left)|\\log(?=\\frac)", r"\\log\\,", latex)
    bars = re.compile(r"<mo( fence=\"false\")? stretchy=\"false\">(&#x0007C;|&#x02016;)</mo>")
    return bars.sub(
        r'<mo stretchy="false" lspace="0" rspace="0">\2</mo>', convert(latex, display=display)
    )


def makeExtension(**given: Any) -> Formulas:
    return Formulas(**given)
