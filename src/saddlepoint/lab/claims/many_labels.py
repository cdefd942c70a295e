"""Ten, a hundred and a thousand labels: how well each way of giving them is obeyed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.registry import register
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.verdicts import Question
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._conditional import WAY_NAMES, WAYS, WRONG_LABELS
from saddlepoint.lab.claims._pictures import LABELS, line, spread
from saddlepoint.reporting.pictures import Chart, Picture

TILES, SIDE = 4, 8
"""Tiles along a side, and pixels: each tile of 2 x 2 pixels is one bit of the label's code."""

LEARNT = 0.05
"""Label accuracy below which a model has not begun to obey."""


@register("many-labels")
@dataclass(frozen=True, kw_only=True)
class ManyLabels(Claim):
    """Made images of 8 x 8 px: 16 tiles, dark or light, are the code of the label.

    The code can be read off an image without a classifier, so that accuracy is exact.
    """

    chapter: ClassVar = "cgan"
    sentence: ClassVar = Text(
        en="A one-hot vector is long and says little, so that it does not suit many labels; an "
        "embedding does better there.",
        vi="Vectơ one-hot dài mà mang ít thông tin nên không phù hợp khi có nhiều nhãn; embedding "
        "tốt hơn trong trường hợp đó.",
    )
    varied: ClassVar = Text(
        en="How the label enters, and the number of labels.",
        vi="Cách đưa nhãn vào, và số lượng nhãn.",
    )
    held: ClassVar = Text(
        en="Fully connected nets of equal widths, optimisers, share of wrong labels, number of "
        "images; for each number of labels the budget.",
        vi="Mạng kết nối đầy đủ cùng độ rộng, thuật toán tối ưu, tỉ lệ nhãn sai, số ảnh; ngân "
        "sách cho mỗi số lượng nhãn.",
    )
    meaning: ClassVar = Text(
        en="With more labels each is seen more seldom, and every way obeys less: what the one-hot "
        "vector adds to that is the difference to the embedding. A one-hot vector times a weight "
        "matrix is an embedding of that layer's width, learned by that layer; a table only makes "
        "it shorter and shares it. In convolutional nets one-hot needs as many input planes as "
        "there are labels, which is where it fails first.",
        vi="Càng nhiều nhãn thì mỗi nhãn càng ít được thấy, và mọi cách đều tuân theo nhãn kém "
        "hơn: phần riêng của one-hot là chênh lệch so với embedding. Vectơ one-hot nhân với ma "
        "trận trọng số chính là một embedding có độ rộng của lớp đó, do lớp đó học; bảng "
        "embedding chỉ làm nó ngắn hơn và dùng chung. Trong mạng tích chập, one-hot cần số mặt "
        "phẳng đầu vào bằng số nhãn, và đó là nơi nó thất bại trước tiên.",
    )
    scaled: ClassVar = ("kimg",)

    kimg: float = 90
    """Of a run with the most labels."""
    counts: tuple[int, ...] = (10, 100, 1000)
    """Numbers of labels."""
    shares: tuple[float, ...] = (0.15, 0.3, 1.0)
    """Of `kimg` for each count: few labels are learnt sooner."""
    images: int = 20_000
    """Images of the made data."""
    widths: tuple[int, ...] = (128, 128)
    """Hidden layers of each net."""
    lr: float = 1e-3
    """Learning rate of Adam, for every net."""

    def measure(self, work: Work) -> Numbers:
        accuracy: dict[str, list[float]] = {way: [] for way in WAYS}
        parameters: dict[str, list[int]] = {way: [] for way in WAYS}
        for count, share in zip(self.counts, self.shares, strict=True):
            file = work.folder / f"codes-{count}.npz"
            codes = write_codes(file, count, self.images, work.seed)
            spec = DataSpec(shape=(1, SIDE, SIDE), n_classes=count)
            for way in WAYS:
                config = self._config(work, way, file, share * self.kimg)
                run = api.Run(work.train(config, f"{way}-{count}").path)
                labels = [i % count for i in range(2000)]
                made = run.sample(seeds=range(2000), labels=labels)
                accuracy[way].append(float((read_codes(made, codes) == labels).mean()))
                nets = (config.arch.generator(spec), config.arch.discriminator(spec))
                parameters[way].append(sum(p.numel() for net in nets for p in net.parameters()))
        return {"accuracy": accuracy, "parameters": parameters}

    def _config(self, work: Work, way: str, file: Path, kimg: float) -> Config:
        adam = {"kind": "adam", "lr": self.lr, "beta1": 0.5}
        changes = {
            "arch.conditioning": way,
            "arch.latent_dim": 16,
            "arch.generator_widths": self.widths,
            "arch.discriminator_widths": self.widths,
            "train.wrong_label_fraction": WRONG_LABELS,
            "optim_g": adam,
            "optim_d": adam,
        }
        return api.configure("gan", str(file), seed=work.seed, kimg=kimg, changes=changes)

    def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
        few, many = self.counts[0], self.counts[-1]
        onehot = [s["accuracy"]["onehot"] for s in seeds]
        embedding = [s["accuracy"]["embedding"] for s in seeds]
        return [
            Question(
                asks=Text(
                    en=f"Label accuracy with {many:,} labels: embedding minus one-hot",
                    vi=f"Độ chính xác nhãn với {many} nhãn: embedding trừ one-hot",
                ),
                values=[
                    # Where neither has learnt its labels, there is nothing to compare.
                    a[-1] - b[-1] if max(a[-1], b[-1]) >= LEARNT else None
                    for a, b in zip(embedding, onehot, strict=True)
                ],
                seen=0.05,
                opposite=-0.05,
            ),
            Question(
                asks=Text(
                    en=f"Label accuracy lost by one-hot from {few} to {many:,} labels",
                    vi=f"Độ chính xác nhãn mà one-hot mất đi khi từ {few} lên {many} nhãn",
                ),
                values=[a[0] - a[-1] for a in onehot],
                seen=0.2,
                opposite=0.0,
            ),
        ]

    def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]:
        counts = list(self.counts)
        accuracy, parameters = [], []
        for way in WAYS:
            accuracy.append(spread(WAY_NAMES[way], counts, [s["accuracy"][way] for s in seeds]))
            parameters.append(line(WAY_NAMES[way], counts, seeds[0]["parameters"][way]))
        planes = Text(
            en="one-hot: planes of a convolutional input",
            vi="one-hot: số mặt phẳng của đầu vào tích chập",
        )
        parameters.append(line(planes, counts, [n + 1 for n in counts], dash=True))
        return [
            Chart(
                title=Text(en="Label accuracy", vi="Độ chính xác nhãn"),
                x_label=LABELS,
                y_label=Text(en="Share of samples", vi="Tỉ lệ mẫu"),
                curves=accuracy,
                log_x=True,
                reads=Text(
                    en="Samples whose tiles are nearest to the code that was asked for; mean, "
                    "lowest and highest seed.",
                    vi="Tỉ lệ mẫu có các ô gần nhất với mã được yêu cầu; trung bình, seed thấp "
                    "nhất và cao nhất.",
                ),
            ),
            Chart(
                title=Text(en="What the labels take", vi="Nhãn chiếm bao nhiêu"),
                x_label=LABELS,
                y_label=Text(en="Count (log scale)", vi="Số lượng (thang log)"),
                curves=parameters,
                log_x=True,
                log_y=True,
                reads=Text(en="Parameters of both nets.", vi="Số tham số của cả hai mạng."),
            ),
        ]


