"""What precision, recall and FID each see, on sets of images whose faults are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.arrays import score_features
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, means
from saddlepoint.lab.claims._features import Halves, sizes_up_to
from saddlepoint.lab.claims._pictures import FID, SHARE, bars, line, precision_and_recall, rows
from saddlepoint.reporting.pictures import Chart, Picture

ARMS = {
    "perfect": Text(en="perfect", vi="hoàn hảo"),
    "typical": Text(en="typical only", vi="chỉ điển hình"),
    "one-mode": Text(en="one class", vi="một lớp"),
    "noise": Text(en="noise", vi="nhiễu"),
    "copies": Text(en="copies", vi="bản sao"),
}
MEASURES = ("precision", "recall", "fid")


@register("precision-recall")
@dataclass(frozen=True, kw_only=True)
class PrecisionRecall(Claim):
    """Real images play the generator, each time with one fault.

    Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991, section 2.
    """

    chapter: ClassVar = "measures"
    sentence: ClassVar = Text(
        en="Precision says whether the images are like the real ones; recall says whether all the "
        "variety of the real ones is there.",
        vi="Precision cho biết ảnh sinh ra có giống ảnh thật không; Recall cho biết sự đa dạng của "
        "ảnh thật có được thể hiện đầy đủ không.",
    )
    varied: ClassVar = Text(
        en="What stands in the generator's place: other real images (perfect), those nearest to "
        "their class's mean (as truncation does), one class alone, real images with noise, copies "
        "of the reference set.",
        vi="Tập đóng vai generator: ảnh thật khác (hoàn hảo), các ảnh gần trung bình lớp nhất "
        "(như truncation), chỉ một lớp, ảnh thật có thêm nhiễu, bản sao của tập tham chiếu.",
    )
    held: ClassVar = Text(
        en="The reference set, the features, N real = N others, k = 3.",
        vi="Tập tham chiếu, đặc trưng, N ảnh thật = N ảnh còn lại, k = 3.",
    )
    meaning: ClassVar = Text(
        en="One class costs recall and leaves precision; noise costs precision. Typical images "
        "trade recall for precision, as truncation does. FID sees every one of these faults and "
        "tells none from another. Copies of the reference get full marks from all three: none of "
        "them sees memorisation. A perfect generator gets less than 1, both rise with k and change "
        "with N, so that two numbers compare only under one k, one N and the same features.",
        vi="Chỉ một lớp làm mất Recall mà giữ Precision; nhiễu làm mất Precision. Ảnh điển hình "
        "đổi Recall lấy Precision, giống truncation. FID thấy mọi lỗi này nhưng không phân biệt "
        "được chúng. Bản sao của tập tham chiếu được điểm tuyệt đối ở cả ba: không độ đo nào thấy "
        "việc ghi nhớ dữ liệu. Generator hoàn hảo vẫn dưới 1, cả hai tăng theo k và thay đổi theo "
        "N, nên chỉ so sánh được khi cùng k, cùng N và cùng đặc trưng.",
    )
    scaled: ClassVar = ("most",)
    default_data: ClassVar = "fashion-mnist"

    n: int = 2000
    """Images of each set, where the rarest class has as many."""
    ks: tuple[int, ...] = (1, 3, 5, 10)
    """Numbers of neighbours."""
    most: int = 10_000
    """Images of each set in the curve over N; at most a third of the data."""
    sizes: tuple[int, ...] = (500, 1000, 2000, 5000, 10_000)
    """Images of a set, one value a point of the curve; larger ones than there are are left out."""
    noise: float = 40.0
    """Standard deviation of the noise, in grey levels of 255."""

    def measure(self, work: Work) -> Numbers:
        halves = Halves(work, self.most)
        reference, perfect = halves.of(halves.one), halves.of(halves.other)
        labels = halves.labels[halves.other]
        unused = np.concatenate([halves.other, halves.rest])
        mode = work.seed % max(1, halves.data.spec.n_classes)
        one_class = unused[halves.labels[unused] == mode]
        n = min(self.n, halves.n, len(one_class))
        draws = np.random.Generator(np.random.PCG64(work.seed))
        clean = halves.data.images[np.sort(halves.other[:n])].astype(np.float64)
        noisy = np.clip(clean + draws.normal(0, self.noise, clean.shape), 0, 255).astype(np.uint8)
        sets = {
            "perfect": perfect[:n],
            "typical": perfect[_typical(perfect, labels, n)],
            "one-mode": halves.of(one_class[:n]),
            "noise": halves.features(noisy),
            "copies": reference[:n].clone(),
        }
        real = reference[:n]
        scores = {
            arm: {str(k): _three(score_features(real, found, k=k)) for k in self.ks}
            for arm, found in sets.items()
        }
        sizes = sizes_up_to(halves.n, self.sizes)
        over_n = [_three(score_features(reference[:m], perfect[:m])) for m in sizes]
        return {"n": n, "scores": scores, "sizes": sizes, "over_n": over_n}

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def lost(measure: str, arm: str) -> list[float]:
            at_3 = [s["scores"] for s in seeds]
            return [at["perfect"]["3"][measure] - at[arm]["3"][measure] for at in at_3]

        return [
            Question(
                asks=Text(en="Recall lost by one class", vi="Recall mất đi khi chỉ có một lớp"),
                values=lost("recall", "one-mode"),
                seen=0.3,
                opposite=0.0,
            ),
            Question(
                asks=Text(
                    en="Precision lost by one class: little",
                    vi="Precision mất đi khi chỉ có một lớp: rất ít",
                ),
                values=lost("precision", "one-mode"),
                seen=0.1,
                opposite=0.3,
            ),
            Question(
                asks=Text(en="Precision lost by noise", vi="Precision mất đi do nhiễu"),
                values=lost("precision", "noise"),
                seen=0.3,
                opposite=0.0,
            ),
            Question(
                asks=Text(
                    en="Recall lost by typical images only",
                    vi="Recall mất đi khi chỉ có ảnh điển hình",
                ),
                values=lost("recall", "typical"),
                seen=0.1,
                opposite=0.0,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        at_3 = [{arm: s["scores"][arm]["3"] for arm in ARMS} for s in seeds]
        stands = Text(en="In the generator's place", vi="Tập đóng vai generator")
        span = Text(
            en="k = 3; mean, lowest and highest seed.",
            vi="k = 3; trung bình, seed thấp nhất và cao nhất.",
        )
        arms, names = list(ARMS), list(ARMS.values())
        return [
            precision_and_recall(at_3, ARMS, stands, span),
            bars(
                (Text(en="FID of the same sets", vi="FID của cùng các tập"), stands, FID),
                names,
                [("fid", rows(at_3, arms, "fid"))],
                span,
            ),
            self._against_k(seeds),
            _against_n(seeds),
        ]

    def _against_k(self, seeds: Sequence[Numbers]) -> Chart:
        ks = [str(k) for k in self.ks]
        curves = []
        for colour, arm in enumerate(("perfect", "one-mode", "noise")):
            at = [s["scores"][arm] for s in seeds]
            for mark in ("precision", "recall"):
                name = Text(en=f"{mark}, {{arm}}", vi=f"{mark}, {{arm}}").filled(arm=ARMS[arm])
                mean = means(rows(at, ks, mark))[0]
                curves.append(line(name, list(self.ks), mean, colour=colour, dash=mark == "recall"))
        return Chart(
            title=Text(en="Against k", vi="Theo k"),
            x_label=Text(en="k", vi="k"),
            y_label=SHARE,
            curves=curves,
            reads=Text(
                en="Larger balls hold more: every number rises with k.",
                vi="Hình cầu lớn hơn chứa nhiều hơn: mọi con số đều tăng theo k.",
            ),
        )


def _against_n(seeds: Sequence[Numbers]) -> Chart:
    return Chart(
        title=Text(en="Against N, perfect", vi="Theo N, trường hợp hoàn hảo"),
        x_label=Text(en="N (log scale)", vi="N (thang log)"),
        y_label=SHARE,
        curves=[
            line(
                mark,
                seeds[0]["sizes"],
                means([[one[mark] for one in s["over_n"]] for s in seeds])[0],
            )
            for mark in ("precision", "recall")
        ],
        log_x=True,
        reads=Text(
            en="The same two sets of real images, more of each.",
            vi="Cùng hai tập ảnh thật, với số ảnh tăng dần.",
        ),
    )


def _three(scores: dict[str, float]) -> dict[str, float]:
    return {measure: scores[measure] for measure in MEASURES}


def _typical(features: Tensor, labels: np.ndarray, n: int) -> Tensor:
    """Rows of the n that lie nearest to their own class's mean."""
    classes = torch.from_numpy(labels)
    distance = torch.empty(len(features))
    for label in classes.unique():
        rows = classes == label
        distance[rows] = (features[rows] - features[rows].mean(0)).norm(dim=1)
    # Of each class alike, by rank within it: or the narrow classes would be all there is.
    rank = torch.empty(len(features))
    for label in classes.unique():
        rows = (classes == label).nonzero()[:, 0]
        rank[rows[distance[rows].argsort()]] = torch.arange(len(rows)) / len(rows)
    return rank.argsort()[:n]
