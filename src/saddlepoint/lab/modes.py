"""saddle lab modes: how many known modes each loss covers, over seeds, beside published numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from saddlepoint import api
from saddlepoint.core import registry
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.contracts import AdversarialLoss, Dataset, Source
from saddlepoint.core.json_files import read_json, write_json
from saddlepoint.core.measures import Comparison, FeatureSet
from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Language
from saddlepoint.data.sources.mixtures import Mixture
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.opened import FIRST_SEED, held_out
from saddlepoint.evaluation.sets import drawn_from, subset_of
from saddlepoint.lab.beds import BEDS, GRID, RING, Bed
from saddlepoint.lab.folders import LabFolder, chosen, command_of
from saddlepoint.reporting.modes import Coverage, Told, write_modes
from saddlepoint.reporting.strings import words_in
from saddlepoint.sampling.ranges import parse_ranges
from saddlepoint.sampling.sampler import load_sampler

CLIP = 0.05
"""Of the clipped critic: as in the preset `wgan`."""
N_CRITIC = 5
MOST_SEEDS = 1000
POINTS = (RING.name, GRID.name)
REAL = "real.json"


class Names(NamedTuple):
    """Of a measure, and of its numbers."""

    metric: str
    modes: str
    kl: str


NUMBERS = {
    "points": Names("mixture-modes", "modes", "reverse_kl"),
    "images": Names("class-modes", "class_modes", "class_kl_uniform"),
}


def modes(
    out: Path = Path("lab-modes"),
    data: tuple[str, ...] = POINTS,
    loss: tuple[str, ...] = (),
    seeds: str = "0-9",
    kimg: float | None = None,
    minutes: float | None = None,
    lang: Language = "en",
    threads: int = 0,
    quiet: bool = False,
) -> Path:
    """Train every loss on data with known modes, over seeds, and count the modes that it covers.

    The same command goes on after a kill, and further seeds, losses and data join the page of the
    same folder. A run takes 40 seconds of one core on ring8, two minutes on grid25, hours on
    Stacked-MNIST.

    Args:
        out: Folder of the numbers, the runs and report.html.
        data: ring8, grid25, stacked-mnist, stacked-mnist-hard (a far too small discriminator); the
            last two need MNIST.
        loss: Only these: a loss alone, such as relativistic, or with penalties, such as
            relativistic+r1+r2, wasserstein+gp and wasserstein+clip (default: all).
        seeds: Ranges such as 0-9.
        kimg: Budget of each run in thousands of images (default: by the data; the page says it).
        minutes: A budget in time for each run instead (default: none).
        lang: Language of the page: en or vi.
        threads: Threads that compute on the CPU; 0: as many as PyTorch takes here.
        quiet: No progress.

    Returns:
        The page.

    Raises:
        InputError: unknown data or loss, data that is absent, or `out` holds a lab of other
            settings.
    """
    command = command_of(modes, locals())
    api.check_budget(kimg, minutes)
    every = ways()
    wanted, names = chosen(loss, tuple(every), "loss"), chosen(data, tuple(BEDS), "data set")
    numbers = parse_ranges(seeds, "--seeds", most=MOST_SEEDS)

    def config_of(name: str, way: str, seed: int) -> Config:
        config = BEDS[name].config(seed, kimg, every[way])
        return with_changes(config, {"train.threads": threads})

    for name in names:  # before the first is trained: data that is absent
        config = config_of(name, wanted[0], numbers[0])
        config.check(config.source.open().spec)
    lab = LabFolder(out, {"kimg": kimg, "minutes": minutes}, quiet, preview=False, lang=lang)

    def page() -> Path:
        return write_modes(told(lab.out), lab.report_file, command, words_in(lang))

    jobs = [(name, seed, way) for name in names for seed in numbers for way in wanted]
    judges: dict[str, Judge] = {}
    for number, (name, seed, way) in enumerate(jobs, 1):
        file = result_file(lab.out, name, way, seed)
        if file.is_file():
            continue
        lab.say(f"Run {number} of {len(jobs)}: {name}, {way}, seed {seed}")
        config = config_of(name, way, seed)
        run = lab.train_to_the_end(config, f"{name}/{way}/seed-{seed}", minutes)
        if name not in judges:
            judges[name] = Judge(BEDS[name], config.source)
            write_json(lab.out / name / REAL, judges[name].of_real())
        write_json(file, judges[name].of_run(run, seed))
        # Two megabytes a run; `saddle report` makes it again.
        run.report_file.unlink(missing_ok=True)
        page()  # so that there is one however the next run ends
    return page()


def ways() -> dict[str, dict[str, Any]]:
    """Name of a loss, alone or with penalties -> what it changes in a configuration.

    From the registry, so that a loss of a plug-in is one of them.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in registry.names("loss"):
        loss: AdversarialLoss = registry.get("loss", name)()
        if loss.needs_penalty:
            steps = {"train.n_critic": N_CRITIC}
            gradient = [{"kind": "gradient-penalty", "weight": 10.0}]
            clipped = {"kind": name, "clip": CLIP} if hasattr(loss, "clip") else {"kind": name}
            found[f"{name}+clip"] = {"loss": clipped, "penalties": [], **steps}
            found[f"{name}+gp"] = {"loss": {"kind": name}, "penalties": gradient, **steps}
        else:
            found[name] = {"loss": {"kind": name}, "penalties": []}
            # The penalties are those that all losses share on the data.
            found[f"{name}+r1+r2"] = {"loss": {"kind": name}}
    return found


