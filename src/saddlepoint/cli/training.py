"""saddle train, saddle resume."""

from __future__ import annotations

from dataclasses import dataclass, fields, make_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tyro

from saddlepoint.cli import flags
from saddlepoint.cli.flag_types import UNSAID, whole_number
from saddlepoint.core.errors import InputError
from saddlepoint.core.streams import answer, tell
from saddlepoint.core.texts import Language

if TYPE_CHECKING:
    from saddlepoint.core.config import Config
    from saddlepoint.core.runs import Run


@dataclass(frozen=True, kw_only=True)
class ConfigFlags:
    """What is not a field of the configuration, or has a shorter name as well."""

    data: Annotated[str | None, UNSAID] = None
    """A data set's name (`saddle data list`) or a path (default: the first data set found)."""
    kimg: Annotated[float | None, UNSAID] = None
    """Budget in thousands of real images shown to the discriminator (default: --train.kimg)."""
    minutes: Annotated[float | None, UNSAID] = None
    """Budget in time, turned into images by a short measured warm-up (default: none)."""
    device: Annotated[str | None, UNSAID] = None
    """auto, cpu, cuda, cuda:1 or mps; short for --train.device (default: auto)."""
    start_from: Annotated[str | None, tyro.conf.arg(name="from", help_behavior_hint="")] = None
    """Start from the weights of a trained model, as far as they fit: RUN, RUN@KIMG or
    ema.safetensors; short for --start.model (default: random weights)."""
    freeze_discriminator: Annotated[int | None, UNSAID] = None
    """With --from RUN: so many of the discriminator's first layers stay as they are; short for
    --start.freeze-discriminator (default: 0)."""
    threads: Annotated[int | None, UNSAID] = None
    """Threads that compute on the CPU; short for --train.threads (default: PyTorch's choice)."""
    plugins: Annotated[Path | None, UNSAID] = None
    """A Python file whose @register lines add components (default: none)."""
    quiet: bool = False
    """No progress."""
    json: bool = False
    """One JSON document on stdout at the end."""


@dataclass(frozen=True, kw_only=True)
class TrainFlags(ConfigFlags):
    """Train a GAN. Every field of the configuration is a flag.

    Components are replaced by name, with --arch, --loss, --optim-g or --optim-d NAME, and
    all penalties with --penalties NAME NAME (or none). What the preset chose for its nets,
    such as how labels enter them, holds for other nets too.

    Short for --doctor.mode: --doctor off|advise|treat.
    """

    out: Annotated[Path | None, UNSAID] = None
    """Folder of the run; must not exist (default: runs/<preset>-<data>-NNN)."""
    batch: Annotated[str | None, UNSAID] = None
    """Images in one step; short for --train.batch-size. auto: the greatest batch that fits into
    memory and, on a CPU, is worth its size (default: the preset's)."""
    track: Annotated[str | None, UNSAID] = None
    """Show the run in a tracker while it trains: tensorboard or trackio (default: none)."""
    lang: Annotated[Language | None, UNSAID] = None
    """Language of the run's page: en or vi (default: en)."""
    preview: bool = True
    """Show the newest samples in a terminal that has colours."""
    dry_run: bool = False
    """Print the whole configuration as JSON and stop."""


Flags = TypeVar("Flags", bound=ConfigFlags)


def train(argv: list[str]) -> None:
    """Train a GAN: saddle train PRESET [--data NAME|PATH] [--minutes M | --kimg N]."""
    from saddlepoint import api
    from saddlepoint.core.config_json import to_json

    given, config = with_config("train", TrainFlags, argv)
    automatic = given.batch == "auto"
    if given.batch is not None and not automatic:
        config = replace(config, train=replace(config.train, batch_size=_batch_size(given.batch)))
    if given.dry_run:
        counts = api.n_parameters(config) or {}
        said = api.warm_start(config) if counts else []
        flags.print_json(to_json(config))
        sizes = [f"{name} {count:,}" for name, count in counts.items()]
        tell(f"Parameters: {', '.join(sizes) or 'unknown before the data is downloaded'}.")
        for sentence in said:
            tell(sentence)
        for doubt in config.doubts():
            tell(f"warning: {doubt}")
        if automatic:
            tell("The batch is looked for when the training starts; the one above is the preset's.")
        return
    how = {"minutes": given.minutes, "quiet": given.quiet, "preview": given.preview}
    how |= {"track": given.track, "lang": given.lang, "batch": "auto" if automatic else None}
    _finish(api.train(config, out=given.out, **how), given.json)


def _batch_size(word: str) -> int:
    try:
        return whole_number(word)
    except ValueError:
        raise InputError(f"--batch takes a whole number or auto, not {word[:60]!r}.") from None


