"""Presets of the present: residual nets without normalisation."""

from __future__ import annotations

from saddlepoint.architectures.r3gan import R3gan
from saddlepoint.core.config import Config, Ema, Train
from saddlepoint.core.contracts import Source
from saddlepoint.losses.gradient_penalties import R1, R2
from saddlepoint.losses.relativistic import Relativistic
from saddlepoint.training.optimizers import Adam


def r3gan(source: Source) -> Config:
    """R3GAN: relativistic pairs, R1 and R2 at every step, residual nets without normalisation.

    Paper: Huang et al. 2024, https://arxiv.org/abs/2501.05441. Differs from the paper: the
    generator is judged on the real images of the discriminator's step.
    On a CPU it is about 8 times slower than `dcgan-r1`. Its settings are not tuned yet, and the
    scores of the preset itself are not measured. With `--arch.width 16 --train.batch-size 16`, on
    Fashion-MNIST, 200,000 images, two seeds: precision 0.857 and 0.884, recall 0.048 and 0.042
    (docs/log.md, "How far does a narrow `r3gan` come on a CPU?").
    Command: saddle train r3gan --data fashion-mnist
    """
    adam = Adam(
        lr=1e-3,
        beta1=0.0,
        beta2_start=0.9,
        beta2=0.99,
        decay_start=0.0,
        decay="cosine",
        final_lr_factor=0.25,
    )
    return Config(
        preset="r3gan",
        source=source,
        arch=R3gan(),
        loss=Relativistic(),
        penalties=(R1(gamma=0.5, every=1), R2(gamma=0.5, every=1)),
        optim_g=adam,
        optim_d=adam,
        ema=Ema(halflife=10_000, rise="cosine"),
        train=Train(kimg=400, final_penalty_factor=0.1),
    )
