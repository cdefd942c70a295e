"""BatchNorm in neither, either or both nets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.registry import register
from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, last_distance, small_dcgan
from saddlepoint.lab.claims._pictures import Rows, bars, gradients, rows, spread
from saddlepoint.reporting.pictures import Curve, Picture

ARMS = {
    "both": ("batch", "batch"),
    "generator": ("batch", "none"),
    "discriminator": ("none", "batch"),
    "neither": ("none", "none"),
}
"""Name -> norm of the generator, norm of the discriminator."""
NAMES = {
    "both": Text(en="in both", vi="ở cả hai"),
    "generator": Text(en="generator only", vi="chỉ generator"),
    "discriminator": Text(en="discriminator only", vi="chỉ discriminator"),
    "neither": Text(en="in neither", vi="không có"),
}
START = 0.1
"""Share of the run that is left out: first steps are wild with any net."""


@register("batch-norm")
@dataclass(frozen=True, kw_only=True)
class BatchNorm(Claim):
    """Nets without it start from He's weights, as they have to.

    Radford et al. 2016, https://arxiv.org/abs/1511.06434, section 3.
    """

    chapter: ClassVar = "dcgan"
    sentence: ClassVar = Text(
        en="BatchNorm steadies the gradients, and the images get better by it.",
        vi="BatchNorm làm gradient ổn định hơn, và nhờ đó ảnh tốt hơn.",
    )
    varied: ClassVar = Text(
        en="BatchNorm in both nets, in one of them, in neither.",
        vi="BatchNorm ở cả hai mạng, ở một trong hai, hoặc không có.",
    )
    held: ClassVar = Text(
        en="DCGAN nets of equal widths, loss, optimisers, number of images, data and their order. "
        "First weights differ with the norm: small ones count on BatchNorm to scale them up.",
        vi="Mạng DCGAN cùng số kênh, hàm mất mát, thuật toán tối ưu, số ảnh, dữ liệu và thứ tự. "
        "Trọng số ban đầu khác nhau tùy theo chuẩn hóa: trọng số nhỏ cần BatchNorm phóng to.",
    )
    meaning: ClassVar = Text(
        en="Unsteady is how far the gradient's norm swings from one measurement to the next, as a "
        "factor: its height alone says nothing. In 2016 the claim was about nets that did not "
        "train at all without BatchNorm; with He's weights and Adam they do, so that what is left "
        "is a difference of degree. Gradient penalties need critics without it.",
        vi="Độ bất ổn là mức dao động của chuẩn gradient giữa hai lần đo liên tiếp, tính theo tỉ "
        "lệ: bản thân độ lớn không nói lên điều gì. Năm 2016, luận điểm nói về những mạng hoàn "
        "toàn không huấn luyện được nếu thiếu BatchNorm; với trọng số He và Adam thì huấn luyện "
        "được, nên chỉ còn khác biệt về mức độ. Gradient Penalty cần critic không có BatchNorm.",
    )
    scaled: ClassVar = ("kimg",)
    default_data: ClassVar = "fashion-mnist"

    kimg: float = 40
    """Of each run."""
    width: int = 16
    """Feature maps of both nets at their largest resolution."""
    lr: float = 1e-3
    """Learning rate of Adam, for every net."""
    ticks: int = 80
    """Measurements of each run."""

    def measure(self, work: Work) -> Numbers:
        return {name: _read(work.try_to_train(self._config(work, name), name)) for name in ARMS}

    def _config(self, work: Work, name: str) -> Config:
        generator_norm, discriminator_norm = ARMS[name]
        adam = {"kind": "adam", "lr": self.lr, "beta1": 0.5}
        changes: dict[str, Any] = {
            "arch.generator_norm": generator_norm,
            "arch.discriminator_norm": discriminator_norm,
            "arch.init": "dcgan" if discriminator_norm == "batch" else "he",
            **small_dcgan(self.width),
            "optim_g": adam,
            "optim_d": adam,
            "train.tick_kimg": self.kimg / self.ticks,
            "train.sample_kimg": self.kimg / 8,
        }
        return api.configure("dcgan", work.data, seed=work.seed, kimg=self.kimg, changes=changes)

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def over(name: str, asks: Text, by: float) -> Question:
            pairs = [(s["neither"][name], s["both"][name]) for s in seeds]
            values = [a / b if a is not None and b else None for a, b in pairs]
            return Question(asks=asks, values=values, seen=by, opposite=1 / by, ratio=True)

        unsteady = Text(
            en="How unsteady the {player}'s gradient is: neither over both",
            vi="Độ bất ổn của gradient {player}: không có so với ở cả hai",
        )
        distance = Text(
            en="Distance to the data at the end: neither over both",
            vi="Khoảng cách đến dữ liệu ở cuối: không có so với ở cả hai",
        )
        return [
            over("unsteady_g", unsteady.filled(player="generator"), 1.2),
            over("unsteady_d", unsteady.filled(player="discriminator"), 1.2),
            over("distance", distance, 1.15),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        names = [NAMES[arm] for arm in ARMS]
        where = Text(en="BatchNorm", vi="BatchNorm")

        def known(what: str) -> Rows:
            return [[number or 0.0 for number in row] for row in rows(seeds, list(ARMS), what)]

        failed = sum(s[arm]["failed"] for s in seeds for arm in ARMS)
        return [
            gradients([_band(NAMES[arm], [s[arm] for s in seeds]) for arm in ARMS]),
            bars(
                (
                    Text(en="Unsteadiness", vi="Độ bất ổn"),
                    where,
                    Text(en="Mean step, in powers of e", vi="Bước trung bình, lũy thừa của e"),
                ),
                names,
                [
                    ("generator", known("unsteady_g")),
                    ("discriminator", known("unsteady_d")),
                ],
            ),
            bars(
                (
                    Text(en="Distance to the data", vi="Khoảng cách đến dữ liệu"),
                    where,
                    Text(en="Sliced Wasserstein", vi="Wasserstein lát cắt"),
                ),
                names,
                [("", known("distance"))],
                Text(
                    en=f"At the end; {failed} of {len(seeds) * len(ARMS)} runs failed.",
                    vi=f"Ở cuối; {failed} trên {len(seeds) * len(ARMS)} lần chạy thất bại.",
                ),
            ),
        ]


def _band(name: Text, runs: Sequence[Numbers]) -> Curve:
    """The gradient's norm over seeds, as far as all of them have one."""
    norms = [dict(zip(run["kimg"], run["gradients"], strict=True)) for run in runs]
    x = [kimg for kimg in norms[0] if all(kimg in run for run in norms)]
    return spread(name, x, [[run[kimg] for kimg in x] for run in norms])


def _read(run: Run) -> Numbers:
    history = run.history
    gradients = history["grad_norm_g"]
    shown = np.isfinite(gradients) & (gradients > 0)
    return {
        "unsteady_g": unsteadiness(history["grad_norm_g"]),
        "unsteady_d": unsteadiness(history["grad_norm_d"]),
        "distance": last_distance(run),
        "failed": run.status.get("state") != "finished",
        "kimg": (history["images"][shown] / 1000).tolist(),
        "gradients": gradients[shown].tolist(),
    }


def unsteadiness(norms: np.ndarray) -> float | None:
    """Mean size of the steps of a curve's logarithm, after its start; None where it is not known.

    A drift hardly counts and the height not at all: 0.1 is a swing of 10 % each time.
    """
    kept = norms[math.ceil(START * len(norms)) :]
    kept = kept[np.isfinite(kept) & (kept > 0)]
    return float(np.abs(np.diff(np.log(kept))).mean()) if len(kept) > 2 else None