def result_file(out: Path, bed: str, way: str, seed: int) -> Path:
    """Where the numbers of one run are kept."""
    return out / bed / way / f"seed-{seed}.json"


def told(out: Path) -> list[Told]:
    """All results that a folder holds, of whichever calls."""
    found = []
    for bed in BEDS.values():
        real = out / bed.name / REAL
        if real.is_file():
            of_ways = {way: _results(out / bed.name / way) for way in ways()}
            losses = {way: results for way, results in of_ways.items() if results}
            found.append(Told(place=bed, real=read_json(real, Coverage), losses=losses))
    return found


def _results(folder: Path) -> list[Coverage]:
    results = [read_json(file, Coverage) for file in folder.glob("seed-*.json")]
    return sorted(results, key=lambda result: result["seed"])


class Judge:
    """Counts the modes of samples on one bed, and of real items as a yardstick."""

    def __init__(self, bed: Bed, source: Source) -> None:
        self.bed, self.source = bed, source
        learned = source.open()
        features = "by-colour" if learned.spec.is_image else "pixels"
        self.extractor = choose_extractor(features, learned)[0]
        # Items that nothing was trained on: a test split, or another draw of the mixture.
        fresh = held_out(source)
        if isinstance(fresh, Mixture):
            fresh = replace(fresh, n_points=bed.n, draw_seed=fresh.draw_seed + 1)
        self.real = self._seen(subset_of(fresh.open(), bed.n, 0, {}))

    def of_real(self) -> Coverage:
        """What real items cover."""
        return self._counted(self.real, seed=0, state="finished", images=0, seconds=0.0)

    def of_run(self, run: Run, seed: int) -> Coverage:
        """What a run's newest checkpoint covers; nothing where it failed before its first."""
        rows = run.history["seconds"]
        about = {
            "seed": seed,
            "state": str(run.status.get("state")),
            "images": int(run.status.get("n_images") or 0),
            "seconds": float(rows[-1]) if len(rows) else 0.0,
        }
        if not run.checkpoints:
            return Coverage(
                **about, n=0, modes=0, high_quality=None, spread=None, kl=None, accuracy=None
            )
        samples = drawn_from(load_sampler(run.path), self.bed.n, FIRST_SEED, str(run.path))
        return self._counted(self._seen(samples), **about)

    def _seen(self, items: Dataset) -> FeatureSet:
        features = self.extractor(torch.from_numpy(np.array(items.images)))
        labels = None if items.labels is None else torch.from_numpy(items.labels)
        return FeatureSet(vectors=features.vectors, logits=features.logits, labels=labels)

    def _counted(self, fake: FeatureSet, **about: Any) -> Coverage:
        """The numbers of `saddle evaluate`, without intervals: those are over runs."""
        source = self.source
        known: dict[str, Any] = {"real": self.real, "fake": fake, "n_bootstrap": 0}
        if isinstance(source, Mixture):
            centres = torch.from_numpy(source.centres()).double()
            known |= {"modes": centres, "mode_std": source.std}
        names = NUMBERS["points" if isinstance(source, Mixture) else "images"]
        found = registry.get("metric", names.metric)().measure(Comparison(**known))
        values = {name: number.value for name, number in found.items()}
        return Coverage(
            **about,
            n=len(fake),
            modes=int(values[names.modes]),
            high_quality=values.get("high_quality"),
            spread=values.get("mode_spread"),
            kl=values.get(names.kl),
            accuracy=self.extractor.protocol.get("accuracy"),
        )
