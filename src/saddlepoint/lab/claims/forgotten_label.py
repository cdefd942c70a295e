"""How much of what a generator computes is still decided by its label, layer after layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from saddlepoint.core.contracts import Generator
from saddlepoint.core.images import to_unit
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._conditional import WAY_NAMES, conditional
from saddlepoint.lab.claims._pictures import spread
from saddlepoint.reporting.pictures import Chart, Picture
from saddlepoint.sampling.sampler import load_sampler

COMPARED = ("onehot", "every-layer")
UNTRAINED = Text(en="one-hot, untrained", vi="one-hot, chưa huấn luyện")


@register("forgotten-label")
@dataclass(frozen=True, kw_only=True)
class ForgottenLabel(Claim):
    """The share of a layer's variance that the label decides, with the latents held.

    Dumoulin et al. 2017, https://arxiv.org/abs/1610.07629, for the label in every layer.
    """

    chapter: ClassVar = "cgan"
    sentence: ClassVar = Text(
        en="A label that is given once, at the input, is forgotten on the way through the "
        "generator; given in every layer, it is not.",
        vi="Nhãn chỉ đưa vào một lần ở đầu vào sẽ bị quên dần khi đi qua generator; đưa vào mọi "
        "lớp thì không.",
    )
    varied: ClassVar = Text(
        en="Where the label enters the generator: at its input (one-hot), or in every layer.",
        vi="Nơi nhãn đi vào generator: ở đầu vào (one-hot), hoặc ở mọi lớp.",
    )
    held: ClassVar = Text(
        en="DCGAN nets of equal widths, data and their order, optimisers, share of wrong labels, "
        "budget.",
        vi="Mạng DCGAN cùng số kênh, dữ liệu và thứ tự, thuật toán tối ưu, tỉ lệ nhãn sai, ngân "
        "sách.",
    )
    meaning: ClassVar = Text(
        en="The same latents are drawn with every label; the number is the share of the variance "
        "that comes from the label. At the input it is small beside the latent's own. Training "
        "decides what becomes of it: the discriminator asks for the label in the image, so that a "
        "generator may well amplify it instead of forgetting it. The claim is about what "
        "a net does by itself, and a discriminator that knows the label works against it. The "
        "dotted line is the share that the class has in real images.",
        vi="Cùng các vectơ ẩn được vẽ với mọi nhãn; con số là tỉ lệ phương sai do nhãn quyết định. "
        "Ở đầu vào, tỉ lệ này nhỏ so với phần của vectơ ẩn. Huấn luyện quyết định nó sẽ ra sao: "
        "discriminator đòi hỏi ảnh phải đúng nhãn, nên generator hoàn toàn có thể khuếch đại nhãn "
        "thay vì quên. Luận điểm nói về xu hướng tự nhiên của mạng, còn một discriminator biết "
        "nhãn thì chống lại xu hướng đó. Đường chấm là tỉ lệ do lớp quyết định trong ảnh thật.",
    )
    scaled: ClassVar = ("kimg",)
    default_data: ClassVar = "fashion-mnist"

    kimg: float = 40
    """Of each run."""
    width: int = 16
    """Feature maps of both nets at their largest resolution."""
    latents: int = 64
    """Each is drawn with every label."""

    def measure(self, work: Work) -> Numbers:
        shares = {}
        for way in COMPARED:
            config = conditional(work, way, self.kimg, self.width, arch__full_resolution=True)
            run = work.train(config, way)
            sampler = load_sampler(run.path)
            z = torch.randn(self.latents, sampler.generator.latent_dim, generator=work.random("z"))
            layers = layers_of(sampler.generator, z, sampler.spec.n_classes)
            shares[way] = [share_of_label(values) for values in layers]
            if way == "onehot":
                torch.manual_seed(work.seed)
                fresh = config.arch.generator(sampler.spec).eval()
                layers = layers_of(fresh, z, sampler.spec.n_classes)
                shares["untrained"] = [share_of_label(values) for values in layers]
        return {"shares": shares, "real": self._real(work)}

    @staticmethod
    def _real(work: Work) -> float:
        """The share of the class in the variance of real images, of which it is an upper bound."""
        data = work.dataset
        assert data.labels is not None
        images = to_unit(np.array(data.images[:5000])).reshape(min(5000, len(data)), -1)
        labels = data.labels[:5000]
        total = images.var(0).sum()
        within = sum(
            (labels == label).mean() * images[labels == label].var(0).sum()
            for label in np.unique(labels)
        )
        return float(1 - within / total)

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        kept = [s["shares"]["onehot"][-1] / s["shares"]["onehot"][0] for s in seeds]
        more = [s["shares"]["every-layer"][-1] - s["shares"]["onehot"][-1] for s in seeds]
        return [
            Question(
                asks=Text(
                    en="The label's share in the image over that after the first layer, one-hot",
                    vi="Tỉ lệ của nhãn trong ảnh so với sau lớp đầu tiên, one-hot",
                ),
                values=kept,
                # A third lost is forgetting; as much as before is the opposite.
                seen=2 / 3,
                opposite=1.0,
                ratio=True,
            ),
            Question(
                asks=Text(
                    en="The label's share in the image: every layer minus one-hot",
                    vi="Tỉ lệ của nhãn trong ảnh: mọi lớp trừ one-hot",
                ),
                values=more,
                seen=0.05,
                opposite=-0.05,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        n = len(seeds[0]["shares"]["onehot"])
        names = [
            *(Text(en=f"layer {i}", vi=f"lớp {i}") for i in range(1, n)),
            Text(en="image", vi="ảnh"),
        ]
        curves = []
        words = {**WAY_NAMES, "untrained": UNTRAINED}
        for way in (*COMPARED, "untrained"):
            curves.append(spread(words[way], names, [s["shares"][way] for s in seeds]))
        real = sum(s["real"] for s in seeds) / len(seeds)
        return [
            Chart(
                title=Text(en="What the label still decides", vi="Nhãn còn quyết định bao nhiêu"),
                x_label=Text(en="Layer of the generator", vi="Lớp của generator"),
                y_label=Text(en="Share of the variance", vi="Tỉ lệ phương sai"),
                curves=curves,
                rests=[(real, Text(en="class in real images", vi="lớp trong ảnh thật"))],
                reads=Text(
                    en="After each layer's normalisation; mean, lowest and highest seed.",
                    vi="Sau bước chuẩn hóa của mỗi lớp; trung bình, seed thấp nhất và cao nhất.",
                ),
            )
        ]


@torch.no_grad()
def layers_of(generator: Generator, z: Tensor, n_classes: int) -> list[Tensor]:
    """What each norm of a DCGAN's generator gives, and the images; float32 [z, labels, d] each."""
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        kept.append(output.flatten(1).clone())

    norms = generator.norms
    assert isinstance(norms, nn.ModuleList)
    handles = [norm.register_forward_hook(keep) for norm in norms]
    labels = torch.arange(n_classes).repeat(len(z))
    images = generator(z.repeat_interleave(n_classes, 0), labels)
    for handle in handles:
        handle.remove()
    return [layer.view(len(z), n_classes, -1) for layer in (*kept, images.flatten(1))]


def share_of_label(values: Tensor) -> float:
    """The part of the variance that labels make with the latent held; values [z, labels, d]."""
    values = values.double()
    by_label = values.var(1, correction=0).mean(0).sum()
    total = values.flatten(0, 1).var(0, correction=0).sum()
    return (by_label / total.clamp_min(1e-30)).item()
