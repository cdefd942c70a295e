"""Convolutions against fully connected layers, with as many parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from saddlepoint import api
from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.config import Config
from saddlepoint.core.registry import register
from saddlepoint.core.texts import LANGUAGES, Text, counted
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work, parameters, small_dcgan
from saddlepoint.lab.claims._conditional import Marks
from saddlepoint.lab.claims._pictures import FID, SAMPLES, bars, photos, precision_and_recall, rows
from saddlepoint.reporting.pictures import Picture

ARMS = ("mlp", "dcgan")


@register("convolution")
@dataclass(frozen=True, kw_only=True)
class Convolution(Claim):
    """The presets `gan` and `dcgan` differ in latent, learning rate and schedule; here they do not.

    Radford et al. 2016, https://arxiv.org/abs/1511.06434, section 3.
    """

    chapter: ClassVar = "dcgan"
    sentence: ClassVar = Text(
        en="Convolutional nets give better images than fully connected ones.",
        vi="Mạng tích chập cho ảnh tốt hơn mạng kết nối đầy đủ.",
    )
    varied: ClassVar = Text(
        en="The kind of layer: fully connected, or convolutional.",
        vi="Loại lớp: kết nối đầy đủ, hoặc tích chập.",
    )
    held: ClassVar = Text(
        en="Numbers of parameters of either net (within 5 %), latent, loss, optimisers, batch "
        "size, number of images, data and their order; no BatchNorm in the discriminators.",
        vi="Số tham số của mỗi mạng (sai khác trong 5 %), vectơ ẩn, hàm mất mát, thuật toán tối "
        "ưu, kích thước batch, số ảnh, dữ liệu và thứ tự; discriminator không có BatchNorm.",
    )
    meaning: ClassVar = Text(
        en="Equal parameters are not equal computing: a convolution uses each weight at every "
        "place, so that its step takes many times the operations. Per second, fully connected "
        "nets see more images. On small pictures that are always centred, such as clothes, they "
        "lose least; what a convolution brings grows with the size and with things that move "
        "about.",
        vi="Số tham số bằng nhau không có nghĩa là tính toán bằng nhau: phép tích chập dùng mỗi "
        "trọng số ở mọi vị trí nên mỗi bước cần nhiều phép tính hơn hẳn. Trong cùng thời gian, "
        "mạng kết nối đầy đủ xem được nhiều ảnh hơn. Với ảnh nhỏ luôn nằm giữa khung như quần áo, "
        "nó thua ít nhất; lợi ích của tích chập tăng theo kích thước ảnh và khi vật thể thay đổi "
        "vị trí.",
    )
    scaled: ClassVar = ("kimg",)
    default_data: ClassVar = "fashion-mnist"

    kimg: float = 60
    """Of each run."""
    width: int = 24
    """Of the convolutional nets; those of the others follow from it."""
    lr: float = 5e-4
    """Learning rate of Adam, for every net."""
    n: int = 2000
    """Images of each set in the scores."""

    def measure(self, work: Work) -> Numbers:
        marks = Marks(work, self.n)
        found = {}
        for name, config in self._configs(work).items():
            run = work.train(config, name)
            nets = (config.arch.generator, config.arch.discriminator)
            found[name] = {
                **marks.of(run.path, labelled=False),
                "parameters": [parameters(net(work.dataset.spec)) for net in nets],
                "grid": work.inside(run.samples[-1]),
            }
        return found

    def _configs(self, work: Work) -> dict[str, Config]:
        spec = work.dataset.spec
        dcgan = Dcgan(
            generator_width=self.width,
            discriminator_width=self.width,
            discriminator_norm="none",
            init="he",
            latent_dim=16,
        )
        dcgan.check(spec)
        generator = equal_width(
            lambda w: Mlp(generator_widths=(w, w), latent_dim=16).generator(spec),
            parameters(dcgan.generator(spec)),
        )
        discriminator = equal_width(
            lambda w: Mlp(discriminator_widths=(w, w)).discriminator(spec),
            parameters(dcgan.discriminator(spec)),
        )
        adam = {"kind": "adam", "lr": self.lr, "beta1": 0.5}
        same: dict[str, Any] = {"arch.latent_dim": 16, "optim_g": adam, "optim_d": adam}
        fields = {
            "mlp": {
                "arch.generator_widths": (generator, generator),
                "arch.discriminator_widths": (discriminator, discriminator),
            },
            "dcgan": {
                **small_dcgan(self.width),
                "arch.discriminator_norm": "none",
                "arch.init": "he",
            },
        }
        presets = {"mlp": "gan", "dcgan": "dcgan"}
        return {
            name: api.configure(
                presets[name],
                work.data,
                seed=work.seed,
                kimg=self.kimg,
                changes={**same, **fields[name]},
            )
            for name in ARMS
        }

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        return [
            Question(
                asks=Text(
                    en="FID, fully connected over convolutional",
                    vi="FID, kết nối đầy đủ so với tích chập",
                ),
                values=[s["mlp"]["fid"] / s["dcgan"]["fid"] for s in seeds],
                seen=1.2,
                opposite=1 / 1.2,
                ratio=True,
            )
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        kind = Text(en="Kind of net", vi="Loại mạng")
        names = {name: name for name in ARMS}
        counts = {name: seeds[0][name]["parameters"] for name in ARMS}
        said = Text(
            *(
                "; ".join(
                    f"{name} {' + '.join(counted(net).to(language) for net in nets)}"
                    for name, nets in counts.items()
                )
                for language in LANGUAGES
            )
        )
        return [
            bars(
                (Text(en="FID: lower is better", vi="FID: càng thấp càng tốt"), kind, FID),
                ARMS,
                [("fid", rows(seeds, ARMS, "fid"))],
                Text(
                    en=f"Parameters of generator and discriminator: {said.en}.",
                    vi=f"Số tham số của generator và discriminator: {said.vi}.",
                ),
            ),
            precision_and_recall(seeds, names, kind),
            *photos(SAMPLES, seeds[0], names),
        ]


def equal_width(net: Callable[[int], nn.Module], wanted: int) -> int:
    """The width with which a net has about as many parameters as wanted."""
    low, high = 1, 4096
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if parameters(net(middle)) < wanted else (low, middle)
    below, above = max(1, low - 1), low
    return min(below, above, key=lambda width: abs(parameters(net(width)) - wanted))
