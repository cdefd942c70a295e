"""One-hot, embedding and every layer under one recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._conditional import MARKS, WAY_NAMES, WAYS, Marks, conditional, learnt
from saddlepoint.lab.claims._pictures import SAMPLES, SHARE, WAY, bars, photos, rows
from saddlepoint.reporting.pictures import Picture


@register("condition-ways")
@dataclass(frozen=True, kw_only=True)
class ConditionWays(Claim):
    """Presets differ in more than the label's way; here nothing else does.

    Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784; Dumoulin et al. 2017,
    https://arxiv.org/abs/1610.07629; Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637.
    """

    chapter: ClassVar = "cgan"
    sentence: ClassVar = Text(
        en="A one-hot vector at the input is not good for images; an embedding is better, and the "
        "label in every layer better still.",
        vi="Vectơ one-hot ở đầu vào không tốt cho ảnh; embedding tốt hơn, và đưa nhãn vào mọi lớp "
        "còn tốt hơn nữa.",
    )
    varied: ClassVar = Text(en="How the label enters both nets.", vi="Cách đưa nhãn vào hai mạng.")
    held: ClassVar = Text(
        en="DCGAN nets of equal widths, latent, optimisers, schedule, share of wrong labels, "
        "number of images, data and their order.",
        vi="Mạng DCGAN cùng số kênh, vectơ ẩn, thuật toán tối ưu, lịch học, tỉ lệ nhãn sai, số "
        "ảnh, dữ liệu và thứ tự.",
    )
    meaning: ClassVar = Text(
        en="Label accuracy is what a classifier of the real images says; recall is read beside it, "
        "because a model that draws one clear picture of each class has full accuracy. With ten "
        "labels a one-hot vector is not long: what the lecture holds against it is about many "
        "labels (see many-labels).",
        vi="Độ chính xác nhãn do một bộ phân loại học trên ảnh thật đánh giá; cần đọc kèm Recall, "
        "vì một mô hình vẽ đúng một ảnh rõ ràng cho mỗi lớp cũng đạt độ chính xác tuyệt đối. Với "
        "mười nhãn, vectơ one-hot không dài: điều bài giảng phê phán là khi có nhiều nhãn (xem "
        "many-labels).",
    )
    scaled: ClassVar = ("kimg",)
    default_data: ClassVar = "fashion-mnist"

    kimg: float = 60
    """Of each run."""
    width: int = 16
    """Feature maps of both nets at their largest resolution."""
    n: int = 2000
    """Images of each set in the scores."""

    def measure(self, work: Work) -> Numbers:
        marks = Marks(work, self.n)
        found = {}
        for way in WAYS:
            run = work.train(conditional(work, way, self.kimg, self.width), way)
            found[way] = marks.of(run.path) | {"grid": work.inside(run.samples[-1])}
        return found

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def both(seed: Numbers, better: str, worse: str, measure: str) -> bool:
            """Whether there is something to compare: labels obeyed, or any recall at all."""
            if measure == "accuracy":
                return learnt(seed[better], seed[worse])
            return max(seed[better][measure], seed[worse][measure]) >= 0.05

        def more(better: str, worse: str, what: str, measure: str, what_vi: str) -> Question:
            asks = Text(en=f"{what}: {{a}} minus {{b}}", vi=f"{what_vi}: {{a}} trừ {{b}}")
            return Question(
                asks=asks.filled(a=WAY_NAMES[better], b=WAY_NAMES[worse]),
                values=[
                    s[better][measure] - s[worse][measure]
                    if both(s, better, worse, measure)
                    else None
                    for s in seeds
                ],
                seen=0.02,
                opposite=-0.02,
            )

        accuracy = ("Label accuracy", "accuracy", "Độ chính xác nhãn")
        return [
            more("embedding", "onehot", *accuracy),
            more("every-layer", "embedding", *accuracy),
            more("every-layer", "onehot", "Recall", "recall", "Recall"),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        names = {way: WAY_NAMES[way] for way in WAYS}
        return [
            bars(
                (Text(en="Three ways, one recipe", vi="Ba cách, một công thức"), WAY, SHARE),
                list(names.values()),
                [(word, rows(seeds, WAYS, mark)) for mark, word in MARKS.items()],
            ),
            *photos(SAMPLES, seeds[0], names),
        ]
