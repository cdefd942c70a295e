"""A run with the verbs that read it, and the verbs that write into a run that is there."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint import presets
from saddlepoint.api.again import commands_again
from saddlepoint.core import runs
from saddlepoint.core.config_json import to_json
from saddlepoint.core.errors import InputError, RunFailed, failure, reason, remedy
from saddlepoint.core.findings import Finding
from saddlepoint.core.outputs import check_writable, output_file
from saddlepoint.core.provenance import read_config
from saddlepoint.core.ranks import here
from saddlepoint.core.streams import tell
from saddlepoint.core.texts import Language, check_language
from saddlepoint.diagnosis.diagnose import diagnose
from saddlepoint.evaluation.compare import compare_runs
from saddlepoint.evaluation.evaluate import evaluate as evaluate_images
from saddlepoint.evaluation.projecting import Projected, project_pictures
from saddlepoint.exporting.export import export
from saddlepoint.reporting.comparison import write_comparison
from saddlepoint.reporting.html import notebook_view, write_report
from saddlepoint.reporting.page import language_of
from saddlepoint.reporting.strings import words_in
from saddlepoint.sampling.directions import Directions, principal_directions
from saddlepoint.sampling.hub import model_path
from saddlepoint.sampling.sampler import load_sampler
from saddlepoint.sampling.seeds import Seeds
from saddlepoint.training.launch import check_device, joined


class Run(runs.Run):
    """A run folder with the verbs that read it; shows itself in a notebook."""

    def sample(
        self,
        seeds: Seeds = range(64),
        labels: Sequence[int] | None = None,
        truncation: float = 1.0,
    ) -> np.ndarray:
        """uint8 [n, h, w, c], or float32 [n, 2] of points, from the newest checkpoint's averaged
        generator.

        Args:
            seeds: or latents, float32 [n, latent_dim].
        """
        return load_sampler(self.path).images(seeds, labels, truncation=truncation)

    def directions(self, k: int | None = None, label: int | None = None) -> Directions:
        """The directions of z that change the generator's first hidden layer most."""
        return principal_directions(load_sampler(self.path), k, label)

    def project(self, *pictures: str | os.PathLike[str], **settings: Any) -> list[Projected]:
        """The latents that come nearest to pictures; `settings` as of the verb `project`."""
        return project_pictures(self.path, pictures, **settings).pictures

    def evaluate(self, real: str | None = None, **settings: Any) -> dict[str, Any]:
        """As the verb `evaluate`; returns its document, which is also written to scores/."""
        return evaluate(self.path, real, **settings)[0]

    def diagnose(self) -> list[Finding]:
        """What is wrong with it now, worst first; [] for a healthy run."""
        return list(diagnose(self).findings)

    def export(self, out: str | os.PathLike[str], *, format: str, **settings: Any) -> Path:
        """As the verb `export`; returns what was written."""
        return export(self.path, out, format=format, **settings)

    def report(self, lang: Language | None = None) -> Path:
        """Write report.html again, marking fields that differ from the preset; returns its path.

        Args:
            lang: language of the page; by default as the page is now, or else as the run was
                started.
        """
        used: Language = lang or language_of(self.report_file) or self.document.get("lang", "en")
        check_language(used)
        config = read_config(self)
        known = config.preset in presets.PRESETS
        preset = to_json(presets.preset(config.preset, config.source)) if known else None
        return write_report(self, preset, commands_again(self), words_in(used))

    def _repr_html_(self) -> str:
        return notebook_view(self)


def report(run: str | os.PathLike[str], lang: Language | None = None) -> Path:
    """Write the page of a run again; returns its path.

    Args:
        lang: as of `Run.report`.
    """
    opened = Run.open(run)
    opened.remove_leftovers()
    return opened.report(lang)


@joined()
@functools.wraps(evaluate_images)
def evaluate(
    model: str | os.PathLike[str], real: str | None = None, **settings: Any
) -> tuple[dict[str, Any], str]:
    check_device(str(settings.get("device", "cpu")))
    run = Run(model_path(model))
    is_run = run.config_file.is_file() and here().leads
    if is_run:
        check_writable(run.scores_folder, str(run.scores_folder))
        run.remove_leftovers()
    done = evaluate_images(run.path, real, **settings)
    if is_run and (fault := report_fault(run)):  # the page shows the scores as well
        tell(f"warning: {fault}")
    return done


def compare(
    runs_given: Sequence[str | os.PathLike[str] | runs.Run],
    out: str | os.PathLike[str] | None = None,
    lang: Language = "en",
) -> dict[str, Any]:
    """Runs side by side, with their scores; runs that differ only by seed are one row.

    Args:
        out: also write the page there.
        lang: language of the page.

    Raises:
        InputError: scores of different protocols.
    """
    check_language(lang)
    page = None if out is None else output_file(out, [".html"])
    opened = [r if isinstance(r, runs.Run) else runs.Run.open(r) for r in runs_given]
    document = compare_runs(opened)
    if page is not None:
        write_comparison(document, page, commands_again, words_in(lang))
    return document


def report_fault(run: Run) -> InputError | RunFailed | None:
    """Write the page of a run that is saved; -> why that could not be done."""
    try:
        run.report()
    except (OSError, InputError) as error:
        why = f"{reason(error)}; {remedy(error)}." if isinstance(error, OSError) else str(error)
        said = f"{run.path} is saved, but not its report: {why} Then `saddle report {run.path}`."
        return failure(error, said) if isinstance(error, OSError) else InputError(said)
    return None
