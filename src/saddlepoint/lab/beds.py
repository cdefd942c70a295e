"""Data with known modes, the recipe that all losses share on each, and what has been published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saddlepoint import api
from saddlepoint.core.config import Config
from saddlepoint.core.texts import Text
from saddlepoint.reporting.modes import PlaceOfModes, Published


@dataclass(frozen=True, kw_only=True)
class Bed(PlaceOfModes):
    """Data with known modes, and how models are trained and measured on it."""

    preset: str
    data: str
    kimg: float
    """Budget of a run, by default."""
    n: int
    """Samples that are measured, as in the papers."""
    changes: Mapping[str, Any]
    """What differs from the preset, for every loss alike."""

    def config(self, seed: int, kimg: float | None, way: Mapping[str, Any]) -> Config:
        """The configuration of a run; `way` is what belongs to its loss."""
        # The doctor's checks would be a third of so small a step, and nothing here reads them.
        changes = {"doctor.mode": "off", **self.changes, **way}
        return api.configure(
            self.preset, self.data, seed=seed, kimg=kimg or self.kimg, changes=changes
        )


_PACGAN = "Lin et al. 2018 (PacGAN), arXiv:1712.04086, table 1"
_VEEGAN = "Srivastava et al. 2017 (VEEGAN), arXiv:1705.07761"
_STACKED_PACGAN = "Lin et al. 2018 (PacGAN), arXiv:1712.04086"
_HARD_PACGAN = "Lin et al. 2018 (PacGAN), arXiv:1712.04086, table 3"
_UNROLLED = "Metz et al. 2017 (unrolled GANs), arXiv:1611.02163"
_GDPP = "Elfeki et al. 2019 (GDPP), table 3"
_R3GAN = "Huang et al. 2024 (R3GAN), arXiv:2501.05441, table 3"
_R3GAN_LOSSES = "Huang et al. 2024 (R3GAN), arXiv:2501.05441, table 1"

_POINTS = Text(
    en="{n} samples. A point within three standard deviations of a centre is of high quality, and "
    "a mode with one such point is covered (PacGAN's protocol). A perfect generator has 98.9 % of "
    "high quality: 1 - exp(-9/2). The spread is the standard deviation of those points about their "
    "centres, relative to the true one: 0.97 is right, less is too narrow. Published "
    "numbers of one and the same GAN differ from 1 to 6 modes by its implementation alone.",
    vi="{n} mẫu. Một điểm cách tâm không quá ba độ lệch chuẩn là điểm tốt, và một mode có một điểm "
    "như vậy là được phủ (quy trình của PacGAN). Generator hoàn hảo có 98,9 % điểm tốt: "
    "1 - exp(-9/2). Độ rộng là độ lệch chuẩn của các điểm ấy quanh tâm so với giá trị thật: 0,97 "
    "là đúng, nhỏ hơn là mode quá hẹp. Số liệu đã công bố của cùng một GAN khác nhau từ 1 đến 6 "
    "mode chỉ vì cách cài đặt.",
)
_STACKED = Text(
    en="{n} samples of three digits as colours. A classifier of single digits names each colour; "
    "KL is that of the thousand triplets from equally likely ones, and real images do not reach 0 "
    "either.",
    vi="{n} mẫu, mỗi mẫu là ba chữ số làm ba màu. Một bộ phân loại chữ số đơn gọi tên từng màu; KL "
    "là của một nghìn bộ ba so với phân phối đều, và ảnh thật cũng không đạt 0.",
)

RING = Bed(
    name="ring8",
    title=Text(en="ring8: 8 modes on a circle", vi="ring8: 8 mode trên đường tròn"),
    about=_POINTS,
    modes=8,
    preset="gan-points",
    data="ring8",
    kimg=1440,
    n=2500,
    changes={},
    published=(
        Published("GAN", _VEEGAN, "1", "99.3"),
        Published("GAN", _PACGAN, "6.3 ± 0.5", "98.2 ± 0.2", "0.45 ± 0.09"),
        Published("ALI", _VEEGAN, "2.8", "0.13"),
        Published("ALI", _PACGAN, "6.6 ± 0.3", "97.6 ± 0.4", "0.36 ± 0.04"),
        Published("Unrolled GAN", _VEEGAN, "7.6", "35.6"),
        Published("VEEGAN", _VEEGAN, "8", "52.9"),
        Published("PacGAN2", _PACGAN, "7.9 ± 0.1", "95.6 ± 2.0", "0.07 ± 0.03"),
        Published("PacGAN3", _PACGAN, "7.8 ± 0.1", "97.7 ± 0.3", "0.10 ± 0.02"),
        Published("PacGAN4", _PACGAN, "7.8 ± 0.1", "95.9 ± 1.4", "0.07 ± 0.02"),
    ),
)
GRID = Bed(
    name="grid25",
    title=Text(en="grid25: 25 modes on a grid", vi="grid25: 25 mode trên lưới"),
    about=_POINTS,
    modes=25,
    preset="gan-points",
    data="grid25",
    kimg=4320,
    n=2500,
    # The modes are two to three times as far apart, and R1 and R2 count squares. Few points of a
    # batch lie between modes, so Adam averages over a hundred steps in place of ten (docs/log.md).
    changes={
        "optim_g.beta2": 0.99,
        "optim_d.beta2": 0.99,
        "penalties": [
            {"kind": "r1", "gamma": 0.1, "every": 4},
            {"kind": "r2", "gamma": 0.1, "every": 4},
        ],
    },
    published=(
        Published("GAN", _VEEGAN, "3.3", "0.5"),
        Published("GAN", _PACGAN, "17.3 ± 0.8", "94.8 ± 0.7", "0.70 ± 0.07"),
        Published("ALI", _VEEGAN, "15.8", "1.6"),
        Published("ALI", _PACGAN, "24.1 ± 0.4", "95.7 ± 0.6", "0.14 ± 0.03"),
        Published("Unrolled GAN", _VEEGAN, "23.6", "16"),
        Published("VEEGAN", _VEEGAN, "24.6", "40"),
        Published("PacGAN2", _PACGAN, "23.8 ± 0.7", "91.3 ± 0.8", "0.13 ± 0.04"),
        Published("PacGAN3", _PACGAN, "24.6 ± 0.4", "94.2 ± 0.4", "0.06 ± 0.02"),
        Published("PacGAN4", _PACGAN, "24.8 ± 0.2", "93.6 ± 0.6", "0.04 ± 0.01"),
    ),
)
STACKED = Bed(
    name="stacked-mnist",
    title=Text(
        en="Stacked-MNIST: 1,000 triplets of digits",
        vi="Stacked-MNIST: 1.000 bộ ba chữ số",
    ),
    about=_STACKED,
    modes=1000,
    preset="dcgan-r1",
    data="stacked-mnist",
    kimg=3200,
    n=26_000,
    changes={
        "arch.latent_dim": 64,
        "arch.generator_width": 32,
        "arch.discriminator_width": 32,
        "arch.discriminator_residuals": 1,
        "arch.full_resolution": False,
        "penalties": [
            {"kind": "r1", "gamma": 0.5, "every": 4},
            {"kind": "r2", "gamma": 0.5, "every": 4},
        ],
    },
    published=(
        Published("DCGAN", _VEEGAN, "99", kl="3.40"),
        Published("DCGAN", _STACKED_PACGAN, "78.9 ± 6.5", kl="4.50 ± 0.13"),
        Published("ALI", _VEEGAN, "16", kl="5.40"),
        Published("Unrolled GAN", _VEEGAN, "48.7", kl="4.32"),
        Published("VEEGAN", _VEEGAN, "150", kl="2.95"),
        Published("PacDCGAN2 to 4", _STACKED_PACGAN, "1000.0 ± 0.0", kl="0.06 to 0.07"),
        Published("WGAN", _GDPP, "961", kl="0.140"),
        Published("WGAN-GP", _GDPP, "995", kl="0.148"),
        Published("GDPP", _GDPP, "1000", kl="0.135"),
        Published("WGAN-GP", _R3GAN, "959", kl="0.73"),
        Published("StyleGAN2", _R3GAN, "940", kl="0.42"),
        Published("MEG", _R3GAN, "1000", kl="0.031"),
        Published("R3GAN", _R3GAN, "1000", kl="0.029"),
        Published("GAN + R1 + R2", _R3GAN_LOSSES, "693", kl="0.9270"),
        Published("RpGAN + R1 + R2", _R3GAN_LOSSES, "1000", kl="0.0781"),
    ),
)
HARD = Bed(
    name="stacked-mnist-hard",
    title=Text(
        en="Stacked-MNIST, hard: a discriminator of 2, 4 and 8 channels",
        vi="Stacked-MNIST, khó: discriminator có 2, 4 và 8 kênh",
    ),
    about=Text(
        en=_STACKED.en + " Hard is the discriminator, not the data: the smallest of Metz et al. "
        "2017 (2, 4 and 8 channels), against a generator of 64, 32 and 16. Differs from theirs: "
        "images with a black border, 32x32, 4x4 kernels, and no BatchNorm in the discriminator.",
        vi=_STACKED.vi + " Cái khó là discriminator chứ không phải dữ liệu: discriminator nhỏ nhất "
        "của Metz và cộng sự 2017 (2, 4 và 8 kênh), đối đầu với generator 64, 32 và 16 kênh. Khác "
        "với họ: ảnh có viền đen, 32x32, nhân 4x4, và discriminator không có BatchNorm.",
    ),
    modes=1000,
    preset="dcgan-r1",
    data="stacked-mnist",
    kimg=6400,
    n=25_600,
    changes={
        **STACKED.changes,
        "source.border": 2,
        "arch.latent_dim": 256,
        "arch.generator_width": 16,
        "arch.discriminator_width": 2,
        "arch.discriminator_residuals": 0,
        "train.batch_size": 128,
        # At the other's rates the generator wins within 50,000 images (docs/log.md).
        "optim_g.lr": 2e-4,
        "optim_d.lr": 3e-3,
        "penalties": [
            {"kind": "r1", "gamma": 0.1, "every": 4},
            {"kind": "r2", "gamma": 0.1, "every": 4},
        ],
    },
    published=(
        Published("DCGAN", _UNROLLED, "30.6 ± 20.7", kl="5.99"),
        Published("DCGAN", _HARD_PACGAN, "78.5 ± 17.6", kl="5.21"),
        Published("Unrolled GAN, 10 steps", _UNROLLED, "327.2 ± 74.7", kl="4.66"),
        Published("PacDCGAN2", _HARD_PACGAN, "484.5", kl="2.61"),
        Published("PacDCGAN3", _HARD_PACGAN, "601.3", kl="2.00"),
        Published("PacDCGAN4", _HARD_PACGAN, "667.4", kl="1.81"),
    ),
)
BEDS = {bed.name: bed for bed in (RING, GRID, STACKED, HARD)}
