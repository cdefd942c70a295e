"""What wrong labels in the data do to a conditional model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._conditional import MARKS, Marks, conditional, learnt
from saddlepoint.lab.claims._pictures import SHARE, line, rows, spread
from saddlepoint.reporting.pictures import Chart, Picture


@register("label-noise")
@dataclass(frozen=True, kw_only=True)
class LabelNoise(Claim):
    """A share of the training labels is made wrong, before training and once for all."""

    chapter: ClassVar = "cgan"
    sentence: ClassVar = Text(
        en="A conditional GAN needs labelled data: with wrong labels it does not make what is "
        "asked for.",
        vi="GAN có điều kiện cần dữ liệu có nhãn: với nhãn sai, nó không sinh ra đúng thứ được "
        "yêu cầu.",
    )
    varied: ClassVar = Text(
        en="The share of training labels that are replaced by a wrong one.",
        vi="Tỉ lệ nhãn huấn luyện bị thay bằng nhãn sai.",
    )
    held: ClassVar = Text(
        en="Images, nets with the label in every layer, recipe, budget; accuracy is judged by a "
        "classifier that learned from the right labels.",
        vi="Ảnh, mạng có nhãn ở mọi lớp, công thức huấn luyện, ngân sách; độ chính xác do một bộ "
        "phân loại học từ nhãn đúng đánh giá.",
    )
    meaning: ClassVar = Text(
        en="At a share r of wrong labels, a model that copied its data would be right in 1 − r of "
        "the cases: that is the dashed line. Above it, the model has averaged "
        "the mistakes out; with all labels wrong it learns what each class is not.",
        vi="Với tỉ lệ nhãn sai r, một mô hình sao chép đúng dữ liệu sẽ đúng trong 1 − r trường "
        "hợp: đó là đường nét đứt. Nếu nằm trên đường này, mô hình đã bù trừ được các sai sót; khi "
        "mọi nhãn đều sai, nó học được mỗi lớp không phải là gì.",
    )
    scaled: ClassVar = ("kimg",)
    default_data: ClassVar = "fashion-mnist"

    kimg: float = 40
    """Of each run."""
    width: int = 16
    """Feature maps of both nets at their largest resolution."""
    shares: tuple[float, ...] = (0.0, 0.2, 0.5, 1.0)
    """Shares of the labels that are replaced by a wrong one."""
    images: int = 20_000
    """Training images, at most."""
    n: int = 1000
    """Samples of each model that are judged."""

    def measure(self, work: Work) -> Numbers:
        marks = Marks(work, self.n)
        found = {}
        for share in self.shares:
            file = self._noisy(work, share)
            config = conditional(work, "every-layer", self.kimg, self.width, data=str(file))
            run = work.train(config, f"wrong-{share:g}")
            found[f"{share:g}"] = marks.of(run.path)
        return found

    def _noisy(self, work: Work, share: float) -> Path:
        """The data with wrong labels, as a file that a user could have."""
        data = work.dataset
        assert data.labels is not None
        n = min(self.images, len(data))
        draws = np.random.Generator(np.random.PCG64(work.seed))
        wrong = draws.random(n) < share
        # One to n_classes - 1 further on, so that a replaced label is never the right one.
        step = draws.integers(1, data.spec.n_classes, n)
        labels = np.where(wrong, (data.labels[:n] + step) % data.spec.n_classes, data.labels[:n])
        file = work.folder / f"wrong-{share:g}.npz"
        np.savez(file, images=np.asarray(data.images[:n]), labels=labels)
        return file

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def lost(share: str) -> list[float | None]:
            return [
                s["0"]["accuracy"] - s[share]["accuracy"] if learnt(s["0"]) else None for s in seeds
            ]

        asks = Text(
            en="Label accuracy lost with {share} wrong labels",
            vi="Độ chính xác nhãn mất đi với {share} nhãn sai",
        )
        return [
            Question(
                asks=asks.filled(share=f"{float(share):.0%}"),
                values=lost(share),
                seen=0.1,
                opposite=0.0,
            )
            for share in ("0.5", "0.2")
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        x = list(self.shares)
        arms = [f"{share:g}" for share in x]
        curves = [spread(word, x, rows(seeds, arms, mark)) for mark, word in MARKS.items()]
        right = Text(en="right labels", vi="nhãn đúng")
        curves.append(line(right, x, [1 - share for share in x], dash=True))
        return [
            Chart(
                title=Text(en="With wrong labels", vi="Với nhãn sai"),
                x_label=Text(en="Share of wrong labels", vi="Tỉ lệ nhãn sai"),
                y_label=SHARE,
                curves=curves,
                reads=Text(
                    en="Mean, lowest and highest seed; dashed: the share of right labels.",
                    vi="Trung bình, seed thấp nhất và cao nhất; nét đứt: tỉ lệ nhãn đúng.",
                ),
            )
        ]
