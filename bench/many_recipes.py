"""Many recipes for Fashion-MNIST trained at once on one GPU, each step one CUDA graph.

    python bench/many_recipes.py --list r1 --kimg 400        # on a machine with a GPU
    python bench/many_recipes.py --list r1 --kimg 1 --only base --device cpu    # tried without

One net of this size leaves most of a large GPU idle, and its steps wait for Python. Here a step is
captured once and replayed, and each recipe has a stream of its own. It is a loop of its own, not
that of the package: what it finds is checked by bench/quality.py before it becomes a preset. Judged
as there: 10,000 samples against the 10,000 test images, k = 3. Adds to
bench/results/many-recipes.json. Where classifier and data have to be carried to the machine:
XDG_CACHE_HOME and SADDLE_DATA.
"""

from __future__ import annotations

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import torch
from _bench import parser_with, read_result, write_result
from candidates import Nets
from torch import Tensor, nn
from torch.nn.functional import softplus

from saddlepoint.data.sources.mnist import FashionMnist
from saddlepoint.evaluation.arrays import score_features
from saddlepoint.evaluation.extractors.classifier import Classifier


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """With the defaults: `dcgan-r1` as it was in November 2026, before it had residuals."""

    nets: Nets = field(default_factory=Nets)
    loss: str = "relativistic"
    gamma: float = 0.5
    gamma_end: float = -1.0
    """The penalty's strength at the end of the budget, reached geometrically; -1: the same."""
    every: int = 8
    lr: float = 1.5e-3
    lr_d: float = 0.0
    """0: as the generator's."""
    beta1: float = 0.0
    beta2: float = 0.99
    decay_start: float = 0.0
    batch: int = 32
    halflife: float = 10_000
    budget: float = 1.0
    """Times --kimg."""


R1 = Recipe()
BN = Recipe(
    nets=Nets(d_norm="batch", init="dcgan"),
    loss="non-saturating",
    gamma=0.0,
    lr=1e-3,
    beta1=0.5,
    beta2=0.999,
    batch=64,
)
KEEPING = Lock()


def of(base: Recipe, **changes: Any) -> Recipe:
    """A recipe with some fields changed; those that nets have go there."""
    known = Nets.__dataclass_fields__
    nets = {name: value for name, value in changes.items() if name in known}
    own = {name: value for name, value in changes.items() if name not in known}
    return Recipe(**{**base.__dict__, "nets": Nets(**{**base.nets.__dict__, **nets}), **own})


