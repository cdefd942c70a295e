"""Every remedy of the lecture against every failure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.registry import register
from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.cases import FAILURES
from saddlepoint.lab.claims._base import Claim, Numbers, Work, last_distance
from saddlepoint.lab.claims._pictures import line
from saddlepoint.lab.remedies import REMEDIES, remedied
from saddlepoint.reporting.pictures import Chart, HeatMap, Picture

COLLAPSES = ("complete-collapse", "partial-collapse")
LECTURE = {
    "discriminator-wins": ("stronger-g", "fewer-layers", "dropout", "equal-rates", "step-ratio"),
    "dcgan-discriminator-wins": (
        *("stronger-g", "fewer-layers", "dropout", "equal-rates", "step-ratio"),
    ),
    "generator-wins": ("stronger-d", "equal-rates", "step-ratio"),
    "wgan-gp-generator-wins": ("stronger-d", "equal-rates", "step-ratio"),
}
"""Convergence failure -> the lecture's remedies: for the beaten net, or against the winner."""
FORGOTTEN = "cgan-condition-forgotten"
CASES = (*COLLAPSES, *LECTURE, FORGOTTEN)
RESCUED, WORSE = 2 / 3, 1.5
"""How far it is from right at the end, over that of the untreated run."""
FAILED = 4.0
"""In place of that ratio where a treated run did not get to its end."""
OUTCOMES = {
    "rescued": Text(en="rescued", vi="cứu được"),
    "unchanged": Text(en="unchanged", vi="không đổi"),
    "worse": Text(en="worse", vi="tệ hơn"),
}
ASKED = 500
"""Samples whose labels are judged."""


