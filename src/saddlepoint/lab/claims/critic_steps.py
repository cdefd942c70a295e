"""Critic steps before each generator step: what they buy, and what they cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.contracts import DataSpec, Generator
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.metrics.sliced_wasserstein import sliced_wasserstein
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._pictures import FIRST, bars, line, rows
from saddlepoint.lab.claims._teacher import Teacher
from saddlepoint.reporting.pictures import Chart, Picture

FEW = 1
"""Critic steps that are compared with the usual ones."""
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
        "equal generator steps and at equal seconds.",
        vi="Dữ liệu trên mặt phẳng, mạng, trọng số ban đầu, hàm mất mát và Gradient Penalty, "
        "thuật toán tối ưu; so sánh khi cùng số bước generator và khi cùng thời gian.",
    )
    meaning: ClassVar = Text(
        en="With more steps the critic is nearer to its best, which is what gives its loss a "
        "meaning, and a generator step costs more. Whether the samples are better is another "
        "question: at equal generator steps more critic steps can help, at equal seconds the "
        "generator has so many fewer steps. The data are easy; harder ones ask for a better "
        "critic.",
        vi="Với nhiều bước hơn, critic gần mức tốt nhất của nó hơn, và chính điều đó làm hàm mất "
        "mát của nó có ý nghĩa; đổi lại mỗi bước generator tốn hơn. Mẫu có tốt hơn hay không là "
        "câu hỏi khác: khi cùng số bước generator, nhiều bước critic có thể có ích; khi cùng "
        "thời gian, generator có ít bước hơn hẳn. Dữ liệu ở đây dễ; dữ liệu khó hơn đòi hỏi critic "
        "tốt hơn.",
    )
    scaled: ClassVar = ("steps",)

    counts: tuple[int, ...] = (1, 2, 5, 10)
    """Critic steps before each generator step."""
    usual: int = 5
    """Of these, those of both papers; the seconds that they take are given to the others too."""
    steps: int = 400
    """Of the generator."""
    batch_size: int = 256
    """Real items in a step, and as many generated ones."""
    lr: float = 1e-3
    """Learning rate of Adam, for both nets."""
    widths: tuple[int, ...] = (64, 64)
    """Hidden layers of each net."""
    alone: int = 300
    """Steps of a copy of the critic, to see how far it is from its best."""

    def measure(self, work: Work) -> Numbers:
        usual = self._run(work, self.usual)
        return {
            str(n): usual if n == self.usual else self._run(work, n, usual["spent"])
            for n in self.counts
        }

    def _nets(self, work: Work) -> tuple[Generator, Teacher]:
        torch.manual_seed(work.seed)  # the same first weights
        arch = Mlp(
            generator_widths=self.widths,
            discriminator_widths=self.widths,
            generator_norm="none",
            latent_dim=4,
        )
        spec = DataSpec(shape=(2,), value_range=None)
        generator, critic = arch.generator(spec), arch.discriminator(spec)
        return generator, Teacher(critic, work.random("points"), self.lr, self.batch_size)

    def _run(self, work: Work, n_critic: int, budget: float = 0.0) -> Numbers:
        """Train for all steps, and until the budget of processor seconds is spent."""
        generator, teacher = self._nets(work)
        optimizer = torch.optim.Adam(generator.parameters(), lr=self.lr, betas=(0.0, 0.9))
        errors, seconds, curve = [], [], []
        at_steps = at_seconds = None
        step, spent = 0, 0.0
        while at_steps is None or at_seconds is None:
            step += 1
            started = time.process_time()
            for _ in range(n_critic):
                teacher.step(generator)
            optimizer.zero_grad()
            fake = teacher.fakes(generator)
            teacher.loss.generator(teacher.critic(fake)).mean().backward()
            optimizer.step()
            seconds.append(time.process_time() - started)
            spent += seconds[-1]
            last, over = step == self.steps, at_seconds is None and spent >= budget > 0
            if last or over or step % max(1, self.steps // CHECKS) == 0:
                with torch.no_grad():
                    fake = teacher.fakes(generator, 4096)
                distance = sliced_wasserstein(teacher.reals(4096), fake)
                curve.append([step, teacher.gap(generator), distance])
                at_steps = distance if last else at_steps
                # Without a budget of its own a run spends what it needs for its steps.
                at_seconds = distance if over or (last and not budget) else at_seconds
            if step in {max(1, self.steps * part // 4) for part in (2, 3, 4)}:
                gap, best = teacher.gap(generator), teacher.best_gap(generator, self.alone)
                errors.append(abs(best - gap) / max(abs(best), 1e-6))
        return {
            "curve": curve,
            "error": statistics.mean(errors),
            "at_steps": at_steps,
            "at_seconds": at_seconds,
            "seconds": statistics.median(seconds),
            "spent": spent,
        }

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        few, usual = str(FEW), str(self.usual)

        def over(name: str, top: str, bottom: str) -> list[float]:
            return [s[top][name] / s[bottom][name] for s in seeds]

        return [
            Question(
                asks=Text(
                    en=f"How far the critic's estimate is from its best, {FEW} step over {usual}",
                    vi=f"Ước lượng của critic cách mức tốt nhất bao xa, {FEW} bước so với {usual}",
                ),
                values=over("error", few, usual),
                seen=1.5,
                opposite=1.0,
                ratio=True,
            ),
            Question(
                asks=Text(
                    en="Distance to the data at equal generator steps, "
                    f"{FEW} critic step over {self.usual}",
                    vi="Khoảng cách đến dữ liệu khi cùng số bước generator, "
                    f"{FEW} bước critic so với {self.usual}",
                ),
                values=over("at_steps", few, usual),
                seen=1.2,
                opposite=1 / 1.2,
                ratio=True,
            ),
            Question(
                asks=Text(
                    en=f"Seconds for a generator step, {self.usual} critic steps over {FEW}",
                    vi=f"Thời gian cho một bước generator, {self.usual} bước critic so với {FEW}",
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
        usual = list(zip(*seeds[0][str(self.usual)]["curve"], strict=True))
        title = Text(en="With {n} critic steps", vi="Với {n} bước critic")
        return [
            bars(
                (
                    Text(en="Distance of the samples to the data", vi="Khoảng cách đến dữ liệu"),
                    steps,
                    Text(en="Sliced Wasserstein distance", vi="Khoảng cách Wasserstein lát cắt"),
                ),
                names,
                [
                    (
                        Text(en="equal generator steps", vi="cùng số bước generator"),
                        rows(seeds, names, "at_steps"),
                    ),
                    (
                        Text(en="equal seconds", vi="cùng thời gian"),
                        rows(seeds, names, "at_seconds"),
                    ),
                ],
            ),
            bars(
                (
                    Text(en="Error and time", vi="Sai số và thời gian"),
                    steps,
                    Text(en="Relative error; seconds × 100", vi="Sai số tương đối; giây × 100"),
                ),
                names,
                [
                    (
                        Text(en="error of the estimate", vi="sai số ước lượng"),
                        rows(seeds, names, "error"),
                    ),
                    (
                        Text(en="seconds × 100", vi="giây × 100"),
                        [[100 * n for n in row] for row in rows(seeds, names, "seconds")],
                    ),
                ],
            ),
            Chart(
                title=title.filled(n=str(self.usual)),
                x_label=Text(en="Generator steps", vi="Số bước generator"),
                y_label=Text(en="Distance", vi="Khoảng cách"),
                curves=[
                    line(Text(en="critic's estimate", vi="ước lượng của critic"), *usual[:2]),
                    line(
                        Text(en="sliced distance", vi="khoảng cách lát cắt"),
                        usual[0],
                        usual[2],
                        dash=True,
                    ),
                ],
                reads=FIRST,
            ),
        ]
