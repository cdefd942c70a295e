"""Two clusters that move apart: what JS, the Wasserstein distance and four losses make of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.contracts import AdversarialLoss, DataSpec, Penalty
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, means
from saddlepoint.lab.claims._line import Line, Normals, jensen_shannon
from saddlepoint.lab.claims._pictures import line
from saddlepoint.losses.classic import Minimax, NonSaturating
from saddlepoint.losses.gradient_penalties import GradientPenalty
from saddlepoint.losses.wasserstein import Wasserstein
from saddlepoint.reporting.pictures import Chart, Picture

STD = 0.1
"""Of both clusters."""
LOSSES: dict[str, tuple[AdversarialLoss, Penalty | None]] = {
    "minimax": (Minimax(), None),
    "non-saturating": (NonSaturating(), None),
    "wgan": (Wasserstein(clip=0.1), None),
    "wgan-gp": (Wasserstein(), GradientPenalty(weight=10.0)),
}


@register("vanishing-gradient")
@dataclass(frozen=True, kw_only=True)
class VanishingGradient(Claim):
    """A generator with one parameter, the place of its cluster, whose gradient can be read off.

    Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, example 1 and figure 2.
    """

    chapter: ClassVar = "wgan"
    sentence: ClassVar = Text(
        en="When the generated distribution lies far from the data, JS stays at log 2 and the "
        "minimax generator gets no gradient; the Wasserstein distance still grows with the gap, "
        "and its gradient stays.",
        vi="Khi phân phối sinh ra nằm xa dữ liệu, JS giữ nguyên ở log 2 và generator theo minimax "
        "không còn gradient; khoảng cách Wasserstein vẫn tăng khi hai phân phối càng xa nhau, và "
        "gradient của nó không mất đi.",
    )
    varied: ClassVar = Text(
        en="The gap between the two clusters, and the loss.",
        vi="Khoảng cách giữa hai cụm, và hàm mất mát.",
    )
    held: ClassVar = Text(
        en="The clusters' width, the discriminator, its first weights, its optimiser and steps; "
        "the generator stands still while its gradient is read.",
        vi="Độ rộng của các cụm, discriminator, trọng số ban đầu, thuật toán tối ưu và số bước; "
        "generator đứng yên trong lúc đo gradient.",
    )
    meaning: ClassVar = Text(
        en="Under minimax the gradient is the slope of D's logit times D itself, and D is 0 at "
        "the generated cluster. The non-saturating loss drops that factor, so it does not vanish "
        "here: the claim is about the minimax form. What the non-saturating gradient lacks is a "
        "meaning, because its size says nothing about the gap. The Wasserstein critics keep a "
        "slope between the clusters. Weight clipping fixes its size only up to a scale that "
        "depends on c.",
        vi="Với minimax, gradient bằng độ dốc của logit của D nhân với chính D, mà D bằng 0 tại "
        "cụm được sinh ra. Hàm non-saturating bỏ thừa số này nên không bị triệt tiêu ở đây: luận "
        "điểm chỉ đúng cho dạng minimax. Cái mà gradient của hàm non-saturating thiếu là ý "
        "nghĩa, vì độ lớn của nó không cho biết khoảng cách. Critic Wasserstein giữ được độ dốc "
        "giữa hai cụm. Weight clipping chỉ xác định độ dốc sai khác một tỉ lệ phụ thuộc vào c.",
    )
    scaled: ClassVar = ("steps",)

    gaps: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
    """Between the clusters' means, whose standard deviation is 0.1."""
    steps: int = 1200
    """Of each discriminator; every gap has its own."""
    batch_size: int = 256
    """Real items in a step, and as many generated ones."""
    lr: float = 1e-3
    """Learning rate of Adam, for every net."""
    widths: tuple[int, ...] = (64, 64)
    """Hidden layers of each net."""

    def measure(self, work: Work) -> Numbers:
        lines = [
            Line(Normals((0.0,), (STD,)), Normals((gap,), (STD,)), (-2.0, gap + 2.0))
            for gap in self.gaps
        ]
        slopes = {
            name: [self._slope(work, gap, *how) for gap in self.gaps]
            for name, how in LOSSES.items()
        }
        return {"js": [jensen_shannon(line) for line in lines], "slopes": slopes}

    def _slope(
        self, work: Work, gap: float, loss: AdversarialLoss, penalty: Penalty | None
    ) -> float:
        """|d loss_G / d gap| under a discriminator that was trained for this gap."""
        torch.manual_seed(work.seed)  # the same first weights for every gap and loss
        spec = DataSpec(shape=(1,), value_range=None)
        net = Mlp(discriminator_widths=self.widths).discriminator(spec)
        optimizer = torch.optim.Adam(net.parameters(), lr=self.lr, betas=(0.5, 0.9))
        draws = work.random("points")

        def cluster(n: int, mean: float) -> torch.Tensor:
            return mean + STD * torch.randn(n, 1, generator=draws)

        for _ in range(self.steps):
            real, fake = cluster(self.batch_size, 0.0), cluster(self.batch_size, gap)
            cost = loss.discriminator(net(real), net(fake)).mean()
            if penalty is not None:
                cost = cost + penalty(net, real, fake, None).mean()
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            loss.constrain(net)
        place = torch.tensor(gap, requires_grad=True)
        fake = place + STD * torch.randn(4096, 1, generator=draws)
        (slope,) = torch.autograd.grad(loss.generator(net(fake)).mean(), place)
        return abs(slope.item())

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        # A gap of 0.25 is where clusters of width 0.1 begin to part, one of 4 is 40 widths.
        near, far = self.gaps.index(0.25), len(self.gaps) - 1

        def kept(name: str) -> list[float]:
            return [max(s["slopes"][name][far], 1e-30) / s["slopes"][name][near] for s in seeds]

        asks = Text(
            en="Gradient at a gap of {far} over that at 0.25, {name}",
            vi="Gradient ở khoảng cách {far} so với ở 0.25, {name}",
        )
        # Of minimax, a tenth is what no learning rate makes up for; as large as before is the
        # opposite. A critic keeps half of it.
        bounds = {"minimax": (0.1, 1.0), "wgan": (0.5, 0.1), "wgan-gp": (0.5, 0.1)}
        return [
            *(
                Question(
                    asks=asks.filled(far=f"{self.gaps[far]:g}", name=name),
                    values=kept(name),
                    seen=seen,
                    opposite=opposite,
                    ratio=True,
                )
                for name, (seen, opposite) in bounds.items()
            ),
            Question(
                asks=Text(
                    en="JS at a gap of 1 as a share of log 2: it can hardly rise any more",
                    vi="JS ở khoảng cách 1 so với log 2: gần như không thể tăng thêm",
                ),
                values=[seeds[0]["js"][self.gaps.index(1.0)] / math.log(2)],
                seen=0.99,
                opposite=0.5,
                exact=True,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        gaps = list(self.gaps)
        gap = Text(en="Gap between the clusters", vi="Khoảng cách giữa hai cụm")
        slopes = []
        for name in LOSSES:
            mean, low, high = means([s["slopes"][name] for s in seeds])
            # Where float32 has nothing left, the lowest value stands for 0 on the logarithmic axis.
            mean, low, high = ([max(v, 1e-12) for v in row] for row in (mean, low, high))
            slopes.append(line(name, gaps, mean, low=low, high=high))
        # Of two equal shapes on a line, the distance that mass moves is the gap.
        two = [line("JS", gaps, seeds[0]["js"]), line("Wasserstein", gaps, gaps)]
        return [
            Chart(
                title=Text(en="Two distances", vi="Hai khoảng cách"),
                x_label=gap,
                y_label=Text(en="Distance", vi="Khoảng cách"),
                curves=two,
                rests=[(math.log(2), "log 2")],
                reads=Text(
                    en="JS stops at log 2 once the clusters no longer overlap; the Wasserstein "
                    "distance is the gap itself. Both are computed, not estimated.",
                    vi="JS dừng ở log 2 khi hai cụm không còn chồng lên nhau; khoảng cách "
                    "Wasserstein chính là khoảng cách giữa hai cụm. Cả hai được tính chính xác.",
                ),
            ),
            Chart(
                title=Text(en="The generator's gradient", vi="Gradient của generator"),
                x_label=gap,
                y_label=Text(en="|gradient| (log scale)", vi="|gradient| (thang log)"),
                curves=slopes,
                log_x=True,
                log_y=True,
                reads=Text(
                    en="Mean over seeds, with the lowest and highest seed. Under minimax it falls "
                    "by powers of ten.",
                    vi="Trung bình trên các seed, kèm seed thấp nhất và cao nhất. Với minimax, nó "
                    "giảm theo lũy thừa của mười.",
                ),
            ),
        ]
