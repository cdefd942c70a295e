"""What pages say: one file of texts a language and subject.

What lies beside a plug-in in English (a loss, a finding, a remedy) or in the definition of a figure
has its other languages here alone, under the same names.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from saddlepoint.core.json_files import parse
from saddlepoint.core.shapes import shaped
from saddlepoint.core.texts import LANGUAGES, Language, in_digits_of


class Words:
    """The texts of one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language

    @property
    def _texts(self) -> dict[str, str]:
        return texts_in(__name__, self.language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key such as `report.samples`, with `values` in the places of their
        `{names}`."""
        return self._texts[key].format(**values)

    def get(self, key: str, otherwise: str = "") -> str:
        """The text of a key, or `otherwise` where this language has none."""
        return self._texts.get(key, otherwise)

    def number(self, text: str) -> str:
        """Numbers as English writes them -> as this language does: 1,234.5 -> 1.234,5."""
        return in_digits_of(self.language, text)


@cache
def texts_in(package: str, language: str) -> dict[str, str]:
    """Key -> text of all files of a package; the keys of `claims.en.json` begin with `claims.`."""
    found: dict[str, str] = {}
    for file in resources.files(package).iterdir():
        name, *rest = file.name.split(".")
        if rest == [language, "json"]:
            words = shaped(parse(file.read_bytes(), file.name), dict[str, str], file.name)
            found |= {f"{name}.{key}": text for key, text in words.items()}
    return found


_WORDS = {language: Words(language) for language in LANGUAGES}
ENGLISH = _WORDS["en"]


def words_in(language: Language) -> Words:
    """The texts of one language."""
    return _WORDS[language]
