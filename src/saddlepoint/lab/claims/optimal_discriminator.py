"""The best discriminator is P_r / (P_r + P_g), and what the value is there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, over_seeds
from saddlepoint.lab.claims._line import FAKE, REAL, Line, jensen_shannon
from saddlepoint.lab.claims._pictures import line
from saddlepoint.losses.classic import Minimax
from saddlepoint.reporting.pictures import Chart, Picture


@register("optimal-discriminator")
@dataclass(frozen=True, kw_only=True)
class OptimalDiscriminator(Claim):
    """In one dimension both densities are known, so that the best discriminator is a formula.

    Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, proposition 1 and theorem 1.
    """

    chapter: ClassVar = "minimax"
    sentence: ClassVar = Text(
        en="With the generator fixed, the best discriminator is P_r / (P_r + P_g), and the value "
        "there is −2 log 2 + 2 JS(P_r‖P_g).",
        vi="Khi generator cố định, discriminator tối ưu là P_r / (P_r + P_g), và giá trị tại đó là "
        "−2 log 2 + 2 JS(P_r‖P_g).",
    )
    varied: ClassVar = Text(
        en="The number of training steps of the discriminator.",
        vi="Số bước huấn luyện của discriminator.",
    )
    held: ClassVar = Text(
        en="Both densities on the line, the net, the loss, the learning rate; the generator does "
        "not learn.",
        vi="Hai mật độ trên đường thẳng, mạng, hàm mất mát, tốc độ học; generator không học.",
    )
    meaning: ClassVar = Text(
        en="A trained discriminator comes to lie on the formula wherever there are samples; where "
        "there are none, nothing holds it. Its value ends at −2 log 2 + 2 JS. The slide has JS "
        "without the 2, which is right only where JS is defined without its usual factor one "
        "half. In a GAN the generator moves before the discriminator gets this far.",
        vi="Discriminator sau khi huấn luyện nằm trùng với công thức ở những nơi có mẫu; ở nơi "
        "không có mẫu thì không có gì ràng buộc nó. Giá trị hội tụ về −2 log 2 + 2 JS. Bài giảng "
        "viết JS không có hệ số 2, điều này chỉ đúng khi JS được định nghĩa không có hệ số một "
        "phần hai như thông lệ. Trong một GAN, generator đã thay đổi trước khi discriminator đạt "
        "tới mức này.",
    )
    scaled: ClassVar = ("steps",)

    steps: int = 4000
    """Of the discriminator."""
    batch_size: int = 512
    """Points of each of the two."""
    lr: float = 2e-3
    """Falls to 0 over the steps, so that the noise of the last batches is averaged out."""
    widths: tuple[int, ...] = (64, 64)
    """Hidden layers of each net."""

    def measure(self, work: Work) -> Numbers:
        spec = DataSpec(shape=(1,), value_range=None)
        net = Mlp(discriminator_widths=self.widths).discriminator(spec)
        optimizer = torch.optim.Adam(net.parameters(), lr=self.lr, betas=(0.9, 0.99))
        loss, draws, line = Minimax(), work.random("points"), Line()
        every = max(1, self.steps // 40)
        history = []
        for step in range(self.steps + 1):
            if step % every == 0:
                history.append((step, line.value(self._judged(net, line.points))))
            if step == self.steps:
                break
            for group in optimizer.param_groups:
                group["lr"] = self.lr * (1 - step / self.steps)
            real = REAL.sample(self.batch_size, draws)
            fake = FAKE.sample(self.batch_size, draws)
            optimizer.zero_grad()
            loss.discriminator(net(real), net(fake)).mean().backward()
            optimizer.step()
        judged = self._judged(net, line.points)
        best = line.real / (line.real + line.fake)
        divergence = jensen_shannon(line)
        shown = slice(0, len(line.points), 20)
        return {
            "error": line.integral((line.real + line.fake) / 2 * (judged - best).abs()),
            "value": history[-1][1],
            "with_2": -2 * math.log(2) + 2 * divergence,
            "without_2": -2 * math.log(2) + divergence,
            "history": [list(pair) for pair in history],
            "x": line.points[shown].tolist(),
            "trained": judged[shown].tolist(),
            "best": best[shown].tolist(),
            "real": line.real[shown].tolist(),
            "fake": line.fake[shown].tolist(),
        }

    @staticmethod
    @torch.no_grad()
    def _judged(net: torch.nn.Module, points: Tensor) -> Tensor:
        """D at points float64 [n], as a probability."""
        return torch.sigmoid(net(points.float()[:, None])).double()

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        # 0 is the slide's formula and 1 the one with the 2: between the two lies JS, 0.2 nats.
        way = [(s["value"] - s["without_2"]) / (s["with_2"] - s["without_2"]) for s in seeds]
        return [
            Question(
                asks=Text(
                    en="Mean distance of the trained D from the formula, over both densities",
                    vi="Khoảng cách trung bình từ D đã huấn luyện đến công thức, theo hai mật độ",
                ),
                values=over_seeds(seeds, "error"),
                seen=0.03,
                # As far off as a discriminator that has learnt nothing.
                opposite=0.2,
            ),
            Question(
                asks=Text(
                    en="Where the value ends: 1 is −2 log 2 + 2 JS, 0 is the slide's −2 log 2 + JS",
                    vi="Giá trị cuối cùng: 1 là −2 log 2 + 2 JS, 0 là −2 log 2 + JS của bài giảng",
                ),
                values=way,
                seen=0.9,
                opposite=0.1,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        first = seeds[0]
        x = first["x"]
        densities = Text(en="Densities and discriminator", vi="Các mật độ và discriminator")
        reads = Text(
            en="The trained discriminator (dashed) of the first seed on the formula.",
            vi="Discriminator đã huấn luyện (nét đứt) của seed đầu tiên so với công thức.",
        )
        curves = [
            line("P_r", x, first["real"]),
            line("P_g", x, first["fake"]),
            line("P_r / (P_r + P_g)", x, first["best"]),
            line(Text(en="D, trained", vi="D, đã huấn luyện"), x, first["trained"], dash=True),
        ]
        place = Text(en="Place on the line", vi="Vị trí trên đường thẳng")
        height = Text(en="Density, probability", vi="Mật độ, xác suất")
        steps = [step for step, _ in first["history"]]
        values = [
            line(f"seed {n}", steps, [value for _, value in s["history"]])
            for n, s in enumerate(seeds)
        ]
        return [
            Chart(title=densities, x_label=place, y_label=height, curves=curves, reads=reads),
            Chart(
                title=Text(en="Value of the discriminator", vi="Giá trị của discriminator"),
                x_label=Text(en="Training steps", vi="Số bước huấn luyện"),
                y_label=Text(en="E log D + E log(1 − D)", vi="E log D + E log(1 − D)"),
                curves=values,
                rests=[
                    (first["with_2"], f"−2 log 2 + 2 JS = {first['with_2']:.3f}"),
                    (
                        first["without_2"],
                        Text(
                            en=f"the slide: −2 log 2 + JS = {first['without_2']:.3f}",
                            vi=f"bài giảng: −2 log 2 + JS = {first['without_2']:.3f}",
                        ),
                    ),
                ],
                reads=Text(
                    en="It rises to the line with the 2 and stays there; one line for each seed.",
                    vi="Giá trị tăng đến đường có hệ số 2 rồi giữ nguyên; mỗi seed một đường.",
                ),
            ),
        ]
