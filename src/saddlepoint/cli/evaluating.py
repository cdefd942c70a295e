"""saddle evaluate, saddle compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import tyro

from saddlepoint.cli.flags import command, load_named_plugin, print_json
from saddlepoint.core.errors import InputError
from saddlepoint.core.streams import answer, tell
from saddlepoint.core.texts import Language


@command("Measure samples against real images: saddle evaluate RUN|SET [REAL].")
def evaluate(
    model: Annotated[Path, tyro.conf.Positional],
    real: Annotated[str | None, tyro.conf.Positional] = None,
    data: str | None = None,
    features: str = "auto",
    n: int = 10_000,
    truncation: float = 1.0,
    k: int = 3,
    bootstrap: int = 200,
    seed: int = 0,
    device: str = "cpu",
    per_class: bool = False,
    plugins: Path | None = None,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Precision, recall, density, coverage, FID, KID and more, with their protocol.

    Of the processes that torchrun starts, each draws and extracts its share of the images.

    Args:
        model: A run's folder, an ema.safetensors, or a set of images to be judged.
        real: The real images: the name of a data set or a path (default: the run's own data, and
            of that the test split where there is one).
        data: Another way to name the real images (default: as above).
        features: auto, inception, dinov2, classifier, rotations, pixels, or a file of weights.
        n: Images of each set, at most; both sets get the same number.
        truncation: psi of the samples in (0, 1].
        k: Neighbours in precision, recall, density and coverage.
        bootstrap: Resamples behind each interval; 0 for no intervals.
        seed: Chooses the images and the resamples.
        device: cpu, cuda or mps.
        per_class: Fail where there are no scores per class. Labelled sets of up to 20 classes
            get them anyway.
        plugins: A Python file whose @register lines add measures or extractors (default: none).
        quiet: No progress.
        json: One JSON document on stdout.
    """
    from saddlepoint import api
    from saddlepoint.evaluation.scores import Unsaved

    load_named_plugin(plugins)
    # --data came first; the place after the model reads better. Both in one call are a mistake.
    if data is not None and real is not None:
        raise InputError(f"The real images are named twice, {real} and --data {data}.")
    try:
        document, said = api.evaluate(
            model,
            real or data,
            features=features,
            n=n,
            truncation=truncation,
            k=k,
            n_bootstrap=bootstrap,
            seed=seed,
            device=device,
            per_class=per_class,
            quiet=quiet,
        )
    except Unsaved as error:
        # The answer first: to measure again may take an hour.
        code = 2 if isinstance(error, InputError) else 1
        lost = {"error": str(error), "exit_code": code} if json else {}
        _print_answer({**error.document, **lost}, error.said, json)
        raise
    _print_answer(document, said, json)


def _print_answer(document: dict[str, Any], said: str, json: bool) -> None:
    for images in (document["real"], document["fake"]):
        _warn_of_unreadable(images)
    if json:
        print_json(document)
        return
    tell(said)
    _print_scores(document)


def _print_scores(document: dict[str, Any]) -> None:
    from saddlepoint.evaluation.scores import as_rows
    from saddlepoint.reporting.scores import by_class, protocol_sentence
    from saddlepoint.reporting.terminal import print_table

    answer(f"{document['fake']['name']}: {protocol_sentence(document)}\n")
    print_table(as_rows(document), ("measure", "value", "95 % interval", ""), right=(1,))
    answer("")
    if document["per_class"]:
        header, rows = by_class(document["per_class"])
        print_table(rows, header, right=range(1, len(header)))
    else:
        answer(f"no scores per class: {document['unfit']['per-class']}")


def _warn_of_unreadable(images: dict[str, Any]) -> None:
    files: dict[str, str] = images.get("unreadable", {})
    if files:
        shown = ", ".join(f"{name} ({reason})" for name, reason in list(files.items())[:5])
        more = f" and {len(files) - 5:,} more" if len(files) > 5 else ""
        tell(
            f"warning: {len(files):,} file(s) of {images['name']} cannot be read as images "
            f"and were left out: {shown}{more}"
        )


@command("Put runs side by side: saddle compare RUN RUN ... [--out report.html].")
def compare(
    runs: Annotated[
        list[Path],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="RUN RUN ...", help_behavior_hint="(required)"),
    ],
    out: Path | None = None,
    lang: Language = "en",
    json: bool = False,
) -> None:
    """Runs in one table, with the scores of those that were evaluated; runs that differ only by
    seed share a column.

    Args:
        runs: Run folders; `saddle evaluate` gives them scores.
        out: Also write a page with grids of the same latents (.html); replaces a file of that
            name (default: no page).
        lang: Language of the page: en or vi.
        json: One JSON document on stdout.
    """
    # Past the api, which imports torch: without a page this answers at once.
    from saddlepoint.core.outputs import output_file
    from saddlepoint.core.runs import Run
    from saddlepoint.evaluation.compare import compare_runs
    from saddlepoint.reporting.comparison_tables import difference_table, number_table
    from saddlepoint.reporting.facts import evaluate_command
    from saddlepoint.reporting.terminal import print_table

    page = None if out is None else output_file(out, [".html"])
    document = compare_runs([Run.open(path) for path in runs])
    if page is not None:
        from saddlepoint.api import commands_again
        from saddlepoint.reporting.comparison import write_comparison
        from saddlepoint.reporting.strings import words_in

        write_comparison(document, page, commands_again, words_in(lang))
        tell(f"Page: {page}")
    for path in document["unscored"]:
        tell(f"{path} has no scores yet; `{evaluate_command(path)}` measures it.")
    if json:
        print_json(document)
        return
    for table in (number_table(document), difference_table(document)):
        header, lines = table
        if lines:
            print_table(lines, header)
            answer("")
