"""A conditional GAN in the usual style: labels joined to both inputs, the generator steps first.

python examples/cgan.py
python examples/cgan.py --fault wrong-sign
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

import saddlepoint as sp
from saddlepoint.data.sources.digits import Digits

FAULTS = (
    "none",
    "wrong-sign",
    "optimizer-mixup",
    "generator-frozen",
    "discriminator-frozen",
    "range-mismatch",
    "learning-rate-too-high",
    "condition-ignored",
)

LATENT, CLASSES, BATCH = 32, 10, 64


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.label_emb = nn.Embedding(CLASSES, CLASSES)
        self.model = nn.Sequential(
            nn.Linear(LATENT + CLASSES, 128),
            nn.LeakyReLU(0.2),
            nn.Linear(128, 256),
            nn.BatchNorm1d(256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 64),
            nn.Tanh(),
        )

    def forward(self, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        joined = torch.cat((self.label_emb(labels), noise), -1)
        return self.model(joined).view(-1, 1, 8, 8)


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.label_embedding = nn.Embedding(CLASSES, CLASSES)
        self.model = nn.Sequential(
            nn.Linear(CLASSES + 64, 256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 128),
            nn.Dropout(0.4),
            nn.LeakyReLU(0.2),
            nn.Linear(128, 1),
        )

    def forward(self, img: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        joined = torch.cat((img.view(img.size(0), -1), self.label_embedding(labels)), -1)
        return self.model(joined)


def main(arguments: list[str] | None = None) -> list[str]:
    """Train, print the findings, and return their names."""
    parser = argparse.ArgumentParser(description="A conditional GAN on small digits.")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--every", type=int, help="steps between two looks of the doctor")
    parser.add_argument("--fault", choices=FAULTS, default="none")
    args = parser.parse_args(arguments)
    fault = args.fault
    torch.manual_seed(0)

    data = Digits().open()
    images = torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2).float()
    images = images if fault == "range-mismatch" else images / 127.5 - 1
    classes = torch.from_numpy(data.labels)

    adversarial_loss = nn.MSELoss()
    generator, discriminator = Generator(), Discriminator()
    lr = 0.05 if fault == "learning-rate-too-high" else 2e-4
    optimizer_G = torch.optim.Adam(generator.parameters(), lr=lr, betas=(0.5, 0.999))
    optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=lr, betas=(0.5, 0.999))
    if fault == "discriminator-frozen":
        discriminator = Discriminator()  # fault: the optimiser keeps the old net's parameters

    nets, optimizers = (generator, discriminator), (optimizer_G, optimizer_D)
    doctor = sp.Doctor(*nets, *optimizers, real=(images, classes), every=args.every)  # doctor
    names: list[str] = []
    for _ in range(args.steps):
        picked = torch.randint(len(images), (BATCH,))
        real_imgs, labels = images[picked], classes[picked]
        if fault == "condition-ignored":
            labels = classes[torch.randint(len(images), (BATCH,))]  # fault: shuffled by themselves
        valid, fake = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

        # The generator.
        optimizer_G.zero_grad()
        gen_labels = torch.randint(0, CLASSES, (BATCH,))
        gen_imgs = generator(torch.randn(BATCH, LATENT), gen_labels)
        shown = gen_imgs.detach() if fault == "generator-frozen" else gen_imgs
        validity = discriminator(shown, gen_labels)
        g_loss = adversarial_loss(validity, fake if fault == "wrong-sign" else valid)
        g_loss.backward()
        optimizer_G.step()

        # The discriminator.
        if fault != "optimizer-mixup":
            optimizer_D.zero_grad()  # fault: the generator's gradients stay in the sum
        d_real_loss = adversarial_loss(discriminator(real_imgs, labels), valid)
        d_fake_loss = adversarial_loss(discriminator(gen_imgs.detach(), gen_labels), fake)
        d_loss = (d_real_loss + d_fake_loss) / 2
        d_loss.backward()
        optimizer_D.step()

        for finding in doctor.step(loss_d=d_loss, loss_g=g_loss):  # doctor
            print(finding)  # doctor
            names.append(finding.name)
    print(f"{args.steps} steps; found: {', '.join(names) or 'nothing'}")
    return names


if __name__ == "__main__":
    main()
