"""A generator that is chased from mode to mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from saddlepoint.core.images import scatter, write_gif
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, over_seeds
from saddlepoint.lab.claims._pictures import photos
from saddlepoint.lab.claims._ring import MODES, Game, shares
from saddlepoint.reporting.pictures import HeatMap, Picture

HALF = 0.5
"""A mode that holds so much of all samples is where the generator is."""


@register("mode-cycle")
@dataclass(frozen=True, kw_only=True)
class ModeCycle(Claim):
    """Eight clusters for dogs, cats and the others; where the generator is can be counted.

    Metz et al. 2017, https://arxiv.org/abs/1611.02163, section 3.1, figure 2, where the
    discriminator also learns ten times as slowly.
    """

    chapter: ClassVar = "failures"
    sentence: ClassVar = Text(
        en="The vicious circle: the generator makes only dogs, the discriminator learns that dogs "
        "are fake, the generator makes only cats, and so on.",
        vi="Vòng luẩn quẩn: generator chỉ sinh ra chó, discriminator học được rằng chó là giả, "
        "generator chuyển sang chỉ sinh ra mèo, và cứ thế tiếp diễn.",
    )
    varied: ClassVar = Text(
        en="The discriminator's learning rate: a slow one, and one as fast as the generator's.",
        vi="Tốc độ học của discriminator: chậm, hoặc bằng tốc độ của generator.",
    )
    held: ClassVar = Text(
        en="Data, nets, first weights, the generator's learning rate, loss, number of steps.",
        vi="Dữ liệu, mạng, trọng số ban đầu, tốc độ học của generator, hàm mất mát, số bước.",
    )
    meaning: ClassVar = Text(
        en="In the heat map a stripe that jumps is the circle of the lecture; stripes that lie "
        "side by side are variety; one stripe that stays is collapse without a circle. The circle "
        "needs a discriminator that is slow enough to be fooled for a while and fast enough to "
        "notice in the end. On images it is seldom so clean: there the generator leaves some kinds "
        "out and comes back to them.",
        vi="Trên bản đồ nhiệt, một vệt nhảy qua nhảy lại là vòng luẩn quẩn của bài giảng; các vệt "
        "nằm song song là sự đa dạng; một vệt đứng yên là sụp đổ mà không có vòng. Vòng này cần "
        "một discriminator đủ chậm để bị lừa một thời gian và đủ nhanh để cuối cùng nhận ra. Trên "
        "ảnh, hiện tượng hiếm khi rõ như vậy: generator bỏ một số loại rồi quay lại với chúng.",
    )
    scaled: ClassVar = ("steps",)

    steps: int = 6000
    """Of each run."""
    checks: int = 80
    """Moments at which the generator is looked at."""
    every: int = 4
    """Steps between two looks; they are the last of the run. The generator moves on within
    dozens of steps, and with fewer looks the stripe would be dots."""
    lr: float = 1e-3
    """Of the generator, and of the fast discriminator."""
    slow: float = 1e-4
    """Of the slow discriminator."""

    def measure(self, work: Work) -> Numbers:
        found: Numbers = {}
        for name, lr_d in (("slow", self.slow), ("fast", self.lr)):
            game = Game(steps=self.steps, checks=self.checks, lr_g=self.lr, lr_d=lr_d)
            points = replace(game, every=self.every).play(work)
            film = work.folder / f"{name}.gif"
            write_gif(film, [scatter(frame, 1.6, 240) for frame in points])
            rows = [shares(frame) for frame in points]
            found[name] = {"shares": rows, "visited": visited(rows), "film": work.inside(film)}
        return found

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def top(seed: Numbers, name: str) -> float:
            """Mean share of the fullest mode."""
            return float(np.mean([max(row) for row in seed[name]["shares"]]))

        return [
            Question(
                asks=Text(
                    en="Different modes that held half of the samples in turn, slow discriminator",
                    vi="Số mode khác nhau lần lượt chiếm nửa số mẫu, discriminator chậm",
                ),
                values=[len(set(s["visited"])) for s in over_seeds(seeds, "slow")],
                # A circle has three places at least; one is collapse without a circle.
                seen=3,
                opposite=1,
            ),
            Question(
                asks=Text(
                    en="Mean share of the fullest mode: slow minus fast discriminator",
                    vi="Tỉ lệ trung bình của mode đông nhất: discriminator chậm trừ nhanh",
                ),
                values=[top(s, "slow") - top(s, "fast") for s in seeds],
                seen=0.2,
                opposite=0.0,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        words = {
            "slow": Text(en="slow discriminator", vi="discriminator chậm"),
            "fast": Text(en="fast discriminator", vi="discriminator nhanh"),
        }
        films = photos(
            Text(en="The film, {name}", vi="Thước phim, {name}"),
            seeds[0],
            words,
            "film",
            Text(
                en="The same latents from the first check to the last.",
                vi="Cùng các vectơ ẩn, từ lần kiểm tra đầu đến cuối.",
            ),
        )
        return [*(self._stripes(seeds[0][name], word) for name, word in words.items()), *films]

    def _stripes(self, run: Numbers, word: Text) -> HeatMap:
        """The share of samples in each mode, from the first look to the last."""
        shares = np.array(run["shares"]).T
        last = shares.shape[1] - 1
        title = Text(en="Samples in each mode, {word}", vi="Mẫu ở mỗi mode, {word}")
        return HeatMap(
            title=title.filled(word=word),
            x_label=Text(en="Training steps", vi="Số bước huấn luyện"),
            y_label=Text(en="Mode", vi="Mode"),
            x=[self.steps - self.every * (last - i) for i in range(last + 1)],
            y=[str(i) for i in range(MODES)],
            z=shares.tolist(),
            reads=Text(
                en="The first seed; dark: most samples are there.",
                vi="Seed đầu tiên; đậm: phần lớn mẫu ở đó.",
            ),
        )


def visited(rows: Sequence[Sequence[float]]) -> list[int]:
    """The modes that held half of the samples, one after the other; a stay counts once."""
    found: list[int] = []
    for row in rows:
        fullest = int(np.argmax(row))
        if row[fullest] >= HALF and (not found or found[-1] != fullest):
            found.append(fullest)
    return found