class Training:
    """One recipe under way: all of a step happens on the device, so that it can be captured."""

    def __init__(self, recipe: Recipe, data: Tensor, kimg: float, seed: int) -> None:
        torch.manual_seed(seed)
        self.recipe, self.data, self.device = recipe, data, data.device
        # One of its own: graphs on several streams would share the default one's position.
        self.random = torch.Generator(self.device).manual_seed(seed)
        maker, judge = (net.to(self.device) for net in recipe.nets.build())
        layout: Any = torch.channels_last
        self.g, self.d = maker.to(memory_format=layout), judge.to(memory_format=layout)
        self.ema = copy.deepcopy(self.g).requires_grad_(False)
        self.n_steps = round(1000 * kimg * recipe.budget / recipe.batch)
        self.done = 0
        self.step_number = torch.zeros((), device=self.device)
        self.optim_g = self.adam(self.g, recipe.lr)
        self.optim_d = self.adam(self.d, recipe.lr_d or recipe.lr)
        self.graphs: dict[bool, torch.cuda.CUDAGraph] = {}
        self.stream = torch.cuda.Stream() if self.device.type == "cuda" else None

    def adam(self, net: nn.Module, lr: float) -> tuple[torch.optim.Optimizer, Tensor, float]:
        rate = torch.tensor(lr, device=self.device)
        on_gpu = self.device.type == "cuda"
        betas = (self.recipe.beta1, self.recipe.beta2)
        optimizer = torch.optim.Adam(net.parameters(), rate, betas, fused=True, capturable=on_gpu)
        return optimizer, optimizer.param_groups[0]["lr"], lr

    def integers(self, below: int) -> Tensor:
        """A batch of integers 0..below-1."""
        shape = (self.recipe.batch,)
        return torch.randint(below, shape, device=self.device, generator=self.random)

    def step(self, with_penalty: bool) -> None:
        """One step of each player and of the average."""
        recipe, n = self.recipe, self.recipe.batch
        share = self.step_number / self.n_steps
        start = recipe.decay_start
        factor = ((1 - share) / max(1e-6, 1 - start)).clamp(0.02, 1.0)
        for _, rate, lr in (self.optim_g, self.optim_d):
            rate.copy_(lr * factor)
        real = self.data[self.integers(len(self.data))]
        real = (real.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        z = torch.randn(n, recipe.nets.latent, device=self.device, generator=self.random)
        part = self.integers(max(1, recipe.nets.parts))
        autocast = torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False)
        with autocast:
            fake = self.g(z, part)
            real_logits, fake_logits = self.d(real).float(), self.d(fake.detach()).float()
        gap = fake_logits - real_logits
        if recipe.loss == "relativistic":
            loss = softplus(gap).mean()
        else:
            loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        if with_penalty:
            images = real.detach().requires_grad_(True)
            with autocast:
                total = self.d(images).float().sum()
            (gradient,) = torch.autograd.grad(total, images, create_graph=True)
            gamma: Any = recipe.gamma
            if recipe.gamma_end >= 0:
                gamma = gamma * (recipe.gamma_end / recipe.gamma) ** share
            size = gradient.float().square().sum((1, 2, 3)).mean()
            loss = loss + recipe.every * gamma / 2 * size
        self.optim_d[0].zero_grad(set_to_none=True)
        loss.backward()
        self.optim_d[0].step()
        self.d.requires_grad_(False)
        with autocast:
            fake_logits = self.d(fake).float()
        if recipe.loss == "relativistic":
            loss = softplus(real_logits.detach() - fake_logits).mean()
        else:
            loss = softplus(-fake_logits).mean()
        self.optim_g[0].zero_grad(set_to_none=True)
        loss.backward()
        self.optim_g[0].step()
        self.d.requires_grad_(True)
        self.step_number += 1
        halflife = (0.05 * n * self.step_number).clamp(1.0, recipe.halflife)
        weight = 1 - torch.pow(0.5, n / halflife)
        with torch.no_grad():
            pairs = zip(self.g.parameters(), self.ema.parameters(), strict=True)
            buffers = zip(self.g.buffers(), self.ema.buffers(), strict=True)
            for new, kept in (*pairs, *buffers):
                if kept.is_floating_point():
                    kept.lerp_(new, weight)

    def due(self) -> bool:
        return self.recipe.gamma > 0 and self.done % self.recipe.every == 0

    def warm_up(self) -> None:
        """Some steps as they are, then one captured step of each kind."""
        if self.stream is None:
            return
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            for with_penalty in (True, False, False, False):
                self.step(with_penalty and self.recipe.gamma > 0)
                self.done += 1
        torch.cuda.synchronize()
        for with_penalty in {False, self.recipe.gamma > 0}:
            for optimizer in (self.optim_g[0], self.optim_d[0]):
                optimizer.zero_grad(set_to_none=True)
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(self.random)
            with torch.cuda.graph(graph, stream=self.stream):
                self.step(with_penalty)
            self.graphs[with_penalty] = graph

    def advance(self) -> None:
        """One step, captured where there is a GPU."""
        if self.stream is None:
            self.step(self.due())
        else:
            with torch.cuda.stream(self.stream):
                self.graphs[self.due()].replay()
        self.done += 1

    @torch.no_grad()
    def samples(self, truncation: float = 1.0) -> Tensor:
        """uint8 [10000, 28, 28, 1] of the averaged generator."""
        draw = torch.Generator().manual_seed(1_000_000)
        z = torch.randn(10_000, self.recipe.nets.latent, generator=draw).to(self.device)
        part = torch.arange(10_000, device=self.device) % max(1, self.recipe.nets.parts)
        made = [
            self.ema.eval()(z[i : i + 1000] * truncation, part[i : i + 1000])
            for i in range(0, 10_000, 1000)
        ]
        images = ((torch.cat(made) + 1) * 127.5).round().clamp(0, 255).byte()
        return images.permute(0, 2, 3, 1).contiguous()


