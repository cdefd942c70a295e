"""Modes of a grid and of stacked images that three losses cover, with equal nets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.images import grid as grid_of
from saddlepoint.core.images import write_png
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.data.sources.mixtures import Grid25
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._pictures import SPAN, bars, cloud, photos, rows
from saddlepoint.lab.claims._stacked import SURE, Stacked
from saddlepoint.reporting.pictures import Chart, Picture
from saddlepoint.sampling.sampler import load_sampler

SAMPLES = 2500
"""As in Lin et al. 2018 (PacGAN), https://arxiv.org/abs/1712.04086, section 4.1."""
HIGH_QUALITY = 3.0
"""Standard deviations around a centre; also theirs."""
N_CRITIC = 5
ARMS = ("gan", "wgan", "wgan-gp")
TRIPLETS = 20_000
"""Stacked images that are trained on."""
DRAWN = 10_000
"""Stacked images that are drawn: even samples would leave out none of a thousand modes."""
LATENT = {"grid": 8, "stacked": 32}
"""A place in the plane has less to say than three images."""


@register("wasserstein-collapse")
@dataclass(frozen=True, kw_only=True)
class WassersteinCollapse(Claim):
    """Twenty-five clusters in the plane, and a thousand kinds of three stacked images.

    The images are the embedded digits, which every machine has; `--data mnist` stacks MNIST's.
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
        en="A mode counts as covered by a single good sample, as in the literature: near a centre "
        "of the grid, or with all three stacked images recognised by a classifier. So a blurred "
        "cloud covers modes, too: read the share of good samples beside it, and where hardly any "
        "is good, few modes are a matter of quality and not of collapse. The steps of the critic "
        "are not counted, so that the Wasserstein runs see five times the data and take longer. "
        "The nets are small and the runs are short.",
        vi="Một mode được coi là được phủ nếu có một mẫu tốt, như trong các bài báo: nằm gần một "
        "tâm của lưới, hoặc cả ba ảnh xếp chồng đều được bộ phân loại nhận ra. Vì vậy một đám mây "
        "nhòe cũng phủ được mode: hãy đọc kèm tỉ lệ mẫu tốt; nơi gần như không có mẫu tốt, số mode "
        "ít là do chất lượng chứ không phải do sụp đổ. Các bước của critic không được tính, nên "
        "những lần chạy Wasserstein thấy lượng dữ liệu gấp năm và tốn thời gian hơn. Mạng nhỏ và "
        "chạy ngắn.",
    )
    scaled: ClassVar = ("steps", "image_steps")
    default_data: ClassVar = "digits"

    steps: int = 1000
    """Of the generator, on the grid."""
    image_steps: int = 1000
    """Of the generator, on the stacked images."""
    batch_size: int = 128
    """Real items in a step, and as many generated ones."""
    widths: tuple[int, ...] = (128, 128, 128)
    """Hidden layers of each net."""
    lr: float = 1e-3
    """Learning rate of Adam, for every net."""
    clip: float = 0.1
    """Bound of the weights of the clipped critic."""

    def measure(self, work: Work) -> Numbers:
        grid: Numbers = {}
        for name in ARMS:
            made = self._made(work, name, "grid", "grid25", SAMPLES)
            grid[name] = covered(made) | {"points": made[:400].round(3).tolist()}
        stacked, file = Stacked(work), work.folder / "stacked.npz"
        stacked.write(file, TRIPLETS, work.seed)
        images: Numbers = {}
        for name in ARMS:
            made = self._made(work, name, "stacked", str(file), DRAWN)
            picture = work.folder / f"stacked-{name}.png"
            write_png(picture, grid_of(made[:64], columns=8))
            images[name] = stacked.covered(made) | {"picture": work.inside(picture)}
        return {"grid": grid, "stacked": images, "of": {"grid": 25, "stacked": stacked.modes}}

    def _made(self, work: Work, name: str, kind: str, data: str, n: int) -> np.ndarray:
        """Samples of a run: points float32 [n, 2], or images uint8 [n, h, w, 3]."""
        run = work.try_to_train(self._config(work, name, kind, data), f"{kind}-{name}")
        return np.concatenate(list(load_sampler(run.path).portions(range(n))))

    def _config(self, work: Work, name: str, kind: str, data: str) -> Config:
        adam = {"kind": "adam", "lr": self.lr, "beta1": 0.5, "beta2": 0.9}
        n_critic = 1 if name == "gan" else N_CRITIC
        steps = self.steps if kind == "grid" else self.image_steps
        changes: dict[str, Any] = {
            "arch.generator_widths": self.widths,
            "arch.discriminator_widths": self.widths,
            "arch.generator_norm": "none",
            "arch.latent_dim": LATENT[kind],
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
        kimg = steps * self.batch_size * n_critic / 1000
        return api.configure("gan", data, seed=work.seed, kimg=kimg, changes=changes)

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        on = {
            "grid": Text(en="grid25", vi="grid25"),
            "stacked": Text(en="stacked images", vi="ảnh xếp chồng"),
        }
        every = seeds[0]["of"]
        return [
            Question(
                asks=Text(
                    en=f"Modes covered, of {every[kind]:,} ({on[kind].en}): {name} minus gan",
                    vi=f"Số mode được phủ, trên {every[kind]} ({on[kind].vi}): {name} trừ gan",
                ),
                values=[s[kind][name]["modes"] - s[kind]["gan"]["modes"] for s in seeds],
                # An eighth of the modes.
                seen=every[kind] // 8,
                opposite=-(every[kind] // 8),
            )
            for kind in on
            for name in ("wgan-gp", "wgan")
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        samples = Text(en="Samples of {name}", vi="Mẫu của {name}")
        stacked = Text(en="Stacked images of {name}", vi="Ảnh xếp chồng của {name}")
        grid, images = seeds[0]["grid"], seeds[0]["stacked"]
        return [
            _bars(
                seeds,
                "grid",
                Text(en="On the grid", vi="Trên lưới"),
                Text(
                    en="Good: within 3 standard deviations of a centre.",
                    vi="Tốt: cách tâm không quá 3 độ lệch chuẩn.",
                ),
            ),
            _bars(
                seeds,
                "stacked",
                Text(en="On stacked images", vi="Trên ảnh xếp chồng"),
                Text(
                    en=f"Good: of all three images the classifier is at least {SURE:.0%} sure.",
                    vi=f"Tốt: với cả ba ảnh, bộ phân loại chắc chắn ít nhất {SURE:.0%}.",
                ),
            ),
            *(
                cloud(samples.filled(name=name), grid[name]["points"], Grid25().centres())
                for name in ARMS
            ),
            *photos(stacked, images, {name: name for name in ARMS}, "picture"),
        ]


def _bars(seeds: Sequence[Numbers], kind: str, title: Text, good: Text) -> Chart:
    """Modes and good samples, both as shares, by loss."""
    every, arms = seeds[0]["of"][kind], [s[kind] for s in seeds]
    modes = [[n / every for n in row] for row in rows(arms, ARMS, "modes")]
    return bars(
        (title, Text(en="Loss", vi="Hàm mất mát"), Text(en="Share", vi="Tỉ lệ")),
        ARMS,
        [
            (Text(en=f"of {every:,} modes", vi=f"trên {every} mode"), modes),
            (Text(en="of samples: good", vi="mẫu tốt"), rows(arms, ARMS, "good")),
        ],
        Text(en="{span} {good}", vi="{span} {good}").filled(span=SPAN, good=good),
    )


def covered(points: np.ndarray) -> dict[str, float]:
    """Modes of grid25 with a good sample, and the share of good ones; points float [n, 2]."""
    source = Grid25()
    distance = np.linalg.norm(points[:, None] - source.centres()[None], axis=2)
    good = distance.min(1) <= HIGH_QUALITY * source.std
    modes = len(np.unique(distance.argmin(1)[good]))
    return {"modes": modes, "good": float(good.mean())}