def write_codes(file: Path, n_labels: int, n_images: int, seed: int) -> np.ndarray:
    """Write a data set of made images; returns the codes, bool [n_labels, 16], all different."""
    draws = np.random.Generator(np.random.PCG64(seed))
    numbers = draws.permutation(2 ** (TILES * TILES))[:n_labels]
    codes = (numbers[:, None] >> np.arange(TILES * TILES)) & 1 == 1
    labels = np.arange(n_images) % n_labels
    light = np.where(codes[labels], 1.0, -1.0).reshape(-1, TILES, TILES)
    pixels = light.repeat(SIDE // TILES, 1).repeat(SIDE // TILES, 2)
    # Contrast, brightness and noise vary, so that a latent has something to say.
    contrast = draws.uniform(50, 100, (n_images, 1, 1))
    shift = draws.uniform(-20, 20, (n_images, 1, 1))
    pixels = 127.5 + shift + contrast * pixels + draws.normal(0, 8, pixels.shape)
    images = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)[..., None]
    np.savez(file, images=images, labels=labels)
    return codes


def read_codes(images: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The label whose code is nearest, int64 [n]; images uint8 [n, 8, 8, 1]."""
    step = SIDE // TILES
    tiles = images[..., 0].reshape(-1, TILES, step, TILES, step).astype(np.float64).mean((2, 4))
    tiles = tiles.reshape(-1, TILES * TILES)
    # Brightness apart: a tile is light or dark beside the middle of its own image.
    middle = (tiles.min(1, keepdims=True) + tiles.max(1, keepdims=True)) / 2
    return ((tiles > middle)[:, None] != codes[None]).sum(2).argmin(1)
