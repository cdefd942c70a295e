"""argv -> api. The only file that uses the CLI library; whatever is heavy is imported in a verb."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, make_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from saddlepoint.core.errors import InputError, Interrupted, RunFailed

if TYPE_CHECKING:
    from saddlepoint.core.config import Config

_SWAPS = {"arch": "architecture", "loss": "loss", "optim-g": "optimizer", "optim-d": "optimizer"}
"""Flags that replace a whole component by name: `--loss wasserstein`."""


@dataclass(frozen=True, kw_only=True)
class TrainFlags:
    """What `saddle train` takes beside the fields of the configuration."""

    data: str | None = None
    """A data set's name (`saddle data list`) or a path; by default the first one found."""
    out: Path | None = None
    """Folder of the run; must not exist. Default: runs/<preset>-<data>-NNN."""
    kimg: float | None = None
    """Budget in thousands of real images shown to the discriminator; exact."""
    minutes: float | None = None
    """Budget in wall clock, turned into images by a short measured warm-up."""
    device: str | None = None
    """auto, cpu, cuda, cuda:1, mps: short for --train.device."""
    plugins: Path | None = None
    """A Python file whose @register lines add components."""
    quiet: bool = False
    """No progress."""
    dry_run: bool = False
    """Print the whole configuration as JSON and stop."""
    json: bool = False
    """At the end, one JSON document on stdout."""


def train(argv: list[str]) -> None:
    """Train a GAN: saddle train PRESET [--data NAME|PATH] [--minutes M | --kimg N] [fields]."""
    from saddlepoint import api
    from saddlepoint.core.config import to_json

    preset = argv.pop(0) if argv and not argv[0].startswith("-") else "dcgan"
    plugins = _peek(argv, "plugins")
    _load_plugin(Path(plugins) if plugins else None)
    config = api.configure(preset, _peek(argv, "data"))
    config = _swap_components(config, argv)
    flags, config = _parse_train(preset, config, argv)
    if flags.device is not None:
        config = replace(config, train=replace(config.train, device=flags.device))
    api.check_budget(flags.kimg, flags.minutes)
    if flags.kimg is not None:
        config = replace(config, train=replace(config.train, kimg=flags.kimg))
    if flags.dry_run:
        print(json.dumps(to_json(config), indent=2))
        return
    run = api.train(config, out=flags.out, minutes=flags.minutes, quiet=flags.quiet)
    _finish(run, flags.json)


def _parse_train(preset: str, config: Config, argv: list[str]) -> tuple[TrainFlags, Config]:
    """The flags of `saddle train` and every field of the configuration, side by side."""
    from saddlepoint.core.config import Config, dotted_paths, to_json

    both = make_dataclass(
        "TrainArguments",
        [
            ("flags", Annotated[TrainFlags, tyro.conf.arg(name="")]),
            ("config", Annotated[Config, tyro.conf.arg(name="")]),
        ],
    )
    prog = f"saddle train {preset}"
    _check_flags(prog, argv, [f.name for f in fields(TrainFlags)] + dotted_paths(to_json(config)))
    parsed: Any = _in_a_sentence(
        both,
        prog=prog,
        description="Train a GAN. Every field of the configuration is a flag; --arch, --loss, "
        "--optim-g and --optim-d NAME replace a component, --penalties NAME,NAME (or none) all "
        "penalties.",
        default=both(TrainFlags(), config),
        args=argv,
    )
    return parsed.flags, parsed.config


def resume(argv: list[str]) -> None:
    """Continue a killed run bit for bit, or extend a finished one: saddle resume RUN."""

    def parse(
        run: Annotated[Path, tyro.conf.Positional],
        kimg: float | None = None,
        minutes: float | None = None,
        plugins: Path | None = None,
        quiet: bool = False,
        json: bool = False,
    ) -> dict[str, Any]:
        """Continue a killed run as if it had never been killed, or extend a finished one.

        Args:
            run: The run's folder.
            kimg: The new whole budget in thousands of images; extends a finished run.
            minutes: More wall clock from now on.
            plugins: The Python file that the run was trained with, if any.
            quiet: No progress.
            json: At the end, one JSON document on stdout.
        """
        return locals()

    asked = _parse(parse, "saddle resume", argv)
    from saddlepoint import api

    _load_plugin(asked["plugins"])
    run = api.resume(
        asked["run"], kimg=asked["kimg"], minutes=asked["minutes"], quiet=asked["quiet"]
    )
    _finish(run, asked["json"])


def _load_plugin(path: Path | None) -> None:
    from saddlepoint.core.registry import load_plugin

    if path is not None:
        load_plugin(path)


