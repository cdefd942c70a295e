"""Critic steps before each generator step: what they buy, and what they cost."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.contracts import DataSpec, Generator
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.evaluation.metrics.sliced_wasserstein import sliced_wasserstein
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._pictures import FIRST, SPAN, spread
from saddlepoint.losses.gradient_penalties import GradientPenalty
from saddlepoint.losses.wasserstein import Wasserstein
from saddlepoint.reporting.pictures import Chart, Curve, Picture

FEW, USUAL = 1, 5
"""Steps that are compared; five are those of both papers."""
CHECKS = 20
"""Measurements of each run."""


@register("critic-steps")
@dataclass(frozen=True, kw_only=True)
class CriticSteps(Claim):
    """A WGAN-GP on eight clusters in the plane.

    How good an estimate is shows when a copy of the critic goes on alone, until it is near its
    best, while the generator waits. In the plane and not on the line: there the penalty keeps a
    slope of the wrong sign from changing, since it would have to pass 0.

    Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, algorithm 1.
    """

    chapter: ClassVar = "wgan"
    sentence: ClassVar = Text(
        en="The critic needs several steps for each of the generator's, which makes training "
        "slower.",
        vi="Critic cần nhiều bước cho mỗi bước của generator, nên huấn luyện chậm hơn.",
    )
    varied: ClassVar = Text(
        en="Critic steps before each generator step: 1, 2, 5, 10.",
        vi="Số bước critic trước mỗi bước generator: 1, 2, 5, 10.",
    )
    held: ClassVar = Text(
        en="Data in the plane, nets, first weights, loss and penalty, optimisers; compared at "
        "equal generator steps and at equal cost.",
        vi="Dữ liệu trên mặt phẳng, mạng, trọng số ban đầu, hàm mất mát và penalty, thuật toán "
        "tối ưu; so sánh khi cùng số bước generator và khi cùng chi phí.",
    )
    meaning: ClassVar = Text(
        en="With more steps the critic is nearer to its best, which is what gives its loss a "
        "meaning, and a generator step costs more. Whether the samples are better is another "
        "question: at equal generator steps more critic steps can help, at equal cost the "
        "generator has so many fewer steps. The data are easy; harder ones ask for a better "
        "critic.",
        vi="Với nhiều bước hơn, critic gần mức tốt nhất của nó hơn, và chính điều đó làm hàm mất "
        "mát của nó có ý nghĩa; đổi lại mỗi bước generator tốn hơn. Mẫu có tốt hơn hay không là "
        "câu hỏi khác: khi cùng số bước generator, nhiều bước critic có thể có ích; khi cùng chi "
        "phí, generator có ít bước hơn hẳn. Dữ liệu ở đây dễ; dữ liệu khó hơn đòi hỏi critic tốt "
        "hơn.",
    )
    scaled: ClassVar = ("steps",)

    counts: tuple[int, ...] = (1, 2, 5, 10)
    """Critic steps before each generator step."""
    steps: int = 400
    """Of the generator, for equal generator steps. Equal cost: as many steps of both players
    together as five critic steps take for these."""
    batch_size: int = 256
    """Real items in a step, and as many generated ones."""
    lr: float = 1e-3
    """Learning rate of Adam, for both nets."""
    widths: tuple[int, ...] = (64, 64)
    """Hidden layers of each net."""
    alone: int = 300
    """Steps of a copy of the critic, to see how far it is from its best."""

    @property
    def cost(self) -> int:
        """Steps of both players together in the comparison at equal cost."""
        return self.steps * (USUAL + 1)

    def measure(self, work: Work) -> Numbers:
        return {str(count): self._run(work, count) for count in self.counts}

    def _run(self, work: Work, n_critic: int) -> Numbers:
        torch.manual_seed(work.seed)  # the same first weights
        arch = Mlp(
            generator_widths=self.widths,
            discriminator_widths=self.widths,
            generator_norm="none",
            latent_dim=4,
        )
        spec = DataSpec(shape=(2,), value_range=None)
        generator, critic = arch.generator(spec), arch.discriminator(spec)
        optimizer = torch.optim.Adam(generator.parameters(), lr=self.lr, betas=(0.0, 0.9))
        teacher = _Teacher(self, critic, work.random("points"))
        at_cost = self.cost // (n_critic + 1)
        total = max(self.steps, at_cost)
        errors, seconds, curve, marks = [], [], [], {}
        for step in range(1, total + 1):
            started = time.process_time()
            for _ in range(n_critic):
                teacher.step(generator)
            optimizer.zero_grad()
            teacher.loss.generator(critic(teacher.fakes(generator))).mean().backward()
            optimizer.step()
            seconds.append(time.process_time() - started)
            if step % max(1, total // CHECKS) == 0 or step in (self.steps, at_cost):
                with torch.no_grad():
                    fake = teacher.fakes(generator, 4096)
                marks[step] = sliced_wasserstein(teacher.reals(4096), fake)
                curve.append((step, teacher.gap(generator), marks[step]))
            if step in {max(1, self.steps * part // 4) for part in (2, 3, 4)}:
                gap, best = teacher.gap(generator), teacher.best_gap(generator)
                errors.append(abs(best - gap) / max(abs(best), 1e-6))
        return {
            "curve": [list(row) for row in curve],
            "error": statistics.mean(errors),
            "at_steps": marks[self.steps],
            "at_cost": marks[at_cost],
            "seconds": statistics.median(seconds),
        }

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        few, usual = str(FEW), str(USUAL)

        def over(name: str, top: str, bottom: str) -> list[float]:
            return [s[top][name] / s[bottom][name] for s in seeds]

        return [
            Question(
                asks=Text(
                    en=f"How far the critic's estimate is from its best, {FEW} step over {USUAL}",
                    vi=f"Ước lượng của critic cách mức tốt nhất bao xa, {FEW} bước so với {USUAL}",
                ),
                values=over("error", few, usual),
                seen=1.5,
                opposite=1.0,
                ratio=True,
            ),
            Question(
                asks=Text(
                    en="Distance to the data at equal generator steps, "
                    f"{FEW} critic step over {USUAL}",
                    vi="Khoảng cách đến dữ liệu khi cùng số bước generator, "
                    f"{FEW} bước critic so với {USUAL}",
                ),
                values=over("at_steps", few, usual),
                seen=1.2,
                opposite=1 / 1.2,
                ratio=True,
            ),
            Question(
                asks=Text(
                    en=f"Seconds for a generator step, {USUAL} critic steps over {FEW}",
                    vi=f"Thời gian cho một bước generator, {USUAL} bước critic so với {FEW}",
                ),
                values=over("seconds", usual, few),
                seen=2.0,
                opposite=1.2,
                ratio=True,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        names = [str(count) for count in self.counts]
        steps = Text(en="Critic steps", vi="Số bước critic")

        def bars(name: str, word: Text, scale: float = 1.0) -> Curve:
            return spread(
                word, names, [[s[n][name] * scale for n in names] for s in seeds], mark="bars"
            )

        usual = seeds[0][str(USUAL)]["curve"]
        return [
            Chart(
                title=Text(en="Distance of the samples to the data", vi="Khoảng cách đến dữ liệu"),
                x_label=steps,
                y_label=Text(
                    en="Sliced Wasserstein distance", vi="Khoảng cách Wasserstein lát cắt"
                ),
                curves=[
                    bars("at_steps", Text(en="equal generator steps", vi="cùng số bước generator")),
                    bars("at_cost", Text(en="equal cost", vi="cùng chi phí")),
                ],
                reads=SPAN,
            ),
            Chart(
                title=Text(en="Error and time", vi="Sai số và thời gian"),
                x_label=steps,
                y_label=Text(en="Relative error; seconds × 100", vi="Sai số tương đối; giây × 100"),
                curves=[
                    bars("error", Text(en="error of the estimate", vi="sai số ước lượng")),
                    bars("seconds", Text(en="seconds × 100", vi="giây × 100"), 100),
                ],
                reads=SPAN,
            ),
            Chart(
                title=Text(en=f"With {USUAL} critic steps", vi=f"Với {USUAL} bước critic"),
                x_label=Text(en="Generator steps", vi="Số bước generator"),
                y_label=Text(en="Distance", vi="Khoảng cách"),
                curves=[
                    Curve(
                        name=Text(en="critic's estimate", vi="ước lượng của critic"),
                        x=[step for step, _, _ in usual],
                        y=[gap for _, gap, _ in usual],
                    ),
                    Curve(
                        name=Text(en="sliced distance", vi="khoảng cách lát cắt"),
                        x=[step for step, _, _ in usual],
                        y=[distance for _, _, distance in usual],
                        dash=True,
                    ),
                ],
                reads=FIRST,
            ),
        ]


class _Teacher:
    """A critic with its optimiser, its data and its randomness."""

    def __init__(self, claim: CriticSteps, critic: nn.Module, draws: torch.Generator) -> None:
        self.claim, self.critic, self.draws = claim, critic, draws
        self.optimizer = torch.optim.Adam(critic.parameters(), lr=claim.lr, betas=(0.0, 0.9))
        self.loss, self.penalty = Wasserstein(), GradientPenalty()
        self.centres = torch.from_numpy(Ring8().centres()).float()

    def reals(self, n: int) -> Tensor:
        modes = torch.randint(8, (n,), generator=self.draws)
        return self.centres[modes] + 0.05 * torch.randn(n, 2, generator=self.draws)

    def fakes(self, generator: Generator, n: int = 0) -> Tensor:
        shape = (n or self.claim.batch_size, generator.latent_dim)
        return generator(torch.randn(shape, generator=self.draws))

    def step(self, generator: Generator) -> None:
        """One step of the critic."""
        real = self.reals(self.claim.batch_size)
        with torch.no_grad():
            fake = self.fakes(generator)
        cost = self.loss.discriminator(self.critic(real), self.critic(fake))
        cost = cost + self.penalty(self.critic, real, fake, None)
        self.optimizer.zero_grad()
        cost.mean().backward()
        self.optimizer.step()

    @torch.no_grad()
    def gap(self, generator: Generator) -> float:
        """The critic's estimate of the distance."""
        real, fake = self.critic(self.reals(4096)), self.critic(self.fakes(generator, 4096))
        return (real.mean() - fake.mean()).item()

    def best_gap(self, generator: Generator) -> float:
        """The estimate of a copy that has learned on alone."""
        alone = _Teacher(self.claim, copy.deepcopy(self.critic), self.draws)
        for _ in range(self.claim.alone):
            alone.step(generator)
        return alone.gap(generator)
