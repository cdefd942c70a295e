"""safetensors: the weights as they are, with a model card, as model hubs expect them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch

from saddlepoint.core.checkpoints import EXPORTED
from saddlepoint.core.files import whole_folder, write_atomically
from saddlepoint.core.images import write_png
from saddlepoint.core.registry import register
from saddlepoint.exporting.card import SAMPLES, card, sample_sheet
from saddlepoint.exporting.contract import Format, Leaving


@register("safetensors")
@dataclass(frozen=True, kw_only=True)
class SafeTensors(Format):
    """A folder with model.safetensors, samples.png and the model card README.md; with a name that
    ends in .safetensors the weights alone.

    Every verb that samples reads either; architecture and data are in the file's metadata.
    """

    suffixes = ("", ".safetensors")

    def write(self, leaving: Leaving, out: Path) -> None:
        content = leaving.content
        weights = safetensors.torch.save(dict(content.weights), content.metadata())
        if out.suffix.lower() == ".safetensors":
            write_atomically(out, weights)
            return
        # The name of a file, which the card quotes, need not be UTF-8.
        text = card(leaving).encode(errors="backslashreplace")
        sheet = sample_sheet(leaving.sampler)
        with whole_folder(out) as folder:
            (folder / EXPORTED).write_bytes(weights)
            write_png(folder / SAMPLES, sheet)
            (folder / "README.md").write_bytes(text)
