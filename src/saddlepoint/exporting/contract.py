"""What an export is made of: what leaves, the formats it leaves in, and logs that trackers read."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run, run_of_part
from saddlepoint.sampling.generator_file import (
    GeneratorFile,
    find_generator,
    read_generator_file,
)
from saddlepoint.sampling.sampler import Sampler, sampler_of


class Leaving:
    """What leaves: a run, a checkpoint of one, or weights on their own. Read when first asked for.

    Args:
        path: the folder of a run or of a checkpoint, or a file such as ema.safetensors.
        licence: of the weights, as model hubs name licences; the owner's to choose.
    """

    def __init__(self, path: Path, licence: str = "unknown") -> None:
        self.path, self.licence = path, licence

    @cached_property
    def content(self) -> GeneratorFile:
        """The checked weights and what they say of themselves; raises as `load_sampler`."""
        return read_generator_file(find_generator(self.path))

    @cached_property
    def sampler(self) -> Sampler:
        """Of the same weights, on the CPU."""
        return sampler_of(self.content)

    @cached_property
    def run(self) -> Run | None:
        """The run that it is, or is a part of; None for weights on their own."""
        run = Run(self.path)
        if run.config_file.is_file():
            return run
        folder = run_of_part(self.path)
        return None if folder is None else Run(folder)

    def require_run(self) -> Run:
        """Raises InputError where there is no run."""
        if self.run is None:
            raise InputError(
                f"{self.path} is not the folder of a run, whose metrics are needed here; name one."
            )
        return self.run


class Format(ABC):
    """One way out; the registered name is what --format takes."""

    group: ClassVar[str] = "format"
    kind: ClassVar[str]
    """The registered name."""
    suffixes: ClassVar[tuple[str, ...]]
    """Of the files that it writes; "" where it writes a folder."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Modules of other packages."""
    extra: ClassVar[str] = ""
    """The extra of this package that installs them."""

    def require(self) -> None:
        """Raises InputError, with the command that installs it, where a package is missing."""
        for module in self.needs:
            if importlib.util.find_spec(module) is None:
                raise InputError(
                    f"{self.kind} needs the package {module}; "
                    f"pip install 'saddlepoint[{self.extra}]'."
                )

    @abstractmethod
    def write(self, leaving: Leaving, out: Path) -> None:
        """Write the file, or the folder, which is complete or absent.

        Raises:
            InputError: this cannot be exported in this format.
            RunFailed: what would be written does not compute what PyTorch computes.
            OSError: the disk is full, gone or closed.
        """


class Log(ABC):
    """One run in a tracker, open to be written."""

    @abstractmethod
    def scalars(self, values: Mapping[str, float], n_images: int, seconds: float) -> None:
        """Numbers as of `n_images`, `seconds` since 1970."""

    @abstractmethod
    def picture(self, path: Path, n_images: int) -> None:
        """A grid of samples, as a PNG."""

    @abstractmethod
    def finding(self, name: str, message: str, severity: str, n_images: int) -> None:
        """What the doctor said."""

    @abstractmethod
    def flush(self) -> None:
        """Make everything given so far visible."""

    @abstractmethod
    def close(self) -> None: ...


class Tracker(Format):
    """A format that can be followed while the run goes on: `saddle train --track NAME`."""

    suffixes = ("",)

    @abstractmethod
    def begin(self, run: Run, folder: Path) -> Log:
        """A log without anything in it; what the folder holds of this run is replaced.

        Args:
            folder: where a tracker without a place of its own keeps its files; it is made.
        """
