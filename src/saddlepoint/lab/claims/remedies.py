"""Every remedy of the lecture against every failure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.findings import Finding
from saddlepoint.core.registry import get, register
from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.failures import FAILURES
from saddlepoint.reporting.pictures import Chart, Curve, HeatMap, Picture

COLLAPSES = ("complete-collapse", "partial-collapse")
CONVERGENCE = ("discriminator-wins", "generator-wins")
LECTURE = {
    "discriminator-wins": ("stronger-g", "fewer-layers", "dropout", "equal-rates", "step-ratio"),
    "generator-wins": ("stronger-d", "equal-rates", "step-ratio"),
}
"""Convergence failure -> the lecture's remedies: for the beaten net, or against the winner."""
RESCUED, WORSE = 2 / 3, 1.5
"""Distance to the data at the end, over that of the untreated run."""
FAILED = 4.0
"""In place of that ratio where a treated run did not get to its end."""

Changes = Callable[[Config], dict[str, Any]]


def _scaled(player: str, factor: float) -> Changes:
    field = f"{player}_widths"

    def changes(config: Config) -> dict[str, Any]:
        widths = getattr(config.arch, field)
        return {f"arch.{field}": tuple(round(width * factor) for width in widths)}

    return changes


def _another_loss(config: Config) -> dict[str, Any]:
    # As the doctor's remedy has it: what is better depends on what the loss is now.
    collapse = "discriminator-wins" if config.loss.kind == "minimax" else "complete-mode-collapse"
    finding = Finding(
        name=collapse, severity="fatal", at_images=0, since_step=0, evidence=(), message=""
    )
    return get("remedy", "change-loss")().changes(config, finding) or {}


def _fewer_layers(config: Config) -> dict[str, Any]:
    changes = config.arch.weaker_discriminator()
    return {f"arch.{name}": value for name, value in changes.items()}


def _equal_rates(config: Config) -> dict[str, Any]:
    """Both players learn at the geometric mean of their rates."""
    rate = math.sqrt(config.optim_g.lr * config.optim_d.lr)
    return {"optim_g.lr": rate, "optim_d.lr": rate}


def _step_ratio(config: Config) -> dict[str, Any]:
    return {"train.n_critic": 1 if config.train.n_critic > 1 else 5}


