"""The lecture's causes of collapse, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._pictures import bars, cloud, rows
from saddlepoint.lab.claims._ring import MODES, Game, covered
from saddlepoint.reporting.pictures import Picture

NAMES = {
    "plain": Text(en="plain", vi="cơ sở"),
    "slow": Text(en="slow D", vi="D chậm"),
    "strong": Text(en="strong G", vi="G mạnh"),
    "alike": Text(en="slow D, alikeness seen", vi="D chậm, thấy sự giống nhau"),
}
LAST = 1 / 3
"""Share of the checks, at the end, whose modes are averaged: collapse comes and goes."""


@register("collapse-causes")
@dataclass(frozen=True, kw_only=True)
class CollapseCauses(Claim):
    """From one plain game, one thing is changed for each cause.

    The batch's deviation as an input: Karras et al. 2018, https://arxiv.org/abs/1710.10196,
    section 3.
    """

    chapter: ClassVar = "failures"
    sentence: ClassVar = Text(
        en="Mode collapse comes from a discriminator that learns too slowly, from a generator that "
        "is too strong, and from a loss that does not punish images for being alike.",
        vi="Mode Collapse xuất phát từ discriminator học quá chậm, generator quá mạnh, và hàm mất "
        "mát không phạt các ảnh giống nhau.",
    )
    varied: ClassVar = Text(
        en="One cause at a time: the discriminator's learning rate; the generator's size and "
        "learning rate; whether the slow discriminator is told how far its batch is spread.",
        vi="Mỗi lần một nguyên nhân: tốc độ học của discriminator; kích thước và tốc độ học của "
        "generator; discriminator chậm có được biết độ phân tán của batch hay không.",
    )
    held: ClassVar = Text(
        en="Data, loss, batch size, steps, and all that is not the cause.",
        vi="Dữ liệu, hàm mất mát, kích thước batch, số bước, và mọi thứ không phải nguyên nhân.",
    )
    meaning: ClassVar = Text(
        en="Collapse is partial where some modes are left and complete where one is. What counts "
        "is the difference to the plain game, which may itself lose modes: the third cause is "
        "the loss's own, so that it shows in reverse, as modes won back by a discriminator that "
        "sees alikeness, where there is a collapse to begin with. The lecture's remedy for "
        "collapse strengthens the generator, which is its second cause: both cannot hold in one "
        "game.",
        vi="Sụp đổ là một phần khi còn vài mode, và hoàn toàn khi chỉ còn một. Điều đáng kể là "
        "chênh lệch so với trường hợp cơ sở, vốn cũng có thể mất mode: nguyên nhân thứ ba nằm "
        "trong chính hàm mất mát nên thể hiện ngược lại, qua số mode giành lại được khi "
        "discriminator thấy sự giống nhau, ở nơi đã có sụp đổ. Cách khắc phục của bài giảng là "
        "tăng cường generator, lại chính là nguyên nhân thứ hai: cả hai không thể cùng đúng "
        "trong một trò chơi.",
    )
    scaled: ClassVar = ("steps",)

    steps: int = 5000
    """Of each of the four runs."""
    checks: int = 30
    """Moments at which the generator is looked at."""
    slower: float = 20.0
    """The slow discriminator's learning rate is so much smaller."""
    stronger: float = 3.0
    """The strong generator's layers are so much wider, and it learns so much faster."""

    def measure(self, work: Work) -> Numbers:
        found = {}
        for name, game in self._games().items():
            points = game.play(work)
            modes = [covered(frame) for frame in points]
            last = modes[-max(1, round(LAST * len(modes))) :]
            found[name] = {
                "modes": float(np.mean(last)),
                "course": modes,
                "points": points[-1][:300].round(3).tolist(),
            }
        return found

    def _games(self) -> dict[str, Game]:
        plain = Game(steps=self.steps, checks=self.checks)
        slow = replace(plain, lr_d=plain.lr_d / self.slower)
        wide = tuple(round(width * self.stronger) for width in plain.generator_widths)
        return {
            "plain": plain,
            "slow": slow,
            "strong": replace(plain, generator_widths=wide, lr_g=plain.lr_g * self.stronger),
            "alike": replace(slow, minibatch_stddev=True),
        }

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def lost(more: str, fewer: str) -> list[float]:
            return [s[more]["modes"] - s[fewer]["modes"] for s in seeds]

        asked = [
            (
                "Modes lost by a slow discriminator, of 8",
                "Số mode mất đi do discriminator chậm, trên 8",
                lost("plain", "slow"),
            ),
            (
                "Modes lost by a strong generator",
                "Số mode mất đi do generator mạnh",
                lost("plain", "strong"),
            ),
            (
                "Modes won back when the slow discriminator sees alikeness",
                "Số mode giành lại được khi discriminator chậm thấy sự giống nhau",
                lost("alike", "slow"),
            ),
        ]
        return [
            Question(asks=Text(en=en, vi=vi), values=values, seen=1.5, opposite=-1.5)
            for en, vi, values in asked
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        modes = bars(
            (
                Text(en="Modes covered at the end", vi="Số mode được phủ ở cuối"),
                Text(en="What is changed", vi="Điều được thay đổi"),
                Text(en="Of 8", vi="Trên 8"),
            ),
            list(NAMES.values()),
            [("", rows(seeds, list(NAMES), "modes"))],
            Text(
                en="Mean over the last third of the checks; lowest and highest seed.",
                vi="Trung bình trên một phần ba cuối; seed thấp nhất và cao nhất.",
            ),
            rests=[(float(MODES), Text(en="all", vi="tất cả"))],
        )
        title = Text(en="At the end: {name}", vi="Ở cuối: {name}")
        return [
            modes,
            *(
                cloud(title.filled(name=name), seeds[0][arm]["points"], Ring8().centres())
                for arm, name in NAMES.items()
            ),
        ]
