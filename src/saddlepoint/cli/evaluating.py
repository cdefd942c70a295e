"""saddle evaluate, saddle compare."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Annotated, Any

import tyro

from saddlepoint.cli.flags import load_named_plugin, parse


def evaluate(argv: list[str]) -> None:
    """Measure samples: saddle evaluate RUN|SET [SET] [--features auto] [--n 10000] [--json]."""

    def flags(
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
    ) -> dict[str, Any]:
        """Precision, recall, density, coverage, FID, KID and more, with their protocol.

        Args:
            model: A run's folder, an ema.safetensors, or a set of images to be judged.
            real: The real images: a data set's name or a path; by default the run's own data,
                the test split where there is one.
            data: The same as the second place.
            features: auto, inception, dinov2, classifier, rotations, pixels, or a file of weights.
            n: Images of each set, at most.
            truncation: psi of the samples in (0, 1].
            k: Neighbours of the k-NN measures.
            bootstrap: Resamplings behind an interval; 0 for no intervals.
            seed: Of the chosen images and the resamplings.
            device: cpu, cuda or mps.
            per_class: Insist on measures of each class, which labelled sets of up to 20 classes
                get anyway.
            plugins: A Python file whose @register lines add measures or extractors.
            quiet: No progress.
            json: One JSON document on stdout.
        """
        return locals()

    asked = parse(flags, "saddle evaluate", argv)
    from saddlepoint import api
    from saddlepoint.core.errors import InputError

    load_named_plugin(asked["plugins"])
    if asked["real"] is not None and asked["data"] is not None:
        raise InputError("The real images were named twice, by place and by --data; choose one.")
    document, said = api.evaluate(
        asked["model"],
        asked["real"] or asked["data"],
        features=asked["features"],
        n=asked["n"],
        truncation=asked["truncation"],
        k=asked["k"],
        n_bootstrap=asked["bootstrap"],
        seed=asked["seed"],
        device=asked["device"],
        per_class=asked["per_class"],
        quiet=asked["quiet"],
    )
    for images in (document["real"], document["fake"]):
        _warn_of_unreadable(images)
    if asked["json"]:
        print(json_module.dumps(document, indent=2))
        return
    print(said, file=sys.stderr)
    _print_numbers(document)


def _print_numbers(document: dict[str, Any]) -> None:
    from saddlepoint.evaluation.scores import as_rows

    real, fake = document["real"], document["fake"]
    split = f", {real['split']}" if "split" in real else ""
    print(f"{fake['n']:,} images of {fake['name']}")
    print(f"against {real['n']:,} of {real['name']}{split}; protocol in the JSON and in scores/\n")
    rows = [("measure", "value", "95 % interval", ""), *as_rows(document)]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for name, value, interval, note in rows:
        cells = f"{name:<{widths[0]}}  {value:>{widths[1]}}  {interval:<{widths[2]}}  {note}"
        print(cells.rstrip())
    print()
    if document["per_class"]:
        _print_per_class(document["per_class"])
    else:
        print(f"no measures per class: {document['unfit']['per-class']}")


def _warn_of_unreadable(images: dict[str, Any]) -> None:
    files: dict[str, str] = images.get("unreadable", {})
    if files:
        shown = ", ".join(f"{name} ({reason})" for name, reason in list(files.items())[:5])
        more = f" and {len(files) - 5:,} more" if len(files) > 5 else ""
        print(
            f"warning: {len(files):,} file(s) of {images['name']} are not images that can be read "
            f"and were left out: {shown}{more}",
            file=sys.stderr,
        )


def _print_per_class(by_class: dict[str, dict[str, float]]) -> None:
    shown = ("precision", "recall", "coverage", "fid", "label_accuracy")
    names = [n for n in shown if n in next(iter(by_class.values()))]
    width = max(len(label) for label in by_class)
    print(f"{'class':<{width}}  " + "  ".join(f"{name:>9}" for name in names))
    for label, values in by_class.items():
        print(f"{label:<{width}}  " + "  ".join(f"{values[name]:>9.4f}" for name in names))


def compare(argv: list[str]) -> None:
    """Runs side by side: saddle compare RUN RUN ... [--out report.html] [--json]."""

    def flags(
        runs: Annotated[list[Path], tyro.conf.Positional],
        out: Path | None = None,
        json: bool = False,
    ) -> dict[str, Any]:
        """Evaluated runs in one table; runs that differ only by seed share a column.

        Args:
            runs: Run folders that `saddle evaluate` has measured.
            out: Also write a page with grids of the same latents (.html).
            json: One JSON document on stdout.
        """
        return locals()

    asked = parse(flags, "saddle compare", argv)
    # Not by api: without a page and without torch this answers at once.
    from saddlepoint.core.errors import InputError
    from saddlepoint.core.runs import Run
    from saddlepoint.evaluation.compare import compare_runs
    from saddlepoint.reporting.comparison import number_table, write_comparison

    document = compare_runs([Run.open(path) for path in asked["runs"]])
    if asked["out"] is not None:
        try:
            write_comparison(document, asked["out"])
        except OSError as error:
            raise InputError(
                f"--out {asked['out']} cannot be written ({error.strerror}); choose another file."
            ) from error
        print(f"Page: {asked['out']}", file=sys.stderr)
    if asked["json"]:
        print(json_module.dumps(document, indent=2))
        return
    header, lines = number_table(document)
    widths = [max(len(row[i]) for row in (header, *lines)) for i in range(len(header))]
    for row in (header, *lines):
        print("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip())
    for field, by_row in document["differences"].items():
        values = ", ".join(f"{name}: {value}" for name, value in by_row.items())
        print(f"{field}: {values}")
