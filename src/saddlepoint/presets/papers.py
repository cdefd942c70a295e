"""Presets with the settings of the papers, to compare with: slow, and wider nets than ours."""

from __future__ import annotations

from dataclasses import replace

from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.config import Config, Ema, Train
from saddlepoint.core.contracts import Source
from saddlepoint.losses.classic import NonSaturating
from saddlepoint.losses.gradient_penalties import GradientPenalty
from saddlepoint.losses.wasserstein import Wasserstein
from saddlepoint.training.optimizers import Adam, Momentum, RmsProp


def dcgan_paper(source: Source) -> Config:
    """DCGAN with its paper's settings: wide nets, Adam at 2e-4, batches of 128, no average.

    Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434, section 4. Differs from the paper:
    4x4 kernels, a normal latent, and as many stages as the size asks for.
    Command: saddle train dcgan-paper --data fashion-mnist
    """
    adam = Adam(lr=2e-4, beta1=0.5)
    return Config(
        preset="dcgan-paper",
        source=source,
        arch=Dcgan(latent_dim=100, generator_width=128, discriminator_width=128, max_width=1024),
        loss=NonSaturating(),
        optim_g=adam,
        optim_d=adam,
        ema=Ema(halflife=0),
        train=Train(kimg=1000, batch_size=128),
    )


def wgan_paper(source: Source) -> Config:
    """WGAN with its paper's settings: RMSprop at 5e-5, weights clipped at 0.01, 5 critic steps.

    Paper: Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, algorithm 1.
    Command: saddle train wgan-paper --data fashion-mnist
    """
    return replace(
        dcgan_paper(source),
        preset="wgan-paper",
        arch=Dcgan(latent_dim=100),
        loss=Wasserstein(clip=0.01),
        optim_g=RmsProp(lr=5e-5),
        optim_d=RmsProp(lr=5e-5),
        train=Train(kimg=5000, n_critic=5),
    )


def wgan_gp_paper(source: Source) -> Config:
    """WGAN-GP with its paper's settings: Adam at 1e-4 without momentum, 5 critic steps.

    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, algorithm 1. Differs from the
    paper: DCGAN's nets (its section 5.1) for every size.
    Command: saddle train wgan-gp-paper --data fashion-mnist
    """
    adam = Adam(lr=1e-4, beta1=0.0, beta2=0.9)
    return replace(
        wgan_paper(source),
        preset="wgan-gp-paper",
        arch=Dcgan(latent_dim=128, discriminator_norm="none", init="he"),
        loss=Wasserstein(),
        penalties=(GradientPenalty(weight=10.0, target=1.0),),
        optim_g=adam,
        optim_d=adam,
    )


def cgan_paper(source: Source) -> Config:
    """The first conditional GAN: fully connected, one-hot labels, dropout, SGD with momentum.

    Paper: Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784, section 4.1. Differs from the
    paper: z and label share the hidden layer of 1200 units, LeakyReLU instead of maxout, no
    dropout in the generator, a constant momentum, and a learning rate that falls linearly.
    Command: saddle train cgan-paper --data fashion-mnist
    """
    descent = Momentum(lr=0.1, momentum=0.5, decay_start=0.0, final_lr_factor=1e-5)
    return Config(
        preset="cgan-paper",
        source=source,
        arch=Mlp(
            conditioning="onehot",
            generator_widths=(1200,),
            generator_norm="none",
            discriminator_widths=(1200, 240),
            dropout=0.5,
        ),
        loss=NonSaturating(),
        optim_g=descent,
        optim_d=descent,
        ema=Ema(halflife=0),
        train=Train(kimg=1000, batch_size=100),
    )