def with_config(verb: str, known: type[Flags], argv: list[str]) -> tuple[Flags, Config]:
    """The flags of a verb that trains, and the configuration that they describe.

    Args:
        known: the flags besides the fields of the configuration.
    """
    from saddlepoint import api

    # Every field of a configuration is a flag, and which fields there are depends on the plug-ins,
    # the preset, the data and the components: so these are read from argv first.
    if (wanted := flags.peek(argv, "preset")) is not None:
        # As a field it would rename another preset's nets.
        raise InputError(f"The preset is the first word, not a flag: saddle {verb} {wanted}.")
    preset = argv.pop(0) if argv and not argv[0].startswith("-") else "dcgan"
    plugins = flags.peek(argv, "plugins")
    flags.load_named_plugin(Path(plugins) if plugins else None)
    data, model = flags.peek(argv, "data"), flags.peek(argv, "from")
    config = api.configure(preset, data, start_from=model)
    config = _swap_components(config, argv)
    given = _parse(f"saddle {verb} {preset}", known, config, argv)
    api.check_budget(given.kimg, given.minutes)
    short = {name: getattr(given, name) for name in ("device", "threads", "kimg")}
    changes = {name: value for name, value in short.items() if value is not None}
    config = replace(given.config, train=replace(given.config.train, **changes))
    if given.freeze_discriminator is not None:
        frozen = replace(config.start, freeze_discriminator=given.freeze_discriminator)
        config = replace(config, start=frozen)
    return given, config


def _parse(prog: str, known: type[ConfigFlags], config: Config, argv: list[str]) -> Any:
    """Parse the flags of a verb that trains; returns them with the field `config`."""
    from saddlepoint.core.config import Config
    from saddlepoint.core.config_json import to_json
    from saddlepoint.core.flat import flatten

    # Made here, because Config imports torch; without a name, its fields are flags at this level.
    field = ("config", Annotated[Config, tyro.conf.arg(name="")])
    arguments = make_dataclass("Arguments", [field], bases=(known,), frozen=True, kw_only=True)
    values = flatten(to_json(config))
    flags.check_flags(prog, argv, [*_names(known), *values])
    flags.split_lists(argv, [name for name, value in values.items() if isinstance(value, list)])
    arguments.__doc__ = known.__doc__
    return flags.in_a_sentence(arguments, prog, argv, default=arguments(config=config))


def _names(known: type[ConfigFlags]) -> list[str]:
    """`from` is a keyword, so no field can have that name."""
    return ["from" if one.name == "start_from" else one.name for one in fields(known)]


def _swap_components(config: Config, argv: list[str]) -> Config:
    """Apply `--loss NAME` and the like, which replace a component by another's defaults, and
    `--doctor MODE`. tyro could not parse them: --loss is a group of flags to it."""
    from saddlepoint.core.components import SWAPS, with_components
    from saddlepoint.core.config_json import with_changes

    given = {part: flags.take(argv, part.replace("_", "-")) for part in SWAPS}
    kinds = {part: kind for part, kind in given.items() if kind is not None}
    config = with_components(config, kinds, flags.take_list(argv, "penalties"))
    mode = flags.take(argv, "doctor")
    return config if mode is None else with_changes(config, {"doctor.mode": mode})


@flags.command("Continue a killed run bit for bit, or extend a finished one: saddle resume RUN.")
def resume(
    run: Annotated[Path, tyro.conf.Positional],
    kimg: float | None = None,
    minutes: float | None = None,
    stretch_schedule: bool = False,
    threads: int | None = None,
    track: str | None = None,
    plugins: Path | None = None,
    preview: bool = True,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Continue a killed run as if it had never been killed, or extend a finished one.

    Args:
        run: The run's folder.
        kimg: The new total budget in thousands of images, which extends a finished run (default:
            the run's own).
        minutes: More time, from now on (default: none).
        stretch_schedule: Spread the learning rates' schedule over the new budget. Otherwise it
            stays as it was, and beyond its end the rates stay at their final values.
        threads: Threads that compute on the CPU (default: as many as so far).
        track: Show the run in a tracker while it trains: tensorboard or trackio (default: none).
        plugins: The Python file that the run was trained with (default: none).
        preview: Show the newest samples in a terminal that has colours.
        quiet: No progress.
        json: One JSON document on stdout at the end.
    """
    from saddlepoint import api

    flags.load_named_plugin(plugins)
    resumed = api.resume(
        run,
        kimg=kimg,
        minutes=minutes,
        stretch_schedule=stretch_schedule,
        threads=threads,
        track=track,
        preview=preview,
        quiet=quiet,
    )
    _finish(resumed, json)


def _finish(run: Run, as_json: bool) -> None:
    if as_json:
        flags.print_json({"run": str(run.path), "report": str(run.report_file), **run.status})
    else:
        answer(f"Report: {run.report_file}")
