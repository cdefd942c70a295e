"""FID against the number of images, where the true distance is 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.errors import InputError
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.arrays import score_features
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._features import Halves, sizes_up_to
from saddlepoint.lab.claims._pictures import line, spread
from saddlepoint.reporting.pictures import Chart, Picture

LINE = Text(en="line, largest N", vi="đường thẳng, N lớn nhất")


@register("fid-bias")
@dataclass(frozen=True, kw_only=True)
class FidBias(Claim):
    """Two sets of real images stand in for a perfect generator.

    Chong & Forsyth 2020, https://arxiv.org/abs/1911.07023, section 3.
    """

    chapter: ClassVar = "measures"
    sentence: ClassVar = Text(
        en="FID depends on the number of images: fewer give a higher one for the same generator; "
        "extrapolated to infinitely many, FID∞ does not.",
        vi="FID phụ thuộc vào số ảnh: ít ảnh hơn cho FID cao hơn với cùng một generator; ngoại suy "
        "đến vô hạn ảnh, FID∞ thì không.",
    )
    varied: ClassVar = Text(
        en="The number of images of either set, N real and N others.",
        vi="Số ảnh của mỗi tập, N ảnh thật và N ảnh còn lại.",
    )
    held: ClassVar = Text(
        en="Both sets are real images of the same data, so that the true distance is 0; the "
        "features are the same.",
        vi="Cả hai tập đều là ảnh thật của cùng một dữ liệu, nên khoảng cách đúng là 0; đặc trưng "
        "giữ nguyên.",
    )
    meaning: ClassVar = Text(
        en="FID is never 0 here, though nothing separates the sets: means and covariances are "
        "estimated, and every error adds to the distance. The excess falls nearly as 1/N, so that "
        "a line over 1/N tells what is left. Two FIDs may be compared only at equal N; the "
        "lecture's table does not say its N.",
        vi="Ở đây FID không bao giờ bằng 0, dù hai tập không khác gì nhau: trung bình và hiệp "
        "phương sai đều được ước lượng, và mọi sai số đều cộng vào khoảng cách. Phần dư giảm gần "
        "như 1/N, nên một đường thẳng theo 1/N cho biết phần còn lại. Chỉ được so sánh hai FID khi "
        "N bằng nhau; bảng trong bài giảng không cho biết N.",
    )
    scaled: ClassVar = ("most",)
    default_data: ClassVar = "fashion-mnist"

    most: int = 5000
    """Images of each set; at most a third of the data."""
    sizes: tuple[int, ...] = (250, 500, 1000, 2000, 5000, 10_000)
    """Images of a set, one value a point of the curve; larger ones than there are are left out."""

    def measure(self, work: Work) -> Numbers:
        halves = Halves(work, self.most)
        real, others = halves.of(halves.one), halves.of(halves.other)
        sizes = sizes_up_to(halves.n, self.sizes)
        if len(sizes) < 2:
            raise InputError(
                f"{halves.n} images of each set are too few to see how FID changes with their "
                f"number; more than {2 * self.sizes[0]} are needed: use other data, or --minutes."
            )
        scores = [score_features(real[:n], others[:n]) for n in sizes]
        fid = [score["fid"] for score in scores]
        # The lines of small sets are bent: no more than three sizes, and the largest.
        slope, rest = np.polyfit([1 / n for n in sizes[-3:]], fid[-3:], 1)
        return {"sizes": sizes, "fid": fid, "rest": float(rest), "slope": float(slope)}

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        sizes = seeds[0]["sizes"]
        return [
            Question(
                asks=Text(
                    en=f"FID of {sizes[0]:,} images over that of {sizes[-1]:,}",
                    vi=f"FID của {sizes[0]} ảnh so với của {sizes[-1]} ảnh",
                ),
                values=[s["fid"][0] / s["fid"][-1] for s in seeds],
                seen=2.0,
                opposite=1.0,
                ratio=True,
            ),
            Question(
                asks=Text(
                    en=f"What the line over 1/N leaves, as a share of the FID of {sizes[0]:,}",
                    vi=f"Phần còn lại theo đường thẳng 1/N, so với FID của {sizes[0]} ảnh",
                ),
                values=[abs(s["rest"]) / s["fid"][0] for s in seeds],
                seen=0.1,
                opposite=0.5,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        sizes = seeds[0]["sizes"]
        over_n = spread("FID", sizes, [s["fid"] for s in seeds])
        rest = sum(s["rest"] for s in seeds) / len(seeds)
        slope = sum(s["slope"] for s in seeds) / len(seeds)
        ends = [0.0, 1 / sizes[0]]
        fid = Text(en="FID (the truth is 0)", vi="FID (giá trị đúng là 0)")
        return [
            Chart(
                title=Text(en="FID against N", vi="FID theo N"),
                x_label=Text(en="N (log scale)", vi="N (thang log)"),
                y_label=fid,
                curves=[over_n],
                log_x=True,
                rests=[(0.0, Text(en="the truth", vi="giá trị đúng"))],
                reads=Text(
                    en="The same two kinds of image throughout; mean, lowest and highest seed.",
                    vi="Luôn là hai tập ảnh cùng loại; trung bình, seed thấp nhất và cao nhất.",
                ),
            ),
            Chart(
                title=Text(en="FID against 1/N", vi="FID theo 1/N"),
                x_label=Text(en="1 / N", vi="1 / N"),
                y_label=fid,
                curves=[
                    line("FID", [1 / n for n in sizes], over_n.y, mark="points"),
                    line(LINE, ends, [rest + slope * x for x in ends], dash=True),
                ],
                rests=[(0.0, "FID∞ = 0")],
                reads=Text(
                    en="Nearly a line; where it meets 1/N = 0 stands FID∞.",
                    vi="Gần như một đường thẳng; nơi nó cắt 1/N = 0 là FID∞.",
                ),
            ),
        ]
