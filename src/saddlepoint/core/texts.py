"""What a person reads in more than one language."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Language = Literal["en", "vi"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


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
