"""Writes the tables of docs/scale.md: arithmetic on the presets and on what was measured.

    python bench/scale.py [--check]

What was measured is read from docs/benchmarks.md, which bench/report.py fills. With --check nothing
is written, and the exit code is 1 if the page is out of date.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property

from _arithmetic import flops_per_image
from _bench import HERE, fill, parser_with, table

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import DataSpec

DOCS = HERE.parent / "docs"
PAGE = DOCS / "scale.md"
FLOAT32 = 4
LINKS = {"10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9, "400 Gbit/s": 50e9, "NVLink (H100)": 450e9}
"""Link -> bytes a second in one direction, as their makers have it: nothing reaches all of it."""
MOST_SHARE = 0.1
"""Of a step's time that may go into sending."""
KIMG = 25_000
"""The budget of the files in deploy/."""
PICTURES = 10**9
DAY = 86_400
PUBLISHED = {"kimg": 250_000, "days": 4, "gpus": 8}
"""R3GAN's authors on CIFAR-10 with L40s: https://github.com/brownvc/R3GAN/issues/19."""


@dataclass(frozen=True)
class Net:
    """Networks at a size of image."""

    preset: str
    size: int
    channels: int = 3
    width: int = 0
    """--arch.width; 0: the preset's."""

    @property
    def name(self) -> str:
        return f"`{self.preset}{f' --arch.width {self.width}' if self.width else ''}`"

    @property
    def spec(self) -> DataSpec:
        return DataSpec(shape=(self.channels, self.size, self.size))

    @cached_property
    def config(self) -> Config:
        changes = {"arch.width": self.width} if self.width else {}
        return api.configure(self.preset, "digits", changes=changes)

    @cached_property
    def flops(self) -> float:
        return flops_per_image(self.config, self.spec)

    def sent(self, ranks: int) -> float:
        """Bytes that each rank sends in a step: an all-reduce of each player's gradients at each
        of its updates, in rings."""
        count = self.config.arch.n_parameters(self.spec)
        reduced = count["generator"] + self.config.train.n_critic * count["discriminator"]
        return FLOAT32 * reduced * 2 * (ranks - 1) / ranks


SMALL = (Net("dcgan-r1", 28, 1), Net("wgan-gp", 28, 1), Net("r3gan", 28, 1))
WIDE = (Net("r3gan", 64, width=768), Net("r3gan", 256, width=768))
CIFAR = Net("r3gan", 32, width=768)


def measured() -> dict[str, tuple[float, float]]:
    """Preset -> images/s on a GPU with CUDA graphs, and eagerly; medians."""
    row = re.compile(r"^\| `([\w-]+)` \| ([\d,]+) \(.*?\) \| ([\d,]+) \(", re.MULTILINE)
    rows = row.findall(_measured_section("gpu"))
    return {name: tuple(float(rate.replace(",", "")) for rate in rates) for name, *rates in rows}


def _measured_section(name: str) -> str:
    page = (DOCS / "benchmarks.md").read_text()
    found = re.search(f"<!-- begin:{name} -->\n(.*?)\n<!-- end:{name} -->", page, re.DOTALL)
    return found[1] if found else ""


def speeds() -> dict[str, float]:
    """Where it was seen -> floating-point operations a second of one GPU."""
    (here,) = [net for net in SMALL if net.preset == "r3gan"]
    rate = PUBLISHED["kimg"] * 1000 / PUBLISHED["days"] / DAY / PUBLISHED["gpus"]
    return {
        "H100, `r3gan` as it is": measured()["r3gan"][0] * here.flops,
        "L40, paper's nets": rate * CIFAR.flops,
    }


def rates() -> str:
    rows = [[name, f"{flops / 1e12:.1f}"] for name, flops in speeds().items()]
    return table(["GPU and nets", "TFLOP/s"], rows)


def bytes_sent() -> str:
    rows = []
    for net in (*SMALL, *WIDE):
        count = net.config.arch.n_parameters(net.spec)
        sent = [f"{net.sent(ranks) / 1e6:,.1f}" for ranks in (2, 8, 16)]
        sizes = [f"{count[player]:,}" for player in ("generator", "discriminator")]
        rows.append([net.name, f"{net.size} px", *sizes, f"{net.flops / 1e9:,.1f}", *sent])
    head = ["nets", "images", "parameters G", "parameters D", "GFLOP an image"]
    return table([*head, *(f"MB sent, {ranks} ranks" for ranks in (2, 8, 16))], rows)


def sending() -> str:
    rows = [
        [net.name, f"{net.size} px", *(f"{1000 * net.sent(16) / v:,.2f}" for v in LINKS.values())]
        for net in (*SMALL, *WIDE)
    ]
    return table(["nets", "images", *(f"ms at {link}" for link in LINKS)], rows)


def least_images() -> str:
    """Of each rank in a step, so that sending takes at most MOST_SHARE of its time."""
    rows = []
    for net in WIDE:
        for where, flops in speeds().items():
            seconds = [net.sent(16) / speed for speed in LINKS.values()]
            busy = [s * (1 - MOST_SHARE) / MOST_SHARE for s in seconds]
            images = [math.ceil(s * flops / net.flops) for s in busy]
            rows.append([net.name, f"{net.size} px", where, *(f"{n:,}" for n in images)])
    return table(["nets", "images", "at the speed of", *LINKS], rows)


def graphs_or_ranks() -> str:
    rows = [
        [f"`{name}`", f"{graphs:,.0f}", f"{eager:,.0f}", str(math.ceil(graphs / eager))]
        for name, (graphs, eager) in measured().items()
    ]
    head = ["preset", "one process with CUDA graphs, images/s", "one process without"]
    return table([*head, "ranks that it takes to be level"], rows)


def cost() -> str:
    rows = []
    for net in WIDE:
        for where, flops in speeds().items():
            rate = flops / net.flops
            days = [KIMG * 1000 / rate / gpus / DAY for gpus in (1, 8, 16, 64)]
            cells = [f"{rate:,.1f}", *(f"{d:,.1f}" for d in days)]
            rows.append([net.name, f"{net.size} px", where, *cells])
    head = ["nets", "images", "at the speed of", "images/s of one GPU"]
    return table([*head, *(f"days, {n}" for n in ("1 GPU", "8", "16", "64"))], rows)


def billion() -> str:
    rows = []
    for net in WIDE:
        size = PICTURES * net.channels * net.size**2
        days = [
            f"{PICTURES / (flops / net.flops) / gpus / DAY:,.0f}"
            for flops in speeds().values()
            for gpus in (16, 256)
        ]
        rows.append([net.name, f"{net.size} px", f"{size / 1e12:,.1f}", *days])
    heads = [f"days, {gpus} GPUs, {where}" for where in speeds() for gpus in (16, 256)]
    return table(["nets", "images", "TB as bytes", *heads], rows)


def ranks() -> str:
    return _measured_section("ranks") or "*Not measured yet.*"


TABLES = {
    "rates": rates,
    "bytes": bytes_sent,
    "sending": sending,
    "least-images": least_images,
    "graphs-or-ranks": graphs_or_ranks,
    "cost": cost,
    "billion": billion,
    "ranks": ranks,
}
"""Marker on the page -> what stands there."""


def main() -> int:
    parser = parser_with(__doc__)
    parser.add_argument("--check", action="store_true")
    texts = {name: make() for name, make in TABLES.items()}
    return fill(PAGE, texts, parser.parse_args().check)


if __name__ == "__main__":
    raise SystemExit(main())
