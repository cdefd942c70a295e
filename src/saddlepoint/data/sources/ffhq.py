"""FFHQ: photographs of faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from saddlepoint.core.checks import between
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder
from saddlepoint.core.paths import given_path
from saddlepoint.core.registry import register
from saddlepoint.data.manifest import MAX_SIZE, MIN_SIZE
from saddlepoint.data.search import NamedSource, candidate_folders
from saddlepoint.data.sources._prepared import open_raw

_ARCHIVES = ("", ".zip", ".tar", ".tar.gz")


@register("ffhq")
@dataclass(frozen=True, kw_only=True)
class Ffhq(NamedSource):
    """Faces in colour, without labels: 70,000 thumbnails, flat or in folders of a thousand, or the
    52,000 of 512 px; a folder, zip or tar.

    The sub-folders 00000/ to 69000/ of `thumbnails128x128` are not classes, and any other folder or
    archive of faces is read in the same way. It cannot be downloaded automatically. Its images
    have Creative Commons and public-domain licences; as a whole it is under BY-NC-SA 4.0.

    Paper: Karras, Laine and Aila, "A Style-Based Generator Architecture for Generative
    Adversarial Networks", 2019.
    """

    path: str = ""
    """Folder, zip or tar of the images; empty searches the usual places."""
    size: int = 64
    """Height and width in pixels, 4 to 1024."""

    def __post_init__(self) -> None:
        between(self, MIN_SIZE, MAX_SIZE, "size")

    def open(self) -> Dataset:
        place = self.path or self.where()
        if place is None:
            searched = ", ".join(f"{folder}[.zip]" for folder in candidate_folders("ffhq"))
            raise InputError(
                f"FFHQ was not found in {searched} and cannot be downloaded automatically; get "
                f"thumbnails128x128 from https://github.com/NVlabs/ffhq-dataset and put the folder "
                f"or zip at {cache_folder() / 'datasets' / 'ffhq'}[.zip], or give its path."
            )
        source = given_path(place)
        return open_raw(source, "ffhq", size=self.size, fit="crop", labels="none")

    def where(self) -> str | None:
        places = [f"{folder}{end}" for folder in candidate_folders("ffhq") for end in _ARCHIVES]
        return next((place for place in places if Path(place).exists()), None)
