"""What a person reads in more than one language."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from saddlepoint.core.errors import InputError

Language = Literal["en", "vi"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def check_language(lang: object) -> None:
    """Raises InputError for what is not the code of a language."""
    if lang not in LANGUAGES:
        raise InputError(f"lang={lang!r} is not one of {', '.join(LANGUAGES)}.")


class Text(NamedTuple):
    """One text in every language; neither can be left out."""

    en: str
    vi: str

    def to(self, language: Language) -> str:
        """The text in one language."""
        return self.vi if language == "vi" else self.en

    def filled(self, **values: Text | str) -> Text:
        """With values in the places of their `{names}`, each in the text's own language."""
        return Text(
            *(
                self.to(language).format(**{n: said(v, language) for n, v in values.items()})
                for language in LANGUAGES
            )
        )


def said(text: Text | str, language: Language) -> str:
    """A text in one language; a plain string is the same in all of them, such as `WGAN-GP`."""
    return text.to(language) if isinstance(text, Text) else text


def in_digits_of(language: Language, text: str) -> str:
    """Numbers as English writes them -> as the language does: 1,234.5 -> 1.234,5 in Vietnamese."""
    return text.translate(_VIETNAMESE) if language == "vi" else text


def counted(number: int) -> Text:
    """A whole number with its thousands set apart."""
    return Text(*(in_digits_of(language, f"{number:,}") for language in LANGUAGES))


_VIETNAMESE = str.maketrans({",": ".", ".": ","})