REMEDIES: dict[str, tuple[Changes, Text]] = {
    "another-loss": (_another_loss, Text(en="another loss", vi="đổi hàm mất mát")),
    "stronger-g": (_scaled("generator", 2.0), Text(en="stronger G", vi="G mạnh hơn")),
    "stronger-d": (_scaled("discriminator", 2.0), Text(en="stronger D", vi="D mạnh hơn")),
    "fewer-layers": (_fewer_layers, Text(en="fewer layers of D", vi="bớt lớp của D")),
    "dropout": (lambda config: {"arch.dropout": 0.3}, Text(en="dropout in D", vi="dropout ở D")),
    "equal-rates": (_equal_rates, Text(en="equal learning rates", vi="tốc độ học bằng nhau")),
    "step-ratio": (_step_ratio, Text(en="ratio of steps", vi="tỉ lệ số bước")),
}
"""Name -> what it changes in a configuration, {} where there is nothing to change."""


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
        en="The remedy, one at a time, on four failures.",
        vi="Cách khắc phục, mỗi lần một cách, trên bốn thất bại.",
    )
    held: ClassVar = Text(
        en="All else of each failure: data, nets, seeds, number of images.",
        vi="Mọi thứ khác của mỗi thất bại: dữ liệu, mạng, seed, số ảnh.",
    )
    meaning: ClassVar = Text(
        en="A cell is the distance to the data at the end beside that of the untreated run: 2/3 or "
        "less counts as rescued, 3/2 or more as worse. A remedy helps where it meets the cause: a "
        "wrong ratio of learning rates is cured by the right one. The lecture's direction against "
        "collapse, a stronger generator and a weaker discriminator, is "
        "tried as it stands; the doctor goes the other way where the discriminator is the slow "
        "one. These are small nets on small data, made to fail.",
        vi="Mỗi ô là khoảng cách đến dữ liệu ở cuối so với lần chạy không khắc phục: từ 2/3 trở "
        "xuống là cứu được, từ 3/2 trở lên là tệ hơn. Một cách khắc phục có ích khi nó đúng vào "
        "nguyên nhân: tỉ lệ tốc độ học sai thì được chữa bằng tỉ lệ đúng. Hướng của bài giảng để "
        "chống sụp đổ, generator mạnh hơn và discriminator yếu hơn, được thử nguyên văn; bộ chẩn "
        "đoán làm ngược lại khi discriminator mới là bên học chậm. Đây là các mạng nhỏ trên dữ "
        "liệu nhỏ, được dựng lên để thất bại.",
    )
    scaled: ClassVar = ("share",)

    share: float = 0.5
    """Of the images that `saddle lab failures` gives each run."""

    def measure(self, work: Work) -> Numbers:
        ratios: dict[str, dict[str, float | None]] = {}
        for name in (*COLLAPSES, *CONVERGENCE):
            failure = FAILURES[name]
            base = replace(failure, kimg=failure.kimg * self.share).config("untreated", work.seed)
            base = with_changes(base, {"doctor.mode": "off"})
            untreated = _distance(work.try_to_train(base, f"{name}/untreated"))
            ratios[name] = {}
            for remedy, (changes, _) in REMEDIES.items():
                treated = with_changes(base, changes(base))
                if treated == base or untreated is None:
                    ratios[name][remedy] = None
                    continue
                run = work.try_to_train(treated, f"{name}/{remedy}")
                distance = _distance(run)
                ratios[name][remedy] = FAILED if distance is None else distance / untreated
        return {"ratios": ratios}

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
            vi="Chống sụp đổ, {remedy}: khoảng cách so với khi không dùng",
        )
        asked = [
            Question(
                asks=Text(
                    asks.en.format(remedy=REMEDIES[remedy][1].en),
                    asks.vi.format(remedy=REMEDIES[remedy][1].vi),
                ),
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
                vi="Chống không hội tụ: tỉ lệ các cách khắc phục của bài giảng cứu được",
            ),
            values=[rescued(s) for s in seeds],
            seen=0.5,
            opposite=0.2,
        )
        return [convergence, *asked]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        failures = [*COLLAPSES, *CONVERGENCE]

        def cell(failure: str, remedy: str) -> float:
            known = [s["ratios"][failure][remedy] for s in seeds]
            mean = _mean([ratio for ratio in known if ratio is not None])
            return 0.0 if mean is None else -math.log2(mean)

        remedies = list(REMEDIES)
        outcomes = {
            "rescued": Text(en="rescued", vi="cứu được"),
            "unchanged": Text(en="unchanged", vi="không đổi"),
            "worse": Text(en="worse", vi="tệ hơn"),
        }
        every = [
            (remedy, _outcome(s["ratios"][failure][remedy]))
            for s in seeds
            for failure in failures
            for remedy in remedies
        ]
        return [
            HeatMap(
                title=Text(en="Times nearer to the data", vi="Gần dữ liệu hơn bao nhiêu lần"),
                x_label=Text(en="Failure", vi="Thất bại"),
                y_label=Text(en="Remedy", vi="Cách khắc phục"),
                x=failures,
                y=remedies,
                z=[[cell(failure, remedy) for failure in failures] for remedy in remedies],
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
                    Curve(
                        name=word,
                        x=[REMEDIES[remedy][1] for remedy in remedies],
                        y=[every.count((remedy, outcome)) for remedy in remedies],
                        mark="bars",
                    )
                    for outcome, word in outcomes.items()
                ],
                reads=Text(
                    en="Rescued: at most 2/3 of the distance; worse: at least 3/2.",
                    vi="Cứu được: khoảng cách còn nhiều nhất 2/3; tệ hơn: ít nhất 3/2.",
                ),
            ),
        ]


def _distance(run: Run) -> float | None:
    """To the data, at the end; None for a run that did not get there."""
    distance = run.history["sliced_wasserstein"]
    known = distance[np.isfinite(distance)]
    finished = run.status.get("state") == "finished"
    return float(known[-1]) if finished and len(known) else None


def _mean(ratios: Sequence[float]) -> float | None:
    """Geometric; None of none."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def _outcome(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return "rescued" if ratio <= RESCUED else "worse" if ratio >= WORSE else "unchanged"
