"""What the tool is for, in six minutes: a healthy run, and a failure that is named and fixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from saddlepoint import api
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.errors import InputError
from saddlepoint.core.streams import answer
from saddlepoint.core.texts import Language
from saddlepoint.data.resolve import available, resolve
from saddlepoint.lab.failures import FAILURES
from saddlepoint.lab.folders import LabFolder
from saddlepoint.reporting.demo import demo_table, next_commands, write_demo
from saddlepoint.reporting.strings import words_in
from saddlepoint.reporting.terminal import print_table

BEST = "dcgan-r1"
"""The preset with the highest recall in equal time (docs/benchmarks.md)."""
PLANTED = FAILURES["latent-ignored"]
"""Found and fixed on seeds 0 to 2, in 12 seconds of one core on Fashion-MNIST (docs/log.md)."""


def demo(
    out: Path = Path("runs/demo"),
    minutes: float = 3,
    seed: int = 0,
    n: int = 5000,
    features: str = "classifier",
    lang: Language = "en",
    threads: int = 0,
    preview: bool = True,
    quiet: bool = False,
) -> Path:
    """Train the best preset and measure it, plant a failure and have it treated, show both.

    The same command continues after a kill, and does nothing twice.

    Args:
        out: Folder of the runs and of report.html.
        minutes: Time for the best preset; the planted failure takes under a minute more.
        seed: Of both runs.
        n: Images of each set in the scores, at most.
        features: As in `saddle evaluate`; auto would take Inception's where they are, which a
            processor needs many minutes for.
        lang: Language of the page: en or vi.
        threads: Threads that compute on the CPU; 0: as many as PyTorch takes here.
        preview: Show the newest samples in a terminal that has colours.
        quiet: No progress.

    Returns:
        The page.

    Raises:
        InputError: `out` holds a lab of other settings.
    """
    api.check_budget(None, minutes)
    data, sentence = choose_data()
    settings = {"minutes": minutes, "seed": seed, "n": n, "features": features}
    config = api.configure(BEST, data, seed=seed, changes={"train.threads": threads})
    lab = LabFolder(out, settings, quiet, preview, lang)
    lab.say(sentence)

    lab.say(f"1 of 2: {BEST} on {data} for {minutes:g} minutes, then its scores.")
    good = lab.train(config, f"{BEST}-{data}", minutes)
    lab.measure(good, features, n)
    api.training_film(good.path, lab.out / f"{good.path.name}.gif")

    lab.say(f"2 of 2: a failure, planted and treated. {PLANTED.title.en}.")
    config = replace(PLANTED, data=data).config("treated", seed)
    # A grid at every third check, so that there is one from before the treatment.
    more = {"train.sample_kimg": 3 * config.train.tick_kimg, "train.threads": threads}
    config = with_changes(config, more)
    mended = lab.train_to_the_end(config, f"{PLANTED.name}-{data}", None)

    again, title, story = api.commands_again, PLANTED.title, PLANTED.story
    page = write_demo(good, mended, title, story, lab.report_file, again, words_in(lang))
    header, rows = demo_table(good, mended)
    print_table(rows, header)
    answer("")
    for purpose, command in next_commands(good).items():
        answer(f"{purpose}:\n  {command}")
    answer("")
    return page


def choose_data() -> tuple[str, str]:
    """Fashion-MNIST, which is fetched where it is not here; the digits without a network.

    Returns:
        The name of the data set, and a sentence that says which one it is.

    Raises:
        InputError: Fashion-MNIST is here, but damaged.
    """
    fashion = resolve("fashion-mnist")
    here = "fashion-mnist" in {row.name for row in available() if row.where}
    # Opening it is what downloads it, with a progress bar and a pinned sha256.
    try:
        fashion.open()
    except InputError:
        if here:
            raise
        return "digits", (
            "Data: the embedded digits (8 x 8), because Fashion-MNIST is not on this machine and "
            "could not be downloaded."
        )
    return "fashion-mnist", "Data: Fashion-MNIST, 10 kinds of clothes (28 x 28)."
