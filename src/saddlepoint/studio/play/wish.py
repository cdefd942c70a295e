"""What a page of samples shows, as its address says it: the words are those of `saddle sample`."""

from __future__ import annotations

import base64
import binascii
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.errors import InputError
from saddlepoint.reporting.facts import saddle_command
from saddlepoint.sampling.edits import Edit, edited, in_full, parse_parts, write_parts
from saddlepoint.sampling.ranges import parse_ranges
from saddlepoint.sampling.sampler import BATCH_SIZE
from saddlepoint.sampling.seeds import Labels, Seeds
from saddlepoint.studio.play.models import Model

MOST = BATCH_SIZE
"""Images of a page, which cost as much as one."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Seeds, perhaps a latent that was found for a picture, and the changes for all of them."""

    seeds: Sequence[int]
    latent: Tensor | None
    """float32 [latent_dim]; it stands before the seeds."""
    latent_label: int | None
    label: int | None
    """The class of all images; None: each its own."""
    edit: Edit
    truncation: float

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wish:
        """Raises InputError for what `saddle sample` would refuse, and for more than MOST seeds."""
        seeds = parse_ranges(query.get("seeds", "0-23"), "--seeds", MOST)
        parts = {f: parse_parts(query[f], f"--{f}") for f in ("move", "mix") if query.get(f)}
        return cls(
            seeds=list(seeds),
            latent=_read_latent(query["latent"]) if query.get("latent") else None,
            latent_label=_whole(query, "latent-label"),
            label=_whole(query, "labels"),
            edit=Edit(moves=parts.get("move", {}), mix=parts.get("mix", {})),
            truncation=_number(query.get("truncation") or "1", "--truncation"),
        )

    def __len__(self) -> int:
        return len(self.seeds) + (self.latent is not None)

    def only(self, places: Sequence[int]) -> Wish:
        """The images at some places alone, in their order; the latent stays the first.

        Raises:
            InputError: there is no such place.
        """
        if not all(0 <= place < len(self) for place in places):
            raise InputError(f"There are {len(self)} images here.")
        first = int(self.latent is not None)
        kept = self.latent if first and 0 in places else None
        seeds = [self.seeds[place - first] for place in places if place >= first]
        return replace(self, seeds=seeds, latent=kept)

    def start(self, model: Model) -> tuple[Seeds, list[int] | None]:
        """Seeds or latents and their labels before anything is changed."""
        sampler = model.sampler
        given = None if self.label is None else [self.label]
        if self.latent is None:
            # None where the seed itself decides.
            return self.seeds, given
        own = sampler.z_of(self.latent[None])
        z = torch.cat([own, sampler.z_of(self.seeds)]) if self.seeds else own
        if not sampler.conditional:
            sampler.labels_for(z, given)
            return z, None
        if given is not None:
            return z, given * len(z)
        of_seeds = sampler.labels_for(self.seeds, None) if self.seeds else []
        return z, [self.latent_label or 0, *(of_seeds or [])]

    def made(self, model: Model) -> tuple[Seeds, Labels | None]:
        """What `Sampler.images` takes."""
        seeds, labels = self.start(model)
        if self.edit.mix and self.label is None:
            labels = None  # those of a latent make room for the mix
        return edited(model.sampler, seeds, labels, self.edit, model.directions_of)

    def labels(self, model: Model) -> list[int] | None:
        """The class of each image, whose directions the sliders move along; None where there are
        no classes."""
        if self.edit.mix and model.sampler.conditional:
            return [next(iter(self.edit.mix))] * len(self)
        seeds, labels = self.start(model)
        return model.sampler.labels_for(seeds, labels)

    def command(self, model: Model, out: str, *kind: str, latents: str = "") -> str:
        """The command line that makes the same picture.

        Args:
            kind: `--interpolate` or `--nearest`.
            latents: the file that holds them, where there is one; "": it is named after `out`.
        """
        words = ["sample", named(model)]
        if self.latent is None:
            words += ["--seeds", _ranges(self.seeds)]
        else:
            words += ["--latents", latents or f"{Path(out).stem}-latents.npz"]
        words += [] if self.label is None else ["--labels", str(self.label)]
        for flag, parts in (("mix", self.edit.mix), ("move", self.edit.moves)):
            words += [f"--{flag}", write_parts(parts)] if parts else []
        words += [] if self.truncation == 1 else ["--truncation", in_full(self.truncation)]
        return f"{saddle_command()} {shlex.join([*words, *kind, '--out', out])}"


def named(model: Model) -> str:
    """The model on a command line: the run where its newest checkpoint is meant and stays so."""
    newest = model.run.checkpoints[-1:] == [model.checkpoint]
    trains = model.run.status.get("state") == "running"
    return str(model.run.path if newest and not trains else model.checkpoint)


def _ranges(seeds: Sequence[int]) -> str:
    """[0, 1, 2, 7] -> 0-2,7."""
    parts: list[list[int]] = []
    for seed in seeds:
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return ",".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else str(p[0]) for p in parts)


def write_latent(z: Tensor) -> str:
    """float32 [d] as it stands in an address."""
    return base64.urlsafe_b64encode(z.numpy().astype("<f4").tobytes()).decode().rstrip("=")


def _read_latent(text: str) -> Tensor:
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        return torch.from_numpy(np.frombuffer(content, "<f4").astype(np.float32))
    except (binascii.Error, ValueError):
        raise InputError(
            "The latent in this address is damaged; project the picture again."
        ) from None


def _whole(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InputError(f"--{name} {text[:40]!r} is not a whole number.")
    return int(text)


def _number(text: str, flag: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{flag} {text[:40]!r} is not a number.") from None
