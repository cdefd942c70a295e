"""The peer of bench/throughput.py: the training loop that the tutorials teach.

    python bench/tutorial_loop.py [--nets paper] [--seconds 15]

It is what bench/throughput.py compares our loop with, on identical nets and batch size.

Written by us after the widespread DCGAN tutorials: a Dataset that gives Pillow images through
resize, to-tensor and normalise; a DataLoader with two workers that shuffles; float32 and NCHW;
binary cross-entropy of logits; fakes made anew for each player; both losses read at every step;
Adam at 2e-4 with betas (0.5, 0.999). The three transforms do what torchvision's of the same names
do to a grey Pillow image. The nets hold the very layers of our `Dcgan`, strung together as
tutorials do, so that nothing of our memory formats gets in. `NETS` names the nets that can be asked
for; the loop is the same for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from _bench import parser_with
from _upsample_dcgan import UpsampleDcgan
from PIL import Image
from torch import Tensor, nn
from torch.utils import data

from saddlepoint.architectures.dcgan import Dcgan, DcganDiscriminator, DcganGenerator
from saddlepoint.core.contracts import Architecture, DataSpec
from saddlepoint.data.sources.mnist import FashionMnist
from saddlepoint.presets import PRESETS

SIZE, BATCH_SIZE = 32, 64
WARM_UP_STEPS = 5
Transform = Callable[..., object]


class Resize:
    """Bilinear, as the tutorials' transform does by default."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, image: Image.Image) -> Image.Image:
        return image.resize((self.size, self.size), Image.Resampling.BILINEAR)


class ToTensor:
    """Grey Pillow image -> float32 [1, h, w] in [0, 1]."""

    def __call__(self, image: Image.Image) -> Tensor:
        array = torch.from_numpy(np.array(image, np.uint8, copy=True))
        array = array.view(image.size[1], image.size[0], 1).permute(2, 0, 1).contiguous()
        return array.to(torch.float32).div(255)


class Normalize:
    """(x - mean) / std."""

    def __init__(self, mean: float, std: float) -> None:
        self.mean, self.std = mean, std

    def __call__(self, image: Tensor) -> Tensor:
        mean = torch.as_tensor([self.mean]).view(-1, 1, 1)
        std = torch.as_tensor([self.std]).view(-1, 1, 1)
        return image.clone().sub_(mean).div_(std)


NETS: dict[str, Architecture] = {
    "paper": Dcgan(),
    "preset": PRESETS["dcgan"](FashionMnist()).arch,
    "upsample": UpsampleDcgan(),
}
"""paper: transposed convolutions, width 64, as the paper and its tutorials have them; preset: those
of our `dcgan`; upsample: those of the most copied script (bench/_upsample_dcgan.py)."""


class TutorialDataset(data.Dataset):
    """Image i of Fashion-MNIST, transformed whenever it is asked for."""

    def __init__(self, transforms: list[Transform]) -> None:
        dataset = FashionMnist(split="train").open()
        assert dataset.labels is not None
        self.images = np.array(dataset.images[..., 0])
        self.labels = np.array(dataset.labels)
        self.transforms = transforms

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[object, int]:
        image: object = Image.fromarray(self.images[index])
        for transform in self.transforms:
            image = transform(image)
        return image, int(self.labels[index])


class _Norm(nn.Module):
    """Our normalisation without its label."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x, None)


def tutorial_nets(arch: Architecture) -> tuple[nn.Module, nn.Module, int]:
    """Generator and discriminator with the layers of `arch`, in NCHW; length of z."""
    spec = DataSpec(shape=(1, SIZE, SIZE))
    made, judge = arch.generator(spec), arch.discriminator(spec)
    if not (isinstance(made, DcganGenerator) and isinstance(judge, DcganDiscriminator)):
        return made, judge, made.latent_dim  # plain sequences already
    up: list[nn.Module] = [
        made.project,
        nn.Unflatten(1, (made.first_width, made.base, made.base)),
        _Norm(made.norms[0]),
        nn.ReLU(),
    ]
    for stage, norm in zip(made.stages, list(made.norms)[1:], strict=True):
        up += [stage, _Norm(norm), nn.ReLU()]
    down = [] if judge.stem is None else [judge.stem, nn.LeakyReLU(0.2)]
    for stage, norm in zip(judge.stages, judge.norms, strict=True):
        down += [stage, _Norm(norm), nn.LeakyReLU(0.2), judge.dropout]
    nets = nn.Sequential(*up, made.head, nn.Tanh()), nn.Sequential(*down, judge.head, nn.Flatten(0))
    check_identical(nets, (made, judge), made.latent_dim)
    return *nets, made.latent_dim


@torch.no_grad()
def check_identical(nets: tuple[nn.Module, ...], ours: tuple[nn.Module, ...], width: int) -> None:
    """The strung layers must compute what our nets compute."""
    x = torch.randn(2, width)
    for net, own in zip(nets, ours, strict=True):
        given, expected = net.eval()(x), own.eval()(x)
        if not torch.allclose(given, expected, atol=1e-4):
            raise SystemExit(f"{type(own).__name__} has changed: adapt tutorial_nets to it.")
        net.train()
        own.train()
        x = given


def tutorial_steps(nets: str, device: str = "cpu") -> Iterator[int]:
    """Train for ever; after each step, the number of real images in it."""
    torch.manual_seed(0)
    dataset = TutorialDataset([Resize(SIZE), ToTensor(), Normalize(0.5, 0.5)])
    loader = data.DataLoader(dataset, batch_size=BATCH_SIZE, shuffle=True, num_workers=2)
    generator, discriminator, latent_dim = tutorial_nets(NETS[nets])
    generator, discriminator = generator.to(device), discriminator.to(device)
    criterion = nn.BCEWithLogitsLoss()
    optim_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optim_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    losses_d, losses_g = [], []
    while True:
        for images, _ in loader:
            n, images = len(images), images.to(device)
            ones, zeros = torch.ones(n, device=device), torch.zeros(n, device=device)

            optim_d.zero_grad()
            fake = generator(torch.randn(n, latent_dim, device=device)).detach()
            loss_real = criterion(discriminator(images), ones)
            loss_fake = criterion(discriminator(fake), zeros)
            loss_d = loss_real + loss_fake
            loss_d.backward()
            optim_d.step()

            optim_g.zero_grad()
            fake = generator(torch.randn(n, latent_dim, device=device))
            loss_g = criterion(discriminator(fake), ones)
            loss_g.backward()
            optim_g.step()

            losses_d.append(loss_d.item())
            losses_g.append(loss_g.item())
            yield n


def images_per_second(steps: Iterator[int], seconds: float) -> float:
    """Real images a second over about `seconds`, after a few steps of warming up."""
    for _ in range(WARM_UP_STEPS):
        next(steps)
    shown, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        shown += next(steps)
    return shown / (time.perf_counter() - begun)


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("--nets", choices=NETS, default="paper")
    parser.add_argument("--seconds", type=float, default=15)
    arguments = parser.parse_args()
    steps = tutorial_steps(arguments.nets)
    print(f"{images_per_second(steps, arguments.seconds):.0f} images/s")


if __name__ == "__main__":
    main()
