"""Parameters and time of a conditional model beside the unconditional one."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.core.contracts import Conditioning, DataSpec, Discriminator, Generator
from saddlepoint.core.registry import register
from saddlepoint.core.texts import LANGUAGES, Text, counted
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, parameters
from saddlepoint.lab.claims._conditional import WAY_NAMES, WAYS
from saddlepoint.lab.claims._pictures import LABELS, WAY, bars, line
from saddlepoint.losses.classic import NonSaturating
from saddlepoint.reporting.pictures import Chart, Picture

NONE: Conditioning = "none"


@register("condition-cost")
@dataclass(frozen=True, kw_only=True)
class ConditionCost(Claim):
    """Steps of equal nets are timed in turn, on images that are drawn at random."""

    chapter: ClassVar = "cgan"
    sentence: ClassVar = Text(
        en="A conditional GAN has more parameters and costs more to train.",
        vi="GAN có điều kiện có nhiều tham số hơn và tốn nhiều chi phí huấn luyện hơn.",
    )
    varied: ClassVar = Text(
        en="How the label enters: not at all, one-hot, embedding, in every layer.",
        vi="Cách đưa nhãn vào: không đưa, one-hot, embedding, vào mọi lớp.",
    )
    held: ClassVar = Text(
        en="DCGAN nets of equal widths, images of 28 × 28, batch size, loss, optimiser; the steps "
        "of the four are timed in turn.",
        vi="Mạng DCGAN cùng số kênh, ảnh 28 × 28, kích thước batch, hàm mất mát, thuật toán tối "
        "ưu; các bước của bốn mô hình được đo xen kẽ.",
    )
    meaning: ClassVar = Text(
        en="What the label costs depends on how many labels there are. One-hot costs time, because "
        "each label is one more plane of the discriminator's input; an embedding has as many "
        "planes as it has numbers. In every layer the cost is a gain and a bias for each label "
        "and channel, and one more input of the generator: parameters, and hardly any time. With "
        "ten labels that is a fraction of the rest of the nets; with a thousand it is many times "
        "the rest, but for the embedding. What the lecture calls the cost of labelled data is not "
        "measured here.",
        vi="Chi phí của nhãn phụ thuộc vào số nhãn. One-hot tốn thời gian vì mỗi nhãn thêm một mặt "
        "phẳng vào đầu vào của discriminator; embedding thêm số mặt phẳng bằng số chiều của nó. "
        "Khi đưa vào mọi lớp, chi phí là một hệ số nhân và một độ lệch cho mỗi nhãn và mỗi kênh, "
        "cùng một đầu vào nữa của generator: thêm tham số, gần như không thêm thời gian. Với mười "
        "nhãn, phần thêm chỉ bằng một phần của mạng; với một nghìn nhãn, nó gấp nhiều lần phần còn "
        "lại, trừ trường hợp embedding. Chi phí gán nhãn dữ liệu mà bài giảng nhắc đến không được "
        "đo ở đây.",
    )
    scaled: ClassVar = ("rounds",)

    n_labels: int = 10
    """Labels where the seconds of a step are measured."""
    counts: tuple[int, ...] = (10, 100, 1000)
    """Numbers of labels in the curve of parameters."""
    width: int = 32
    """Feature maps of both nets at their largest resolution."""
    size: int = 28
    """Height and width of the images in pixels."""
    batch_size: int = 64
    """Real items in a step, and as many generated ones."""
    rounds: int = 60
    """In each, every kind of model makes one step of either player."""

    def measure(self, work: Work) -> Numbers:
        counts = {
            way: [parameters(*self.nets(way, count)) for count in self.counts]
            for way in (NONE, *WAYS)
        }
        models = {way: _Model(self, way, work) for way in (NONE, *WAYS)}
        seconds: dict[str, list[float]] = {way: [] for way in models}
        for number in range(self.rounds + 2):
            for way, model in models.items():
                took = model.step()
                if number >= 2:  # the first steps choose kernels and take memory
                    seconds[way].append(took)
        return {
            "parameters": counts,
            "seconds": {way: statistics.median(times) for way, times in seconds.items()},
        }

    def nets(self, way: str, n_labels: int) -> tuple[Generator, Discriminator]:
        arch = Dcgan(
            conditioning=way,  # type: ignore[arg-type]  # one of the four words
            generator_width=self.width,
            discriminator_width=self.width,
            latent_dim=16,
            embedding_dim=8,
        )
        spec = DataSpec(shape=(1, self.size, self.size), n_classes=n_labels)
        return arch.generator(spec), arch.discriminator(spec)

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        place = self.counts.index(self.n_labels)
        first = seeds[0]["parameters"]
        more = [first[way][place] / first[NONE][place] for way in WAYS]
        slower = [
            math.prod(s["seconds"][way] / s["seconds"][NONE] for way in WAYS) ** (1 / len(WAYS))
            for s in seeds
        ]
        # A tenth more is what somebody who plans a run would notice.
        return [
            Question(
                asks=Text(
                    en=f"Seconds of a step over those without labels, {self.n_labels} labels, mean "
                    "of the three ways",
                    vi=f"Thời gian một bước so với không có nhãn, {self.n_labels} nhãn, trung bình "
                    "của ba cách",
                ),
                values=slower,
                seen=1.1,
                opposite=1.0,
                ratio=True,
            ),
            Question(
                asks=Text(
                    en=f"Parameters over those without labels, {self.n_labels} labels, mean of the "
                    "three ways",
                    vi=f"Số tham số so với không có nhãn, {self.n_labels} nhãn, trung bình của ba "
                    "cách",
                ),
                values=[math.prod(more) ** (1 / len(more))],
                seen=1.1,
                opposite=1.0,
                ratio=True,
                exact=True,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        first = seeds[0]["parameters"]
        ways = [NONE, *WAYS]
        relative = [[s["seconds"][way] / s["seconds"][NONE] for way in ways] for s in seeds]
        counts = Text(
            *(
                ", ".join(f"{way} {counted(first[way][0]).to(language)}" for way in WAYS)
                for language in LANGUAGES
            )
        )
        without = counted(first[NONE][0])
        return [
            bars(
                (
                    Text(en="Time of a step", vi="Thời gian một bước"),
                    WAY,
                    Text(en="Times the model without labels", vi="So với mô hình không nhãn"),
                ),
                [WAY_NAMES[way] for way in ways],
                [("", relative)],
                Text(
                    en=f"{self.n_labels} labels; mean, lowest and highest seed.",
                    vi=f"{self.n_labels} nhãn; trung bình, seed thấp nhất và cao nhất.",
                ),
            ),
            Chart(
                title=Text(en="Parameters", vi="Số tham số"),
                x_label=LABELS,
                y_label=Text(en="Times those without labels", vi="So với mô hình không nhãn"),
                curves=[
                    line(
                        WAY_NAMES[way],
                        list(self.counts),
                        [a / b for a, b in zip(first[way], first[NONE], strict=True)],
                    )
                    for way in WAYS
                ],
                log_x=True,
                rests=[(1.0, WAY_NAMES[NONE])],
                reads=Text(
                    en=f"Both nets, width {self.width}. Without labels: {without.en} "
                    f"parameters; with {self.n_labels}: {counts.en}.",
                    vi=f"Cả hai mạng, {self.width} kênh. Không nhãn: {without.vi} tham số; "
                    f"với {self.n_labels} nhãn: {counts.vi}.",
                ),
            ),
        ]


class _Model:
    """Two nets and what one step of both players takes."""

    def __init__(self, claim: ConditionCost, way: str, work: Work) -> None:
        self.generator, self.discriminator = claim.nets(way, claim.n_labels)
        self.optimizers = [
            torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for net in (self.generator, self.discriminator)
        ]
        draws = work.random(way)
        shape = (claim.batch_size, 1, claim.size, claim.size)
        self.real = torch.rand(shape, generator=draws) * 2 - 1
        self.z = torch.randn(claim.batch_size, self.generator.latent_dim, generator=draws)
        labels = torch.randint(claim.n_labels, (claim.batch_size,), generator=draws)
        self.labels = None if way == NONE else labels
        self.loss = NonSaturating()

    def step(self) -> float:
        """Seconds of one step of the discriminator and one of the generator."""
        started = time.perf_counter()
        fake = self.generator(self.z, self.labels)
        real_logits = self.discriminator(self.real, self.labels)
        fake_logits = self.discriminator(fake.detach(), self.labels)
        self._learn(1, self.loss.discriminator(real_logits, fake_logits))
        fake = self.generator(self.z, self.labels)
        self._learn(0, self.loss.generator(self.discriminator(fake, self.labels)))
        return time.perf_counter() - started

    def _learn(self, player: int, losses: torch.Tensor) -> None:
        nets: tuple[nn.Module, ...] = (self.generator, self.discriminator)
        for net in nets:
            net.zero_grad()
        losses.mean().backward()
        self.optimizers[player].step()
