"""Weight clipping over its range, beside the gradient penalty with three targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._pictures import AXES, rows, spread, square
from saddlepoint.lab.claims._surface import EDGE, judged
from saddlepoint.losses.gradient_penalties import GradientPenalty
from saddlepoint.losses.wasserstein import Wasserstein
from saddlepoint.reporting.pictures import Chart, Curve, Picture

PAPER = "0.01"
"""The clip of Arjovsky et al. 2017."""
C = Text(en="c (log scale)", vi="c (thang log)")


@register("clipping")
@dataclass(frozen=True, kw_only=True)
class Clipping(Claim):
    """A critic between eight clusters and the same blurred, which do not move.

    Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, section 3 and figure 1.
    """

    chapter: ClassVar = "wgan"
    sentence: ClassVar = Text(
        en="Weight clipping limits what the critic can represent, and c is hard to choose; the "
        "gradient penalty does not have these faults.",
        vi="Weight Clipping giới hạn những gì critic có thể biểu diễn, và c khó chọn; Gradient "
        "Penalty không có các nhược điểm này.",
    )
    varied: ClassVar = Text(
        en="How the critic's slope is bounded: clipping at c, or the gradient penalty with target "
        "a.",
        vi="Cách giới hạn độ dốc của critic: clipping tại c, hoặc Gradient Penalty với đích a.",
    )
    held: ClassVar = Text(
        en="Data, blurred data in the generator's place, critic, first weights, optimiser, steps.",
        vi="Dữ liệu, dữ liệu bị làm nhòe thay cho generator, critic, trọng số ban đầu, thuật toán "
        "tối ưu, số bước.",
    )
    meaning: ClassVar = Text(
        en="The third number asks what is left of the Wasserstein distance once a critic is scaled "
        "to a slope of 1, for the best c of the range: a critic that can only bend a little finds "
        "less. Slopes run over powers of ten with c, since c enters once for each layer, so that "
        "no c suits every net. With the penalty the slope is near its target, which sets the unit "
        "of the loss: a = 2 doubles it, and a = 0 makes it depend on λ.",
        vi="Con số thứ ba cho biết còn lại bao nhiêu của khoảng cách Wasserstein sau khi critic "
        "được chia tỉ lệ về độ dốc 1, với c tốt nhất trong khoảng: critic ít uốn cong được thì tìm "
        "thấy ít hơn. Độ dốc thay đổi theo lũy thừa của mười khi c thay đổi, vì c xuất hiện một "
        "lần ở mỗi lớp, nên không có c nào hợp với mọi mạng. Với Gradient Penalty, độ dốc nằm gần "
        "đích của nó, đích này đặt đơn vị cho hàm mất mát: a = 2 làm nó gấp đôi, còn a = 0 khiến "
        "nó phụ thuộc vào λ.",
    )
    scaled: ClassVar = ("steps",)

    clips: tuple[float, ...] = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5)
    """Bounds of the weights."""
    targets: tuple[float, ...] = (0.0, 1.0, 2.0)
    """Slopes that the gradient penalty asks for: a in the lecture."""
    steps: int = 1500
    """Of each critic."""
    batch_size: int = 256
    """Real items in a step, and as many generated ones."""
    lr: float = 1e-3
    """Learning rate of Adam, for every net."""
    widths: tuple[int, ...] = (64, 64, 64)
    """Hidden layers of each net."""
    noise: float = 1.0
    """Standard deviation of the blur."""

    def measure(self, work: Work) -> Numbers:
        arms = {f"{clip:g}": self._arm(work, clip, None) for clip in self.clips}
        penalised = {
            f"a = {target:g}": self._arm(work, 0.0, GradientPenalty(target=target))
            for target in self.targets
        }
        return {"clipped": arms, "penalised": penalised}

    def _arm(self, work: Work, clip: float, penalty: GradientPenalty | None) -> Numbers:
        torch.manual_seed(work.seed)  # the same first weights, and the same points on the way
        critic = Mlp(discriminator_widths=self.widths).discriminator(
            DataSpec(shape=(2,), value_range=None)
        )
        loss = Wasserstein(clip=clip)
        optimizer = torch.optim.Adam(critic.parameters(), lr=self.lr, betas=(0.5, 0.9))
        draws = work.random("points")
        for _ in range(self.steps):
            real, fake = self._points(self.batch_size, draws)
            cost = loss.discriminator(critic(real), critic(fake)).mean()
            if penalty is not None:
                cost = cost + penalty(critic, real, fake, None).mean()
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            loss.constrain(critic)
        real, fake = self._points(4096, draws := work.random("judging"))
        return judged(critic, clip, real, fake, draws)

    def _points(self, n: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points of the ring, and others of it with the blur; float32 [n, 2] both."""
        centres = 2 * torch.from_numpy(Ring8().centres()).float()
        both = centres[torch.randint(8, (2 * n,), generator=draws)]
        both = both + 0.05 * torch.randn(2 * n, 2, generator=draws)
        blur = self.noise * torch.randn(n, 2, generator=draws)
        return both[:n], both[n:] + blur

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def decades(seed: Numbers) -> float:
            slopes = [max(arm["slope"], 1e-30) for arm in seed["clipped"].values()]
            return math.log10(max(slopes) / min(slopes))

        def best(seed: Numbers) -> float:
            most = max(arm["found"] for arm in seed["clipped"].values())
            return max(most, 1e-6) / seed["penalised"]["a = 1"]["found"]

        return [
            Question(
                asks=Text(
                    en=f"Share of weights at the bound, for the paper's c = {PAPER}",
                    vi=f"Tỉ lệ trọng số nằm ở biên, với c = {PAPER} như trong bài báo",
                ),
                values=[s["clipped"][PAPER]["at_bound"] for s in seeds],
                seen=0.3,
                opposite=0.05,
            ),
            Question(
                asks=Text(
                    en="Decades between the smallest and the largest slope over the range of c",
                    vi="Số bậc lũy thừa của mười giữa độ dốc nhỏ nhất và lớn nhất khi c thay đổi",
                ),
                values=[decades(s) for s in seeds],
                seen=2.0,
                opposite=0.5,
            ),
            Question(
                asks=Text(
                    en="Distance found by the best clipped critic over that found with a = 1",
                    vi="Khoảng cách mà critic bị clipping tốt nhất tìm thấy so với khi a = 1",
                ),
                values=[best(s) for s in seeds],
                seen=0.9,
                opposite=1.0,
                ratio=True,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        targets = [f"a = {target:g}" for target in self.targets]
        surfaces = {f"c = {clip}": seeds[0]["clipped"][clip] for clip in (PAPER, "0.1")}
        surfaces |= {f"GP, {target}": seeds[0]["penalised"][target] for target in targets}
        side = [round(-EDGE + 2 * EDGE * i / 40, 2) for i in range(41)]
        title = Text(en="The critic's surface, {name}", vi="Mặt của critic, {name}")
        reads = Text(
            en="From its lowest to its highest value. The data are eight clusters on a circle of "
            "radius 2.",
            vi="Từ giá trị thấp nhất đến cao nhất. Dữ liệu là tám cụm trên đường tròn bán kính 2.",
        )
        return [
            self._slopes(seeds),
            self._found(seeds),
            *(
                square(title.filled(name=name), AXES, side, arm["surface"], reads)
                for name, arm in surfaces.items()
            ),
        ]

    def _slopes(self, seeds: Sequence[Numbers]) -> Chart:
        return Chart(
            title=Text(en="Slope of the critic", vi="Độ dốc của critic"),
            x_label=C,
            y_label=Text(en="Mean slope (log scale)", vi="Độ dốc trung bình (thang log)"),
            curves=[self._over_c(seeds, "slope", "clipping")],
            rests=[(max(v, 1e-12), name) for v, name in _penalised(seeds, "slope")],
            log_x=True,
            log_y=True,
            reads=Text(
                en="Between real and blurred points. Lines: the gradient penalty.",
                vi="Giữa các điểm thật và điểm bị làm nhòe. Các đường ngang: Gradient Penalty.",
            ),
        )

    def _found(self, seeds: Sequence[Numbers]) -> Chart:
        distance = Text(en="distance found", vi="khoảng cách tìm thấy")
        bound = Text(en="weights at the bound", vi="trọng số ở biên")
        return Chart(
            title=Text(en="What the critic finds", vi="Critic tìm thấy gì"),
            x_label=C,
            y_label=Text(en="Distance found; share", vi="Khoảng cách tìm thấy; tỉ lệ"),
            curves=[
                self._over_c(seeds, "found", distance),
                self._over_c(seeds, "at_bound", bound, dash=True),
            ],
            rests=_penalised(seeds, "found"),
            log_x=True,
            reads=Text(
                en="The critic's gap between real and blurred, divided by its steepest slope: a "
                "lower bound of the Wasserstein distance.",
                vi="Chênh lệch của critic giữa điểm thật và điểm nhòe, chia cho độ dốc lớn nhất: "
                "một cận dưới của khoảng cách Wasserstein.",
            ),
        )

    def _over_c(self, seeds: Sequence[Numbers], what: str, name: Text | str, **more: Any) -> Curve:
        clips = [f"{clip:g}" for clip in self.clips]
        found = rows([seed["clipped"] for seed in seeds], clips, what)
        return spread(name, list(self.clips), found, **more)


def _penalised(seeds: Sequence[Numbers], what: str) -> list[tuple[float, str]]:
    """The mean over seeds with each target of the gradient penalty."""
    return [
        (sum(seed["penalised"][arm][what] for seed in seeds) / len(seeds), f"GP, {arm}")
        for arm in seeds[0]["penalised"]
    ]
