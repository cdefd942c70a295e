"""WGAN-GP in the usual style: five critic steps, each with a gradient penalty, for one of the
generator.

    python examples/wgan_gp.py
    python examples/wgan_gp.py --fault wrong-gradient-penalty
"""

from __future__ import annotations

import argparse

import torch
from torch import autograd, nn

import saddlepoint as sp
from saddlepoint.data.sources.digits import Digits

FAULTS = (
    "none",
    "wrong-gradient-penalty",
    "batch-norm-with-gradient-penalty",
    "wrong-sign",
    "double-sigmoid",
    "optimizer-mixup",
    "generator-frozen",
    "learning-rate-too-high",
    "range-mismatch",
)

LATENT, BATCH, N_CRITIC, LAMBDA = 32, 64, 5, 10.0


def make_generator() -> nn.Module:
    return nn.Sequential(
        nn.Linear(LATENT, 256),
        nn.Unflatten(1, (16, 4, 4)),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 1, 3, padding=1),
        nn.Tanh(),
    )


def make_critic(fault: str) -> nn.Module:
    norm = nn.BatchNorm2d(32) if fault == "batch-norm-with-gradient-penalty" else nn.Identity()
    layers = [
        nn.Conv2d(1, 16, 3, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(16, 32, 3, 2, 1),
        norm,
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(32 * 4, 1),
    ]
    return (
        nn.Sequential(*layers, nn.Sigmoid())
        if fault == "double-sigmoid"
        else nn.Sequential(*layers)
    )


def gradient_penalty(
    critic: nn.Module, real: torch.Tensor, fake: torch.Tensor, fault: str
) -> torch.Tensor:
    alpha = torch.rand(len(real), 1, 1, 1)
    interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    scores = critic(interpolates)
    gradients = autograd.grad(
        outputs=scores,
        inputs=interpolates,
        grad_outputs=torch.ones_like(scores),
        create_graph=True,
        retain_graph=True,
    )[0]
    if fault != "wrong-gradient-penalty":
        gradients = gradients.view(len(gradients), -1)  # fault: a norm over channels only
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


def main(arguments: list[str] | None = None) -> list[str]:
    """Train, print the findings, and return their names."""
    parser = argparse.ArgumentParser(description="WGAN-GP on small digits.")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--fault", choices=FAULTS, default="none")
    args = parser.parse_args(arguments)
    fault = args.fault
    torch.manual_seed(0)

    digits = torch.from_numpy(Digits().open().images.copy()).permute(0, 3, 1, 2).float()
    digits = digits / 255 if fault == "range-mismatch" else digits / 127.5 - 1

    generator, critic = make_generator(), make_critic(fault)
    lr = 0.03 if fault == "learning-rate-too-high" else 1e-4
    opt_g = torch.optim.Adam(generator.parameters(), lr=lr, betas=(0.0, 0.9))
    params_d = list(critic.parameters())
    if fault == "optimizer-mixup":
        params_d += list(generator.parameters())
    opt_d = torch.optim.Adam(params_d, lr=lr, betas=(0.0, 0.9))

    doctor = sp.Doctor(generator, critic, opt_g, opt_d, real=digits)  # doctor
    names: list[str] = []
    for _step in range(args.steps):
        for _ in range(N_CRITIC):
            real = digits[torch.randint(len(digits), (BATCH,))]
            # Only the fault needs the way back to the generator.
            fake = generator(torch.randn(BATCH, LATENT))
            if fault != "optimizer-mixup":
                fake = fake.detach()
            opt_d.zero_grad()
            wasserstein = critic(fake).mean() - critic(real).mean()
            d_loss = wasserstein + LAMBDA * gradient_penalty(critic, real, fake.detach(), fault)
            d_loss.backward()
            opt_d.step()

        opt_g.zero_grad()
        made = generator(torch.randn(BATCH, LATENT))
        if fault == "generator-frozen":
            made = made.detach()
        scores = critic(made)
        g_loss = scores.mean() if fault == "wrong-sign" else -scores.mean()
        g_loss.backward()
        opt_g.step()

        for finding in doctor.step(loss_d=d_loss, loss_g=g_loss):  # doctor
            print(finding)  # doctor
            names.append(finding.name)
    print(f"{args.steps} steps; found: {', '.join(names) or 'nothing'}")
    return names


if __name__ == "__main__":
    main()
