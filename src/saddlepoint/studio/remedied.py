"""What the remedies of a finding change in a run's configuration, and the command that trains so:
from the last checkpoint before the finding first showed, or anew where none is kept."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saddlepoint.core.errors import InputError
from saddlepoint.core.findings import Finding
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.reporting.messages import in_languages
from saddlepoint.studio.form import Order, Wanted, wanted_of

if TYPE_CHECKING:
    from saddlepoint.core.config import Config
    from saddlepoint.core.contracts import DataSpec


@dataclass(frozen=True, kw_only=True)
class Treated:
    """One remedy, applied to the configuration of a run."""

    remedy: str
    changes: dict[str, list[Any]]
    """Dotted path -> [value before, value after]."""
    start: str
    """What the new run starts from, as `--from` takes it; "" for random weights."""
    taken: list[str]
    """A sentence each of what is taken of `start`, and what is not."""
    wanted: Wanted | None
    """What has to be chosen in the form; None where the form cannot make it."""
    order: Order | None
    """The run as the form would start it."""

    def to_json(self) -> dict[str, Any]:
        command = None if self.order is None else self.order.command
        taken = [in_languages(sentence) for sentence in self.taken]
        fields = {"name": self.remedy, "changes": self.changes, "start": self.start}
        return {**fields, "taken": taken, "wanted": self.wanted, "command": command}


@dataclass(frozen=True, kw_only=True)
class Cures:
    """What can be done about a finding."""

    healthy: int
    """Images up to which nothing showed the finding."""
    start_images: int | None
    """Images of the checkpoint that the new run starts from; None where it starts anew."""
    remedies: list[Treated]
    """Those that change something here, best first."""

    @property
    def sentence(self) -> str:
        """Where the new run starts."""
        if self.healthy == 0:
            return "A new run starts anew: this held from the first check on."
        then = f"while the run was healthy (until {self.healthy:,} images)"
        if self.start_images is None:
            return f"A new run starts anew: no checkpoint is kept from {then}."
        return f"A new run starts from the checkpoint at {self.start_images:,} images, {then}."

    def to_json(self) -> dict[str, Any]:
        remedies = [treated.to_json() for treated in self.remedies]
        fields = {"healthy": self.healthy, "start_images": self.start_images}
        return {**fields, "remedies": remedies}


def cures(run: Run, finding: Finding, runs: Path) -> Cures:
    """What can be done about a finding of a run.

    Args:
        runs: the folder in which a new run would be made.

    Raises:
        InputError: a configuration that cannot be read, such as one of a plug-in that is not here.
    """
    from saddlepoint.core.checkpoints import healthy_until
    from saddlepoint.core.config_json import from_json
    from saddlepoint.core.contracts import DataSpec
    from saddlepoint.core.provenance import read_config
    from saddlepoint.diagnosis.diagnose import remedies_for
    from saddlepoint.training.treatment import applicable

    config, document = read_config(run), run.document
    spec = from_json(document["data"].get("spec"), DataSpec, f"{run.config_file}: data.spec")
    # It may have come and gone before.
    past = [line for line in run.findings if line["event"] == "found"]
    since = [line["since_step"] for line in past if line["name"] == finding.name]
    healthy = healthy_until(run, min([finding.since_step, *since]))
    images, start = _before(run, healthy, "start" in document)
    options = applicable(remedies_for(finding.name), config, spec, finding)
    return Cures(
        healthy=healthy,
        start_images=images,
        remedies=[_treated(r.kind, config, new, spec, start, runs) for r, new in options],
    )


def _before(run: Run, healthy: int, is_warm: bool) -> tuple[int | None, str]:
    """The newest intact checkpoint up to so many images: its images, and its name for `--from`."""
    from saddlepoint.core.checkpoints import damage
    from saddlepoint.training.trained_model import PLAYERS, kimg_of

    for folder in reversed(run.checkpoints):
        if images_of(folder) <= healthy and damage(folder, PLAYERS) is None:
            return images_of(folder), f"{run.path}@{kimg_of(folder)}"
    # Anew is, for a warm start, where it started.
    return None, f"{run.path}@0" if is_warm else ""


def _treated(
    remedy: str, config: Config, new: Config, spec: DataSpec, start: str, runs: Path
) -> Treated:
    from saddlepoint.core.config import Start
    from saddlepoint.core.config_json import to_json
    from saddlepoint.training import warm_report
    from saddlepoint.training.treatment import differences

    changed, taken = replace(new, start=Start()), list[str]()
    # A remedy may change the layers that were kept fixed, or every layer.
    for frozen in (0, new.start.freeze_discriminator) if start else ():
        with suppress(InputError):
            tried = replace(new, start=Start(model=start, freeze_discriminator=frozen))
            changed, taken = tried, warm_report.find(tried, spec, hints=False)[1]
    before = to_json(replace(config, start=replace(config.start, model=changed.start.model)))
    wanted = None
    with suppress(InputError):  # data of its own that are gone
        wanted = wanted_of(changed)
    return Treated(
        remedy=remedy,
        changes=differences(before, to_json(changed)),
        start=changed.start.model,
        taken=taken,
        wanted=wanted,
        # The data are the run's own, wherever they are.
        order=None if wanted is None else Order(wanted, runs, paths=True),
    )