def sample(argv: list[str]) -> None:
    """Make images: saddle sample RUN|ema.safetensors --out FILE.png|FILE.gif|FILE.npz|DIR."""

    def parse(
        model: Annotated[Path, tyro.conf.Positional],
        out: Path,
        seeds: str | None = None,
        labels: str | None = None,
        n: int | None = None,
        truncation: float = 1.0,
        interpolate: bool = False,
        class_grid: bool = False,
        training: bool = False,
        plugins: Path | None = None,
        json: bool = False,
    ) -> dict[str, Any]:
        """Sample a run's newest checkpoint, or an ema.safetensors that was moved elsewhere.

        Args:
            model: The run's folder, one of its checkpoints, or an ema.safetensors.
            out: .png (a grid), .gif (an interpolation), .npz, or a folder for one PNG a seed.
            seeds: Ranges such as 0-63 or 7,9,20-30; by default 0-63.
            labels: Ranges of labels, dealt out to the seeds in turn (conditional models).
            n: Short for --seeds 0-(n-1).
            truncation: psi in (0, 1]; below 1 more typical and less varied images.
            interpolate: Walk from seed to seed.
            class_grid: A row for each class, a column for each seed.
            training: The film of the training, from the run's own grids (.gif).
            plugins: The Python file that the run was trained with, if any.
            json: One JSON document on stdout.
        """
        return locals()

    asked = _parse(parse, "saddle sample", argv)
    from saddlepoint import api

    _load_plugin(asked["plugins"])
    if asked["training"]:
        written = api.training_film(asked["model"], asked["out"])
    else:
        written = api.sample(
            asked["model"],
            asked["out"],
            seeds=_seeds(asked),
            labels=_ranges(asked["labels"], "--labels"),
            truncation=asked["truncation"],
            interpolate=asked["interpolate"],
            class_grid=asked["class_grid"],
        )
    print(json.dumps({"out": str(written)}) if asked["json"] else written)


def _seeds(asked: dict[str, Any]) -> list[int]:
    if asked["n"] is not None and asked["seeds"] is not None:
        raise InputError("--n and --seeds were both given; choose one.")
    if asked["n"] is not None:
        if asked["n"] < 1:
            raise InputError(f"--n {asked['n']} must be at least 1.")
        return list(range(asked["n"]))
    default = "0-9" if asked["class_grid"] or asked["interpolate"] else "0-63"
    seeds = _ranges(asked["seeds"] or default, "--seeds")
    assert seeds is not None
    return seeds


def _ranges(text: str | None, flag: str) -> list[int] | None:
    from saddlepoint.sampling.ranges import parse_ranges

    return None if text is None else parse_ranges(text, flag)


def data(argv: list[str]) -> None:
    """Data sets: saddle data list | saddle data prepare SOURCE --out DIR [--size 64]."""
    verbs = {"list": data_list, "prepare": data_prepare}
    _dispatch("saddle data", verbs, argv)


def data_list(argv: list[str]) -> None:
    """Every data set with a name, and where it lies on this machine."""

    def parse(json: bool = False) -> bool:
        """List the data sets and where they lie; nothing is downloaded.

        Args:
            json: One JSON document on stdout.
        """
        return json

    as_json = _parse(parse, "saddle data list", argv)
    from saddlepoint import api

    rows = api.available()
    if as_json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
        return
    width = max(len(row.name) for row in rows)
    for row in rows:
        print(f"{row.name:<{width}}  {row.where or '(not here yet)'}")
        print(f"{'':<{width}}  {row.description}")


def data_prepare(argv: list[str]) -> None:
    """Any folder, zip or archive to a ready data set, with a report of what was wrong."""

    def parse(
        source: Annotated[Path, tyro.conf.Positional],
        out: Path,
        size: int = 64,
        fit: Literal["crop", "pad"] = "crop",
        channels: Literal["auto", "grey", "rgb"] = "auto",
        labels: Literal["auto", "none"] = "auto",
        workers: int | None = None,
        json: bool = False,
    ) -> dict[str, Any]:
        """Turn any folder, zip or tar of images into a memory-mapped data set.

        Args:
            source: A folder, zip or tar of images.
            out: The folder to make.
            size: Height and width in pixels; 0 keeps the size that all images share.
            fit: Of an image that is not square, crop the middle or pad with black.
            channels: grey or rgb; auto is grey when every image is.
            labels: auto takes them from sub-folders or a file of labels; none ignores both.
            workers: Processes; by default one a core.
            json: The manifest's summary as one JSON document on stdout.
        """
        return locals()

    asked = _parse(parse, "saddle data prepare", argv)
    from saddlepoint import api

    as_json = asked.pop("json")
    asked["size"] = asked["size"] or None
    report = api.prepare(**asked)
    print(json.dumps(report.to_json(), indent=2) if as_json else report.text())


def presets(argv: list[str]) -> None:
    """What can be trained, one line each."""

    def parse(json: bool = False) -> bool:
        """List the presets.

        Args:
            json: One JSON document on stdout.
        """
        return json

    as_json = _parse(parse, "saddle presets", argv)
    from saddlepoint.presets import PRESETS

    rows = {name: (make.__doc__ or "").partition("\n")[0] for name, make in PRESETS.items()}
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for name, line in rows.items():
        print(f"{name:<18}{line}")