@register("remedies")
@dataclass(frozen=True, kw_only=True)
class Remedies(Claim):
    """The failures are those of `saddle lab failures`; each remedy is there from the first step."""

    chapter: ClassVar = "failures"
    sentence: ClassVar = Text(
        en="Against collapse: change the loss, strengthen the generator, weaken the discriminator. "
        "Against a convergence failure: strengthen the beaten net, weaken the winner, rebalance "
        "learning rates and steps.",
        vi="Chống Mode Collapse: đổi hàm mất mát, tăng cường generator, làm yếu discriminator. "
        "Chống Convergence Failure: tăng cường mạng thua, làm yếu mạng thắng, cân bằng lại tốc độ "
        "học và số bước.",
    )
    varied: ClassVar = Text(
        en="The remedy, one at a time, on seven failures: four of fully connected nets, and one "
        "each of DCGAN, WGAN-GP and a convolutional CGAN.",
        vi="Cách khắc phục, mỗi lần một cách, trên bảy thất bại: bốn của mạng kết nối đầy đủ, và "
        "mỗi loại một của DCGAN, WGAN-GP và CGAN tích chập.",
    )
    held: ClassVar = Text(
        en="All else of each failure: data, nets, seeds, number of images.",
        vi="Mọi thứ khác của mỗi thất bại: dữ liệu, mạng, seed, số ảnh.",
    )
    meaning: ClassVar = Text(
        en="A cell is the distance to the data at the end beside that of the untreated run, and "
        "for the forgotten condition the share of wrong labels: 2/3 or less counts as rescued, 3/2 "
        "or more as worse. A remedy helps where it meets the cause: a wrong ratio of learning "
        "rates is cured by the right one. The lecture's direction against collapse, a stronger "
        "generator and a weaker discriminator, is tried as it stands; the doctor goes the other "
        "way where the discriminator is the slow one. These are small nets on small data, made to "
        "fail.",
        vi="Mỗi ô là khoảng cách đến dữ liệu ở cuối so với lần chạy không khắc phục, còn với điều "
        "kiện bị quên là tỉ lệ nhãn sai: từ 2/3 trở xuống là cứu được, từ 3/2 trở lên là tệ hơn. "
        "Một cách khắc phục có ích khi nó đúng vào nguyên nhân: tỉ lệ tốc độ học sai thì được "
        "khắc phục bằng tỉ lệ đúng. Hướng của bài giảng để chống sụp đổ, generator mạnh hơn và "
        "discriminator yếu hơn, được thử nguyên văn; bộ chẩn đoán làm ngược lại khi discriminator "
        "mới là bên học chậm. Đây là các mạng nhỏ trên dữ liệu nhỏ, được dựng lên để thất bại.",
    )
    scaled: ClassVar = ("share",)

    share: float = 0.25
    """Of the images that `saddle lab failures` gives each run."""

    def measure(self, work: Work) -> Numbers:
        ratios: dict[str, dict[str, float | None]] = {}
        for name in CASES:
            failure = FAILURES[name]
            kimg = failure.kimg * self.share
            base = replace(failure, kimg=kimg).config("untreated", work.seed)
            # Nobody looks at these runs on their way: a grid at the end has the distance.
            base = with_changes(base, {"doctor.mode": "off", "train.sample_kimg": kimg})
            untreated = self._wrong(work, name, "untreated", base)
            ratios[name] = {}
            for remedy in REMEDIES:
                treated = remedied(base, remedy)
                if treated is None or untreated is None:
                    ratios[name][remedy] = None
                    continue
                wrong = self._wrong(work, name, remedy, treated)
                ratios[name][remedy] = FAILED if wrong is None else wrong / untreated
        return {"ratios": ratios}

    @staticmethod
    def _wrong(work: Work, name: str, way: str, config: Config) -> float | None:
        """How far a run is from right at its end; None where it did not get there."""
        run = work.try_to_train(config, f"{name}/{way}")
        if run.status.get("state") != "finished":
            return None
        return wrong_labels(run, config) if name == FORGOTTEN else last_distance(run)

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        def against_collapse(remedy: str) -> list[float | None]:
            rows = [[s["ratios"][name][remedy] for name in COLLAPSES] for s in seeds]
            return [_mean([ratio for ratio in row if ratio is not None]) for row in rows]

        def rescued(seed: Numbers) -> float:
            cells = [
                seed["ratios"][name][remedy] for name, those in LECTURE.items() for remedy in those
            ]
            known = [ratio for ratio in cells if ratio is not None]
            return sum(ratio <= RESCUED for ratio in known) / max(1, len(known))

        asks = Text(
            en="Against collapse, {remedy}: distance over that without",
            vi="Chống Mode Collapse, {remedy}: khoảng cách so với khi không dùng",
        )
        asked = [
            Question(
                asks=asks.filled(remedy=REMEDIES[remedy][1]),
                values=against_collapse(remedy),
                seen=RESCUED,
                opposite=1.0,
                ratio=True,
            )
            for remedy in ("another-loss", "stronger-g", "fewer-layers")
        ]
        convergence = Question(
            asks=Text(
                en="Against convergence failures: share of the lecture's remedies that rescue",
                vi="Chống Convergence Failure: tỉ lệ các cách khắc phục của bài giảng cứu được",
            ),
            values=[rescued(s) for s in seeds],
            seen=0.5,
            opposite=0.2,
        )
        forgotten = Question(
            asks=Text(
                en="A forgotten condition, label in every layer: wrong labels over those without",
                vi="Điều kiện bị quên, nhãn ở mọi lớp: nhãn sai so với khi không dùng",
            ),
            values=[s["ratios"][FORGOTTEN]["every-layer"] for s in seeds],
            seen=RESCUED,
            opposite=1.0,
            ratio=True,
        )
        return [convergence, *asked, forgotten]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        def cell(failure: str, remedy: str) -> float:
            known = [s["ratios"][failure][remedy] for s in seeds]
            mean = _mean([ratio for ratio in known if ratio is not None])
            return 0.0 if mean is None else round(-math.log2(mean), 1) + 0.0  # no -0.0

        names = [name for _, name in REMEDIES.values()]
        became = {
            remedy: [_outcome(s["ratios"][failure][remedy]) for s in seeds for failure in CASES]
            for remedy in REMEDIES
        }
        return [
            HeatMap(
                title=Text(en="Times nearer to the data", vi="Gần dữ liệu hơn bao nhiêu lần"),
                x_label=Text(en="Failure", vi="Thất bại"),
                y_label=Text(en="Remedy", vi="Cách khắc phục"),
                x=CASES,
                y=list(REMEDIES),
                z=[[cell(failure, remedy) for failure in CASES] for remedy in REMEDIES],
                signed=True,
                reads=Text(
                    en="In powers of 2, mean over seeds: 1 is half the distance, −1 twice; 0 is "
                    "unchanged or nothing to change.",
                    vi="Theo lũy thừa của 2, trung bình trên các seed: 1 là khoảng cách còn một "
                    "nửa, −1 là gấp đôi; 0 là không đổi hoặc không có gì để đổi.",
                ),
            ),
            Chart(
                title=Text(en="What became of the runs", vi="Kết quả của các lần chạy"),
                x_label=Text(en="Remedy", vi="Cách khắc phục"),
                y_label=Text(en="Runs, of all failures and seeds", vi="Số lần chạy"),
                curves=[
                    line(
                        word, names, [runs.count(outcome) for runs in became.values()], mark="bars"
                    )
                    for outcome, word in OUTCOMES.items()
                ],
                reads=Text(
                    en="Rescued: at most 2/3 of the distance; worse: at least 3/2.",
                    vi="Cứu được: khoảng cách còn nhiều nhất 2/3; tệ hơn: ít nhất 3/2.",
                ),
            ),
        ]


def wrong_labels(run: Run, config: Config) -> float:
    """The share of samples that a classifier of the data takes for another class than asked for."""
    data = config.source.open()
    asked = [i % data.spec.n_classes for i in range(ASKED)]
    made = api.Run(run.path).sample(seeds=range(ASKED), labels=asked)
    logits = choose_extractor("classifier", data)[0](torch.from_numpy(made)).logits
    assert logits is not None
    # Half a sample at least, so that one run can be divided by another.
    return max(0.5 / ASKED, (logits.argmax(1) != torch.tensor(asked)).float().mean().item())


def _mean(ratios: Sequence[float]) -> float | None:
    """Geometric; None of none."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def _outcome(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return "rescued" if ratio <= RESCUED else "worse" if ratio >= WORSE else "unchanged"