class Judge:
    """The classifier of `saddle evaluate`, as in bench/_judge.py, on any device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.look = Classifier().load(FashionMnist(split="train").open(), str(device))
        test = FashionMnist(split="test").open()
        self.real = self.features(torch.from_numpy(np.array(test.images)))

    def features(self, images: Tensor) -> Tensor:
        return torch.cat([self.look(part.cpu()).vectors.cpu() for part in images.split(1000)])

    def score(self, images: Tensor) -> dict[str, float]:
        found = score_features(self.real, self.features(images), k=3, n_bootstrap=0)
        names = {"P": "precision", "R": "recall", "coverage": "coverage", "FD": "fid"}
        return {ours: round(float(found[theirs]), 4) for ours, theirs in names.items()}


def run(recipes: dict[str, Recipe], kimg: float, seed: int, device: str, until: float) -> None:
    array = np.array(FashionMnist(split="train").open().images)
    data = torch.from_numpy(array).permute(0, 3, 1, 2).contiguous().to(device)
    begun = time.monotonic()
    trainings = {name: Training(recipe, data, kimg, seed) for name, recipe in recipes.items()}
    for training in trainings.values():
        training.warm_up()
    print(f"{len(trainings)} captured in {time.monotonic() - begun:.0f} s", flush=True)
    judge, begun, left = Judge(data.device), time.monotonic(), dict(trainings)
    with ThreadPoolExecutor(8) as scorers:
        rounds = 0
        while left and time.monotonic() < until:
            for training in left.values():
                training.advance()
            rounds += 1
            if device != "cpu" and rounds % 100 == 0:
                torch.cuda.synchronize()
            if rounds % 1000 == 0:
                print(f"round {rounds:,}: {time.monotonic() - begun:.0f} s", flush=True)
            for name in [n for n, t in left.items() if t.done >= t.n_steps]:
                scorers.submit(finished, left.pop(name), judge, name, seed, kimg)
        for name, training in left.items():
            print(f"out of time: {name} at {training.done / training.n_steps:.2f}", flush=True)


def finished(training: Training, judge: Judge, name: str, seed: int, kimg: float) -> None:
    """Score what a recipe came to, and keep the row."""
    if training.stream is not None:
        training.stream.synchronize()
    row: dict[str, Any] = {"name": name, "seed": seed, "kimg": kimg * training.recipe.budget}
    row |= judge.score(training.samples())
    truncated = judge.score(training.samples(0.9))
    row["at 0.9"] = [truncated[figure] for figure in ("P", "R", "FD")]
    print(row, flush=True)
    with KEEPING:
        document = read_result("many-recipes") or {"rows": []}
        document["rows"].append(row)
        write_result("many-recipes", document)


LISTS: dict[str, dict[str, Recipe]] = {
    "r1": {
        "base": R1,
        "latent 10": of(R1, latent=10),
        "latent 32": of(R1, latent=32),
        "D twice as wide": of(R1, d_width=96),
        "both twice as wide": of(R1, d_width=96, g_width=96),
        "gamma 0.2": of(R1, gamma=0.2),
        "gamma 1.5": of(R1, gamma=1.5),
        "gamma 2 to 0.1": of(R1, gamma=2.0, gamma_end=0.1),
        "beta1 0.5": of(R1, beta1=0.5),
        "lr 1e-3": of(R1, lr=1e-3),
        "lr 1e-3, D 2e-3": of(R1, lr=1e-3, lr_d=2e-3),
        "non-saturating": of(R1, loss="non-saturating"),
        "average over 50k": of(R1, halflife=50_000),
        "deviation": of(R1, deviation=True),
        "mapping 2": of(R1, mapping=2),
        "mapping 2, modulated": of(R1, mapping=2, modulated=True),
        "modulated": of(R1, modulated=True),
        "sphere": of(R1, sphere=True),
        "leak 0.2": of(R1, leak=0.2),
        "G more": of(R1, g_extra=True),
        "D more": of(R1, residuals=2),
        "both more": of(R1, g_extra=True, residuals=2),
        "parts 16": of(R1, parts=16),
        "parts 16, latent 32": of(R1, parts=16, latent=32),
        "parts 10, latent 32": of(R1, parts=10, latent=32),
        "parts 64, latent 16": of(R1, parts=64),
        "batch 64, twice the images": of(R1, batch=64, budget=2.0),
        "batch 128, 4 times the images": of(R1, batch=128, budget=4.0),
    },
    "bn": {
        "base": BN,
        "batch 32": of(BN, batch=32),
        "parts 16": of(BN, parts=16),
        "parts 16, latent 32": of(BN, parts=16, latent=32),
        "parts 10": of(BN, parts=10),
        "mapping 2": of(BN, mapping=2),
        "modulated": of(BN, modulated=True),
        "leak 0.2": of(BN, leak=0.2),
        "latent 10": of(BN, latent=10),
        "D twice as wide": of(BN, d_width=96),
        "relativistic": of(BN, loss="relativistic"),
        "deviation": of(BN, deviation=True),
        "G more": of(BN, g_extra=True),
        "D more": of(BN, residuals=2),
        "lr 5e-4": of(BN, lr=5e-4),
        "average over 50k": of(BN, halflife=50_000),
    },
}
LISTS["all"] = {f"{name}: {k}": r for name in ("r1", "bn") for k, r in LISTS[name].items()}


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("--list", choices=LISTS, default="r1")
    parser.add_argument("--only", nargs="*", default=[], help="names on the list")
    parser.add_argument("--kimg", type=float, default=400)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after this long")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    until = time.monotonic() + asked.seconds
    chosen = {n: r for n, r in LISTS[asked.list].items() if not asked.only or n in asked.only}
    for seed in asked.seeds:
        run(chosen, asked.kimg, seed, asked.device, until)


if __name__ == "__main__":
    main()