VERBS: dict[str, Callable[[list[str]], None]] = {
    "train": train,
    "resume": resume,
    "sample": sample,
    "data": data,
    "presets": presets,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code (0 done, 1 failed, 2 bad input, 130 interrupted)."""
    try:
        _dispatch("saddle", VERBS, list(sys.argv[1:] if argv is None else argv))
        return 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RunFailed as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except Interrupted as error:
        print(f"interrupted: {error}", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(prog: str, verbs: dict[str, Callable[[list[str]], None]], argv: list[str]) -> None:
    if not argv or argv[0] in ("-h", "--help"):
        print(_help(prog, verbs))
        return
    if argv[0] in ("-V", "--version"):
        from saddlepoint import __version__

        print(f"saddle {__version__}")
        return
    verb = argv.pop(0)
    if verb not in verbs:
        import difflib

        near = difflib.get_close_matches(verb, verbs, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(verbs)}."
        raise InputError(f"Unknown command {prog + ' ' + verb!r}; {hint}")
    verbs[verb](argv)


def _help(prog: str, verbs: dict[str, Callable[[list[str]], None]]) -> str:
    lines = [f"usage: {prog} COMMAND ...", ""]
    if prog == "saddle":
        lines += ["Train GANs, see why they fail, mend them, and trust the numbers.", ""]
    lines += [f"  {name:<9} {(run.__doc__ or '').strip()}" for name, run in verbs.items()]
    lines += ["", f"`{prog} COMMAND --help` tells all flags of one command."]
    return "\n".join(lines)


def _parse(function: Callable[..., Any], prog: str, argv: list[str]) -> Any:
    """What `function` makes of argv; its parameters are the flags."""
    _check_flags(prog, argv, list(inspect.signature(function).parameters))
    return _in_a_sentence(function, prog=prog, args=argv)


def _in_a_sentence(
    target: Any, prog: str, args: list[str], description: str | None = None, default: Any = None
) -> Any:
    """tyro.cli, with its boxes of several lines turned into one sentence."""
    box = io.StringIO()
    more = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(box):
            return tyro.cli(target, prog=prog, args=args, description=description, **more)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        lines = [line.strip("│ ") for line in box.getvalue().splitlines()]
        lines = [line for line in lines if not line.startswith("╭")]
        rule = next((i for i, line in enumerate(lines) if line.startswith(("─", "╰"))), len(lines))
        said = " ".join(lines[:rule]).strip().rstrip(".")
        raise InputError(f"{said or 'Bad usage'}; see `{prog} --help`.") from None


def _check_flags(prog: str, argv: list[str], names: list[str]) -> None:
    """Raises InputError for a flag that does not exist, with the nearest one that does."""
    from difflib import get_close_matches

    # A list of plain values (`widths.0`, `widths.1`) is one flag that takes several.
    known = [re.sub(r"\.\d+$", "", name).replace("_", "-") for name in names]
    known += [".".join((*n.split(".")[:-1], "no-" + n.split(".")[-1])) for n in known]
    for word in argv:
        name = word.removeprefix("--").partition("=")[0].replace("_", "-")
        if not word.startswith("--") or name in (*known, "help"):
            continue
        last = {n.rpartition(".")[2]: n for n in known}
        near = get_close_matches(name, known, n=1) or [
            last[n] for n in get_close_matches(name.rpartition(".")[2], last, n=1)
        ]
        hint = f"did you mean --{near[0]}?" if near else f"see `{prog} --help`."
        raise InputError(f"Unknown flag {word.partition('=')[0]}; {hint}")


def _peek(argv: list[str], flag: str) -> str | None:
    """The value of --flag without taking it from argv; both `--flag X` and `--flag=X`."""
    for index, word in enumerate(argv):
        if word == f"--{flag}" and index + 1 < len(argv):
            return argv[index + 1]
        if word.startswith(f"--{flag}="):
            return word.partition("=")[2]
    return None


def _take(argv: list[str], flag: str) -> str | None:
    """Like `_peek`, and takes the flag and its value away."""
    value = _peek(argv, flag)
    if value is not None:
        if f"--{flag}={value}" in argv:
            argv.remove(f"--{flag}={value}")
        else:
            index = argv.index(f"--{flag}")
            del argv[index : index + 2]
    return value


def _swap_components(config: Config, argv: list[str]) -> Config:
    """`--loss NAME` and its kin replace a component by another one's defaults."""
    from saddlepoint.core.registry import get

    for flag, group in _SWAPS.items():
        name = _take(argv, flag)
        if name is not None:
            config = replace(config, **{flag.replace("-", "_"): get(group, name)()})
    names = _take(argv, "penalties")
    if names is not None:
        kinds = [] if names == "none" else names.split(",")
        config = replace(config, penalties=tuple(get("penalty", kind)() for kind in kinds))
    return config


def _finish(run: Any, as_json: bool) -> None:
    status = run.status
    if as_json:
        document = {"run": str(run.path), "report": str(run.report_file), **status}
        print(json.dumps(document, indent=2))
        return
    print(f"Report: {run.report_file}")
