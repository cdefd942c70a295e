"""Weight clipping over its range, beside the gradient penalty with three targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, means
from saddlepoint.losses.gradient_penalties import GradientPenalty, input_gradient
from saddlepoint.losses.wasserstein import Wasserstein
from saddlepoint.reporting.pictures import Chart, Curve, HeatMap, Picture

PAPER = "0.01"
"""The clip of Arjovsky et al. 2017."""
EDGE = 3.0
"""Half the side of the square on which surfaces are drawn; the ring has a radius of 2."""


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
        return self._judged(critic, clip, work)

    def _points(self, n: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points of the ring, and others of it with the blur; float32 [n, 2] both."""
        centres = 2 * torch.from_numpy(Ring8().centres()).float()
        both = centres[torch.randint(8, (2 * n,), generator=draws)]
        both = both + 0.05 * torch.randn(2 * n, 2, generator=draws)
        blur = self.noise * torch.randn(n, 2, generator=draws)
        return both[:n], both[n:] + blur

    def _judged(self, critic: nn.Module, clip: float, work: Work) -> Numbers:
        draws = work.random("judging")
        real, fake = self._points(4096, draws)
        between = torch.lerp(real, fake, torch.rand(4096, 1, generator=draws))
        slope = input_gradient(critic, between, None).detach().norm(dim=1)
        everywhere = input_gradient(critic, torch.cat([real, fake, between]), None).detach()
        steepest = everywhere.norm(dim=1).max().item()
        with torch.no_grad():
            gap = (critic(real).mean() - critic(fake).mean()).item()
            side = torch.linspace(-EDGE, EDGE, 41)
            grid = torch.cartesian_prod(side, side)
            # Rows are the second coordinate. From 0 to 1: scales differ by powers of ten.
            surface = critic(grid).view(41, 41).T
            surface = (surface - surface.min()) / (surface.max() - surface.min()).clamp_min(1e-30)
        weights = torch.cat([p.detach().flatten() for p in critic.parameters()])
        return {
            "slope": slope.mean().item(),
            "at_bound": (weights.abs() >= 0.98 * clip).float().mean().item() if clip else 0.0,
            # Scaled to a slope of at most 1 a critic's gap is a lower bound of the distance.
            "found": gap / max(steepest, 1e-30),
            "surface": [[round(v, 3) for v in row] for row in surface.tolist()],
        }

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
        clips = list(self.clips)

        def over_c(name: str) -> tuple[list[float], list[float], list[float]]:
            return means([[s["clipped"][f"{c:g}"][name] for c in clips] for s in seeds])

        def with_penalty(name: str) -> list[tuple[float, str]]:
            return [
                (sum(s["penalised"][arm][name] for s in seeds) / len(seeds), f"GP, {arm}")
                for arm in seeds[0]["penalised"]
            ]

        c = Text(en="c (log scale)", vi="c (thang log)")
        slope, low, high = over_c("slope")
        found, least, most = over_c("found")
        bound = over_c("at_bound")[0]
        surfaces = [("clipped", PAPER, f"c = {PAPER}"), ("clipped", "0.1", "c = 0.1")]
        surfaces += [("penalised", f"a = {a:g}", f"GP, a = {a:g}") for a in self.targets[1:2]]
        return [
            Chart(
                title=Text(en="Slope of the critic", vi="Độ dốc của critic"),
                x_label=c,
                y_label=Text(en="Mean slope (log scale)", vi="Độ dốc trung bình (thang log)"),
                curves=[Curve(name="clipping", x=clips, y=slope, low=low, high=high)],
                rests=[(max(v, 1e-12), name) for v, name in with_penalty("slope")],
                log_x=True,
                log_y=True,
                reads=Text(
                    en="Between real and blurred points. Lines: the gradient penalty.",
                    vi="Giữa các điểm thật và điểm bị làm nhòe. Các đường ngang: Gradient Penalty.",
                ),
            ),
            Chart(
                title=Text(en="What the critic finds", vi="Critic tìm thấy gì"),
                x_label=c,
                y_label=Text(en="Distance found; share", vi="Khoảng cách tìm thấy; tỉ lệ"),
                curves=[
                    Curve(
                        name=Text(en="distance found", vi="khoảng cách tìm thấy"),
                        x=clips,
                        y=found,
                        low=least,
                        high=most,
                    ),
                    Curve(
                        name=Text(en="weights at the bound", vi="trọng số ở biên"),
                        x=clips,
                        y=bound,
                        dash=True,
                    ),
                ],
                rests=with_penalty("found")[1:2],
                log_x=True,
                reads=Text(
                    en="The critic's gap between real and blurred, divided by its steepest slope: "
                    "a lower bound of the Wasserstein distance.",
                    vi="Chênh lệch của critic giữa điểm thật và điểm nhòe, chia cho độ dốc lớn "
                    "nhất: một cận dưới của khoảng cách Wasserstein.",
                ),
            ),
            *(
                HeatMap(
                    title=Text(en=f"The critic's surface, {name}", vi=f"Mặt của critic, {name}"),
                    x_label=Text(en="First coordinate", vi="Tọa độ thứ nhất"),
                    y_label=Text(en="Second coordinate", vi="Tọa độ thứ hai"),
                    x=[round(-EDGE + 2 * EDGE * i / 40, 2) for i in range(41)],
                    y=[round(-EDGE + 2 * EDGE * i / 40, 2) for i in range(41)],
                    z=seeds[0][kind][arm]["surface"],
                    reads=Text(
                        en="From its lowest to its highest value. The data are eight clusters on "
                        "a circle of radius 2.",
                        vi="Từ giá trị thấp nhất đến cao nhất. Dữ liệu là tám cụm trên đường tròn "
                        "bán kính 2.",
                    ),
                )
                for kind, arm, name in surfaces
            ),
        ]
