"""Which sizes of images DCGAN's nets can be built for, and what a transposed convolution is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._pictures import line, square
from saddlepoint.reporting.pictures import Chart, HeatMap, Picture

REFUSED = 30
"""A size that cannot be reached by doubling."""
KERNELS = (
    (
        "uneven",
        3,
        Text(
            en="Stride 2 does not divide 3: a checkerboard, before anything is learnt.",
            vi="3 không chia hết cho stride 2: xuất hiện bàn cờ dù chưa học gì.",
        ),
    ),
    (
        "even",
        4,
        Text(
            en="Stride 2 divides 4: all pixels alike, but for the border.",
            vi="4 chia hết cho stride 2: mọi điểm ảnh như nhau, trừ ở biên.",
        ),
    ),
)
"""Number -> side of the kernel, and what is to be seen."""


@register("any-size")
@dataclass(frozen=True, kw_only=True)
class AnySize(Claim):
    """Nets are built and called, and nothing is trained.

    Radford et al. 2016, https://arxiv.org/abs/1511.06434, figure 1; the checkerboard: Odena et al.
    2016, https://doi.org/10.23915/distill.00003.
    """

    chapter: ClassVar = "dcgan"
    sentence: ClassVar = Text(
        en="DCGAN's architecture is rigid: it is made for images of 64 × 64.",
        vi="Kiến trúc của DCGAN cứng nhắc: nó chỉ dành cho ảnh 64 × 64.",
    )
    varied: ClassVar = Text(en="The size of the images.", vi="Kích thước ảnh.")
    held: ClassVar = Text(
        en="The kind of layer, the kernels of 4 × 4 with stride 2, the rule for the widths.",
        vi="Loại lớp, kernel 4 × 4 với stride 2, quy tắc chọn số kênh.",
    )
    meaning: ClassVar = Text(
        en="What is rigid is the doubling, not the 64: any size that halves to 4–7 px will do, "
        "with as many stages as that takes. 30 px halves to 15, which is odd, and is refused with "
        "the nearest size. A transposed convolution is the transpose of a convolution's matrix, "
        "and not its inverse. A kernel that the stride divides covers every pixel equally often; "
        "3 × 3 with stride 2 does not, which shows as a checkerboard.",
        vi="Cái cứng nhắc là phép nhân đôi chứ không phải số 64: kích thước nào chia đôi liên "
        "tiếp được về 4–7 px đều dùng được, với số tầng tương ứng. 30 px chia đôi thành 15, là "
        "số lẻ, nên bị từ chối kèm gợi ý kích thước gần nhất. Tích chập chuyển vị là ma trận "
        "chuyển vị của phép tích chập chứ không phải nghịch đảo của nó. Kernel chia hết cho "
        "stride phủ mọi điểm ảnh số lần bằng nhau; kernel 3 × 3 với stride 2 thì không, nên tạo "
        "ra họa tiết bàn cờ.",
    )
    exact: ClassVar = True

    sizes: tuple[int, ...] = (28, 32, 64, 96)
    """Heights and widths of the images in pixels."""
    width: int = 16
    """Feature maps of both nets at their largest resolution; shapes do not depend on it."""
    grid: int = 3
    """Side of the input of the transposed convolution that is drawn as a matrix."""

    def measure(self, work: Work) -> Numbers:
        stages = {}
        for size in self.sizes:
            try:
                stages[str(size)] = self._stages(size)
            except InputError:
                stages[str(size)] = []
        return {
            "stages": stages,
            "refusal": self._refusal(),
            "matrix": matrix(transposed(4), self.grid).tolist(),
            "even": coverage(4).tolist(),
            "uneven": coverage(3).tolist(),
        }

    def _stages(self, size: int) -> list[tuple[int, int]]:
        """(side, channels) after each stage of the generator, whose pictures D takes."""
        arch = Dcgan(generator_width=self.width, discriminator_width=self.width)
        spec = DataSpec(shape=(1, size, size))
        arch.check(spec)
        generator, discriminator = arch.generator(spec), arch.discriminator(spec)
        seen: list[tuple[int, int]] = []

        def note(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
            seen.append((output.shape[-1], output.shape[1]))

        for layer in (*generator.norms, generator.head):
            layer.register_forward_hook(note)
        with torch.no_grad():
            pictures = generator(torch.randn(2, arch.latent_dim))
            built = discriminator(pictures).shape == (2,)
        return seen if built and pictures.shape[-1] == size else []

    def _refusal(self) -> str:
        try:
            Dcgan().check(DataSpec(shape=(1, REFUSED, REFUSED)))
        except InputError as error:
            return str(error)
        return ""

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        stages = seeds[0]["stages"]
        others = [size for size in stages if size != "64"]
        return [
            Question(
                asks=Text(
                    en=f"Of the sizes {', '.join(others)} px: how many cannot be built",
                    vi=f"Trong các kích thước {', '.join(others)} px: bao nhiêu không dựng được",
                ),
                values=[sum(not stages[size] for size in others)],
                seen=len(others),
                opposite=0,
                exact=True,
            )
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        first = seeds[0]
        return [
            _sides(first),
            _matrix(first["matrix"]),
            *(_coverage(first[name], kernel, reads) for name, kernel, reads in KERNELS),
        ]


def _sides(numbers: Numbers) -> Chart:
    """From z to the image, for every size that can be built."""
    refusal = numbers["refusal"]
    return Chart(
        title=Text(en="From z to the image", vi="Từ z đến ảnh"),
        x_label=Text(en="Stage of the generator", vi="Tầng của generator"),
        y_label=Text(en="Side in pixels (log scale)", vi="Cạnh ảnh, px (thang log)"),
        curves=[
            line(
                f"{size} px",
                list(range(1, len(stages) + 1)),
                [side for side, _ in stages],
                dash=int(size) % 3 == 2,  # 32 px shares its stages with 64 px
            )
            for size, stages in numbers["stages"].items()
            if stages
        ],
        log_y=True,
        reads=Text(
            en=f"Each stage doubles the side. What {REFUSED} px is told: “{refusal}”",
            vi=f"Mỗi tầng nhân đôi cạnh ảnh. Thông báo cho {REFUSED} px: “{refusal}”",
        ),
    )


def _matrix(rows: Sequence[Sequence[float]]) -> HeatMap:
    return HeatMap(
        title=Text(en="A transposed convolution as a matrix", vi="Tích chập chuyển vị là ma trận"),
        x_label=Text(en="Pixel of the input", vi="Điểm ảnh của đầu vào"),
        y_label=Text(en="Pixel of the output", vi="Điểm ảnh của đầu ra"),
        x=list(range(len(rows[0]))),
        y=[str(i) for i in range(len(rows))],
        z=rows,
        reads=Text(
            en="4 × 4, stride 2; each column is the kernel at the place of one input pixel. Read "
            "by rows it is an ordinary convolution with stride 2.",
            vi="4 × 4, stride 2; mỗi cột là kernel đặt tại vị trí một điểm ảnh đầu vào. Đọc theo "
            "hàng thì đó là phép tích chập thường với stride 2.",
        ),
    )


def _coverage(counts: Sequence[Sequence[float]], kernel: int, reads: Text) -> HeatMap:
    title = Text(
        en=f"How often a {kernel} × {kernel} kernel covers each pixel",
        vi=f"Kernel {kernel} × {kernel} phủ mỗi điểm ảnh bao nhiêu lần",
    )
    places = Text(en="Column", vi="Cột"), Text(en="Row", vi="Hàng")
    return square(title, places, list(range(len(counts))), counts, reads)


def transposed(kernel: int) -> nn.ConvTranspose2d:
    """A transposed convolution of stride 2 whose kernel counts from 1."""
    layer = nn.ConvTranspose2d(1, 1, kernel, stride=2, padding=1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(1.0, kernel**2 + 1).view(1, 1, kernel, kernel))
    return layer


@torch.no_grad()
def matrix(layer: nn.ConvTranspose2d, side: int) -> Tensor:
    """The matrix of a layer on images of side x side, flat by rows; float32 [outputs, inputs]."""
    units = torch.eye(side * side).view(-1, 1, side, side)
    return layer(units).flatten(1).T


@torch.no_grad()
def coverage(kernel: int, side: int = 6) -> Tensor:
    """How many input pixels reach each output pixel, at stride 2; float32 [outputs, outputs]."""
    layer = nn.ConvTranspose2d(1, 1, kernel, stride=2, padding=1, bias=False)
    layer.weight.fill_(1.0)
    return layer(torch.ones(1, 1, side, side))[0, 0]
