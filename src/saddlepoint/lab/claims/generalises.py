"""Are the samples copies of the images that were trained on?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from saddlepoint import api
from saddlepoint.core.errors import InputError
from saddlepoint.core.images import grid, write_png
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text, counted
from saddlepoint.evaluation.metrics.memorisation import closest_of
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, small_dcgan
from saddlepoint.lab.claims._pictures import SHARE, bars, photos, rows
from saddlepoint.reporting.pictures import Picture

PAIRS, COLUMNS = 32, 16
"""Samples beside their nearest training images in the picture."""

ROUGH = 1.5
"""A generator whose samples lie so much farther from the training images than unseen real ones do
is too rough to have copied anything, which says nothing for it."""


@register("generalises")
@dataclass(frozen=True, kw_only=True)
class Generalises(Claim):
    """A sample counts as a copy if it is nearer to a training image than that is to any other.

    Alaa et al. 2022, https://arxiv.org/abs/2102.08921, section 4 (1 - authenticity).
    """

    chapter: ClassVar = "gan"
    sentence: ClassVar = Text(
        en="The generator never sees the data themselves, so it learns a general distribution "
        "instead of copies.",
        vi="Generator không bao giờ trực tiếp thấy dữ liệu, nên nó học một phân phối tổng quát "
        "chứ không phải các bản sao.",
    )
    varied: ClassVar = Text(
        en="Who makes the images: the GAN; a model that copies a training image and adds a little "
        "noise; real images that were not trained on. And the number of training images.",
        vi="Ai tạo ra ảnh: GAN; một mô hình sao chép ảnh huấn luyện và thêm chút nhiễu; ảnh thật "
        "không dùng để huấn luyện. Và số ảnh huấn luyện.",
    )
    held: ClassVar = Text(
        en="The measure, in pixels, and what it is compared with; nets, recipe, images shown.",
        vi="Độ đo, tính trên điểm ảnh, và tập so sánh; mạng, công thức huấn luyện, số ảnh đã xem.",
    )
    meaning: ClassVar = Text(
        en="Some samples are near a training image by chance, and so are real ones that nobody "
        "trained on: only what is above their share counts. That the generator never sees the data "
        "protects it little: the discriminator does, and with few images it learns them by heart "
        "and passes that on. In short runs the samples are still too rough to be copies of "
        "anything.",
        vi="Một số mẫu tình cờ nằm gần ảnh huấn luyện, ảnh thật không dùng để huấn luyện cũng vậy: "
        "chỉ phần vượt quá tỉ lệ đó mới đáng kể. Việc generator không thấy dữ liệu bảo vệ nó rất "
        "ít: discriminator thì thấy, và khi có ít ảnh nó học thuộc lòng rồi truyền lại. Khi huấn "
        "luyện ngắn, mẫu còn quá thô để là bản sao của bất cứ thứ gì.",
    )
    scaled: ClassVar = ("kimg",)
    default_data: ClassVar = "fashion-mnist"

    kimg: float = 80
    """Of each run."""
    width: int = 16
    """Feature maps of both nets at their largest resolution."""
    counts: tuple[int, ...] = (100, 2000)
    """Training images of the two runs."""
    n: int = 1000
    """Samples that are looked at."""
    noise: float = 4.0
    """Of the model that copies, in grey levels."""

    def measure(self, work: Work) -> Numbers:
        data = work.dataset
        if not data.spec.is_image or len(data) < self.counts[-1] // 2 + 200:
            raise InputError(f"{data.name} has too few images; give other data by --data.")
        order = torch.randperm(len(data), generator=work.random("images")).numpy()
        found = {}
        for count in self.counts:
            count = min(count, len(data) // 2)
            train = np.array(data.images[np.sort(order[:count])])
            unseen = np.array(data.images[np.sort(order[-min(self.n, len(data) // 2) :])])
            file = work.folder / f"train-{count}.npz"
            np.savez(file, images=train)
            nets = small_dcgan(self.width)
            config = api.configure("dcgan", str(file), seed=work.seed, kimg=self.kimg, changes=nets)
            made = api.Run(work.train(config, f"on-{count}").path).sample(seeds=range(self.n))
            draws = np.random.Generator(np.random.PCG64(work.seed))
            copied = train[draws.integers(count, size=self.n)].astype(np.float64)
            copied = np.clip(copied + draws.normal(0, self.noise, copied.shape), 0, 255)
            sets = {"gan": made, "copies": copied.astype(np.uint8), "unseen": unseen}
            picture = work.folder / f"nearest-{count}.png"
            write_png(picture, _pairs(made, train))
            judged = {name: memorised(images, train) for name, images in sets.items()}
            found[str(count)] = {
                "shares": {name: share for name, (share, _, _) in judged.items()},
                "rough": (judged["gan"][1].median() / judged["unseen"][1].median()).item(),
                "picture": work.inside(picture),
            }
        return found

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        few, many = seeds[0]

        def above(count: str) -> list[float | None]:
            return [
                s[count]["shares"]["gan"] - s[count]["shares"]["unseen"]
                if s[count]["rough"] <= ROUGH
                else None
                for s in seeds
            ]

        asks = Text(
            en="Share of copies above that of unseen real images, {count} training images",
            vi="Tỉ lệ bản sao vượt quá tỉ lệ của ảnh thật chưa thấy, {count} ảnh huấn luyện",
        )
        return [
            Question(
                asks=asks.filled(count=counted(int(count))),
                values=above(count),
                seen=0.05,
                opposite=0.3,
            )
            for count in (many, few)
        ] + [
            Question(
                asks=Text(
                    en="The same for a model that copies: the measure sees it",
                    vi="Con số tương tự cho mô hình sao chép: độ đo phát hiện được",
                ),
                values=[s[many]["shares"]["copies"] - s[many]["shares"]["unseen"] for s in seeds],
                seen=0.5,
                opposite=0.05,
            )
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        counts = list(seeds[0])
        words = {
            "gan": Text(en="GAN", vi="GAN"),
            "copies": Text(en="a model that copies", vi="mô hình sao chép"),
            "unseen": Text(en="unseen real images", vi="ảnh thật chưa thấy"),
        }
        shares = [{count: s[count]["shares"] for count in counts} for s in seeds]
        return [
            bars(
                (
                    Text(en="Nearer to a training image", vi="Gần ảnh huấn luyện"),
                    Text(en="Training images", vi="Số ảnh huấn luyện"),
                    SHARE,
                ),
                counts,
                [(word, rows(shares, counts, name)) for name, word in words.items()],
                Text(
                    en="Nearer to one than that is to any other. Mean, lowest and highest seed.",
                    vi="Gần một ảnh hơn khoảng cách từ ảnh đó tới mọi ảnh khác. Trung bình, seed "
                    "thấp nhất và cao nhất.",
                ),
            ),
            *photos(
                Text(
                    en="Samples and their nearest of {name} training images",
                    vi="Mẫu và ảnh gần nhất trong {name} ảnh huấn luyện",
                ),
                seeds[0],
                {count: counted(int(count)) for count in counts},
                "picture",
                Text(
                    en="In pairs: left the sample, right the training image; the most suspicious "
                    "first.",
                    vi="Theo cặp: bên trái là mẫu, bên phải là ảnh huấn luyện; đáng ngờ nhất đứng "
                    "trước.",
                ),
            ),
        ]


def memorised(images: np.ndarray, train: np.ndarray) -> tuple[float, Tensor, Tensor]:
    """Share of images that are nearer to a training image than that is to any other.

    Args:
        images, train: uint8 [n, h, w, c], [m, h, w, c] with m >= 2.

    Returns:
        The share, how suspicious each image is (below 1: a copy) and its nearest training image.
    """
    made, known = (torch.from_numpy(x).flatten(1).float() / 255 for x in (images, train))
    found = closest_of([made], known)[0]
    share = found.suspicious.float().mean().item()
    return share, found.share.sqrt(), found.neighbours[:, 0]


def _pairs(made: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The most suspicious samples, each with its nearest training image to its right."""
    _, suspicion, nearest = memorised(made, train)
    order = suspicion.argsort()[:PAIRS].tolist()
    pairs = [picture for i in order for picture in (made[i], train[int(nearest[i])])]
    return grid(np.stack(pairs), COLUMNS)
