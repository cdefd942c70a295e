"""Does a label keep a generator from leaving kinds of images out?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._conditional import WAY_NAMES, Marks, conditional
from saddlepoint.lab.claims._pictures import SAMPLES, WAY, bars, photos, rows
from saddlepoint.reporting.pictures import Picture

ARMS = ("none", "every-layer")


@register("condition-collapse")
@dataclass(frozen=True, kw_only=True)
class ConditionCollapse(Claim):
    """The same small DCGAN with and without labels."""

    chapter: ClassVar = "cgan"
    sentence: ClassVar = Text(
        en="In some tasks a label limits mode collapse.",
        vi="Trong một số bài toán, nhãn giúp hạn chế Mode Collapse.",
    )
    varied: ClassVar = Text(
        en="Labels: none, or in every layer of the generator and as a projection in the "
        "discriminator.",
        vi="Nhãn: không có, hoặc ở mọi lớp của generator và dưới dạng phép chiếu trong "
        "discriminator.",
    )
    held: ClassVar = Text(
        en="DCGAN nets of equal widths, latent, optimisers, number of images, data and their "
        "order.",
        vi="Mạng DCGAN cùng số kênh, vectơ ẩn, thuật toán tối ưu, số ảnh, dữ liệu và thứ tự.",
    )
    meaning: ClassVar = Text(
        en="Asked for every class equally often, a conditional model can hardly leave one out: "
        "that is the first number, the evenness of the classes among the samples. Within a class "
        "it may still make one image over and over, which recall sees and the label does not "
        "prevent. A quarter of the conditional discriminator's fakes are real images with a wrong "
        "label, so that it sees fewer generated ones.",
        vi="Khi mọi lớp được yêu cầu như nhau, mô hình có điều kiện khó mà bỏ sót lớp nào: đó là "
        "con số thứ nhất, độ đều của các lớp trong mẫu. Trong mỗi lớp nó vẫn có thể lặp lại một "
        "ảnh, điều mà Recall thấy được còn nhãn thì không ngăn được. Một phần tư số ảnh giả của "
        "discriminator có điều kiện là ảnh thật mang nhãn sai, nên nó thấy ít ảnh sinh ra hơn.",
    )
    scaled: ClassVar = ("kimg",)
    default_data: ClassVar = "fashion-mnist"

    kimg: float = 80
    """Of each run."""
    width: int = 16
    """Feature maps of both nets at their largest resolution."""
    n: int = 2000
    """Images of each set in the scores."""

    def measure(self, work: Work) -> Numbers:
        marks = Marks(work, self.n)
        found = {}
        for way in ARMS:
            run = work.train(conditional(work, way, self.kimg, self.width), way)
            found[way] = marks.of(run.path, labelled=way != "none")
            found[way]["grid"] = work.inside(run.samples[-1])
        return found

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def more(pairs: list[tuple[float, float]], least: float = 0.0) -> list[float | None]:
            # Two models that have no recall yet do not differ in it.
            return [
                labelled - without if max(labelled, without) >= least else None
                for without, labelled in pairs
            ]

        return [
            Question(
                asks=Text(
                    en="Evenness of the classes (1: all alike), with labels minus without",
                    vi="Độ đều của các lớp (1: đều nhau), có nhãn trừ không nhãn",
                ),
                values=more([(evenness(s["none"]), evenness(s["every-layer"])) for s in seeds]),
                seen=0.02,
                opposite=-0.02,
            ),
            Question(
                asks=Text(
                    en="Recall, with labels minus without", vi="Recall, có nhãn trừ không nhãn"
                ),
                values=more(
                    [(s["none"]["recall"], s["every-layer"]["recall"]) for s in seeds], 0.05
                ),
                seen=0.03,
                opposite=-0.03,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        classes = [str(i) for i in range(len(seeds[0]["none"]["classes"]))]
        names = {way: WAY_NAMES[way] for way in ARMS}
        return [
            bars(
                (
                    Text(en="Classes among the samples", vi="Các lớp trong mẫu"),
                    Text(en="Class", vi="Lớp"),
                    Text(en="Share of samples", vi="Tỉ lệ mẫu"),
                ),
                classes,
                [(name, [s[way]["classes"] for s in seeds]) for way, name in names.items()],
                rests=[(1 / len(classes), Text(en="even", vi="đều"))],
            ),
            bars(
                (
                    Text(en="Recall", vi="Recall"),
                    WAY,
                    Text(en="Share of real images", vi="Tỉ lệ ảnh thật"),
                ),
                list(names.values()),
                [("recall", rows(seeds, ARMS, "recall"))],
            ),
            *photos(SAMPLES, seeds[0], names),
        ]


def evenness(marks: Numbers) -> float:
    """Entropy of the classes over its maximum: 1 where all are alike, 0 for one alone."""
    shares = [share for share in marks["classes"] if share > 0]
    return -sum(share * math.log(share) for share in shares) / math.log(len(marks["classes"]))
