"""Does the loss fall as the samples come nearer to the data?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, small_dcgan
from saddlepoint.lab.claims._pictures import bars, line
from saddlepoint.lab.claims._ranks import spearman
from saddlepoint.reporting.pictures import Chart, Picture

ARMS = {"dcgan": 1, "wgan": 5, "wgan-gp": 5}
"""Family -> steps of the discriminator for each of the generator's."""
START = 0.1
"""Share of the run that is left out: there everything falls, whatever the loss."""


@register("loss-meaning")
@dataclass(frozen=True, kw_only=True)
class LossMeaning(Claim):
    """The loss that a user watches, beside a distance that no player sees.

    Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, section 4.2 and figure 3.
    """

    chapter: ClassVar = "wgan"
    sentence: ClassVar = Text(
        en="The Wasserstein loss has a meaning: it falls as the images get better, which a GAN's "
        "loss does not.",
        vi="Hàm mất mát Wasserstein có ý nghĩa: nó giảm khi ảnh tốt lên, còn hàm mất mát của GAN "
        "thì không.",
    )
    varied: ClassVar = Text(
        en="The loss, with the bound on the slope and the n_critic that belong to it.",
        vi="Hàm mất mát, cùng cách giới hạn độ dốc và n_critic đi kèm.",
    )
    held: ClassVar = Text(
        en="DCGAN nets of equal widths without BatchNorm in the discriminator, first weights, "
        "data, optimiser, batch size.",
        vi="Mạng DCGAN cùng số kênh, discriminator không có BatchNorm, trọng số ban đầu, dữ liệu, "
        "thuật toán tối ưu, kích thước batch.",
    )
    meaning: ClassVar = Text(
        en="Rank correlation asks only whether the two curves move together. For a GAN the curve "
        "is the generator's loss, which rises as the discriminator learns, whatever the images do. "
        "For a Wasserstein loss it is the critic's estimate; it means something only while the "
        "critic keeps up, and under clipping its scale is arbitrary and drifts, so that one run "
        "cannot be compared with another.",
        vi="Tương quan hạng chỉ hỏi hai đường cong có đi cùng nhau không. Với GAN, đường cong là "
        "mất mát của generator, nó tăng khi discriminator học, bất kể ảnh ra sao. Với hàm mất mát "
        "Wasserstein, đó là ước lượng của critic; nó chỉ có ý nghĩa khi critic theo kịp, và với "
        "clipping thì thang đo tùy ý và trôi dần, nên không so sánh được lần chạy này với lần "
        "khác.",
    )
    scaled: ClassVar = ("kimg",)
    default_data: ClassVar = "fashion-mnist"

    kimg: float = 24
    """Of the GAN; twice as much for the critics, which take five steps for each of the
    generator's."""
    width: int = 16
    """Feature maps of both nets at their largest resolution."""
    batch_size: int = 32
    """Real items in a step, and as many generated ones."""
    ticks: int = 24
    """Measurements of each run."""

    def measure(self, work: Work) -> Numbers:
        found = {}
        for name in ARMS:
            run = work.train(self._config(work, name), name)
            history = run.history
            loss = history["loss_g"] if name == "dcgan" else -history["loss_d"]
            distance = history["sliced_wasserstein"]
            known = np.isfinite(loss) & np.isfinite(distance)
            known[: int(START * len(known))] = False
            found[name] = {
                "loss": loss[known].tolist(),
                "distance": distance[known].tolist(),
                "images": (history["images"][known] / 1000).tolist(),
                "together": spearman(loss[known], distance[known]),
            }
        return found

    def _config(self, work: Work, name: str) -> Config:
        kimg = self.kimg if name == "dcgan" else 2 * self.kimg
        adam = {"kind": "adam", "lr": 5e-4, "beta1": 0.0, "beta2": 0.9}
        changes: dict[str, Any] = {
            **small_dcgan(self.width),
            "arch.discriminator_norm": "none",
            "arch.init": "he",
            "optim_g": adam,
            "optim_d": adam,
            "train.batch_size": self.batch_size,
            "train.n_critic": ARMS[name],
            "train.tick_kimg": kimg / self.ticks,
            "train.sample_kimg": kimg / self.ticks,
            # The distance is to be that of the generator that the loss is about, not of an average.
            "ema.halflife": 0,
        }
        if name != "dcgan":
            changes["loss"] = {"kind": "wasserstein", "clip": 0.05 if name == "wgan" else 0.0}
        if name == "wgan-gp":
            changes["penalties"] = [{"kind": "gradient-penalty", "weight": 10.0}]
        return api.configure("dcgan", work.data, seed=work.seed, kimg=kimg, changes=changes)

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def together(name: str, seen: float, opposite: float) -> Question:
            asks = Text(
                en="Rank correlation of the loss with the distance to the data, {name}",
                vi="Tương quan hạng giữa mất mát và khoảng cách đến dữ liệu, {name}",
            )
            values = [s[name]["together"] for s in seeds]
            return Question(
                asks=asks.filled(name=name), values=values, seen=seen, opposite=opposite
            )

        return [
            together("wgan-gp", 0.5, 0.0),
            together("wgan", 0.5, 0.0),
            # Below what would be called a meaning; above, the GAN's loss has one as well.
            together("dcgan", 0.2, 0.5),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        names = list(ARMS)
        correlations = [[s[name]["together"] or 0.0 for name in names] for s in seeds]
        return [
            bars(
                (
                    Text(en="Loss and distance together", vi="Mất mát và khoảng cách"),
                    Text(en="Family", vi="Họ mô hình"),
                    Text(en="Rank correlation", vi="Tương quan hạng"),
                ),
                names,
                [("", correlations)],
                Text(
                    en="1: the loss falls whenever the distance does. Mean, lowest and highest "
                    "seed.",
                    vi="1: mất mát giảm mỗi khi khoảng cách giảm. Trung bình, seed thấp nhất và "
                    "cao nhất.",
                ),
            ),
            *(_both(name, seeds[0][name]) for name in names),
        ]


def _both(name: str, run: Numbers) -> Chart:
    """Loss and distance of one run."""
    words = {
        "loss": Text(en="loss", vi="mất mát"),
        "distance": Text(en="distance", vi="khoảng cách"),
    }
    return Chart(
        title=Text(en=f"{name}, first seed", vi=f"{name}, seed đầu tiên"),
        x_label=Text(en="Images shown (thousands)", vi="Số ảnh đã xem (nghìn)"),
        y_label=Text(en="Share of its range", vi="So với khoảng giá trị"),
        curves=[
            line(word, run["images"], _of_range(run[what]), dash=what == "distance")
            for what, word in words.items()
        ],
        reads=Text(
            en="Both from their lowest to their highest value.",
            vi="Cả hai tính từ giá trị thấp nhất đến cao nhất.",
        ),
    )


def _of_range(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(value - low) / (high - low or 1) for value in values]
