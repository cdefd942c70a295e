"""The plain sketch of docs/benchmarks.md, trained here and judged by the judge of quality.py.

    python bench/sketch.py --kimg 500

The targets of bench/quality.py stem from such sketches, judged by another classifier of the same
kind; how strict a judge is decides the precision that one and the same generator gets. This script
writes the sketch anew from its description (relativistic pairs, lazy R1, width 24, batch 128, Adam
1e-3 with beta1 0, constant for half of the time and then linear to 2 %, no package of ours but the
reader of the data), so that it and the presets have one judge.
"""

from __future__ import annotations

import argparse
import copy
import time

import _judge
import numpy as np
import torch
from _bench import machine, machine_text, write_result
from torch import Tensor, nn
from torch.nn.functional import softplus

from saddlepoint.data.sources.mnist import FashionMnist

WIDTH, BATCH, LATENT, LR = 24, 128, 64, 1e-3
GAMMA, EVERY = 0.5, 8
LAYOUT = torch.channels_last


def up(a: int, b: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
    """A transposed convolution with BatchNorm and ReLU."""
    conv = nn.ConvTranspose2d(a, b, kernel, stride, padding, bias=False)
    return [conv, nn.BatchNorm2d(b), nn.ReLU(inplace=True)]


def nets() -> tuple[nn.Module, nn.Module]:
    c = WIDTH
    generator = nn.Sequential(
        *up(LATENT, 4 * c, 7, 1, 0),
        *up(4 * c, 2 * c, 4, 2, 1),
        *up(2 * c, c, 4, 2, 1),
        nn.Conv2d(c, 1, 3, 1, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, c, 3, 1, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(c, 2 * c, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(2 * c, 4 * c, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Flatten(),
        nn.Linear(4 * c * 49, 1),
    )
    return generator.to(memory_format=LAYOUT), discriminator.to(memory_format=LAYOUT)  # type: ignore[call-overload]


def follow(average: nn.Module, net: nn.Module, n_images: int) -> None:
    """One step of the average: a half-life of 10,000 images, less in the beginning."""
    decay = 0.5 ** (BATCH / min(10_000, max(1.0, 0.05 * n_images)))
    for a, b in zip(average.parameters(), net.parameters(), strict=True):
        a.data.lerp_(b.data, 1 - decay)
    for a, b in zip(average.buffers(), net.buffers(), strict=True):
        a.data.copy_(b.data)


def train(kimg: float, seed: int) -> tuple[nn.Module, float]:
    """-> the averaged generator, images a second."""
    torch.manual_seed(seed)
    generator, discriminator = nets()
    average = copy.deepcopy(generator)
    array = np.array(FashionMnist(split="train").open().images)
    data = torch.from_numpy(array).permute(0, 3, 1, 2).float() / 127.5 - 1
    optimizers = [
        torch.optim.Adam(net.parameters(), LR, (0.0, 0.99), fused=True)
        for net in (generator, discriminator)
    ]
    n_steps, begun = int(kimg * 1000) // BATCH, time.perf_counter()
    for step in range(n_steps):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = LR * min(1.0, max(0.02, 2 * (1 - step / n_steps)))
        real = data[torch.randint(len(data), (BATCH,))].contiguous(memory_format=LAYOUT)
        with torch.autocast("cpu", torch.bfloat16):
            fake = generator(torch.randn(BATCH, LATENT, 1, 1))
            real_logits = discriminator(real).float()
            fake_logits = discriminator(fake.detach()).float()
        loss = softplus(fake_logits - real_logits).mean()
        if step % EVERY == 0:
            loss = loss + EVERY * GAMMA / 2 * squared_gradient(discriminator, real)
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16):
            fake_logits = discriminator(fake).float()
        optimizers[0].zero_grad()
        softplus(real_logits.detach() - fake_logits).mean().backward()
        optimizers[0].step()
        discriminator.requires_grad_(True)
        follow(average, generator, step * BATCH)
    return average.eval(), n_steps * BATCH / (time.perf_counter() - begun)


def squared_gradient(discriminator: nn.Module, real: Tensor) -> Tensor:
    images = real.detach().requires_grad_(True)
    with torch.autocast("cpu", torch.bfloat16):
        total = discriminator(images).float().sum()
    (gradient,) = torch.autograd.grad(total, images, create_graph=True)
    return gradient.float().square().sum((1, 2, 3)).mean()


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kimg", type=float, default=500)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    chosen = parser.parse_args()
    facts = machine()
    print(machine_text(facts), flush=True)
    rows = []
    for seed in chosen.seeds:
        with torch.enable_grad():
            generator, rate = train(chosen.kimg, seed)
        made = torch.cat([generator(torch.randn(500, LATENT, 1, 1)) for _ in range(20)])
        images = ((made + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        row = {"seed": seed, "kimg": chosen.kimg, "images_per_second": round(rate, 1)}
        rows.append({**row, **_judge.score(images)})
        print(rows[-1], flush=True)
        write_result("sketch", {"machine": facts, "runs": rows})


if __name__ == "__main__":
    main()
