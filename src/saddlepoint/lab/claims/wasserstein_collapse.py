"""Modes of a grid that a GAN, a WGAN and a WGAN-GP cover, with equal nets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.data.sources.mixtures import Grid25
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._pictures import cloud, spread
from saddlepoint.reporting.pictures import Chart, Curve, Picture
from saddlepoint.sampling.sampler import load_sampler

SAMPLES = 2500
"""As in Lin et al. 2018 (PacGAN), https://arxiv.org/abs/1712.04086, section 4.1."""
HIGH_QUALITY = 3.0
"""Standard deviations around a centre; also theirs."""
N_CRITIC = 5


@register("wasserstein-collapse")
@dataclass(frozen=True, kw_only=True)
class WassersteinCollapse(Claim):
    """Twenty-five clusters in the plane, whose centres are known.

    Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, section 4.3.
    """

    chapter: ClassVar = "wgan"
    sentence: ClassVar = Text(
        en="A Wasserstein loss suffers less from mode collapse than the first GAN's.",
        vi="Hàm mất mát Wasserstein ít bị Mode Collapse hơn so với GAN ban đầu.",
    )
    varied: ClassVar = Text(
        en="The loss, with what belongs to it: non-saturating; Wasserstein with clipping; "
        "Wasserstein with the gradient penalty, both with five critic steps.",
        vi="Hàm mất mát, cùng những gì đi kèm: non-saturating; Wasserstein với clipping; "
        "Wasserstein với Gradient Penalty, cả hai với năm bước critic.",
    )
    held: ClassVar = Text(
        en="Nets without normalisation, first weights, data, optimiser, batch size, number of "
        "generator steps.",
        vi="Mạng không chuẩn hóa, trọng số ban đầu, dữ liệu, thuật toán tối ưu, kích thước batch, "
        "số bước của generator.",
    )
    meaning: ClassVar = Text(
        en="A mode counts as covered by a single sample within 3 standard deviations of its "
        "centre, as in the literature, so that a blurred cloud covers modes, too: read the share "
        "of good samples beside it. The steps of the critic are not counted, so that the "
        "Wasserstein runs see five times the data and take longer. The nets are small and the "
        "runs are short: a verdict on this grid is none on images.",
        vi="Một mode được coi là được phủ nếu có một mẫu cách tâm không quá 3 độ lệch chuẩn, như "
        "trong các bài báo, nên một đám mây nhòe cũng phủ được mode: hãy đọc kèm tỉ lệ mẫu tốt. "
        "Các bước của critic không được tính, nên những lần chạy Wasserstein thấy lượng dữ liệu "
        "gấp năm và tốn thời gian hơn. Mạng nhỏ và chạy ngắn: kết luận trên lưới này chưa phải là "
        "kết luận cho ảnh.",
    )
    scaled: ClassVar = ("steps",)

    steps: int = 1000
    """Of the generator."""
    batch_size: int = 128
    """Real items in a step, and as many generated ones."""
    widths: tuple[int, ...] = (128, 128, 128)
    """Hidden layers of each net."""
    lr: float = 1e-3
    """Learning rate of Adam, for every net."""
    clip: float = 0.1
    """Bound of the weights of the clipped critic."""

    def measure(self, work: Work) -> Numbers:
        found = {}
        for name in ("gan", "wgan", "wgan-gp"):
            run = work.try_to_train(self._config(work, name), name)
            made = np.concatenate(list(load_sampler(run.path).portions(range(SAMPLES))))
            found[name] = covered(made) | {"points": made[:400].round(3).tolist()}
        return found

    def _config(self, work: Work, name: str) -> Config:
        adam = {"kind": "adam", "lr": self.lr, "beta1": 0.5, "beta2": 0.9}
        n_critic = 1 if name == "gan" else N_CRITIC
        changes: dict[str, Any] = {
            "arch.generator_widths": self.widths,
            "arch.discriminator_widths": self.widths,
            "arch.generator_norm": "none",
            "arch.latent_dim": 8,
            "optim_g": adam,
            "optim_d": adam,
            "train.batch_size": self.batch_size,
            "train.n_critic": n_critic,
        }
        if name != "gan":
            clip = self.clip if name == "wgan" else 0.0
            changes["loss"] = {"kind": "wasserstein", "clip": clip}
        if name == "wgan-gp":
            changes["penalties"] = [{"kind": "gradient-penalty", "weight": 10.0}]
        kimg = self.steps * self.batch_size * n_critic / 1000
        return api.configure("gan", "grid25", seed=work.seed, kimg=kimg, changes=changes)

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        return [
            Question(
                asks=Text(
                    en=f"Modes covered, of 25: {name} minus gan",
                    vi=f"Số mode được phủ, trên 25: {name} trừ gan",
                ),
                values=[s[name]["modes"] - s["gan"]["modes"] for s in seeds],
                # An eighth of the modes.
                seen=3,
                opposite=-3,
            )
            for name in ("wgan-gp", "wgan")
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        names = list(seeds[0])

        def bars(what: str, scale: float = 1.0) -> Curve:
            rows = [[s[name][what] * scale for name in names] for s in seeds]
            words = {
                "modes": Text(en="modes covered", vi="số mode được phủ"),
                "good": Text(en="good samples, of 25", vi="mẫu tốt, quy về 25"),
            }
            return spread(words[what], names, rows, mark="bars")

        centres = Grid25().centres()
        clouds = [
            cloud(
                Text(en=f"Samples of {name}", vi=f"Mẫu của {name}"),
                seeds[0][name]["points"],
                centres,
            )
            for name in names
        ]
        return [
            Chart(
                title=Text(en="Modes and good samples", vi="Số mode và mẫu tốt"),
                x_label=Text(en="Loss", vi="Hàm mất mát"),
                y_label=Text(en="Of 25", vi="Trên 25"),
                curves=[bars("modes"), bars("good", 25.0)],
                reads=Text(
                    en="Mean, lowest and highest seed. Good: within 3 standard deviations of a "
                    "centre; 25 would be all samples.",
                    vi="Trung bình, seed thấp nhất và cao nhất. Tốt: cách tâm không quá 3 độ lệch "
                    "chuẩn; 25 nghĩa là mọi mẫu đều tốt.",
                ),
            ),
            *clouds,
        ]


def covered(points: np.ndarray) -> dict[str, float]:
    """Modes of grid25 with a good sample, and the share of good ones; points float [n, 2]."""
    source = Grid25()
    distance = np.linalg.norm(points[:, None] - source.centres()[None], axis=2)
    good = distance.min(1) <= HIGH_QUALITY * source.std
    modes = len(np.unique(distance.argmin(1)[good]))
    return {"modes": modes, "good": float(good.mean())}
