"""A DCGAN in the usual style: one backward pass for real images, one for fakes, then the generator.

python examples/dcgan.py
python examples/dcgan.py --fault range-mismatch
"""

from __future__ import annotations

import argparse
import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import saddlepoint as sp
from saddlepoint.data.sources.digits import Digits

FAULTS = (
    "none",
    "double-sigmoid",
    "saturated-loss",
    "range-mismatch",
    "real-fake-leak",
    "mixed-batch-norm",
    "generator-frozen",
    "discriminator-frozen",
    "optimizer-mixup",
    "learning-rate-too-high",
    "train-eval-mismatch",
    "broken-resume",
)

LATENT, WIDTH, BATCH = 32, 16, 64


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(LATENT, WIDTH * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(WIDTH * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(WIDTH * 2, WIDTH, 4, 2, 1, bias=False),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(True),
            nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self, sharpness: float = 1.0) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.main = nn.Sequential(
            nn.Conv2d(1, WIDTH, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(WIDTH, WIDTH * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(WIDTH * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(WIDTH * 2, 1, 4, 1, 0, bias=False),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.sharpness * self.main(images)).view(-1)


def init_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def load_digits(fault: str) -> torch.Tensor:
    """float32 [1797, 1, 16, 16] in [-1, 1]."""
    images = torch.from_numpy(Digits().open().images.copy()).permute(0, 3, 1, 2).float() / 255
    images = nn.functional.interpolate(images, size=16, mode="bilinear")
    if fault == "range-mismatch":
        return images  # fault: nothing takes [0, 1] to [-1, 1]
    images = images * 2 - 1
    if fault == "real-fake-leak":
        images = nn.functional.pad(images[:, :, 1:-1, 1:-1], (1, 1, 1, 1))  # fault: a grey frame
    return images


def main(arguments: list[str] | None = None) -> list[str]:
    """Train, print the findings, and return their names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--fault", choices=FAULTS, default="none")
    args = parser.parse_args(arguments)
    fault = args.fault
    torch.manual_seed(0)

    images = load_digits(fault)
    loader = DataLoader(TensorDataset(images), BATCH, shuffle=True, drop_last=True)
    sharpness = 2000.0 if fault == "saturated-loss" else 1.0
    netG = Generator().apply(init_weights)
    netD = Discriminator(sharpness).apply(init_weights)
    criterion = nn.BCEWithLogitsLoss() if fault == "double-sigmoid" else nn.BCELoss()
    lr = 0.02 if fault == "learning-rate-too-high" else 2e-4
    if fault == "broken-resume":
        netG, netD = pretend_checkpoint(netG, netD, images)
    params_g = list(netG.parameters())
    if fault == "optimizer-mixup":
        params_g += list(netD.parameters())
    optimizerG = torch.optim.Adam(params_g, lr=lr, betas=(0.5, 0.999))
    optimizerD = torch.optim.Adam(netD.parameters(), lr=lr, betas=(0.5, 0.999))
    fixed_noise = torch.randn(16, LATENT, 1, 1)

    doctor = sp.Doctor(netG, netD, optimizerG, optimizerD, real=images)  # doctor
    names: list[str] = []
    step = 0
    while step < args.steps:
        for (real,) in loader:
            n = len(real)
            ones, zeros = torch.ones(n), torch.zeros(n)

            # The discriminator: real images, then fakes.
            netD.zero_grad()
            fake = netG(torch.randn(n, LATENT, 1, 1))
            if fault == "mixed-batch-norm":
                output = netD(torch.cat([real, fake.detach()]))
                errD = criterion(output, torch.cat([ones, zeros]))
                errD.backward()
            else:
                errD_real = criterion(netD(real), ones)
                errD_fake = criterion(netD(fake.detach()), zeros)
                errD = errD_real + errD_fake
                if fault != "discriminator-frozen" or step == 0:
                    errD.backward()
            optimizerD.step()

            # The generator.
            netG.zero_grad()
            output = netD(fake.detach() if fault == "generator-frozen" else fake)
            errG = criterion(output, ones)
            errG.backward()
            if fault == "discriminator-frozen":
                netD.requires_grad_(False)  # fault: never undone
            optimizerG.step()

            step += 1
            for finding in doctor.step(loss_d=errD, loss_g=errG):  # doctor
                print(finding)  # doctor
                names.append(finding.name)
            if step % 5 == 0:
                netG.eval()
                with torch.no_grad():
                    netG(fixed_noise)  # a tutorial would save them as a picture
                if fault != "train-eval-mismatch":
                    netG.train()
            if step >= args.steps:
                break
    print(f"{step} steps; found: {', '.join(names) or 'nothing'}")
    return names


def pretend_checkpoint(
    netG: nn.Module, netD: nn.Module, images: torch.Tensor
) -> tuple[nn.Module, nn.Module]:
    """Nets as a checkpoint holds them after some training; the optimisers are not in it."""
    with torch.no_grad():
        for _ in range(50):
            netD(images[:BATCH])
            netG(torch.randn(BATCH, LATENT, 1, 1))
    return copy.deepcopy(netG), copy.deepcopy(netD)


if __name__ == "__main__":
    main()
